"""Objects of an evaluation as paths of SVG."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

POINTS = 60
"""Most points of an outline: more cannot be seen at the size at which rows are drawn."""
CELLS = 64
"""Cells along the longer side of a mask."""
DOT = 4.0
"""Half the size of the cross that is drawn for a point, in pixels of the image."""


def paths(objects: pa.Table) -> list[str | None]:
    """The path of each object; ``None`` for what has no place in an image.

    Parameters
    ----------
    objects : pyarrow.Table
        Rows of the table of objects.
    """
    return [
        _path(*values)
        for values in zip(
            *(
                objects.column(name).cast("string" if name == "kind" else objects.column(name).type).to_pylist()
                for name in ("kind", "geometry", "left", "top", "right", "bottom")
            ),
            strict=True,
        )
    ]


def _path(kind: str, geometry: bytes | None, *box: float | None) -> str | None:
    if kind in ("polygon", "line", "point") and geometry is not None:
        return _vector(geometry)
    if kind == "mask" and geometry is not None:
        return _mask(geometry)
    if kind != "box" or any(side is None for side in box):
        return None
    left, top, right, bottom = (_text(side) for side in box if side is not None)
    return f"M{left} {top}H{right}V{bottom}H{left}Z"


def _text(number: float) -> str:
    return re.sub(r"\.0+$|(\.\d*?)0+$", r"\1", f"{number:.1f}")


def _vector(geometry: bytes) -> str:
    import shapely

    shape = shapely.from_wkb(geometry)
    parts = []
    for one in shapely.get_parts([shape]):
        if one.geom_type == "Point":
            x, y = one.x, one.y
            parts.append(f"M{_text(x - DOT)} {_text(y)}H{_text(x + DOT)}M{_text(x)} {_text(y - DOT)}V{_text(y + DOT)}")
            continue
        is_closed = one.geom_type == "Polygon"
        points = shapely.get_coordinates(one.exterior if is_closed else one)
        keep = np.unique(np.linspace(0, len(points) - 1, min(len(points), POINTS)).round().astype(np.int64))
        parts.append(_line(points[keep]) + ("Z" if is_closed else ""))
    return "".join(parts)


def _line(points: NDArray[np.float64]) -> str:
    return "M" + "L".join(f"{_text(x)} {_text(y)}" for x, y in points.tolist())


def _mask(geometry: bytes) -> str:
    """Stretches of the cells of a coarse grid in which the mask covers most."""
    import orjson
    from pycocotools import mask as coco

    said: dict[str, Any] = orjson.loads(geometry)
    pixels = coco.decode({"size": said["size"], "counts": said["counts"].encode()})
    height, width = pixels.shape
    step = max(1, -(-max(height, width) // CELLS))
    padded = np.zeros((-(-height // step) * step, -(-width // step) * step), np.float32)
    padded[:height, :width] = pixels
    cells = padded.reshape(len(padded) // step, step, -1, step).mean(axis=(1, 3)) >= 0.5
    if not cells.any():  # it is smaller than a cell
        cells = padded.reshape(len(padded) // step, step, -1, step).any(axis=(1, 3))
    edges = np.diff(np.pad(cells, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    parts = []
    for (y, start), (_, stop) in zip(np.argwhere(edges > 0).tolist(), np.argwhere(edges < 0).tolist(), strict=True):
        left, right = start * step, min(stop * step, width)
        top, bottom = y * step, min((y + 1) * step, height)
        parts.append(f"M{left} {top}H{right}V{bottom}H{left}Z")
    return "".join(parts)
