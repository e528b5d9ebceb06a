from __future__ import annotations

import inspect
import json
import subprocess
import sys

import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

import labelmetrics.types as lm
from labelmetrics.errors import DataRowError
from labelmetrics.types import (
    Checklist,
    ClassificationAnnotation,
    ClassificationAnswer,
    ConversationEntity,
    CustomMetric,
    DocumentEntity,
    DocumentRectangle,
    DocumentTextSelection,
    GenericDataRowData,
    ImageData,
    Label,
    Line,
    MaskFrame,
    MaskInstance,
    ObjectAnnotation,
    Point,
    Polygon,
    Radio,
    Rectangle,
    RectangleUnit,
    ScalarMetric,
    Text,
    TextData,
    TextEntity,
    VideoClassificationAnnotation,
    VideoData,
    VideoMaskAnnotation,
    VideoObjectAnnotation,
)

NUMBER = st.floats(-1e5, 1e5)
NAME = st.text(min_size=1, max_size=6)
POINT = st.builds(Point, x=NUMBER, y=NUMBER)
SPAN = st.tuples(st.integers(0, 99), st.integers(0, 99)).map(sorted)
SCORES = {
    "confidence": st.none() | st.floats(0, 1),
    "custom_metrics": st.none() | st.lists(st.builds(CustomMetric, name=NAME, value=NUMBER), max_size=2),
}
SELECTION = st.builds(DocumentTextSelection, token_ids=st.lists(NAME), group_id=NAME, page=st.integers(1, 9))
SHAPE = st.one_of(
    POINT,
    st.builds(Line, points=st.lists(POINT, min_size=2, max_size=5)),
    st.builds(Polygon, points=st.lists(POINT, min_size=3, max_size=5)),
    SPAN.map(lambda span: TextEntity(start=span[0], end=span[1])),
    st.tuples(SPAN, NAME).map(lambda one: ConversationEntity(start=one[0][0], end=one[0][1], message_id=one[1])),
    st.builds(DocumentEntity, text_selections=st.lists(SELECTION, max_size=2)),
)


def classifications(children=None):
    nested = st.just([]) if children is None else st.lists(children, max_size=2)
    option = st.builds(
        ClassificationAnswer, name=NAME, feature_schema_id=st.none() | NAME, classifications=nested, **SCORES
    )
    value = st.one_of(
        st.builds(Radio, answer=option),
        st.builds(Checklist, answer=st.lists(option, max_size=3)),
        st.builds(Text, answer=st.text(max_size=5), classifications=nested),
    )
    return st.builds(ClassificationAnnotation, name=NAME, value=value, **SCORES)


CLASSIFICATION = classifications(classifications())
OBJECT = st.builds(ObjectAnnotation, name=NAME, value=SHAPE, classifications=st.lists(CLASSIFICATION, max_size=2),
                   **SCORES)  # fmt: skip


@given(OBJECT | CLASSIFICATION)
def test_to_the_wire_and_back(annotation):
    line = json.loads(json.dumps(annotation.to_line()))
    assert type(annotation).model_validate(line) == annotation
    assert type(annotation).model_validate(annotation.model_dump()) == annotation


@given(st.lists(OBJECT | CLASSIFICATION, max_size=3))
def test_labels_are_written_whole(annotations):
    label = Label(data=ImageData(uid="r1"), annotations=annotations)
    dumped = label.model_dump(by_alias=True, mode="json")["annotations"]
    assert dumped == [annotation.to_line() for annotation in annotations]


def box(**more):
    return Rectangle(start=Point(x=0, y=0), end=Point(x=2, y=3), **more)


def test_wire_forms_of_objects():
    page = DocumentRectangle(start=Point(x=0, y=0), end=Point(x=2, y=3), page=4, unit=RectangleUnit.POINTS)
    assert ObjectAnnotation(name="a", value=page).to_line() == {
        "name": "a",
        "bbox": {"top": 0, "left": 0, "height": 3, "width": 2},
        "page": 4,
        "unit": "POINTS",
        "classifications": [],
    }
    said = ConversationEntity(start=1, end=2, message_id="m")
    assert ObjectAnnotation(feature_schema_id="s", value=said).to_line() == {
        "schemaId": "s",
        "location": {"start": 1, "end": 2},
        "messageId": "m",
        "classifications": [],
    }


@pytest.mark.parametrize("kind", [ObjectAnnotation, ClassificationAnnotation, ClassificationAnswer])
def test_something_must_name_it(kind):
    values = {ObjectAnnotation: {"value": box()}, ClassificationAnnotation: {"value": Text(answer="a")}}
    with pytest.raises(ValidationError, match="needs a name or a schema id"):
        kind(**values.get(kind, {}))
    assert kind(feature_schema_id="s", **values.get(kind, {})).name is None


@pytest.mark.parametrize("confidence", [-0.1, 1.1, "0.5", True, float("nan")])
def test_confidences_are_shares(confidence):
    with pytest.raises(ValidationError):
        ObjectAnnotation(name="a", value=box(), confidence=confidence)
    with pytest.raises(ValidationError):
        ClassificationAnswer(name="a", confidence=confidence)


@pytest.mark.parametrize("value", [3, None, {"x": 1, "y": 2}, Radio(answer=ClassificationAnswer(name="a"))])
def test_values_are_geometries(value):
    with pytest.raises(ValidationError, match="expected a geometry"):
        ObjectAnnotation(name="a", value=value)


@pytest.mark.parametrize("value", [3, None, box(), {"answer": 3}, {"answer": None}, {}])
def test_values_are_answers(value):
    with pytest.raises(ValidationError, match="expected a"):
        ClassificationAnnotation(name="a", value=value)


def test_no_nested_answers_is_an_empty_list():
    assert ObjectAnnotation(name="a", value=box(), classifications=None).classifications == []
    assert ClassificationAnswer(name="a", classifications=None).classifications == []


def test_nested_answers_have_no_identity_on_the_wire():
    nested = ClassificationAnnotation(name="q", value=Text(answer="t"), extra={"uuid": "u", "more": 1})
    for outer in (
        ObjectAnnotation(name="a", value=box(), classifications=[nested]),
        ClassificationAnnotation(name="o", value=Text(answer="x", classifications=[nested])),
    ):
        assert outer.to_line()["classifications"] == [{"name": "q", "answer": "t"}]


def test_confidence_of_the_value_is_written_unless_the_annotation_has_one():
    value = Radio(answer=ClassificationAnswer(name="a"), confidence=0.3)
    assert ClassificationAnnotation(name="q", value=value).to_line()["confidence"] == 0.3
    assert ClassificationAnnotation(name="q", value=value, confidence=0.5).to_line()["confidence"] == 0.5


def test_labels():
    label = Label(data=ImageData(uid="r1"), annotations=[ObjectAnnotation(name="a", value=box())])
    label.annotations.extend([ScalarMetric(metric_name="m", value=1)])
    label.annotations.append(ClassificationAnnotation(name="q", value=Text(answer="t")))
    label.annotations.append(VideoObjectAnnotation(name="a", value=box(), frame=3, keyframe=True))
    label.annotations.append(VideoClassificationAnnotation(name="q", value=Text(answer="t"), frame=3))
    assert len(label.object_annotations()) == 2
    assert len(label.classification_annotations()) == 2
    assert {frame: len(found) for frame, found in label.frame_annotations().items()} == {3: 2}
    label.annotations[0].name = "b"
    assert label.annotations[0].name == "b"


@pytest.mark.parametrize("bad", ["a", 3, {"name": "a"}, None, box()])
def test_labels_hold_annotations(bad):
    with pytest.raises(ValidationError, match="expected an annotation"):
        Label(data=ImageData(uid="r1"), annotations=[bad])


def test_data_rows():
    assert ImageData is TextData is VideoData is GenericDataRowData
    assert GenericDataRowData(global_key="k", external_id="e").data_row.key == ("globalKey", "k")
    assert Label(data={"uid": "a"}).data == ImageData(uid="a", class_name="GenericDataRowData")
    with pytest.raises(ValidationError, match="got both"):
        GenericDataRowData(uid="a", global_key="b")
    with pytest.raises(ValidationError, match="got neither"):
        GenericDataRowData(url="https://example.com/a.png")
    with pytest.raises(DataRowError, match="does not identify"):
        _ = GenericDataRowData(external_id="e").data_row


def test_video_masks():
    line = {
        "masks": {
            "frames": [{"index": 1, "instanceURI": "https://example.com/1.png"}, {"index": 2, "imBytes": "AAEC"}],
            "instances": [{"colorRGB": [1, 2, 3], "name": "car"}],
        }
    }
    masks = VideoMaskAnnotation.model_validate(line)
    assert masks.frames[1].im_bytes == b"\x00\x01\x02"
    assert masks.to_line() == line
    assert [(one.frame, one.name, one.value.color) for one in masks.objects()] == [
        (1, "car", (1, 2, 3)),
        (2, "car", (1, 2, 3)),
    ]
    same = VideoMaskAnnotation(
        frames=[
            MaskFrame(index=1, instance_uri="https://example.com/1.png"),
            MaskFrame(index=2, im_bytes=b"\x00\x01\x02"),
        ],
        instances=[MaskInstance(color_rgb=(1, 2, 3), name="car")],
    )
    assert same == masks
    assert VideoMaskAnnotation.model_validate(masks.model_dump()) == masks
    with pytest.raises(ValidationError, match="needs one of instanceURI and imBytes"):
        MaskFrame(index=1)
    with pytest.raises(ValidationError, match="expected an object"):
        VideoMaskAnnotation.model_validate({"masks": 3})
    with pytest.raises(ValidationError, match="base64"):
        MaskFrame(index=1, im_bytes="?")


def test_public_names():
    assert lm.__all__ == sorted(lm.__all__)
    assert all(hasattr(lm, name) for name in lm.__all__)


def test_signatures_have_python_names():
    assert {"metric_name", "value", "feature_name", "subclass_name"} <= inspect.signature(
        ScalarMetric
    ).parameters.keys()
    assert {"feature_schema_id", "custom_metrics"} <= inspect.signature(ObjectAnnotation).parameters.keys()


def test_import_is_light():
    heavy = ("numpy", "shapely", "PIL", "pyarrow", "pycocotools", "pandas")
    code = f"import labelmetrics.types, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_document_entity_may_be_named() -> None:
    selection = DocumentTextSelection(tokenIds=["t1"], groupId="g1", page=1)
    named = DocumentEntity(name="word", textSelections=[selection])
    plain = DocumentEntity(text_selections=[selection])
    assert named.model_dump(by_alias=True) == plain.model_dump(by_alias=True)
    assert repr(named) == repr(plain)


@pytest.mark.parametrize("fields", [{"uid": ""}, {"global_key": ""}])
def test_keys_of_data_rows_are_not_empty(fields: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="at least 1 character"):
        ImageData(**fields)
