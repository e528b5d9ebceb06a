from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from labelmetrics.errors import AnnotationError
from labelmetrics.types import (
    ClassificationAnnotation,
    Line,
    Mask,
    MaskData,
    Point,
    Polygon,
    Rectangle,
    Text,
    TextEntity,
    VideoObjectAnnotation,
    interpolate,
)


def at(frame, value=None, segment=0, uuid="u", keyframe=True, name="car", **more):
    value = value or Point(x=frame, y=0)
    return VideoObjectAnnotation(
        name=name, value=value, frame=frame, keyframe=keyframe, segment_index=segment, uuid=uuid, **more
    )


def line(*xs):
    return Line(points=[Point(x=x, y=x) for x in xs])


def xs(annotations):
    return [(one.frame, one.value.x, one.keyframe) for one in annotations]


def test_points_move():
    assert xs(interpolate([at(5, Point(x=30, y=0)), at(2, Point(x=0, y=0))])) == [
        (2, 0, True), (3, 10, False), (4, 20, False), (5, 30, True),
    ]  # fmt: skip


def test_rectangles_lines_and_polygons_move():
    box = interpolate([at(0, Rectangle.from_xyhw(0, 0, 2, 2)), at(2, Rectangle.from_xyhw(4, 2, 4, 2))])[1].value
    assert box == Rectangle.from_xyhw(2, 1, 3, 2)
    assert interpolate([at(0, line(0, 1)), at(2, line(2, 5))])[1].value == line(1, 3)
    triangle = Polygon(points=line(0, 1, 5).points)
    moved = Polygon(points=line(2, 3, 7).points)
    middle = interpolate([at(0, triangle), at(2, moved)])[1].value
    assert middle == Polygon(points=line(1, 2, 6).points)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (line(0, 1), line(0, 1, 2)),
        (line(0, 1), Point(x=0, y=0)),
        (TextEntity(start=1, end=2), TextEntity(start=3, end=4)),
        (Mask(mask=MaskData(url="u")), Mask(mask=MaskData(url="v"))),
    ],
)
def test_everything_else_holds(before, after):
    assert [one.value for one in interpolate([at(0, before), at(2, after)])] == [before, before, after]


def test_confidence_and_nested_answers_hold():
    nested = ClassificationAnnotation(name="q", value=Text(answer="a"))
    frames = interpolate([at(0, confidence=0.3, classifications=[nested]), at(2, confidence=0.9)])
    assert [one.confidence for one in frames] == [0.3, 0.3, 0.9]
    assert frames[1].classifications == [nested]


def test_nothing_between_segments_objects_and_lone_keyframes():
    frames = [at(0), at(2), at(5, segment=1), at(9, uuid="v"), at(12, name="dog")]
    assert [one.frame for one in interpolate(frames)] == [0, 1, 2, 5, 9, 12]


def test_frames_that_are_there_stay():
    frames = [at(0), at(1, Point(x=50, y=0), keyframe=False), at(4, Point(x=4, y=0))]
    expanded = interpolate(frames)
    assert xs(expanded) == [(0, 0, True), (1, 50, False), (2, 2, False), (3, 3, False), (4, 4, True)]
    assert interpolate(expanded) == expanded


def test_without_segments_only_frames_in_a_row_belong_together():
    frames = [at(0, segment=None), at(4, segment=None)]
    assert interpolate(frames) == frames


def test_without_uuids_the_feature_decides():
    frames = [
        at(0, uuid=None),
        at(0, Point(x=100, y=0), uuid=None),
        at(2, uuid=None),
        at(2, Point(x=102, y=0), uuid=None),
    ]
    assert [(one.frame, one.value.x) for one in interpolate(frames)] == [
        (0, 0), (1, 1), (2, 2), (0, 100), (1, 101), (2, 102),
    ]  # fmt: skip


def test_contradictions():
    with pytest.raises(AnnotationError, match="car: twice on frame 3"):
        interpolate([at(3), at(3)])
    with pytest.raises(AnnotationError, match="some have none"):
        interpolate([at(3), at(4, segment=None)])


@given(st.lists(st.integers(0, 30), min_size=1, max_size=6, unique=True), st.randoms())
def test_a_segment_spans_its_keyframes(frames, random):
    annotations = [at(frame) for frame in frames]
    random.shuffle(annotations)
    expanded = interpolate(annotations)
    assert [one.frame for one in expanded] == list(range(min(frames), max(frames) + 1))
    assert all(one.value.x == pytest.approx(one.frame) for one in expanded)
    assert [one.frame for one in expanded if one.keyframe] == sorted(frames)


def test_a_segment_without_end_is_refused() -> None:
    with pytest.raises(AnnotationError, match="more than 1,000,000 frames"):
        interpolate([at(0), at(1_000_000)])
