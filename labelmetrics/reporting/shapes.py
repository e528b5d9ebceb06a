"""Objects of an evaluation as paths of SVG."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

POINTS = 80
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

    return _outline(shapely.from_wkb(geometry))


def _outline(shape: Any) -> str:
    import shapely

    parts = []
    for one in shapely.get_parts([shape]):
        if one.geom_type == "Point":
            x, y = one.x, one.y
            parts.append(f"M{_text(x - DOT)} {_text(y)}H{_text(x + DOT)}M{_text(x)} {_text(y - DOT)}V{_text(y + DOT)}")
        elif one.geom_type == "Polygon":
            parts += [f"{_line(shapely.get_coordinates(ring)[:-1])}Z" for ring in (one.exterior, *one.interiors)]
        else:
            parts.append(_line(shapely.get_coordinates(one)))
    return "".join(parts)


def _line(points: NDArray[np.float64]) -> str:
    keep = np.unique(np.linspace(0, len(points) - 1, min(len(points), POINTS)).round().astype(np.int64))
    points = points[keep]
    return "M" + "L".join(f"{_text(x)} {_text(y)}" for x, y in points.tolist())


def _mask(geometry: bytes) -> str:
    """Outline of the cells of a coarse grid in which the mask covers most."""
    import orjson
    import shapely
    from pycocotools import mask as coco

    said: dict[str, Any] = orjson.loads(geometry)
    pixels = coco.decode({"size": said["size"], "counts": said["counts"].encode()})
    height, width = pixels.shape
    step = max(1, -(-max(height, width) // CELLS))
    padded = np.zeros((-(-height // step) * step, -(-width // step) * step), np.float32)
    padded[:height, :width] = pixels
    covered = padded.reshape(len(padded) // step, step, -1, step).mean(axis=(1, 3))
    cells = covered >= 0.5 if (covered >= 0.5).any() else covered > 0  # it may be smaller than a cell
    edges = np.diff(np.pad(cells, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    y, left = np.nonzero(edges > 0)
    right = np.nonzero(edges < 0)[1]
    stretches = shapely.box(left * step, y * step, np.minimum(right * step, width), np.minimum((y + 1) * step, height))
    return _outline(shapely.simplify(shapely.union_all(stretches), step / 2))
