"""Annotations as Python objects, of this package or with the same attributes, turned into columns.

Objects are told apart by the names of their classes, so that annotations of the Labelbox SDK are read without
importing it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from pydantic import ValidationError

from labelmetrics.errors import AnnotationError, Fault
from labelmetrics.kernels.batch import Coded, Columns, DataRowKey, Kind, NestedAnswer, Shapes
from labelmetrics.limits import FARTHEST

METRICS = frozenset({"ScalarMetric", "ConfusionMatrixMetric"})


def columns_of(annotations: Iterable[Any], data_row: DataRowKey | str = "") -> Columns:
    """Columns of the annotations of one data row, in their order; metric annotations are passed over.

    Parameters
    ----------
    annotations : iterable
        Object and classification annotations of ``labelmetrics.types``, or objects with the same attributes.
    data_row : DataRowKey or str
        The data row that they belong to.

    Raises
    ------
    AnnotationError
        An object is no annotation that can be compared, or a mask is known by its address only.

    Examples
    --------
    >>> from labelmetrics.types import ObjectAnnotation, Point, Rectangle
    >>> box = ObjectAnnotation(name="cat", value=Rectangle(start=Point(x=0, y=0), end=Point(x=2, y=3)))
    >>> columns_of([box]).box.tolist()
    [[0.0, 0.0, 2.0, 3.0]]
    """
    if hasattr(annotations, "annotations"):
        raise AnnotationError("expected the annotations of one data row, got a Label: pass label.annotations")
    if hasattr(annotations, "value"):
        name = type(annotations).__name__
        raise AnnotationError(f"expected the annotations of one data row, got one {name}: put it into a list")
    builder = AnnotationBuilder()
    builder.add_all(annotations, data_row)
    return builder.columns()


def columns_of_labels(labels: Iterable[Any]) -> Columns:
    """Columns of the annotations of many labels; a label without annotations still names its data row."""
    builder = AnnotationBuilder()
    for label in labels:
        key = data_row_of(label)
        builder.listed.append(key)
        builder.add_all(label.annotations, key)
    return builder.columns()


def data_row_of(label: Any) -> DataRowKey:
    """Identity of a label's data row.

    Raises
    ------
    AnnotationError
        The label has neither a ``uid`` nor a ``global_key``.
    """
    for kind, attribute in (("id", "uid"), ("globalKey", "global_key")):
        value = getattr(label.data, attribute, None)
        if value is not None:
            return DataRowKey(kind, value)
    raise AnnotationError(
        "a label has no data row",
        [Fault(rule="data-row", message="its data has neither uid nor global_key", remedy="set one of them")],
    )


class AnnotationBuilder:
    """Collects one row per annotation (per answer, for classifications) in lists."""

    def __init__(self) -> None:
        self.listed: list[DataRowKey] = []
        self._rows: list[tuple[Any, ...]] = []
        self._geometries: list[Any] = []
        self._masks: list[dict[str, Any]] = []
        self._tokens: list[tuple[str, ...]] = []
        self._texts: list[str] = []

    def add_all(self, annotations: Iterable[Any], data_row: DataRowKey | str) -> None:
        for position, annotation in enumerate(_interpolated(annotations)):
            names = _class_names(annotation)
            if names & METRICS:
                continue
            if hasattr(annotation, "annotations"):
                raise AnnotationError(
                    f"expected the annotations of one data row, got a list of {type(annotation).__name__}s: pass "
                    "label.annotations, or compare all labels with evaluate"
                )
            try:
                self._add(annotation, names, data_row)
            except (_NotComparable, AnnotationError, ValidationError) as error:
                problem = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
                raise AnnotationError(
                    "an annotation cannot be compared",
                    [
                        Fault(
                            rule="annotation",
                            message=problem,
                            path=f"$[{position}]",
                            data_row=str(data_row) or None,
                        )
                    ],
                ) from error

    def add_line(self, parsed: Sequence[tuple[DataRowKey, Any]]) -> None:
        """Add what one line holds."""
        if parsed:
            self.add_all((annotation for _, annotation in parsed), parsed[0][0])

    def columns(self) -> Columns:
        """Everything that has been added."""
        fields = list(zip(*self._rows, strict=True)) or [()] * 12
        row, place, name, schema_id, answer, answer_id, kind, box, shape, confidence, nested, uuid = fields
        geometries = np.empty(len(self._geometries), object)
        geometries[:] = self._geometries
        return Columns.make(
            data_row=Coded.of(row),
            place=Coded.of(place),
            name=Coded.of(name),
            schema_id=Coded.of(schema_id),
            answer=Coded.of(answer),
            answer_id=Coded.of(answer_id),
            kind=np.array(kind, np.int8),
            box=np.array(box, np.float64).reshape(-1, 4),
            shape=np.array(shape, np.int64),
            shapes=Shapes(geometries, self._masks, self._tokens, self._texts),
            confidence=np.array([np.nan if value is None else value for value in confidence], np.float64),
            nested=Coded.of(nested),
            uuid=np.array(uuid, object),
            listed=self.listed,
        )

    def _add(self, annotation: Any, names: frozenset[str], data_row: DataRowKey | str) -> None:
        if "VideoMaskAnnotation" in names:
            for instance, frame, mask in _video_masks(annotation):
                shape = self._shape(mask, frozenset({"Mask"}))
                confidence = getattr(annotation, "confidence", None)
                self._row(data_row, f"frame={frame}", instance, shape, confidence=confidence)
            return
        value: Any = getattr(annotation, "value", None)
        value_names = _class_names(value)
        place = _place(annotation, value)
        if "Radio" in value_names:
            self._answer(data_row, place, annotation, value, value.answer)
        elif "Checklist" in value_names:
            for answer in value.answer:
                self._answer(data_row, place, annotation, value, answer)
        elif "Text" in value_names:
            self._texts.append(value.answer)
            shape = (Kind.TEXT, _NO_BOX, len(self._texts) - 1)
            confidence = _first(getattr(value, "confidence", None), getattr(annotation, "confidence", None))
            self._row(data_row, place, annotation, shape, nested=value, confidence=confidence)
        else:
            self._row(data_row, place, annotation, self._shape(value, value_names), nested=annotation)

    def _answer(self, data_row: Any, place: str | None, annotation: Any, value: Any, answer: Any) -> None:
        confidence = _first(
            getattr(answer, "confidence", None),
            getattr(value, "confidence", None),
            getattr(annotation, "confidence", None),
        )
        shape = (Kind.ANSWER, _NO_BOX, -1)
        self._row(data_row, place, annotation, shape, answer=answer, nested=answer, confidence=confidence)

    def _row(
        self,
        data_row: Any,
        place: str | None,
        feature: Any,
        shape: tuple[Kind, Sequence[float], int],
        *,
        answer: Any = None,
        nested: Any = None,
        confidence: float | None = None,
    ) -> None:
        kind, box, index = shape
        extra = getattr(feature, "extra", None) or {}
        uuid = _first(getattr(feature, "uuid", None), extra.get("uuid"))
        self._rows.append(
            (
                data_row,
                place,
                feature.name,
                feature.feature_schema_id,
                getattr(answer, "name", None),
                getattr(answer, "feature_schema_id", None),
                kind,
                box,
                index,
                _first(confidence, None if answer is not None else getattr(feature, "confidence", None)),
                nested_answers(getattr(nested, "classifications", None) or ()),
                None if uuid is None else str(uuid),
            )
        )

    def _shape(self, value: Any, names: frozenset[str]) -> tuple[Kind, Sequence[float], int]:
        """Kind, box and index into the store of a geometry."""
        if "Rectangle" in names:
            xs, ys = sorted((value.start.x, value.end.x)), sorted((value.start.y, value.end.y))
            return Kind.BOX, _near((xs[0], ys[0], xs[1], ys[1])), -1
        if "Mask" in names:
            from pycocotools import mask as coco

            self._masks.append(_rle(value))
            left, top, width, height = coco.toBbox(self._masks[-1]).tolist()
            return Kind.MASK, (left, top, left + width, top + height), len(self._masks) - 1
        if names & {"Polygon", "Point", "Line"}:
            import shapely

            points = _near([(point.x, point.y) for point in ([value] if "Point" in names else value.points)])
            geometry: Any
            if "Polygon" in names:
                kind, geometry = Kind.POLYGON, shapely.Polygon(points)
            elif "Line" in names:
                kind, geometry = Kind.LINE, shapely.LineString(points)
            else:
                kind, geometry = Kind.POINT, shapely.Point(points[0])
            self._geometries.append(geometry)
            return kind, geometry.bounds, len(self._geometries) - 1
        if "DocumentEntity" in names:
            tokens = {f"{part.page}/{token}" for part in value.text_selections for token in part.token_ids}
            self._tokens.append(tuple(sorted(tokens)))
            return Kind.TOKENS, _NO_BOX, len(self._tokens) - 1
        if "TextEntity" in names:
            return Kind.SPAN, (value.start, 0, value.end, 0), -1
        raise _NotComparable(f"a value of type {type(value).__name__} is not compared by any metric")


_NO_BOX = (0.0, 0.0, 0.0, 0.0)


class _NotComparable(ValueError):
    pass


def _class_names(value: Any) -> frozenset[str]:
    return frozenset(cls.__name__ for cls in type(value).__mro__)


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _place(annotation: Any, value: Any) -> str | None:
    extra = getattr(annotation, "extra", None) or {}
    frame = getattr(annotation, "frame", None)
    if frame is not None:
        return f"frame={frame}"
    page = _first(getattr(value, "page", None), extra.get("page"))
    if page is not None:
        unit = _first(getattr(value, "unit", None), extra.get("unit"))
        return page_place(page, getattr(unit, "value", unit))
    message = _first(getattr(value, "message_id", None), getattr(annotation, "message_id", None))
    return None if message is None else f"message={message}"


def page_place(page: int, unit: str | None) -> str:
    """Place of an annotation on a document page.

    >>> page_place(3, "POINTS")
    'page=3;unit=POINTS'
    """
    return f"page={page}" if unit is None else f"page={page};unit={unit}"


def nested_answers(classifications: Iterable[Any]) -> tuple[NestedAnswer, ...] | None:
    """Nested answers one level deep, sorted and distinct; ``None`` where there are none."""
    found = set()
    for classification in classifications:
        question = classification.name, classification.feature_schema_id
        answer = classification.value.answer
        if isinstance(answer, str):
            found.add(NestedAnswer(*question, text=answer))
        else:
            for one in answer if isinstance(answer, list | tuple) else [answer]:
                found.add(NestedAnswer(*question, one.name, one.feature_schema_id))
    return tuple(sorted(found, key=lambda item: tuple(part or "" for part in item))) or None


def _interpolated(annotations: Iterable[Any]) -> Iterable[Any]:
    """Keyframes of a segment drawn out to its frames."""
    listed = list(annotations)
    moving = [one for one in listed if "VideoObjectAnnotation" in _class_names(one)]
    if not any(one.segment_index is not None for one in moving):
        return listed
    from labelmetrics.types import interpolate

    still = [one for one in listed if "VideoObjectAnnotation" not in _class_names(one)]
    return [*still, *interpolate(map(_own_video_object, moving))]


def _own_video_object(annotation: Any) -> Any:
    """The same object with geometries of this package, which know what lies between two keyframes."""
    from labelmetrics import types

    if isinstance(annotation, types.VideoObjectAnnotation):
        return annotation
    kind = getattr(types, type(annotation.value).__name__, None)
    value = annotation.value
    if kind in (types.Point, types.Line, types.Polygon, types.Rectangle):
        value = kind(**value.model_dump(exclude={"extra"}))
    fields = ("name", "feature_schema_id", "classifications", "frame", "keyframe", "segment_index", "extra")
    return types.VideoObjectAnnotation.model_construct(
        value=value, uuid=annotation.extra.get("uuid"), **{name: getattr(annotation, name) for name in fields}
    )


def _near(numbers: Any) -> Any:
    if not (np.abs(numbers) <= FARTHEST).all():
        raise _NotComparable(f"its coordinates must be numbers between {-FARTHEST:g} and {FARTHEST:g}")
    return numbers


def _rle(mask: Any) -> dict[str, Any]:
    """COCO run-length encoding of a mask of this package or of the Labelbox SDK."""
    if hasattr(mask, "rle"):
        return dict(mask.rle())
    from labelmetrics.types import Mask, MaskData

    data = mask.mask
    known = {name: getattr(data, name) for name in ("arr", "im_bytes", "file_path", "url")}
    return Mask(mask=MaskData(**{k: v for k, v in known.items() if v is not None}), color=mask.color).rle()


def _video_masks(annotation: Any) -> Iterator[tuple[Any, int, Any]]:
    """Instance, frame and mask of every instance of a video mask, in the frames that show its colour."""
    from pycocotools import mask as coco

    from labelmetrics.types import Mask, MaskData

    for frame in annotation.frames:
        if frame.im_bytes is None:
            raise _NotComparable("a video mask known only by its address is never fetched; give its pixels")
        data = MaskData(im_bytes=frame.im_bytes)
        for instance in annotation.instances:
            mask = Mask(mask=data, color=instance.color_rgb)
            if coco.area(mask.rle()):
                yield instance, frame.index, mask
