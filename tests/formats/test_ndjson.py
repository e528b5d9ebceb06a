from __future__ import annotations

import gzip
import io
import json
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from labelmetrics.errors import AnnotationError, DataRowError, InputError
from labelmetrics.formats.ndjson import NDJsonConverter, parse_json, parse_line, read, read_lines, to_lines, write_lines
from labelmetrics.kernels.batch import DataRowKey
from labelmetrics.types import (
    Checklist,
    ClassificationAnnotation,
    ClassificationAnswer,
    ConfusionMatrixMetric,
    GenericDataRowData,
    ImageData,
    Label,
    Mask,
    MaskData,
    ObjectAnnotation,
    Point,
    Radio,
    Rectangle,
    ScalarMetric,
    Text,
    VideoClassificationAnnotation,
    VideoObjectAnnotation,
    interpolate,
)
from labelmetrics.types.metric import metric_uuid

ROW = {"id": "r1"}
POINT = {"x": 1, "y": 2}
BOX = {"top": 1, "left": 2, "height": 3, "width": 4}
FIXTURES = [
    "classification_import",
    "classification_import_name_only",
    "conversation_entity_import",
    "conversation_entity_without_confidence_import",
    "custom_confusion_matrix_import",
    "custom_scalar_import",
    "image_import",
    "image_import_name_only",
    "metric_import",
    "mmc_import",
    "nested_import",
    "nested_import_name_only",
    "pdf_import",
    "pdf_import_name_only",
    "polyline_import",
    "polyline_without_confidence_import",
    "rectangle_import",
    "relationship_import",
    "text_entity_import",
    "text_entity_without_confidence_import",
    "video_import",
    "video_import_name_only",
]


def meaning(value):
    """A line without what may differ: order of keys (dicts have none), absent or empty nested answers, 1 or 1.0."""
    if isinstance(value, dict):
        return {name: meaning(one) for name, one in value.items() if not (name == "classifications" and one == [])}
    return [meaning(one) for one in value] if isinstance(value, list) else value


def sorted_meaning(lines):
    return sorted(map(meaning, lines), key=lambda line: json.dumps(line, sort_keys=True))


def faults(line):
    parse = parse_json if isinstance(line, bytes | str) else parse_line
    with pytest.raises(InputError) as caught:
        parse(line)
    return [(fault.rule, fault.path) for fault in caught.value.faults]


@pytest.mark.parametrize("name", FIXTURES)
def test_real_lines_come_back_with_the_same_meaning(shared, name):
    lines = json.loads((shared / "labelbox_assets" / "ndjson" / f"{name}.json").read_text())
    unsupported = [line for line in lines if "relationship" in line or "messageEvaluationTask" in line]
    if unsupported:
        with pytest.raises(InputError) as caught:
            list(NDJsonConverter.deserialize(lines))
        assert {fault.rule for fault in caught.value.faults} == {"unsupported-kind"}
        assert len(caught.value.faults) == len(unsupported)
    supported = [line for line in lines if line not in unsupported]
    again = json.loads(json.dumps(list(NDJsonConverter.serialize(NDJsonConverter.deserialize(supported)))))
    assert sorted_meaning(again) == sorted_meaning(supported)


def test_the_list_of_fixtures_is_whole(shared):
    folder = shared / "labelbox_assets" / "ndjson"
    assert sorted(path.stem for path in folder.glob("*.json")) == FIXTURES


KEYS = (0.1, 0.3, 0.5, 0.7, 0.9)


@pytest.mark.parametrize(
    "metric",
    [
        ScalarMetric(metric_name="iou_custom", value=0.5),
        ScalarMetric(metric_name="iou_custom", feature_name="cat", value=0.5),
        ScalarMetric(metric_name="iou_custom", feature_name="cat", subclass_name="orange", value=0.5),
        ScalarMetric(metric_name="iou_custom", value=dict.fromkeys(KEYS, 0.5)),
        ConfusionMatrixMetric(metric_name="50pct_iou", value=[1, 0, 1, 0]),
        ConfusionMatrixMetric(metric_name="50pct_iou", feature_name="cat", value=[1, 0, 1, 0]),
        ConfusionMatrixMetric(metric_name="50pct_iou", feature_name="cat", subclass_name="orange", value=[1, 0, 1, 0]),
        ConfusionMatrixMetric(metric_name="50pct_iou", value={key: [1, 0, 1, 0] for key in KEYS}),
    ],
)
def test_the_platforms_examples_of_metrics(metric):
    label = Label(data=ImageData(uid="cktiom8osh4210ytmevuk7lfh"), annotations=[metric])
    (line,) = json.loads(json.dumps(list(NDJsonConverter.serialize([label]))))
    assert line["dataRow"] == {"id": "cktiom8osh4210ytmevuk7lfh"}
    assert line["uuid"] == metric_uuid(
        ("id", "cktiom8osh4210ytmevuk7lfh"), metric.metric_name, metric.feature_name, metric.subclass_name
    )
    ((key, again),) = parse_line(line)
    assert key == DataRowKey("id", "cktiom8osh4210ytmevuk7lfh")
    assert again.model_copy(update={"uuid": None, "data_row": None}) == metric


def test_uuids_of_lines():
    given_uuid = ScalarMetric(metric_name="m", value=1, uuid="a")
    in_extra = ScalarMetric(metric_name="m", value=1, extra={"uuid": "b"})
    late = ScalarMetric(metric_name="m", value=1)
    late.extra["uuid"] = "c"
    box = ObjectAnnotation(name="x", value=Point(x=1, y=2))
    label = Label(data=ImageData(global_key="k"), annotations=[given_uuid, in_extra, late, box, box])
    uuids = [line["uuid"] for line in to_lines(label)]
    assert uuids[:3] == ["a", "b", "c"]
    assert uuids[3] != uuids[4]


def test_the_labels_data_row_counts():
    metric = ScalarMetric(metric_name="m", value=1, data_row=("id", "other"))
    (line,) = to_lines(Label(data=ImageData(global_key="k"), annotations=[metric]))
    assert line["dataRow"] == {"globalKey": "k"}
    with pytest.raises(DataRowError):
        list(to_lines(Label(data=GenericDataRowData(external_id="e"))))


def test_labels_that_were_extended_with_anything():
    label = Label(data=ImageData(uid="r1"))
    label.annotations.append("nonsense")
    with pytest.raises(AnnotationError, match="no annotation: 'nonsense'"):
        list(to_lines(label))


def test_labels_keep_the_order_of_first_sight():
    lines = [{"dataRow": {"id": row}, "name": name, "point": POINT} for row, name in ["ba", "ab", "bc", "ca"]]
    labels = list(NDJsonConverter.deserialize(lines))
    assert [label.data.uid for label in labels] == ["b", "a", "c"]
    assert [one.name for one in labels[0].annotations] == ["a", "c"]
    kinds = [{"id": "x"}, {"globalKey": "x"}]
    labels = list(NDJsonConverter.deserialize({"dataRow": row, "name": "a", "point": POINT} for row in kinds))
    assert [(label.data.uid, label.data.global_key) for label in labels] == [("x", None), (None, "x")]


def test_benchmark_labels():
    line = {"uuid": "u", "dataRow": ROW, "name": "a", "point": POINT, "isBenchmarkReferenceLabel": True}
    (label,) = NDJsonConverter.deserialize([line])
    assert label.is_benchmark_reference
    assert next(to_lines(label))["isBenchmarkReferenceLabel"] is True


@given(st.randoms())
def test_matrix_or_scalar(random):
    base = {"dataRow": ROW, "metricName": "m"}
    scalars = [1, 0.5, {"0.1": 1}]
    matrices = [[1, 2, 3, 4], {"0.1": [1, 2, 3, 4]}]
    value = random.choice(scalars + matrices)
    kind = ConfusionMatrixMetric if value in matrices else ScalarMetric
    assert type(parse_line({**base, "metricValue": value})[0].annotation) is kind


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ([1], [("type", "$")]),
        ({"name": "a", "point": POINT}, [("missing", "$.dataRow")]),
        ({"dataRow": None, "name": "a", "point": POINT}, [("missing", "$.dataRow")]),
        ({"dataRow": {}, "name": "a", "point": POINT}, [("data-row", "$.dataRow")]),
        ({"dataRow": {"id": "a", "globalKey": "b"}, "name": "a", "point": POINT}, [("data-row", "$.dataRow")]),
        ({"dataRow": {"id": 3}, "name": "a", "point": POINT}, [("type", "$.dataRow.id")]),
        ({"dataRow": "a", "name": "a", "point": POINT}, [("type", "$.dataRow")]),
        ({"dataRow": ROW}, [("kind", "$")]),
        ({"dataRow": ROW, "name": "a"}, [("kind", "$")]),
        ({"dataRow": ROW, "point": POINT}, [("unnamed", "$")]),
        ({"dataRow": ROW, "name": "a", "point": POINT, "bbox": BOX}, [("geometry", "$")]),
        ({"dataRow": ROW, "name": "a", "point": POINT, "colour": 1}, [("unknown-field", "$.colour")]),
        ({"dataRow": ROW, "name": "a", "point": POINT, "a b": 1}, [("unknown-field", '$["a b"]')]),
        ({"dataRow": ROW, "name": "a", "point": POINT, "page": 1}, [("unknown-field", "$.page")]),
        ({"dataRow": ROW, "name": 3, "point": POINT}, [("type", "$.name")]),
        ({"dataRow": ROW, "name": "a", "point": POINT, "uuid": 3}, [("type", "$.uuid")]),
        ({"dataRow": ROW, "name": "a", "point": POINT, "confidence": 2}, [("less-than-equal", "$.confidence")]),
        ({"dataRow": ROW, "name": "a", "bbox": {**BOX, "width": -1}}, [("greater-than-equal", "$.bbox.width")]),
        ({"dataRow": ROW, "name": "a", "bbox": BOX, "page": 1}, [("missing", "$.unit")]),
        ({"dataRow": ROW, "name": "a", "bbox": BOX, "page": 1, "unit": "MILES"}, [("enum", "$.unit")]),
        ({"dataRow": ROW, "name": "a", "bbox": 3}, [("type", "$.bbox")]),
        ({"dataRow": ROW, "name": "a", "bbox": 3, "page": 1, "unit": "PIXELS"}, [("type", "$.bbox")]),
        ({"dataRow": ROW, "name": "a", "line": [POINT]}, [("too-few-points", "$.line")]),
        ({"dataRow": ROW, "name": "a", "polygon": [POINT, {"x": 1}]}, [("missing", "$.polygon[1].y")]),
        (
            {"dataRow": ROW, "name": "a", "polygon": {"points": []}},
            [("unknown-field", "$.polygon.points"), ("missing", "$.polygon")],
        ),
        ({"dataRow": ROW, "name": "a", "location": {"start": 3, "end": 1}}, [("span", "$.location")]),
        ({"dataRow": ROW, "name": "a", "location": {"start": 1, "end": 3}, "messageId": 3}, [("type", "$.messageId")]),
        (
            {"dataRow": ROW, "name": "a", "textSelections": [{"tokenIds": [], "groupId": "g", "page": 0}]},
            [("greater-than-equal", "$.textSelections[0].page")],
        ),
        ({"dataRow": ROW, "name": "a", "mask": {"png": "%"}}, [("base64", "$.mask")]),
        ({"dataRow": ROW, "name": "a", "mask": {"size": [2, 2], "counts": [1]}}, [("rle-counts", "$.mask")]),
        ({"dataRow": ROW, "name": "a", "mask": {"size": [2, 2], "counts": [1, "3"]}}, [("type", "$.mask.counts[1]")]),
        ({"dataRow": ROW, "name": "a", "mask": {"instanceURI": "u", "colorRGB": [1]}}, []),
        (
            {"dataRow": ROW, "name": "a", "mask": {"instanceURI": "u", "colorRGB": [1, 2, 256]}},
            [("colour", "$.mask.colorRGB")],
        ),
        ({"dataRow": ROW, "name": "a", "mask": {}}, [("mask", "$.mask")]),
        ({"dataRow": ROW, "name": "q", "answer": 3}, [("type", "$.answer")]),
        ({"dataRow": ROW, "name": "q", "answer": None}, [("type", "$.answer")]),
        ({"dataRow": ROW, "name": "q", "answer": {}}, [("unnamed", "$.answer")]),
        (
            {"dataRow": ROW, "name": "q", "answer": [{"name": "a"}, {"name": "b", "confidence": "1"}]},
            [("type", "$.answer[1].confidence")],
        ),
        (
            {"dataRow": ROW, "name": "q", "answer": {"name": "a", "classifications": [{"name": "n", "answer": 1}]}},
            [("type", "$.answer.classifications[0].answer")],
        ),
        ({"dataRow": ROW, "name": "q", "answer": "a", "frames": 3}, [("type", "$.frames")]),
        ({"dataRow": ROW, "name": "q", "answer": "a", "frames": []}, [("too-short", "$.frames")]),
        ({"dataRow": ROW, "name": "q", "answer": "a", "frames": [{"start": 3, "end": 1}]}, [("frames", "$.frames[0]")]),
        (
            {"dataRow": ROW, "name": "q", "answer": "a", "frames": [{"start": 0, "end": 10**9}]},
            [("frames", "$.frames")],
        ),
        (
            {"dataRow": ROW, "name": "q", "answer": [{"value": "a", "frames": [{"start": 3, "end": 1}]}]},
            [("frames", "$.answer[0].frames[0]")],
        ),
        (
            {"dataRow": ROW, "name": "q", "answer": [{"value": 3, "frames": []}]},
            [("type", "$.answer[0].value"), ("too-short", "$.answer[0].frames")],
        ),
        ({"dataRow": ROW, "metricName": "m", "metricValue": "1"}, [("type", "$.metricValue")]),
        ({"dataRow": ROW, "metricName": "m", "metricValue": [1, 2, 3]}, [("counts", "$.metricValue")]),
        (
            {"dataRow": ROW, "metricName": "m", "metricValue": [1, 2, 3, -4]},
            [("greater-than-equal", "$.metricValue[3]")],
        ),
        (
            {"dataRow": ROW, "metricName": "m", "metricValue": {"0.5": [1, 2, True, 4]}},
            [("type", '$.metricValue["0.5"][2]')],
        ),
        ({"dataRow": ROW, "metricName": "m", "metricValue": {"1.5": 1}}, [("less-than-equal", '$.metricValue["1.5"]')]),
        ({"dataRow": ROW, "metricName": "m", "metricValue": {"x": 1}}, [("confidence-key", "$.metricValue.x")]),
        (
            {"dataRow": ROW, "metricName": "m", "metricValue": [1, 2, 3, 4], "aggregation": "SUM"},
            [("type", "$.metricValue")],
        ),
        ({"dataRow": ROW, "metricName": "m", "metricValue": 1, "aggregation": "MAX"}, [("enum", "$.aggregation")]),
        ({"dataRow": ROW, "metricName": "iou", "metricValue": 1}, [("reserved-name", "$.metricName")]),
        ({"dataRow": ROW, "metricValue": [1, 2, 3, 4]}, [("missing", "$.metricName")]),
        ({"dataRow": ROW, "metricName": "m", "metricValue": 1, "subclassName": "s"}, [("subclass", "$")]),
        ({"dataRow": ROW, "name": "a", "relationship": {}}, [("unsupported-kind", "$.relationship")]),
        ({"dataRow": ROW, "name": "a", "segments": []}, [("too-short", "$.segments")]),
        ({"dataRow": ROW, "name": "a", "segments": [{"keyframes": []}]}, [("too-short", "$.segments[0].keyframes")]),
        ({"dataRow": ROW, "segments": [{"keyframes": [{"frame": 1, "point": POINT}]}]}, [("unnamed", "$")]),
        (
            {"dataRow": ROW, "name": "a", "segments": [{"keyframes": [{"point": POINT}]}]},
            [("missing", "$.segments[0].keyframes[0].frame")],
        ),
        (
            {"dataRow": ROW, "name": "a", "segments": [{"keyframes": [{"frame": 1}]}]},
            [("geometry", "$.segments[0].keyframes[0]")],
        ),
        (
            {
                "dataRow": ROW,
                "name": "a",
                "confidence": 2,
                "segments": [
                    {"keyframes": [{"frame": 1, "point": POINT}, {"frame": 1.5, "point": POINT, "uuid": "u"}]}
                ],
            },
            [
                ("unknown-field", "$.segments[0].keyframes[1].uuid"),
                ("less-than-equal", "$.confidence"),
                ("whole-number", "$.segments[0].keyframes[1].frame"),
            ],
        ),
        (
            {
                "dataRow": ROW,
                "name": "a",
                "segments": [
                    {"keyframes": [{"frame": 1, "point": POINT}]},
                    {"keyframes": [{"frame": 1, "point": POINT}]},
                ],
            },
            [("frames", "$.segments[1].keyframes[0].frame")],
        ),
        ({"dataRow": ROW, "masks": 3}, [("masks", "$.masks")]),
        (
            {"dataRow": ROW, "masks": {"frames": [{"index": 1}], "instances": [{"name": "a"}]}, "name": "x"},
            [
                ("mask-frame", "$.masks.frames[0]"),
                ("missing", "$.masks.instances[0].colorRGB"),
                ("unknown-field", "$.name"),
            ],
        ),
        (
            {"dataRow": ROW, "masks": {"frames": [], "zz": 1}},
            [("unknown-field", "$.masks.zz"), ("missing", "$.masks.instances")],
        ),
        (
            {"dataRow": ROW, "name": "a", "point": POINT, "isBenchmarkReferenceLabel": "yes"},
            [("type", "$.isBenchmarkReferenceLabel")],
        ),
        # Names that the models know in Python are not those of lines.
        ({"dataRow": ROW, "name": "a", "point": POINT, "extra": {}}, [("unknown-field", "$.extra")]),
        ({"data_row": ROW, "name": "a", "point": POINT}, [("unknown-field", "$.data_row"), ("missing", "$.dataRow")]),
        (
            {"dataRow": ROW, "name": "a", "mask": {"mask": {"file_path": "secret.png"}}},
            [("unknown-field", "$.mask.mask"), ("mask", "$.mask")],
        ),
        (b'{"dataRow": ', [("syntax", None)]),
        (b'{"metricValue": NaN}', [("syntax", None)]),
        (b'{"metricValue": -Infinity}', [("syntax", None)]),
        (b'{"metricValue": 1e999}', [("syntax", None)]),
        (b"{} {}", [("syntax", None)]),
        (b"null", [("type", "$")]),
        (b'{"name": "\xff"}', [("encoding", None)]),
        (b"[" * 5000, [("syntax", None)]),
        ('{"name": ', [("syntax", None)]),
    ],
)
def test_faults_say_where(line, expected):
    if not expected:
        assert parse_line(line)
    else:
        assert faults(line) == expected


def test_faults_say_which_data_row():
    with pytest.raises(InputError, match=r"\$\.confidence: data row globalKey:k: expected a number, got a string"):
        parse_line({"dataRow": {"globalKey": "k"}, "name": "a", "point": POINT, "confidence": "1"})


def test_answers_nested_without_end():
    answer = b'{"name":"a","classifications":[{"name":"q","answer":' * 300 + b'"t"' + b"}]}" * 300
    assert faults(b'{"dataRow":{"id":"a"},"name":"q","answer":' + answer + b"}") == [("depth", None)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "x",
                    "y",
                    "name",
                    "answer",
                    "frames",
                    "start",
                    "size",
                    "counts",
                    "0.5",
                    "keyframes",
                    "frame",
                    "point",
                    "png",
                    "tokenIds",
                    "classifications",
                    "value",
                ]
            ),
            inner,
        )
    ),
    max_leaves=12,
)
FIELDS = [
    "dataRow",
    "name",
    "uuid",
    "confidence",
    "classifications",
    "point",
    "line",
    "polygon",
    "bbox",
    "mask",
    "page",
    "location",
    "textSelections",
    "answer",
    "frames",
    "segments",
    "masks",
    "metricValue",
    "metricName",
]


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_whatever_a_line_holds_the_error_is_ours(line):
    found = []
    try:
        parse_line({"dataRow": ROW, "name": "a"} | line)
    except InputError as error:
        found = [(fault.path, fault.message) for fault in error.faults] or [("", "")]
    assert all(path and message for path, message in found)


def test_videos_keyframes():
    line = {
        "uuid": "u",
        "dataRow": ROW,
        "name": "car",
        "classifications": [],
        "confidence": 0.5,
        "segments": [
            {
                "keyframes": [
                    {"frame": 1, "bbox": BOX, "classifications": [{"name": "q", "answer": "t"}]},
                    {"frame": 4, "bbox": BOX, "classifications": []},
                ]
            },
            {"keyframes": [{"frame": 9, "bbox": BOX, "classifications": []}]},
        ],
    }
    found = [annotation for _, annotation in parse_line(line)]
    assert [(one.frame, one.segment_index, one.keyframe, one.confidence) for one in found] == [
        (1, 0, True, 0.5),
        (4, 0, True, 0.5),
        (9, 1, True, 0.5),
    ]
    label = Label(data=ImageData(uid="r1"), annotations=interpolate(found))
    assert len(label.annotations) == 5
    assert [meaning(one) for one in to_lines(label)] == [meaning(line)]
    found[1].confidence = 0.7
    (again,) = to_lines(Label(data=ImageData(uid="r1"), annotations=found))
    assert "confidence" not in again
    assert [one["confidence"] for one in again["segments"][0]["keyframes"]] == [0.5, 0.7]
    assert [one.annotation.confidence for one in parse_line(again)] == [0.5, 0.7, 0.5]


def test_nested_answers_of_the_whole_line_hold_for_its_keyframes():
    nested = [{"name": "q", "answer": "t"}]
    keyframes = [{"frame": 1, "point": POINT}, {"frame": 2, "point": POINT, "classifications": []}]
    line = {"dataRow": ROW, "name": "a", "classifications": nested, "segments": [{"keyframes": keyframes}]}
    assert [len(one.annotation.classifications) for one in parse_line(line)] == [1, 0]


def keyframe(frame, name="car", uuid=None, segment=None, drawn=True):
    value = Point(x=frame, y=0)
    return VideoObjectAnnotation(name=name, value=value, frame=frame, keyframe=drawn, uuid=uuid, segment_index=segment)


def segments_of(annotations):
    lines = to_lines(Label(data=ImageData(uid="r1"), annotations=annotations))
    return [[[one["frame"] for one in part["keyframes"]] for part in line["segments"]] for line in lines]


def test_tracks_become_lines():
    assert segments_of([keyframe(1), keyframe(2), keyframe(5)]) == [[[1, 2], [5]]]
    assert segments_of([keyframe(1, segment=0), keyframe(5, segment=0), keyframe(7, segment=1)]) == [[[1, 5], [7]]]
    assert segments_of([keyframe(1), keyframe(1), keyframe(2)]) == [[[1, 2]], [[1]]]
    assert segments_of([keyframe(1, uuid="a"), keyframe(1, uuid="b"), keyframe(2, uuid="a")]) == [[[1, 2]], [[1]]]
    assert segments_of([keyframe(1, drawn=False), keyframe(2, drawn=False)]) == [[[1, 2]]]


def video_answer(frame, value, segment=None, uuid=None):
    return VideoClassificationAnnotation(name="q", value=value, frame=frame, segment_index=segment, uuid=uuid)


def radio(name):
    return Radio(answer=ClassificationAnswer(name=name))


def answers_of(annotations):
    lines = list(to_lines(Label(data=ImageData(uid="r1"), annotations=annotations)))
    return lines, [(line["answer"], [(one["start"], one["end"]) for one in line["frames"]]) for line in lines]


def test_answers_on_frames_become_ranges():
    yes, no = {"name": "yes"}, {"name": "no"}
    frames = [video_answer(frame, radio("yes"), uuid="u") for frame in (3, 4, 5, 9)]
    lines, found = answers_of(frames)
    assert found == [(yes, [(3, 5), (9, 9)])]
    assert lines[0]["uuid"] == "u"
    # Ends of a segment stand for all of it.
    assert answers_of([video_answer(3, radio("yes"), 0), video_answer(9, radio("yes"), 0)])[1] == [(yes, [(3, 9)])]
    # Unlike answers are lines of their own, and do not swallow each other's frames.
    mixed = [video_answer(i, radio(name), 0, "u") for i, name in enumerate(["yes", "no", "yes"])]
    lines, found = answers_of(mixed)
    assert found == [(yes, [(0, 0), (2, 2)]), (no, [(1, 1)])]
    assert lines[0]["uuid"] == "u" != lines[1]["uuid"]
    checklist = Checklist(answer=[ClassificationAnswer(name="yes"), ClassificationAnswer(name="no")])
    assert answers_of([video_answer(1, checklist)])[1] == [([yes, no], [(1, 1)])]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5)), min_size=1, max_size=5))
def test_ranges_include_both_ends(ranges):
    line = {
        "dataRow": ROW,
        "name": "q",
        "answer": {"name": "a"},
        "frames": [{"start": start, "end": start + more} for start, more in ranges],
    }
    expected = {frame for start, more in ranges for frame in range(start, start + more + 1)}
    found = parse_line(line)
    assert sorted(one.annotation.frame for one in found) == sorted(expected)
    written = [
        again
        for line in to_lines(Label(data=ImageData(uid="r1"), annotations=[one.annotation for one in found]))
        for again in parse_line(line)
    ]
    assert sorted(one.annotation.frame for one in written) == sorted(expected)


def test_texts_on_frames_share_a_line():
    line = {
        "uuid": "u",
        "dataRow": ROW,
        "name": "q",
        "answer": [
            {"value": "day", "frames": [{"start": 1, "end": 2}, {"start": 5, "end": 5}]},
            {"value": "night", "frames": [{"start": 3, "end": 4}]},
        ],
    }
    found = [annotation for _, annotation in parse_line(line)]
    assert [(one.frame, one.value.answer) for one in found] == [
        (1, "day"),
        (2, "day"),
        (5, "day"),
        (3, "night"),
        (4, "night"),
    ]
    assert list(to_lines(Label(data=ImageData(uid="r1"), annotations=found))) == [line]
    plain = {"dataRow": ROW, "name": "q", "answer": "day", "frames": [{"start": 1, "end": 2}]}
    assert [one.annotation.value for one in parse_line(plain)] == [Text(answer="day")] * 2


def test_masks():
    pixels = np.array([[0, 1, 1], [0, 1, 1]], np.uint8)
    mask = Mask(mask=MaskData.from_2D_arr(pixels), color=(1, 1, 1))
    label = Label(data=ImageData(uid="r1"), annotations=[ObjectAnnotation(name="a", value=mask)])
    (line,) = to_lines(label)
    assert list(line["mask"]) == ["png"]
    assert parse_line(line)[0].annotation.value.rle() == mask.rle()
    for counts in ("24", [2, 4]):
        wire = {"dataRow": ROW, "name": "a", "mask": {"size": [2, 3], "counts": counts}}
        ((_, annotation),) = parse_line(wire)
        assert annotation.value.rle() == mask.rle()
        assert annotation.to_line()["mask"] == {"size": [2, 3], "counts": "24"}


LINES = [{"dataRow": {"id": f"r{i}"}, "name": "é", "point": {"x": i, "y": 0.5}} for i in range(3)]


def spelled(kind):
    rows = [json.dumps(line, ensure_ascii=False).encode() for line in LINES]
    return {
        "plain": b"\n".join(rows) + b"\n",
        "no-last-newline": b"\n".join(rows),
        "crlf": b"\r\n".join(rows) + b"\r\n",
        "bom": b"\xef\xbb\xbf" + b"\n".join(rows),
        "blank-lines": b"\n \n" + b"\n\t\n\n".join(rows) + b"\n\n",
        "array": json.dumps(LINES, indent=2).encode(),
        "gzip": gzip.compress(b"\n".join(rows)),
        "zstd": pa.Codec("zstd").compress(b"\n".join(rows), asbytes=True),
    }[kind]


@pytest.mark.parametrize("kind", ["plain", "no-last-newline", "crlf", "bom", "blank-lines", "array", "gzip", "zstd"])
def test_files_of_all_spellings(tmp_path, kind):
    path = tmp_path / "lines"
    path.write_bytes(spelled(kind))
    assert [json.loads(text) for _, text in read_lines(path)] == LINES
    assert [one.data_row.value for one in read(str(path))] == ["r0", "r1", "r2"]


@pytest.mark.parametrize("kind", ["plain", "crlf", "bom", "blank-lines"])
def test_open_files(kind):
    assert [json.loads(text) for _, text in read_lines(io.BytesIO(spelled(kind)))] == LINES
    assert len(list(read(io.StringIO(spelled("plain").decode())))) == 3


def test_bad_lines_of_a_file(tmp_path):
    path = tmp_path / "lines.ndjson"
    rows = [json.dumps(line).encode() for line in LINES]
    path.write_bytes(rows[0] + b'\n\n{"x"\n' + rows[1] + b'\n{"name":"\xff"}\n{"dataRow":{"id":"a"}}')
    found = []
    assert len(list(read(path, on_fault=found.append))) == 2
    assert [(fault.line, fault.rule) for fault in found] == [(3, "syntax"), (5, "encoding"), (6, "kind")]
    assert {fault.file for fault in found} == {str(path)}
    with pytest.raises(InputError) as caught:
        list(read(path))
    assert list(caught.value.faults) == found
    with pytest.raises(InputError) as caught:
        list(NDJsonConverter.deserialize([LINES[0], {"x": 1}, LINES[1], {}]))
    assert {fault.line for fault in caught.value.faults} == {2, 4}


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        list(read(tmp_path / "none"))
    with pytest.raises(InputError, match="cannot be written"):
        write_lines(tmp_path / "none" / "lines.ndjson", LINES)


@pytest.mark.parametrize("name", ["lines.ndjson", "lines.ndjson.gz", "lines.ndjson.zst"])
def test_written_files_are_read_again(tmp_path, name):
    path = tmp_path / name
    assert write_lines(path, LINES) == 3
    first = path.read_bytes()
    assert [json.loads(text) for _, text in read_lines(path)] == LINES
    assert write_lines(path, iter(LINES)) == 3
    assert path.read_bytes() == first
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_nothing_is_half_written(tmp_path):
    path = tmp_path / "lines.ndjson"
    write_lines(path, LINES)
    before = path.read_bytes()

    def failing():
        yield LINES[0]
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        write_lines(path, failing())
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_lines(path, [{"value": float("nan")}])
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["lines.ndjson"]


def test_standard_streams(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(spelled("plain"))))
    assert len(list(read("-"))) == 3
    assert write_lines("-", LINES) == 3
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == LINES


def test_classifications_of_messages():
    line = {"uuid": "u", "dataRow": ROW, "messageId": "m", "name": "q", "answer": {"name": "a"}}
    ((_, annotation),) = parse_line(line)
    assert isinstance(annotation, ClassificationAnnotation)
    assert annotation.message_id == "m"
    assert meaning(next(to_lines(Label(data=ImageData(uid="r1"), annotations=[annotation])))) == line


def test_null_is_absent():
    line = {
        "dataRow": {"id": "r1", "globalKey": None},
        "uuid": None,
        "name": "a",
        "schemaId": None,
        "bbox": BOX,
        "page": None,
        "unit": None,
        "messageId": None,
        "confidence": None,
        "customMetrics": None,
        "classifications": None,
    }
    ((_, annotation),) = parse_line(line)
    assert type(annotation.value) is Rectangle
    assert annotation.classifications == []


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (Label(data=ImageData(uid="a")), "got one Label: put it into a list"),
        ([5], "expected labels, got a number"),
    ],
)
def test_what_is_no_list_of_labels(labels: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        list(NDJsonConverter.serialize(labels))
