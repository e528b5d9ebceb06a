"""Constructor calls written for the Labelbox SDK work here with the same names."""

from __future__ import annotations

import inspect
import json

import numpy as np
import pytest

import labelmetrics.types as ours

pytestmark = pytest.mark.reference
theirs = pytest.importorskip("labelbox.types")

CUID = "cktiom8osh4210ytmevuk7lfh"


def built(lib):
    """One of each class, with every argument that both packages have."""

    def point(x, y):
        return lib.Point(x=x, y=y, extra={"a": 1})

    metrics = [lib_custom_metric(lib)(name="m", value=0.5)]
    scores = {"confidence": 0.5, "custom_metrics": metrics}
    text = lib.ClassificationAnnotation(
        name="t", feature_schema_id=CUID, value=lib.Text(answer="some text", **scores), extra={"uuid": "u1"}
    )
    # Of answers nested twice the SDK writes names that are not those of its own lines, unless they have nothing else.
    deep = lib.ClassificationAnnotation(name="deep", value=lib.Text(answer="some text"))
    option = lib.ClassificationAnswer(
        name="yes", feature_schema_id=CUID, classifications=[deep], keyframe=True, **scores
    )
    radio = lib.ClassificationAnnotation(name="r", value=lib.Radio(answer=option, **scores), message_id="m1", **scores)
    checklist = lib.ClassificationAnnotation(name="c", value=lib.Checklist(answer=[option], confidence=0.5))
    pixels = np.array([[0, 1], [1, 1]], np.uint8)
    shapes = [
        point(1, 2),
        lib.Line(points=[point(0, 0), point(3, 4)], extra={}),
        lib.Polygon(points=[point(0, 0), point(3, 0), point(3, 4)], extra={}),
        lib.Rectangle(start=point(0, 0), end=point(3, 4), extra={}),
        lib.Rectangle.from_xyhw(1, 2, 3, 4),
        lib.DocumentRectangle(start=point(0, 0), end=point(3, 4), page=1, unit=lib.RectangleUnit.POINTS),
        lib.Mask(mask=lib.MaskData.from_2D_arr(pixels), color=(1, 1, 1)),
        lib.Mask(mask=lib.MaskData(arr=np.dstack([pixels] * 3)), color=1),
        lib.Mask(mask=lib.MaskData(url="https://example.com/m.png"), color=(1, 2, 3)),
        lib.TextEntity(start=1, end=5, extra={}),
        lib.ConversationEntity(start=1, end=5, message_id="m1"),
        lib.DocumentEntity(text_selections=[lib.DocumentTextSelection(token_ids=["a"], group_id="g", page=1)]),
    ]
    objects = [
        lib.ObjectAnnotation(
            name="o",
            feature_schema_id=CUID,
            value=shape,
            classifications=[radio, checklist, text],
            extra={"uuid": f"{i}"},
            **scores,
        )
        for i, shape in enumerate(shapes)
    ]
    video = [
        lib.VideoObjectAnnotation(
            name="v", value=shapes[3], frame=1, keyframe=True, segment_index=0, extra={"uuid": "v"}
        ),
        lib.VideoClassificationAnnotation(name="vc", value=lib.Radio(answer=option), frame=1, segment_index=0),
        lib.VideoMaskAnnotation(
            frames=[
                lib.MaskFrame(index=1, instance_uri="https://example.com/1.png"),
                lib.MaskFrame(index=2, im_bytes=b"x"),
            ],
            instances=[lib.MaskInstance(color_rgb=(1, 2, 3), name="a", feature_schema_id=CUID)],
        ),
    ]
    return [
        *objects,
        radio,
        checklist,
        text,
        *video,
        lib.ScalarMetric(
            metric_name="m",
            value=0.5,
            feature_name="f",
            subclass_name="s",
            extra={"uuid": "s1"},
            aggregation=lib.ScalarMetricAggregation.SUM,
        ),
        lib.ScalarMetric(value={0.1: 1, 0.2: 2}),
        lib.ConfusionMatrixMetric(
            metric_name="m",
            value=[1, 2, 3, 4],
            feature_name="f",
            subclass_name="s",
            extra={},
            aggregation=lib.ConfusionMatrixAggregation.CONFUSION_MATRIX,
        ),
        lib.ConfusionMatrixMetric(metric_name="m", value={0.1: (1, 2, 3, 4), 0.2: (1, 2, 3, 4)}),
    ]


def lib_custom_metric(lib):
    if lib is ours:
        return ours.CustomMetric
    from labelbox.data.mixins import CustomMetric

    return CustomMetric


def label(lib):
    data = lib.GenericDataRowData(global_key="k", url="https://example.com/1.png", media_attributes={}, metadata=[])
    return lib.Label(uid=CUID, data=data, annotations=built(lib), extra={}, is_benchmark_reference=True)


def test_the_same_calls_work():
    mine, sdk = label(ours), label(theirs)
    for one, other in zip(mine.annotations, sdk.annotations, strict=True):
        assert type(one).__name__ == type(other).__name__
        for name in ("name", "feature_schema_id", "confidence", "frame", "metric_name", "feature_name", "message_id"):
            assert getattr(one, name, None) == getattr(other, name, None)


def test_what_they_write_is_read_here_with_the_same_meaning():
    from labelbox.data.serialization import NDJsonConverter as SdkConverter

    from labelmetrics.formats.ndjson import NDJsonConverter

    mine, sdk = label(ours), label(theirs)
    known = [one for one in sdk.annotations if not isinstance(one, theirs.VideoMaskAnnotation)]
    lines = json.loads(json.dumps(list(SdkConverter.serialize([sdk.model_copy(update={"annotations": known})]))))
    (read,) = NDJsonConverter.deserialize(lines)
    of_mine = [one for one in mine.annotations if not isinstance(one, ours.VideoMaskAnnotation)]
    assert sorted(type(one).__name__ for one in read.annotations) == sorted(type(one).__name__ for one in of_mine)
    assert read.is_benchmark_reference
    for one, again in zip(mine.object_annotations()[:12], read.object_annotations(), strict=False):
        if isinstance(one.value, ours.Mask) and one.value.mask.url is None:
            assert again.value.rle() == one.value.rle()
        else:
            assert again.value.model_dump(by_alias=True) == one.value.model_dump(by_alias=True)


def test_arguments_of_the_sdk_exist_here():
    # What only the SDK's own work needs.
    theirs_only = {"class_name"}
    for name in ours.__all__:
        sdk = getattr(theirs, name, None)
        if inspect.isclass(sdk) and hasattr(sdk, "model_fields"):
            mine = getattr(ours, name).model_fields.keys()
            assert sdk.model_fields.keys() - mine - theirs_only == set(), name


def test_sdk_enumerations_have_the_same_members():
    for name in ("RectangleUnit", "ScalarMetricAggregation", "ConfusionMatrixAggregation"):
        assert {one.name: one.value for one in getattr(ours, name)} == {
            one.name: one.value for one in getattr(theirs, name)
        }
