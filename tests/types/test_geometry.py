from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import given, strategies as st
from pydantic import ValidationError

from labelmetrics.types import (
    DocumentEntity,
    DocumentRectangle,
    DocumentTextSelection,
    Line,
    Point,
    Polygon,
    Rectangle,
    RectangleUnit,
    TextEntity,
)

NUMBER = st.floats(-1e6, 1e6)


def points(*pairs):
    return [Point(x=x, y=y) for x, y in pairs]


@pytest.mark.parametrize("bad", ["1", True, None, math.nan, math.inf, -math.inf, 10**400, [1], b"1", np.bool_(True)])
def test_coordinates_are_finite_numbers(bad):
    with pytest.raises(ValidationError):
        Point(x=bad, y=0)


@pytest.mark.parametrize("good", [1, 1.0, np.float32(1), np.int64(1), np.array(1)])
def test_coordinates_may_be_numpy_scalars(good):
    point = Point(x=good, y=0)
    assert type(point.x) is float
    assert point.x == 1.0


def test_unknown_fields_are_refused():
    with pytest.raises(ValidationError, match="z"):
        Point(x=1, y=2, z=3)


def test_assignment_is_checked_and_leaves_the_model_as_it_was():
    point = Point(x=1, y=2)
    with pytest.raises(ValidationError):
        point.x = "3"
    point.y = 5
    assert (point.x, point.y) == (1, 5)
    span = TextEntity(start=1, end=5)
    with pytest.raises(ValidationError, match="before it starts"):
        span.end = 0
    assert span.end == 5


def test_polygon_closes_a_copy():
    corners = points((0, 0), (4, 0), (4, 4))
    polygon = Polygon(points=corners)
    assert len(corners) == 3
    assert len(polygon.points) == 4
    assert polygon.points[0] == polygon.points[-1]
    closed = points((0, 0), (4, 0), (4, 4), (0, 0))
    assert len(Polygon(points=closed).points) == 4


def test_a_polygon_of_three_points_that_is_closed_still_has_a_shape():
    assert Polygon(points=points((0, 0), (1, 0), (0, 0))).shapely.area == 0


@pytest.mark.parametrize(("kind", "n"), [(Line, 1), (Polygon, 2), (Line, 0)])
def test_too_few_points(kind, n):
    with pytest.raises(ValidationError, match="points or more"):
        kind(points=points(*[(i, i) for i in range(n)]))


def test_shapely_both_ways():
    for shape in (
        Point(x=1, y=2),
        Line(points=points((0, 0), (1, 2), (3, 3))),
        Polygon(points=points((0, 0), (4, 0), (4, 4))),
        Rectangle(start=Point(x=1, y=2), end=Point(x=3, y=5)),
    ):
        assert type(shape).from_shapely(shape.shapely) == shape


@pytest.mark.parametrize("kind", [Point, Line, Polygon, Rectangle])
def test_from_another_shape(kind):
    with pytest.raises(TypeError, match="MultiPoint"):
        kind.from_shapely(shapely.MultiPoint([(0, 0)]))


def test_rectangle_from_xyhw():
    box = Rectangle.from_xyhw(x=10, y=20, h=5, w=30)
    assert (box.start.x, box.start.y, box.end.x, box.end.y) == (10, 20, 40, 25)


@given(NUMBER, NUMBER, st.floats(0, 1e6), st.floats(0, 1e6))
def test_wire_box_comes_back_exactly(top, left, height, width):
    wire = {"top": top, "left": left, "height": height, "width": width}
    assert Rectangle.model_validate(wire).model_dump(by_alias=True) == wire


def test_moved_rectangle_is_written_as_it_is():
    box = Rectangle.model_validate({"top": 0, "left": 0.1, "height": 1, "width": 0.2})
    box.end = Point(x=5, y=5)
    assert box.model_dump(by_alias=True) == {"top": 0, "left": 0.1, "height": 5, "width": 4.9}


def test_inverted_corners_are_written_upright():
    box = Rectangle(start=Point(x=5, y=6), end=Point(x=1, y=2))
    assert box.model_dump(by_alias=True) == {"top": 2, "left": 1, "height": 4, "width": 4}
    assert box.shapely.area == 16


@pytest.mark.parametrize("change", [{"height": -1}, {"width": -0.5}, {"foo": 1}, {"top": None}])
def test_bad_wire_boxes(change):
    with pytest.raises(ValidationError):
        Rectangle.model_validate({"top": 0, "left": 0, "height": 1, "width": 1} | change)


def test_document_rectangle():
    wire = {"top": 1.0, "left": 2.0, "height": 3.0, "width": 4.0, "page": 2, "unit": "PERCENT"}
    box = DocumentRectangle.model_validate(wire)
    assert box.unit is RectangleUnit.PERCENT
    assert box.model_dump(by_alias=True) == wire
    with pytest.raises(ValidationError, match="page"):
        DocumentRectangle(start=Point(x=0, y=0), end=Point(x=1, y=1), unit=RectangleUnit.POINTS)


def test_text_selections():
    selection = DocumentTextSelection(token_ids=["a"], group_id="g", page=1)
    entity = DocumentEntity(text_selections=[selection])
    assert DocumentEntity.model_validate(entity.model_dump(by_alias=True)) == entity
    with pytest.raises(ValidationError):
        DocumentTextSelection(token_ids=["a"], group_id="g", page=0)


@pytest.mark.parametrize("span", [(-1, 2), (1.5, 2), ("1", 2), (True, 2), (3, 2)])
def test_bad_spans(span):
    with pytest.raises(ValidationError):
        TextEntity(start=span[0], end=span[1])


def test_equality_is_by_kind_and_fields():
    assert Point(x=1, y=2) == Point(x=1, y=2)
    assert Point(x=1, y=2) != Point(x=1, y=2, extra={"a": 1})
    assert Point(x=1, y=2) != "a point"
    assert "extra" in repr(Point(x=1, y=2, extra={"a": 1}))
    assert Line(points=points((0, 0), (1, 1), (0, 0))) != Polygon(points=points((0, 0), (1, 1), (0, 0)))
