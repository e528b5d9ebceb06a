from __future__ import annotations

from typing import Any

import builders as b
import numpy as np
import pytest
import shapely
from hypothesis import given, settings, strategies as st
from pycocotools import mask as coco

from labelmetrics.formats.objects import columns_of
from labelmetrics.kernels.batch import Coded, Columns, Kind
from labelmetrics.kernels.buffer import buffer_widths
from labelmetrics.kernels.join import join
from labelmetrics.kernels.overlap import (
    Overlaps,
    box_overlap,
    divide,
    draw,
    rectangles,
    runs,
    span_overlap,
    token_overlap,
)

# Numbers of a size that the reference, shapely, can reckon with.
number = st.integers(0, 6) | st.floats(0, 6).map(lambda x: round(x, 9))
corners = st.tuples(number, number, number, number)
points = st.lists(st.tuples(number, number), min_size=3, max_size=6)


def table(truths: list[Any], guesses: list[Any], buffer: float = 70.0, **settings: Any) -> Any:
    """Overlap of every ground truth with every prediction."""
    batch = join(columns_of(truths), columns_of(guesses))
    overlaps = Overlaps(batch, buffer_widths(batch, buffer), **settings)
    first, second = np.divmod(np.arange(len(truths) * len(guesses)), max(len(guesses), 1))
    return overlaps.of(first, second).reshape(len(truths), len(guesses))


def iou_of(one: Any, two: Any) -> float:
    one, two = shapely.make_valid(one), shapely.make_valid(two)
    shared = shapely.area(shapely.intersection(one, two))
    whole = shapely.area(one) + shapely.area(two) - shared
    return shared / whole if whole > 0 else 0.0


def one_by_one(truths: list[Any], guesses: list[Any]) -> Any:
    return np.array([[iou_of(truth, guess) for guess in guesses] for truth in truths])


def ring(corners: Any) -> Any:
    left, top, right, bottom = corners
    return shapely.box(min(left, right), min(top, bottom), max(left, right), max(top, bottom))


@settings(max_examples=150)
@given(st.lists(corners, min_size=1, max_size=4), st.lists(corners, min_size=1, max_size=4))
def test_boxes(truths: Any, guesses: Any) -> None:
    expected = one_by_one([ring(one) for one in truths], [ring(one) for one in guesses])
    found = table([b.box(*one) for one in truths], [b.box(*one) for one in guesses])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_equal_repaired_polygons_do_not_overlap_by_more_than_all() -> None:
    random = np.random.default_rng(0)
    for corners in random.random((200, 12, 2)) * 100:
        found = table([b.polygon(corners.tolist())], [b.polygon(corners.tolist())])
        assert found[0, 0] <= 1.0
        assert found[0, 0] == pytest.approx(1.0)


def test_boxes_exactly() -> None:
    truths, guesses = [b.box(0, 0, 10, 10), b.box(3, 3, 3, 9)], [b.box(5, 10, 15, 0), b.box(10, 0, 20, 10)]
    assert table(truths, guesses).tolist() == [[1 / 3, 0.0], [0.0, 0.0]]
    assert table([b.box(1, 1, 1, 1)], [b.box(1, 1, 1, 1)]).tolist() == [[0.0]]


@settings(max_examples=150)
@given(st.lists(points, min_size=1, max_size=3), st.lists(points, min_size=1, max_size=3), corners)
def test_polygons_and_boxes(truths: Any, guesses: Any, box: Any) -> None:
    def make(sides: Any) -> list[Any]:
        return [shapely.Polygon(one) for one in sides]

    expected = one_by_one([*make(truths), ring(box)], [*make(guesses), ring(box)])
    found = table([*map(b.polygon, truths), b.box(*box)], [*map(b.polygon, guesses), b.box(*box)])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


@settings(max_examples=100)
@given(st.lists(corners, min_size=1, max_size=4), st.lists(corners, min_size=1, max_size=4), points)
def test_polygons_that_are_rectangles_are_boxes(truths: Any, guesses: Any, other: Any) -> None:
    def both(side: Any) -> tuple[list[Any], list[Any]]:
        rings = [list(ring(one).exterior.coords) for one in side if one[0] != one[2] and one[1] != one[3]]
        return [b.box(*shapely.Polygon(one).bounds) for one in rings], [b.polygon(one) for one in rings]

    (boxes, polygons), (other_boxes, other_polygons) = both(truths), both(guesses)
    expected = table(boxes, other_boxes)
    for one, two in ((polygons, other_boxes), (boxes, other_polygons), (polygons, other_polygons)):
        assert np.array_equal(table(one, two), expected)
        np.testing.assert_allclose(table([*one, b.polygon(other)], two)[:-1], expected, rtol=0, atol=1e-12)


def test_rectangles() -> None:
    texts = {
        "POLYGON ((0 0, 2 0, 2 1, 0 1, 0 0))": True,
        "POLYGON ((0 0, 0 1, 2 1, 2 0, 0 0))": True,
        "POLYGON ((0 1, 1 2, 2 1, 1 0, 0 1))": False,
        "POLYGON ((0 0, 2 0, 2 1, 0 1.5, 0 0))": False,
        "POLYGON ((0 0, 1 0, 2 0, 2 1, 0 1, 0 0))": False,
        "POLYGON ((0 0, 2 0, 1 1, 0 0))": False,
        "POLYGON EMPTY": False,
        "MULTIPOLYGON (((0 0, 2 0, 2 1, 0 1, 0 0)))": False,
        "GEOMETRYCOLLECTION EMPTY": False,
    }
    assert rectangles(shapely.from_wkt(list(texts))).tolist() == list(texts.values())


@settings(max_examples=100)
@given(st.tuples(number, number), points, corners, st.sampled_from((0.5, 3.0)))
def test_points_and_lines_are_widened(spot: Any, path: Any, box: Any, buffer: float) -> None:
    truths = [b.point(*spot), b.line(path), b.box(*box)]
    shapes = [shapely.Point(spot).buffer(buffer), shapely.LineString(path).buffer(buffer), ring(box)]
    np.testing.assert_allclose(table(truths, truths, buffer), one_by_one(shapes, shapes), rtol=0, atol=1e-9)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).map(sorted), min_size=2, max_size=6))
def test_spans(spans: Any) -> None:
    def expected(one: Any, two: Any) -> float:
        if one == two:
            return 1.0
        return max(0, min(one[1], two[1]) - max(one[0], two[0])) / (max(one[1], two[1]) - min(one[0], two[0]))

    found = table([b.span(*one) for one in spans], [b.span(*one) for one in spans])
    assert found.tolist() == [[expected(one, two) for two in spans] for one in spans]


token_sets = st.sets(st.sampled_from("abcde"))


@settings(max_examples=100)
@given(st.lists(token_sets, min_size=1, max_size=5), st.lists(token_sets, min_size=1, max_size=5))
def test_tokens(truths: Any, guesses: Any) -> None:
    found = table([b.tokens(one) for one in truths], [b.tokens(one) for one in guesses])
    assert found.tolist() == [
        [len(one & two) / len(one | two) if one | two else 0 for two in guesses] for one in truths
    ]


def test_tokens_of_other_pages_are_others() -> None:
    assert table([b.tokens("a", page=1)], [b.tokens("a", page=2)]).tolist() == [[0.0]]
    assert token_overlap([(), ()], np.array([0]), np.array([1])).tolist() == [0.0]


pixels = st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=3, max_size=3).map(np.array)


@settings(max_examples=100)
@given(st.lists(pixels, min_size=1, max_size=4), st.lists(pixels, min_size=1, max_size=4))
def test_masks(truths: Any, guesses: Any) -> None:
    def expected(one: Any, two: Any) -> float:
        return (one & two).sum() / (one | two).sum() if (one | two).any() else 0.0

    found = table([b.mask(one) for one in truths], [b.mask(one) for one in guesses])
    np.testing.assert_array_equal(found, [[expected(one, two) for two in guesses] for one in truths])


@settings(max_examples=100)
@given(pixels, st.lists(st.tuples(*[st.integers(0, 4)] * 4), min_size=1, max_size=3))
def test_masks_and_boxes(mask: Any, boxes: Any) -> None:
    def drawn(box: Any) -> Any:
        left, top, right, bottom = (int(bound) for bound in ring(box).bounds)
        canvas = np.zeros((3, 4), bool)
        canvas[top:bottom, left:right] = True
        return canvas

    found = table([b.box(*box) for box in boxes], [b.mask(mask)])
    other_way = table([b.mask(mask)], [b.box(*box) for box in boxes])
    expected = [[(mask & drawn(one)).sum() / max((mask | drawn(one)).sum(), 1)] for one in boxes]
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(other_way.T, expected)


def test_one_mask_and_more_polygons_than_masks() -> None:
    triangles = [b.polygon([(0, 0), (4, 0), (4, size)]) for size in (2, 3, 4)]
    assert (table(triangles, [b.mask(np.ones((4, 4)))]) > 0).all()


def test_drawing() -> None:
    hole = shapely.box(0, 0, 4, 4).difference(shapely.box(1, 1, 3, 3))
    expected = np.ones((4, 5), int)
    expected[1:3, 1:3] = 0
    expected[:, 4] = 0
    assert coco.decode(draw(hole, (4, 5))).tolist() == expected.tolist()
    parts = shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(3, 3, 4, 4)])
    collection = shapely.GeometryCollection([parts, shapely.LineString([(0, 2), (4, 2)])])
    assert coco.decode(draw(collection, (4, 4))).sum() == 2
    assert coco.decode(draw(shapely.Polygon(), (4, 4))).sum() == 0
    assert coco.decode(draw(shapely.LineString([(0, 2), (4, 2)]), (4, 4))).sum() == 0


def test_kinds_that_cannot_overlap() -> None:
    assert table([b.box(0, 0, 9, 9), b.span(0, 9)], [b.span(0, 9), b.tokens("a")]).tolist() == [[0.0, 0.0], [1.0, 0.0]]


def test_answers_and_texts() -> None:
    assert table([b.radio("q", "a")], [b.radio("q", "a")]).tolist() == [[1.0]]
    assert table([b.text("q", "x")], [b.text("q", "x"), b.text("q", "y")]).tolist() == [[1.0, 0.0]]


def test_crowd_of_boxes() -> None:
    first, second = np.array([[0.0, 0, 10, 10]] * 2), np.array([[0.0, 0, 2, 5]] * 2)
    assert box_overlap(first, second, np.array([True, False])).tolist() == [1.0, 0.1]


@pytest.mark.parametrize("kind", ["box", "polygon", "mask"])
def test_crowds(kind: str) -> None:
    def make(width: int) -> Any:
        match kind:
            case "box":
                return b.box(0, 0, width, 4)
            case "polygon":
                return b.polygon([(0, 0), (width, 0), (width, 4), (0, 4)])
        return b.mask(np.arange(8)[None, :].repeat(8, 0) < width)

    truth, guess = columns_of([make(8), make(8)]), columns_of([make(2)])
    truth.crowd[0] = True
    batch = join(truth, guess)
    pair = np.array([0, 1]), np.array([0, 0])
    for coco_crowd, expected in ((True, [1.0, 0.25]), (False, [0.25, 0.25])):
        found = Overlaps(batch, buffer_widths(batch, 70.0), coco_crowd=coco_crowd).of(*pair)
        assert found.tolist() == pytest.approx(expected)


def test_crowd_of_masks_beside_boxes() -> None:
    truth, guess = columns_of([b.mask(np.ones((4, 4)))]), columns_of([b.box(0, 0, 2, 4)])
    truth.crowd[0] = True
    batch = join(truth, guess)
    overlaps = Overlaps(batch, buffer_widths(batch, 70.0), coco_crowd=True)
    assert overlaps.of(np.array([0]), np.array([0])).tolist() == [1.0]


def test_many_cells_of_masks() -> None:
    # Masks of different features may have different sizes; each is compared at its own.
    truths = [b.mask(np.ones((size, size)), f"f{size}") for size in (2, 3, 4)]
    batch = join(columns_of(truths), columns_of(truths))
    overlaps = Overlaps(batch, buffer_widths(batch, 70.0))
    assert overlaps.of(np.arange(3), np.arange(3)).tolist() == [1.0, 1.0, 1.0]


def test_no_pairs() -> None:
    nothing = np.empty(0, np.int64)
    batch = join(columns_of([b.mask(np.ones((2, 2)))]), Columns.empty())
    assert len(Overlaps(batch, buffer_widths(batch, 70.0)).of(nothing, nothing)) == 0
    assert list(runs(nothing)) == []


def test_runs() -> None:
    assert list(runs(np.array([1, 1, 2, 1]), np.array([0, 0, 0, 0]))) == [(0, 2), (2, 3), (3, 4)]


def test_division() -> None:
    assert divide(np.array([1, 0]), np.array([2, 0])).tolist() == [0.5, 0.0]
    empty = np.array([[4.0, 0, 4.0, 0]])
    assert span_overlap(empty, empty).tolist() == [1.0]
    assert span_overlap(empty, empty + 1).tolist() == [0.0]


def test_geometries_of_the_caller_stay_as_they_are() -> None:
    hourglass = shapely.Polygon([(0, 0), (4, 0), (0, 4), (4, 4)])
    columns = columns_of([b.polygon([(0, 0), (4, 0), (0, 4), (4, 4)])])
    batch = join(columns, columns)
    Overlaps(batch, buffer_widths(batch, 70.0)).of(np.array([0]), np.array([0]))
    assert shapely.equals_exact(columns.shapes.geometries[0], hourglass, 0)


def test_kinds_are_numbers_of_columns() -> None:
    assert columns_of([b.box(0, 0, 1, 1), b.text("q", "x")]).kind.tolist() == [Kind.BOX, Kind.TEXT]
    assert [kind for kind in Kind if kind.is_classification] == [Kind.ANSWER, Kind.TEXT]
    assert Coded.constant("a", 2).decode() == ["a", "a"]
