"""COCO files: ground truth (images, categories, annotations) and results (a list of scored detections).

An image is a data row whose global key is the text of its id; a category is a feature. Masks stay run-length encoded
from end to end: polygons become encodings once, at the size of their image, exactly as COCO's own tools draw them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import orjson
from numpy.typing import NDArray

from labelmetrics.errors import Fault, InputError, SettingError
from labelmetrics.formats._source import data_row_table, read_bytes
from labelmetrics.kernels import rle
from labelmetrics.kernels.batch import Coded, Columns, DataRowKey, Kind, Shapes
from labelmetrics.limits import FARTHEST

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Geometry", "read_ground_truth", "read_results"]

Geometry = Literal["bbox", "segm"]

_CATEGORIES = b"coco.categories"
_NUMBERS = {int, float}
# A corner further out than this many image sizes is a mistake, and would cost the rasteriser its memory.
_FAR = 10


def read_ground_truth(path: str | Path, geometry: Geometry = "bbox") -> tuple[Columns, pa.Table]:
    """Read a COCO ground truth file.

    Parameters
    ----------
    path : str or Path
        File, also gzip or zstd; ``"-"`` is standard input.
    geometry : {"bbox", "segm"}
        Read boxes, or masks (polygons and run-length encodings).

    Returns
    -------
    columns : Columns
        The annotations, with ``area`` and ``crowd``; every image is ``listed``, so those without annotations count as
        labelled.
    data_rows : pyarrow.Table
        One row per image: ``globalKey`` is the text of its id, ``media_path`` its file name, then its size; whatever
        else the file says about it is ``metadata`` (JSON). The category ids that :func:`read_results` needs are in
        the metadata of its schema.

    Raises
    ------
    InputError
        With all faults of the file, each with its path.

    Examples
    --------
    >>> columns, data_rows = read_ground_truth("instances_val.json")  # doctest: +SKIP
    >>> predictions = read_results("detections.json", data_rows)  # doctest: +SKIP
    """
    _check_geometry(geometry)
    document = _parse(path)
    if not isinstance(document, dict):
        hint = "a list is a COCO results file" if isinstance(document, list) else "nothing of COCO is"
        message = f"expected an object with images, categories and annotations; {hint}"
        raise InputError(f"{path}: not COCO ground truth", [_fault(path, "$", message)])
    faults: list[Fault] = []
    images = _Rows.section(document, "images", path, faults)
    categories = _Rows.section(document, "categories", path, faults)
    annotations = _Rows.section(document, "annotations", path, faults)

    category_ids = categories.own_ids()
    names = categories.texts("name", required=True)
    first: dict[str, str] = {}
    for row, (category, name) in enumerate(zip(category_ids, names, strict=True)):
        if name is not None and first.setdefault(name, category) != category:
            message = f'categories {first[name]} and {category} are both named "{name}"'
            categories.fault(row, "name", message, "duplicate-name", "features are told apart by name: rename one")

    keys = images.own_ids()
    sizes = images.sizes()
    known = ("id", "file_name", "width", "height")
    extra = [{key: value for key, value in row.items() if key not in known} for row in images.rows]
    columns = _columns(annotations, keys, dict(zip(category_ids, names, strict=True)), sizes, geometry)
    columns["area"] = annotations.numbers("area", low=0.0)
    columns["crowd"] = annotations.flags("iscrowd")
    media_paths = images.texts("file_name")
    _raise(path, faults)
    table: dict[str, list[Any]] = {
        "globalKey": keys,
        "media_path": media_paths,
        "width": [width or None for width in sizes[:, 1].tolist()],
        "height": [height or None for height in sizes[:, 0].tolist()],
        "metadata": [orjson.dumps(one, option=orjson.OPT_SORT_KEYS).decode() if one else None for one in extra],
    }
    by_id = orjson.dumps(dict(zip(category_ids, names, strict=True)))
    data_rows = data_row_table(len(keys), table, {_CATEGORIES.decode(): by_id.decode()})
    return Columns.make(**columns, listed=list(columns["data_row"].values)), data_rows


def read_results(path: str | Path, data_rows: pa.Table, geometry: Geometry = "bbox") -> Columns:
    """Read a COCO results file: a list of detections, each with a score, or an object with them as ``annotations``.

    Parameters
    ----------
    path : str or Path
        File, also gzip or zstd; ``"-"`` is standard input.
    data_rows : pyarrow.Table
        What :func:`read_ground_truth` returned beside the columns: it knows the images and the categories.
    geometry : {"bbox", "segm"}
        Read boxes or masks. Without ``bbox``, a box is that of the detection's mask.

    Returns
    -------
    Columns
        The detections; ``confidence`` is the score.

    Raises
    ------
    InputError
        With all faults of the file: unknown images and categories, scores outside of [0, 1], negative sizes, damaged
        masks, each with its path, e.g. ``$[3].score``.
    """
    _check_geometry(geometry)
    metadata = data_rows.schema.metadata or {}
    if _CATEGORIES not in metadata:
        raise SettingError("data_rows has no COCO categories: give the table that read_ground_truth returns")
    document, where = _parse(path), "$"
    if isinstance(document, dict) and isinstance(document.get("annotations"), list):
        # Some tools write detections into a file like that of the ground truth.
        document, where = document["annotations"], "$.annotations"
    if not isinstance(document, list):
        raise InputError(f"{path}: not COCO results", [_fault(path, where, "expected a list of detections")])
    faults: list[Fault] = []
    detections = _Rows(document, where, path, faults)
    sizes = np.column_stack(
        [data_rows[side].fill_null(0).to_numpy().astype(np.int64) for side in ("height", "width")]
    ).reshape(-1, 2)
    categories = orjson.loads(metadata[_CATEGORIES])
    columns = _columns(detections, data_rows["globalKey"].to_pylist(), categories, sizes, geometry)
    columns["confidence"] = detections.numbers("score", required=True, low=0.0, high=1.0)
    _raise(path, faults)
    return Columns.make(**columns)


def _columns(
    rows: _Rows, keys: list[str], categories: dict[str, str | None], sizes: NDArray[np.int64], geometry: Geometry
) -> dict[str, Any]:
    """What annotations and detections have in common."""
    image = rows.references("image_id", keys, "image")
    category = rows.references("category_id", list(categories), "category")
    own_sizes = np.append(sizes, [[0, 0]], 0)[image]
    columns: dict[str, Any] = {
        "data_row": Coded(image, [DataRowKey("globalKey", key) for key in keys]),
        "name": Coded(category, list(categories.values())),
    }
    if geometry == "bbox":
        return columns | {"kind": Kind.BOX, "box": rows.boxes(own_sizes)}
    n = len(rows.rows)
    masks, box = rows.masks(range(n), own_sizes)
    return columns | {"kind": Kind.MASK, "box": box, "shape": np.arange(n), "shapes": Shapes(masks=masks)}


class _Rows:
    """A list of JSON objects, read column by column; what is wrong with one is noted, and a stand-in read instead."""

    def __init__(self, rows: list[Any], prefix: str, file: str | Path, faults: list[Fault]) -> None:
        self.prefix, self.file, self.faults = prefix, str(file), faults
        self.index: Sequence[int] = range(len(rows))
        if not set(map(type, rows)) <= {dict}:
            for position, row in enumerate(rows):
                if not isinstance(row, dict):
                    faults.append(_fault(file, f"{prefix}[{position}]", f"expected an object, got {_kind(row)}"))
            self.index = [position for position, row in enumerate(rows) if isinstance(row, dict)]
        self.rows: list[dict[str, Any]] = [rows[position] for position in self.index]

    @classmethod
    def section(cls, document: dict[str, Any], key: str, file: str | Path, faults: list[Fault]) -> _Rows:
        rows = document.get(key)
        if not isinstance(rows, list):
            faults.append(_fault(file, f"$.{key}", f"expected a list, got {_kind(rows)}"))
            rows = []
        return cls(rows, f"$.{key}", file, faults)

    def fault(self, row: int, key: str, message: str, rule: str = "type", remedy: str | None = None) -> None:
        path = f"{self.prefix}[{self.index[row]}].{key}"
        self.faults.append(Fault(rule=rule, message=message, remedy=remedy, file=self.file, path=path))

    def texts(self, key: str, required: bool = False) -> list[str | None]:
        values = [row.get(key) for row in self.rows]
        for row, value in enumerate(values):
            if not isinstance(value, str) and (required or value is not None):
                self.fault(row, key, f"expected a string, got {_kind(value)}")
        return [value if isinstance(value, str) else None for value in values]

    def ids(self, key: str) -> list[str]:
        """Ids as text, so that 1 and "1" are the same; "" where there is none."""
        values = [row.get(key) for row in self.rows]
        if set(map(type, values)) <= {int}:
            return list(map(str, values))
        ids = []
        for row, value in enumerate(values):
            usable = isinstance(value, int | str) and not isinstance(value, bool) and value != ""
            if not usable:
                self.fault(row, key, f"expected an integer or a string, got {_kind(value)}")
            ids.append(str(value) if usable else "")
        return ids

    def own_ids(self) -> list[str]:
        ids = self.ids("id")
        first: dict[str, int] = {}
        for row, one in enumerate(ids):
            if one and first.setdefault(one, row) != row:
                message = f"id {one} is also that of {self.prefix}[{self.index[first[one]]}]"
                self.fault(row, "id", message, "duplicate-id")
        return ids

    def references(self, key: str, known: Sequence[str], what: str) -> NDArray[np.int64]:
        """Position of each id in ``known``; -1 (and a fault) where it is not among them."""
        lookup = {one: position for position, one in enumerate(known)} | {"": -1}
        ids = self.ids(key)
        codes = np.array([lookup.get(one, -2) for one in ids], np.int64)
        for row in np.flatnonzero(codes == -2).tolist():
            self.fault(row, key, f"{what} {ids[row]} is not in the ground truth's list", "unknown-id")
        return np.maximum(codes, -1)

    def flags(self, key: str) -> NDArray[np.bool_]:
        values = [row.get(key) or 0 for row in self.rows]
        for row, value in enumerate(values):
            if value not in (0, 1):
                self.fault(row, key, f"expected 0 or 1, got {_kind(value)}")
        return np.array([value == 1 for value in values], bool)

    def numbers(
        self, key: str, low: float = -np.inf, high: float = np.inf, required: bool = False
    ) -> NDArray[np.float64]:
        """Finite numbers of a range; NaN where there is none."""
        values = [row.get(key) for row in self.rows]
        if not set(map(type, values)) <= _NUMBERS:
            for row, value in enumerate(values):
                if type(value) in _NUMBERS:
                    continue
                values[row] = np.nan
                if value is not None:
                    self.fault(row, key, f"expected a number, got {_kind(value)}")
                elif required:
                    self.fault(row, key, "missing", "missing")
        numbers = np.array(values, np.float64)
        for row in np.flatnonzero((numbers < low) | (numbers > high) | np.isinf(numbers)).tolist():
            span = f"in [{low:g}, {high:g}]" if np.isfinite(high) else "that is finite and not negative"
            self.fault(row, key, f"expected a number {span}, got {values[row]:g}", "range")
        return numbers

    def sizes(self) -> NDArray[np.int64]:
        """Height and width, 0 where not given."""
        sizes = np.zeros((len(self.rows), 2), np.int64)
        for row, one in enumerate(self.rows):
            for column, key in enumerate(("height", "width")):
                value = one.get(key)
                if type(value) is int and 0 < value < 1 << 31:
                    sizes[row, column] = value
                elif value is not None:
                    self.fault(row, key, f"expected a positive integer, got {_kind(value)}")
        return sizes

    def boxes(self, sizes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Left, top, right, bottom; where only a mask is given, of its pixels."""
        values: list[Any] = [row.get("bbox") for row in self.rows]
        from_mask: list[int] = []
        if not (
            set(map(type, values)) <= {list}
            and set(map(len, values)) <= {4}
            and set(map(type, chain.from_iterable(values))) <= _NUMBERS
        ):
            for row, value in enumerate(values):
                if isinstance(value, list) and len(value) == 4 and set(map(type, value)) <= _NUMBERS:
                    continue
                values[row] = (0.0, 0.0, 0.0, 0.0)
                if value is None and self.rows[row].get("segmentation"):
                    from_mask.append(row)
                elif value is None:
                    self.fault(row, "bbox", "missing", "missing")
                else:
                    self.fault(row, "bbox", f"expected four numbers (left, top, width, height), got {_kind(value)}")
        box = np.fromiter(chain.from_iterable(values), np.float64, 4 * len(values)).reshape(-1, 4)
        for row in np.flatnonzero((box[:, 2:] < 0).any(1)).tolist():
            width, height = box[row, 2:]
            self.fault(row, "bbox", f"negative size: {width:g} wide, {height:g} high", "negative-size")
        with np.errstate(over="ignore"):
            box[:, 2:] += box[:, :2]
        for row in np.flatnonzero(~(np.abs(box) <= FARTHEST).all(1)).tolist():
            self.fault(row, "bbox", f"expected numbers between {-FARTHEST:g} and {FARTHEST:g}", "range")
        if from_mask:
            box[from_mask] = self.masks(from_mask, sizes)[1]
        return box

    def masks(
        self, chosen: Sequence[int], sizes: NDArray[np.int64]
    ) -> tuple[list[dict[str, Any]], NDArray[np.float64]]:
        """Checked encodings and boxes of the ``chosen`` rows' segmentations."""
        texts: dict[int, str | bytes] = {}
        runs: dict[int, list[int]] = {}
        for slot, row in enumerate(chosen):
            height, width = sizes[row].tolist()
            match self.rows[row].get("segmentation"):
                case None | []:
                    remedy = 'geometry="bbox" reads boxes' if "bbox" in self.rows[row] else None
                    self.fault(row, "segmentation", "missing", "missing", remedy)
                case {"size": [int(own_height), int(own_width)], "counts": counts}:
                    if (height and own_height != height) or (width and own_width != width):
                        message = (
                            f"the mask is {own_height} x {own_width}, its image {height} x {width} (height x width)"
                        )
                        self.fault(row, "segmentation.size", message, "mask-size")
                    elif isinstance(counts, str):
                        texts[slot] = counts
                    elif isinstance(counts, list) and set(map(type, counts)) <= {int}:
                        runs[slot] = counts
                    else:
                        self.fault(row, "segmentation.counts", f"expected a string or integers, got {_kind(counts)}")
                    if not (height and width) and max(own_height, own_width) < 1 << 31:
                        sizes[row] = own_height, own_width
                case list(rings):
                    if not (0 < height * width < 1 << 32):
                        message = "the size of the image is not given, or too large: polygons need it"
                        self.fault(row, "segmentation", message, "mask-size")
                    elif self._rings_hold(row, rings, max(height, width)):
                        texts[slot] = _drawn(rings, height, width)
                case other:
                    self.fault(row, "segmentation", f"expected polygons or an encoding, got {_kind(other)}")
        masks: list[dict[str, Any]] = [{"size": [1, 1], "counts": b"1"}] * len(chosen)
        box = np.zeros((len(chosen), 4))
        own_sizes = sizes[list(chosen)].reshape(-1, 2)
        for slots, checked in (
            (list(texts), rle.check(list(texts.values()), own_sizes[list(texts)])),
            (list(runs), rle.check_runs(list(runs.values()), own_sizes[list(runs)])),
        ):
            for position, problem in checked.problems.items():
                self.fault(chosen[slots[position]], "segmentation.counts", problem, "rle")
            for slot, mask in zip(slots, checked.masks, strict=True):
                masks[slot] = mask
            box[slots] = checked.box
        return masks, box

    def _rings_hold(self, row: int, rings: list[Any], side: int) -> bool:
        before = len(self.faults)
        for number, ring in enumerate(rings):
            key = f"segmentation[{number}]"
            if not isinstance(ring, list) or not set(map(type, ring)) <= _NUMBERS:
                self.fault(row, key, f"expected a flat list of numbers, got {_kind(ring)}")
            elif len(ring) < 6 or len(ring) % 2:
                self.fault(row, key, f"expected x and y of at least three corners, got {len(ring)} numbers")
            elif max(map(abs, ring)) > _FAR * side:
                self.fault(row, key, "a corner lies far outside of the image", "range")
        return len(self.faults) == before


def _drawn(rings: list[list[float]], height: int, width: int) -> bytes:
    from pycocotools import mask as coco_mask

    parts = coco_mask.frPyObjects(rings, height, width)
    counts: bytes = (parts[0] if len(parts) == 1 else coco_mask.merge(parts))["counts"]
    return counts


def _parse(path: str | Path) -> Any:
    data = read_bytes(path)
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        fault = Fault(rule="syntax", message=error.msg, file=str(path), line=error.lineno)
        raise InputError(f"{path}: not JSON", [fault]) from None


def _check_geometry(geometry: str) -> None:
    if geometry not in get_args(Geometry):
        raise SettingError(f'geometry must be "bbox" or "segm", not {geometry!r}')


def _fault(file: str | Path, path: str, message: str) -> Fault:
    return Fault(rule="type", message=message, file=str(file), path=path)


def _raise(file: str | Path, faults: list[Fault]) -> None:
    if faults:
        raise InputError(f"{file}: {len(faults):,} faults" if len(faults) > 1 else f"{file}: a fault", faults)


def _kind(value: Any) -> str:
    """How a message names what was found."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case int() | float():
            return f"{value:g}" if abs(value) < 1e15 else "a huge number"
        case str():
            return f'"{value}"' if len(value) <= 40 else "a long string"
        case list():
            return f"a list of {len(value)}"
        case _:
            return "an object"
