"""Overlap (intersection over union) of pairs of annotations, a kind at a time.

Every function takes two aligned columns and returns one overlap per pair; 0/0 is 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from labelmetrics.kernels import rle
from labelmetrics.kernels.batch import Bools, Floats, Ints, Kind, Shapes
from labelmetrics.kernels.matching import expand

if TYPE_CHECKING:
    from labelmetrics.kernels.join import Batch, Side

VECTORS = (Kind.BOX, Kind.POLYGON, Kind.POINT, Kind.LINE)
BUFFERED = (Kind.POINT, Kind.LINE)


def divide(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    """``part / whole`` with 0 where ``whole`` is 0."""
    result = np.zeros(len(part))
    np.divide(part, whole, out=result, where=whole > 0)
    return result


def box_intersection(first: Floats, second: Floats) -> Floats:
    """Area that two boxes share, shape (n, 4) each: left, top, right, bottom."""
    width = np.minimum(first[:, 2], second[:, 2]) - np.maximum(first[:, 0], second[:, 0])
    height = np.minimum(first[:, 3], second[:, 3]) - np.maximum(first[:, 1], second[:, 1])
    shared: Floats = np.maximum(width, 0) * np.maximum(height, 0)
    return shared


def box_area(box: Floats) -> Floats:
    """Area of boxes, shape (n, 4)."""
    return (box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1])


def areas_of(side: Side, shapes: Shapes) -> Floats:
    """Area of each annotation: as given, else that of its shape; NaN where it has none."""
    area = side.area.copy()
    unknown = np.isnan(area)
    box = unknown & (side.kind == Kind.BOX)
    area[box] = box_area(side.box[box])
    polygon = unknown & (side.kind == Kind.POLYGON)
    if polygon.any():
        import shapely

        area[polygon] = shapely.area(shapes.geometries[side.shape[polygon]])
    mask = np.flatnonzero(unknown & (side.kind == Kind.MASK))
    if len(mask):
        from pycocotools import mask as coco

        area[mask] = [float(coco.area(shapes.masks[index])) for index in side.shape[mask].tolist()]
    return area


def box_overlap(first: Floats, second: Floats, crowd: Bools | None = None) -> Floats:
    """Intersection over union of boxes; where ``crowd``, over the area of the second (as COCO does).

    >>> box_overlap(np.array([[0.0, 0.0, 2.0, 2.0]]), np.array([[1.0, 0.0, 3.0, 2.0]])).round(3).tolist()
    [0.333]
    """
    shared = box_intersection(first, second)
    area = box_area(second)
    union = box_area(first) + area - shared
    return divide(shared, union if crowd is None else np.where(crowd, area, union))


def span_overlap(first: Floats, second: Floats) -> Floats:
    """Overlap of spans of characters: ``(min end - max start) / (max end - min start)``, equal spans 1.

    >>> span_overlap(np.array([[0.0, 0, 10.0, 0]]), np.array([[5.0, 0, 10.0, 0]])).tolist()
    [0.5]
    """
    start, end = (first[:, 0], second[:, 0]), (first[:, 2], second[:, 2])
    shared = np.maximum(np.minimum(*end) - np.maximum(*start), 0)
    whole = np.maximum(*end) - np.minimum(*start)
    return np.where(whole > 0, divide(shared, whole), 1.0)


def geometry_overlap(
    first: NDArray[np.object_],
    second: NDArray[np.object_],
    areas: tuple[Floats, Floats],
    crowd: Bools | None = None,
) -> Floats:
    """Intersection over union of area geometries of shapely, with their areas known; ``crowd`` as for boxes."""
    import shapely

    shared = shapely.area(shapely.intersection(first, second))
    union = areas[0] + areas[1] - shared
    # Areas of equal shapes may differ in their last digits.
    return np.minimum(divide(shared, union if crowd is None else np.where(crowd, areas[1], union)), 1.0)


@dataclass(slots=True)
class Overlaps:
    """Overlap of any pairs of one batch; what a geometry needs once (buffer, area, encoding) is made once.

    Parameters
    ----------
    batch : Batch
        The annotations.
    buffer : tuple of ndarray of float64
        For ground truths and predictions, shape (n,) each: how far points and lines are widened, in pixels.
    coco_crowd : bool
        Whether overlaps with crowds are over the prediction's own area.
    """

    batch: Batch
    buffer: tuple[Floats, Floats]
    coco_crowd: bool = False
    _outlines: tuple[_Outlines, _Outlines] = field(init=False)

    def __post_init__(self) -> None:
        sides = (self.batch.ground_truth, self.batch.prediction)
        self._outlines = tuple(  # type: ignore[assignment]
            _Outlines.of(side, self.batch.shapes, buffer) for side, buffer in zip(sides, self.buffer, strict=True)
        )

    def of(self, first: Ints, second: Ints) -> Floats:
        """Overlap of the pairs (ground truth ``first[i]``, prediction ``second[i]``); 0 where kinds cannot overlap."""
        truth, guess = self.batch.ground_truth, self.batch.prediction
        kinds = truth.kind[first] * len(Kind) + guess.kind[second]
        found = np.flatnonzero(np.bincount(kinds, minlength=len(Kind) ** 2))
        if len(found) == 1:
            return self._of_kinds(Kind(found[0] // len(Kind)), Kind(found[0] % len(Kind)), first, second)
        result = np.zeros(len(first))
        for code in found.tolist():
            pairs = np.flatnonzero(kinds == code)
            one, two = Kind(code // len(Kind)), Kind(code % len(Kind))
            result[pairs] = self._of_kinds(one, two, first[pairs], second[pairs])
        return result

    def extent(self, first: Ints, second: Ints) -> tuple[Floats, Floats]:
        """Left and right of annotations of both sides, shape (n, 2) each: where they are apart, nothing overlaps."""
        one, two = (
            outlines.bounds[chosen][:, [0, 2]] for outlines, chosen in zip(self._outlines, (first, second), strict=True)
        )
        # A vector that is drawn may reach one pixel beyond its bounds; what is empty has none.
        return np.nan_to_num(one + np.array([-1, 1]), nan=np.inf), np.nan_to_num(two, nan=np.inf)

    def _of_kinds(self, one: Kind, two: Kind, first: Ints, second: Ints) -> Floats:
        truth, guess = self.batch.ground_truth, self.batch.prediction
        crowd = truth.crowd[first] if self.coco_crowd else None
        match one, two:
            case Kind.BOX, Kind.BOX:
                return box_overlap(truth.box[first], guess.box[second], crowd)
            case (
                (Kind.BOX | Kind.POLYGON | Kind.POINT | Kind.LINE),
                (Kind.BOX | Kind.POLYGON | Kind.POINT | Kind.LINE),
            ):
                return self._outline_overlap(first, second, crowd)
            case Kind.MASK, _ if two is Kind.MASK or two in VECTORS:
                return self._mask_overlap(first, second)
            case _, Kind.MASK if one in VECTORS:
                return self._mask_overlap(first, second)
            case Kind.SPAN, Kind.SPAN:
                return span_overlap(truth.box[first], guess.box[second])
            case Kind.TOKENS, Kind.TOKENS:
                return token_overlap(self.batch.shapes.tokens, truth.shape[first], guess.shape[second])
            case Kind.ANSWER, Kind.ANSWER:
                return np.ones(len(first))
            case Kind.TEXT, Kind.TEXT:
                return np.where(truth.shape[first] == guess.shape[second], 1.0, 0.0)
            case _:
                return np.zeros(len(first))

    def _boxes_meet(self, first: Ints, second: Ints, margin: float = 0.0) -> Ints:
        one, two = (
            outlines.bounds.take(index, axis=0) for outlines, index in zip(self._outlines, (first, second), strict=True)
        )
        return np.flatnonzero(
            (one[:, 0] < two[:, 2] + margin)
            & (two[:, 0] < one[:, 2] + margin)
            & (one[:, 1] < two[:, 3] + margin)
            & (two[:, 1] < one[:, 3] + margin)
        )

    def _outline_overlap(self, first: Ints, second: Ints, crowd: Bools | None) -> Floats:
        one, two = self._outlines
        boxes = one.is_rectangle[first] & two.is_rectangle[second]
        result = np.zeros(len(first))
        at = np.flatnonzero(boxes)
        corners = one.bounds[first[at]], two.bounds[second[at]]
        result[at] = box_overlap(*corners, None if crowd is None else crowd[at])
        at = np.flatnonzero(~boxes)
        at = at[self._boxes_meet(first[at], second[at])]
        (shapes, areas), (others, other_areas) = one.take(first[at]), two.take(second[at])
        result[at] = geometry_overlap(shapes, others, (areas, other_areas), None if crowd is None else crowd[at])
        return result

    def _mask_overlap(self, first: Ints, second: Ints) -> Floats:
        from pycocotools import mask as coco

        truth, guess = self.batch.ground_truth, self.batch.prediction
        result = np.zeros(len(first))
        is_mask = [(side.kind[index[:1]] == Kind.MASK).all() for side, index in ((truth, first), (guess, second))]
        # A vector that is drawn may reach one pixel beyond its bounds.
        drawn = not all(is_mask)
        meet = self._boxes_meet(first, second, margin=float(drawn))
        first, second = first[meet], second[meet]
        keys = [self.batch.site(truth)[first], truth.feature[first]]
        # Masks of one cell have one size, so only what is drawn has to know it.
        sizes = self._mask_sizes(first, second) if drawn else np.zeros((len(meet), 2), np.int64)
        values = np.zeros(len(meet))
        cells = list(runs(*keys, *(sizes.T if drawn else ())))
        spans = [_spans(index, [start for start, _ in cells]) for index in (first, second)]
        for (start, stop), one_span, two_span in zip(cells, *spans, strict=True):
            ones, at_one = _distinct(first[start:stop], *one_span)
            twos, at_two = _distinct(second[start:stop], *two_span)
            crowds = truth.crowd[ones].tolist() if self.coco_crowd else [False] * len(ones)
            size = (int(sizes[start, 0]), int(sizes[start, 1]))
            one, two = (
                self._masks(which, indices) if is_mask[which] else self._drawn(which, indices, size)
                for which, indices in enumerate((ones, twos))
            )
            table = coco.iou(two, one, crowds)
            values[start:stop] = table[at_two, at_one]
        result[meet] = values
        return result

    def _masks(self, which: int, indices: Ints) -> list[dict[str, Any]]:
        """Run-length encodings of masks of one side."""
        side, masks = (self.batch.ground_truth, self.batch.prediction)[which], self.batch.shapes.masks
        return [masks[shape] for shape in side.shape[indices].tolist()]

    def _drawn(self, which: int, indices: Ints, size: tuple[int, int]) -> list[dict[str, Any]]:
        """Run-length encodings of vectors of one side, drawn at the size of the mask they meet."""
        return [draw(geometry, size) for geometry in self._outlines[which].take(indices)[0]]

    def _mask_sizes(self, first: Ints, second: Ints) -> Ints:
        """Height and width of each pair's mask, shape (n, 2); masks of one cell have one size."""
        truth, guess = self.batch.ground_truth, self.batch.prediction
        sizes = rle.sizes(self.batch.shapes.masks)
        shape = np.where(truth.kind[first] == Kind.MASK, truth.shape[first], guess.shape[second])
        either: Ints = sizes[shape]
        return either


def _spans(values: Ints, starts: list[int]) -> list[tuple[int, int]]:
    """Least and greatest value of each stretch."""
    if not starts:
        return []
    ends = (extreme.reduceat(values, starts).tolist() for extreme in (np.minimum, np.maximum))
    return list(zip(*ends, strict=True))


def _distinct(values: Ints, low: int, high: int) -> tuple[Ints, Ints]:
    """Distinct values, rising, and the index of each value among them; fast where they lie close together."""
    offset = values - low
    index = np.zeros(high - low + 1, np.int64)
    index[offset] = 1
    (found,) = index.nonzero()
    index[found] = np.arange(len(found))
    return low + found, index[offset]


def token_overlap(tokens: list[tuple[str, ...]], first: Ints, second: Ints) -> Floats:
    """Jaccard's index of token sets, by index into ``tokens``; equal empty sets 0.

    >>> token_overlap([("1/a", "1/b"), ("1/b",)], np.array([0]), np.array([1])).tolist()
    [0.5]
    """
    names = {token: code for code, token in enumerate(sorted({name for names in tokens for name in names}))}
    lengths = np.array([len(names_) for names_ in tokens], np.int64)
    flat = np.array([names[token] for names_ in tokens for token in names_], np.int64)
    starts = np.cumsum(lengths) - lengths
    member = np.sort(np.repeat(np.arange(len(tokens)), lengths) * max(len(names), 1) + flat)
    pair, offset = expand(np.arange(len(first)), lengths[first])
    wanted = second[pair] * max(len(names), 1) + flat[starts[first[pair]] + offset]
    at = np.searchsorted(member, wanted)
    hit = at < len(member)
    hit[hit] = member[at[hit]] == wanted[hit]
    shared = np.bincount(pair[hit], minlength=len(first))
    return divide(shared, lengths[first] + lengths[second] - shared)


def runs(*keys: NDArray[Any]) -> Iterator[tuple[int, int]]:
    """Bounds of runs of equal keys in aligned columns (equal keys need not be adjacent to be in two runs)."""
    n = len(keys[0])
    if not n:
        return
    change = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    yield from pairwise([0, *(np.flatnonzero(change) + 1).tolist(), n])


@dataclass(frozen=True, slots=True)
class _Outlines:
    """Area geometries of one side's vectors: boxes and polygons as they are, points and lines widened.

    Built only for annotations that need shapely: ``bounds`` is filled for all. Of a rectangle, be it a box or a
    polygon, they are all that has to be known.
    """

    geometries: NDArray[np.object_]
    areas: Floats
    bounds: Floats
    boxes: Floats
    is_box: Bools
    is_rectangle: Bools

    @classmethod
    def of(cls, side: Side, shapes: Shapes, buffer: Floats) -> _Outlines:
        n = len(side)
        is_box = side.kind == Kind.BOX
        is_shape = np.isin(side.kind, (Kind.POLYGON, Kind.POINT, Kind.LINE))
        geometries = np.full(n, None, object)
        areas = np.zeros(n)
        bounds = side.box
        if is_shape.any():
            import shapely

            made = shapes.geometries[side.shape[is_shape]]
            invalid = ~shapely.is_valid(made)
            made[invalid] = shapely.make_valid(made[invalid])
            wide = np.isin(side.kind[is_shape], BUFFERED)
            made[wide] = shapely.buffer(made[wide], buffer[is_shape][wide], quad_segs=16)
            geometries[is_shape] = made
            areas[is_shape] = shapely.area(made)
            bounds = bounds.copy()
            bounds[is_shape] = shapely.bounds(made)
            is_rectangle = is_box.copy()
            is_rectangle[is_shape] = rectangles(made)
            return cls(geometries, areas, bounds, side.box, is_box, is_rectangle)
        return cls(geometries, areas, bounds, side.box, is_box, is_box)

    def take(self, index: Ints) -> tuple[NDArray[np.object_], Floats]:
        """Geometries and areas; a box becomes a polygon here, where it meets one that is not a box."""
        import shapely

        geometries, areas = self.geometries[index], self.areas[index]
        is_box = self.is_box[index]
        if is_box.any():
            corners = self.boxes[index[is_box]]
            geometries[is_box] = shapely.box(*corners.T)
            areas[is_box] = box_area(corners)
        return geometries, areas


def rectangles(geometries: NDArray[np.object_]) -> Bools:
    """Which area geometries of shapely, all of them valid, are rectangles with sides along the axes.

    >>> import shapely
    >>> rectangles(np.array([shapely.box(0, 0, 2, 1), shapely.Point(0, 0).buffer(1)])).tolist()
    [True, False]
    """
    import shapely

    is_polygon = shapely.get_type_id(geometries) == shapely.GeometryType.POLYGON
    found: Bools = is_polygon & (shapely.get_num_coordinates(geometries) == 5)
    corners = shapely.get_coordinates(geometries[found]).reshape(-1, 5, 2)
    # Along each side one coordinate changes and the other stays; sides that go on or back would not be valid.
    stays = corners[:, 1:] == corners[:, :-1]
    found[found] = (stays[:, :, 0] != stays[:, :, 1]).all(axis=1)
    return found


def draw(geometry: Any, size: tuple[int, int]) -> dict[str, Any]:
    """Run-length encoding of an area geometry drawn on ``height, width`` pixels; holes stay empty."""
    import shapely
    from pycocotools import mask as coco

    height, width = size
    # What lies far outside would only cost the rasteriser its memory.
    geometry = shapely.intersection(geometry, shapely.box(-1, -1, width + 1, height + 1))

    def ring(coordinates: Any) -> dict[str, Any]:
        flat = shapely.get_coordinates(coordinates)[:-1].ravel().tolist()
        encoded: dict[str, Any] = coco.frPyObjects([flat], height, width)[0]
        return encoded

    parts = []
    # Twice, since a repaired polygon may be a collection that holds a multipolygon.
    for part in shapely.get_parts(shapely.get_parts(geometry)):
        if shapely.get_type_id(part) != shapely.GeometryType.POLYGON or shapely.is_empty(part):
            continue
        filled = ring(shapely.get_exterior_ring(part))
        holes = [ring(shapely.get_interior_ring(part, i)) for i in range(shapely.get_num_interior_rings(part))]
        parts.append(rle.without(filled, coco.merge(holes)) if holes else filled)
    if not parts:
        return rle.compress(np.zeros(size, bool))
    merged: dict[str, Any] = coco.merge(parts)
    return merged
