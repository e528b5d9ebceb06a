from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import builders as b
import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

import labelmetrics.types as lm
from labelmetrics.errors import AnnotationError
from labelmetrics.formats.objects import columns_of, columns_of_labels, data_row_of, nested_answers, page_place
from labelmetrics.kernels.batch import DataRowKey, Kind, NestedAnswer

ID = "c".ljust(25, "0")


def one(annotation: Any) -> Any:
    """The only row of an annotation's columns, as plain values."""
    columns = columns_of([annotation], "r")
    assert len(columns) == 1
    decoded = ("place", "name", "schema_id", "answer", "answer_id", "nested")
    return SimpleNamespace(
        kind=Kind(columns.kind[0]),
        box=columns.box[0].tolist(),
        confidence=float(columns.confidence[0]),
        shapes=columns.shapes,
        **{name: getattr(columns, name).decode()[0] for name in decoded},
        uuid=columns.uuid[0],
    )


def test_boxes_with_inverted_corners() -> None:
    assert one(b.box(5, 6, 1, 2)).box == [1, 2, 5, 6]
    assert one(b.box(5, 6, 1, 2)).kind is Kind.BOX


@pytest.mark.parametrize(
    ("annotation", "kind", "bounds", "wkt"),
    [
        (b.polygon([(0, 0), (4, 0), (4, 4)]), Kind.POLYGON, [0, 0, 4, 4], "POLYGON ((0 0, 4 0, 4 4, 0 0))"),
        (b.polygon([(0, 0), (4, 0), (0, 0)]), Kind.POLYGON, [0, 0, 4, 0], "POLYGON ((0 0, 4 0, 0 0, 0 0))"),
        (b.line([(1, 1), (2, 3)]), Kind.LINE, [1, 1, 2, 3], "LINESTRING (1 1, 2 3)"),
        (b.point(3, 4), Kind.POINT, [3, 4, 3, 4], "POINT (3 4)"),
    ],
)
def test_geometries(annotation: Any, kind: Kind, bounds: Any, wkt: str) -> None:
    found = one(annotation)
    assert (found.kind, found.box, found.shapes.geometries[0].wkt) == (kind, bounds, wkt)


def test_masks() -> None:
    pixels = np.zeros((4, 6), np.uint8)
    pixels[1:3, 2:5] = 1
    found = one(b.mask(pixels))
    assert (found.kind, found.box) == (Kind.MASK, [2, 1, 5, 3])
    np.testing.assert_array_equal(coco.decode(found.shapes.masks[0]), pixels)
    assert one(b.mask(np.zeros((4, 6)))).box == [0, 0, 0, 0]
    again = one(b.objekt(lm.Mask.from_rle(found.shapes.masks[0])))
    assert again.shapes.masks == found.shapes.masks


def test_texts_and_documents() -> None:
    assert (one(b.span(3, 7)).kind, one(b.span(3, 7)).box) == (Kind.SPAN, [3, 0, 7, 0])
    entity = lm.DocumentEntity(
        text_selections=[
            lm.DocumentTextSelection(token_ids=list(ids), group_id="g", page=p) for ids, p in (("ba", 2), ("bb", 1))
        ]
    )
    found = one(b.objekt(entity))
    assert (found.kind, found.place) == (Kind.TOKENS, None)
    assert found.shapes.tokens == [("1/b", "2/a", "2/b")]


def test_places() -> None:
    corners = {"start": lm.Point(x=0, y=0), "end": lm.Point(x=1, y=1)}
    unit = lm.RectangleUnit.POINTS
    assert one(b.box(0, 0, 1, 1)).place is None
    assert one(b.objekt(lm.DocumentRectangle(**corners, page=3, unit=unit))).place == "page=3;unit=POINTS"
    assert one(b.objekt(lm.ConversationEntity(start=0, end=1, message_id="m1"))).place == "message=m1"
    assert one(b.radio("q", "yes", message_id="m2")).place == "message=m2"
    video = lm.VideoObjectAnnotation(name="car", value=lm.Rectangle(**corners), frame=0, keyframe=True)
    assert one(video).place == "frame=0"
    assert one(b.span(0, 1, extra={"page": 2})).place == "page=2"
    assert page_place(1, None) == "page=1"


def test_identity_and_uuid() -> None:
    found = one(lm.ObjectAnnotation(feature_schema_id=ID, value=lm.Point(x=0, y=0), uuid="u1"))
    assert (found.name, found.schema_id, found.uuid) == (None, ID, "u1")
    assert one(b.square(0, extra={"uuid": "u2"})).uuid == "u2"
    found = one(b.radio(ID, "yes"))
    assert (found.name, found.schema_id, found.answer, found.answer_id) == (None, ID, "yes", None)


class TestClassifications:
    def test_a_checklist_has_a_row_for_each_answer(self) -> None:
        columns = columns_of([b.checklist("seen", ["road", "sky"]), b.checklist("seen", [])])
        assert columns.answer.decode() == ["road", "sky"]
        assert columns.name.decode() == ["seen", "seen"]

    def test_text(self) -> None:
        found = one(b.text("caption", "a dog"))
        assert (found.kind, found.name, found.answer, found.shapes.texts) == (Kind.TEXT, "caption", None, ["a dog"])

    @pytest.mark.parametrize(
        ("answer", "value", "annotation", "expected"),
        [
            (0.1, 0.2, 0.3, 0.1),
            (None, 0.2, 0.3, 0.2),
            (None, None, 0.3, 0.3),
            (0.0, 0.5, 0.5, 0.0),
            (None, None, None, None),
        ],
    )
    def test_the_confidence_of_the_answer_goes_first(
        self, answer: Any, value: Any, annotation: Any, expected: Any
    ) -> None:
        radio = lm.Radio(answer=lm.ClassificationAnswer(name="yes", confidence=answer), confidence=value)
        found = one(lm.ClassificationAnnotation(name="q", value=radio, confidence=annotation))
        assert found.confidence == pytest.approx(np.nan if expected is None else expected, nan_ok=True)

    def test_confidence_of_a_text(self) -> None:
        found = one(lm.ClassificationAnnotation(name="q", value=lm.Text(answer="x", confidence=0.2), confidence=0.5))
        assert found.confidence == 0.2
        assert one(b.text("q", "x", confidence=0.5)).confidence == 0.5

    def test_nested_answers(self) -> None:
        deeper = lm.ClassificationAnswer(
            name="yes", classifications=[b.radio("how", "much", classifications=[b.radio("a", "b")])]
        )
        found = one(lm.ClassificationAnnotation(name="q", value=lm.Radio(answer=deeper)))
        # Only one level counts.
        assert found.nested == (NestedAnswer("how", None, "much", None),)
        nested = [b.checklist("parts", ["tail", "head", "tail"]), b.text("note", "x"), b.radio("colour", "red")]
        assert one(b.square(0, nested=nested)).nested == (
            NestedAnswer("colour", None, "red"),
            NestedAnswer("note", None, text="x"),
            NestedAnswer("parts", None, "head"),
            NestedAnswer("parts", None, "tail"),
        )
        text = lm.ClassificationAnnotation(name="q", value=lm.Text(answer="x", classifications=[b.radio("a", "b")]))
        assert one(text).nested == (NestedAnswer("a", None, "b"),)

    def test_no_nested_answers(self) -> None:
        assert nested_answers([]) is None
        assert one(b.square(0, nested=[b.checklist("parts", [])])).nested is None
        assert one(b.radio("q", "yes")).nested is None


def test_metrics_are_passed_over() -> None:
    assert len(columns_of([lm.ScalarMetric(metric_name="mine", value=0.5), b.square(0)])) == 1
    assert len(columns_of([])) == 0


class TestVideo:
    def frames(self, x: dict[int, float], **fields: Any) -> list[Any]:
        return [
            lm.VideoObjectAnnotation(name="car", value=lm.Point(x=at, y=0), frame=frame, keyframe=True, **fields)
            for frame, at in x.items()
        ]

    def test_segments_are_drawn_out(self) -> None:
        columns = columns_of(self.frames({1: 0, 3: 10}, segment_index=0))
        assert columns.place.decode() == ["frame=1", "frame=2", "frame=3"]
        assert columns.box[:, 0].tolist() == [0, 5, 10]

    def test_frames_without_segments_are_not(self) -> None:
        assert columns_of(self.frames({1: 0, 3: 10})).place.decode() == ["frame=1", "frame=3"]

    def test_other_annotations_beside_segments(self) -> None:
        answer = lm.VideoClassificationAnnotation(
            name="q", value=lm.Radio(answer=lm.ClassificationAnswer(name="yes")), frame=2, segment_index=0
        )
        metric = lm.ScalarMetric(metric_name="mine", value=1)
        columns = columns_of([*self.frames({1: 0, 3: 10}, segment_index=0), answer, b.radio("q", "no"), metric])
        assert sorted(map(str, columns.place.decode())) == ["None", "frame=1", "frame=2", "frame=2", "frame=3"]

    def test_segments_that_do_not_hold_together(self) -> None:
        mixed = [*self.frames({1: 0}, segment_index=0), *self.frames({2: 0})]
        with pytest.raises(AnnotationError, match="segment_index"):
            columns_of(mixed)

    def masks(self, *colours: tuple[int, int, int], **fields: Any) -> Any:
        frames = []
        for index, colour in enumerate(colours):
            pixels = np.zeros((4, 4, 3), np.uint8)
            pixels[1:3, 1:3] = colour
            file = io.BytesIO()
            Image.fromarray(pixels).save(file, format="PNG")
            frames.append(lm.MaskFrame(index=index, im_bytes=file.getvalue()))
        instances = [
            lm.MaskInstance(color_rgb=colour, name=name)
            for colour, name in (((255, 0, 0), "car"), ((0, 255, 0), "dog"))
        ]
        return lm.VideoMaskAnnotation(frames=frames, instances=instances, **fields)

    def test_masks_are_on_the_frames_that_show_them(self) -> None:
        columns = columns_of([self.masks((255, 0, 0), (0, 255, 0), (255, 0, 0), confidence=0.5)])
        seen = list(zip(columns.place.decode(), columns.name.decode(), strict=True))
        assert seen == [("frame=0", "car"), ("frame=1", "dog"), ("frame=2", "car")]
        assert columns.box.tolist() == [[1, 1, 3, 3]] * 3
        assert columns.confidence.tolist() == [0.5] * 3

    def test_masks_that_would_have_to_be_fetched(self) -> None:
        frame = lm.MaskFrame(index=0, instance_uri="https://example.org/mask.png")
        annotation = lm.VideoMaskAnnotation(frames=[frame], instances=[lm.MaskInstance(color_rgb=(1, 1, 1), name="a")])
        with pytest.raises(AnnotationError, match="never fetched"):
            columns_of([annotation])


class TestErrors:
    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            (SimpleNamespace(name="x"), "a value of type NoneType is not compared"),
            (SimpleNamespace(name="x", value=3), "a value of type int is not compared"),
            ("cat", "a value of type NoneType is not compared"),
            (b.objekt(lm.Mask(mask=lm.MaskData(url="https://example.org/m.png"))), "never fetched"),
            (b.objekt(lm.Mask(mask=lm.MaskData(im_bytes=b"no image"))), "image of a mask is none"),
        ],
    )
    def test_what_is_no_annotation(self, wrong: Any, message: str) -> None:
        with pytest.raises(AnnotationError, match=message) as caught:
            columns_of([b.square(0), wrong], DataRowKey("id", "r1"))
        (fault,) = caught.value.faults
        assert (fault.path, fault.data_row, fault.rule) == ("$[1]", "id:r1", "annotation")

    @pytest.mark.parametrize("kind", ["Point", "Rectangle", "Line", "Polygon"])
    @pytest.mark.parametrize("far", [float("nan"), float("inf"), -1e308])
    def test_coordinates_that_are_no_numbers(self, kind: str, far: float) -> None:
        # Foreign objects are not validated.
        bad, good = (SimpleNamespace(x=x, y=1.0) for x in (far, 1.0))
        value = type(kind, (), {"start": bad, "end": good, "points": [good, bad, good], "x": bad.x, "y": 1.0})()
        foreign = SimpleNamespace(name="cat", feature_schema_id=None, value=value, classifications=[])
        with pytest.raises(AnnotationError, match="coordinates must be numbers between"):
            columns_of([foreign])


class TestLabels:
    def test_annotations_of_all_labels(self) -> None:
        labels = [
            lm.Label(data=lm.ImageData(uid="a"), annotations=[b.square(0), b.square(5)]),
            lm.Label(data=lm.ImageData(uid="b")),
        ]
        columns = columns_of_labels(labels)
        assert columns.data_row.decode() == [DataRowKey("id", "a")] * 2
        assert columns.listed == [DataRowKey("id", "a"), DataRowKey("id", "b")]

    def test_keys_of_data_rows(self) -> None:
        assert data_row_of(lm.Label(data=lm.ImageData(global_key="g"))) == DataRowKey("globalKey", "g")
        with pytest.raises(AnnotationError, match="neither uid nor global_key"):
            data_row_of(SimpleNamespace(data=SimpleNamespace(external_id="x")))


@pytest.mark.reference
class TestLabelboxObjects:
    """Annotations of the Labelbox SDK give the same columns as those of this package."""

    @pytest.fixture
    def lb(self) -> Any:
        return pytest.importorskip("labelbox.types")

    def test_all_kinds(self, lb: Any) -> None:
        def make(kit: Any) -> list[Any]:
            nested = [b.radio("colour", "red", kit), b.checklist("parts", ["tail"], kit), b.text("note", "x", kit)]
            corners = {"start": kit.Point(x=0, y=0), "end": kit.Point(x=1, y=1)}
            unit = kit.RectangleUnit.POINTS
            return [
                b.box(5, 5, 1, 1, kit=kit, nested=nested, confidence=0.5),
                b.polygon([(0, 0), (4, 0), (4, 4)], kit=kit),
                b.line([(0, 0), (4, 4)], kit=kit),
                b.point(1, 2, kit=kit, extra={"uuid": "u1"}),
                b.mask(np.eye(4), kit=kit),
                b.span(1, 3, kit=kit),
                b.tokens("ab", kit=kit),
                b.objekt(kit.DocumentRectangle(**corners, page=1, unit=unit), kit=kit),
                b.objekt(kit.ConversationEntity(start=0, end=2, message_id="m"), kit=kit),
                b.radio("q", "yes", kit, confidence=0.25),
                b.checklist("seen", ["road"], kit),
                b.text("caption", "x", kit, message_id="m2"),
                kit.VideoObjectAnnotation(name="car", value=kit.Point(x=0, y=0), frame=2, keyframe=True),
            ]

        mine, theirs = columns_of(make(lm)), columns_of(make(lb))
        assert mine.uuid.tolist() == theirs.uuid.tolist()
        for name in ("place", "name", "answer", "nested"):
            assert getattr(mine, name).decode() == getattr(theirs, name).decode(), name
        np.testing.assert_array_equal(mine.box, theirs.box)
        np.testing.assert_array_equal(mine.kind, theirs.kind)
        np.testing.assert_array_equal(mine.confidence, theirs.confidence)
        assert mine.shapes.masks == theirs.shapes.masks
        assert mine.shapes.tokens == theirs.shapes.tokens
        assert [one.wkt for one in mine.shapes.geometries] == [one.wkt for one in theirs.shapes.geometries]

    def test_segments(self, lb: Any) -> None:
        for make in (
            lambda kit, x: kit.Point(x=x, y=0),
            lambda kit, x: b.rectangle(x, 0, x + 1, 1, kit),
            lambda kit, x: kit.Polygon(points=[kit.Point(x=x, y=0), kit.Point(x=x, y=1), kit.Point(x=x + 1, y=1)]),
            lambda kit, x: kit.TextEntity(start=int(x), end=30),
        ):
            sides = [
                columns_of(
                    [
                        kit.VideoObjectAnnotation(
                            name="car", value=make(kit, x), frame=frame, keyframe=True, segment_index=0,
                            extra={"uuid": "3c5a9b1e-3f3a-4b1f-9d52-0d3a6f6a1b11"},
                        )
                        for frame, x in ((1, 0), (3, 10))
                    ]
                )
                for kit in (lm, lb)
            ]  # fmt: skip
            np.testing.assert_array_equal(sides[0].box, sides[1].box)
            assert sides[1].place.decode() == ["frame=1", "frame=2", "frame=3"]
            assert sides[0].uuid.tolist() == sides[1].uuid.tolist()

    def test_masks_without_pixels(self, lb: Any) -> None:
        for data in ({"url": "https://example.org/m.png"}, {"uid": "some"}):
            with pytest.raises(AnnotationError, match="cannot be compared"):
                columns_of([b.objekt(lb.Mask(mask=lb.MaskData(**data), color=1), kit=lb)])

    def test_masks_as_files(self, lb: Any) -> None:
        file = io.BytesIO()
        Image.fromarray(np.eye(3, dtype=np.uint8)).save(file, format="PNG")
        found = one(b.objekt(lb.Mask(mask=lb.MaskData(im_bytes=file.getvalue()), color=(1, 1, 1)), kit=lb))
        assert coco.decode(found.shapes.masks[0]).tolist() == np.eye(3).tolist()
