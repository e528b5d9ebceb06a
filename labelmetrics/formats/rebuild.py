"""Columns turned back into annotation objects, for metrics that people write themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from labelmetrics.kernels.batch import Columns, Kind, NestedAnswer
from labelmetrics.types import (
    Checklist,
    ClassificationAnnotation,
    ClassificationAnswer,
    ConversationEntity,
    DocumentEntity,
    DocumentRectangle,
    DocumentTextSelection,
    Line,
    Mask,
    MaskData,
    ObjectAnnotation,
    Point,
    Polygon,
    Radio,
    Rectangle,
    RectangleUnit,
    Text,
    TextEntity,
    VideoClassificationAnnotation,
    VideoObjectAnnotation,
)

Annotation = ObjectAnnotation | ClassificationAnnotation


def annotations_by_row(columns: Columns, rows: Sequence[str]) -> Iterator[list[Annotation]]:
    """Yield the annotations of each data row, in their order."""
    positions = {row: index for index, row in enumerate(rows)}
    codes = np.array([*(positions[value] for value in columns.data_row.values), -1], np.int64)[columns.data_row.codes]
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(len(rows) + 1))
    for start, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        yield annotations_of(columns.take(order[start:stop]))


def annotations_of(columns: Columns) -> list[Annotation]:
    """Annotations of columns, one per row: each answer of a checklist is one of its own.

    Examples
    --------
    >>> from labelmetrics.formats.objects import columns_of
    >>> box = ObjectAnnotation(name="cat", value=Rectangle(start=Point(x=0, y=0), end=Point(x=2, y=3)))
    >>> annotations_of(columns_of([box])) == [box]
    True
    """
    coded = ("place", "name", "schema_id", "answer", "answer_id", "nested")
    lists = {name: getattr(columns, name).decode() for name in coded} | {"uuid": columns.uuid.tolist()}
    lists["confidence"] = [None if np.isnan(value) else value for value in columns.confidence.tolist()]
    return [
        _annotation(columns, index, **{name: values[index] for name, values in lists.items()})
        for index in range(len(columns))
    ]


def _annotation(
    columns: Columns,
    index: int,
    *,
    place: str | None,
    name: str | None,
    schema_id: str | None,
    answer: str | None,
    answer_id: str | None,
    nested: tuple[NestedAnswer, ...] | None,
    uuid: str | None,
    confidence: float | None,
) -> Annotation:
    where = _where(place)
    classifications = [_nested(item) for item in nested or ()]
    fields: dict[str, Any] = {"name": name, "feature_schema_id": schema_id, "confidence": confidence, "uuid": uuid}
    kind = Kind(columns.kind[index])
    if kind.is_classification:
        if kind is Kind.TEXT:
            value: Any = Text(
                answer=columns.shapes.texts[columns.shape[index]], classifications=classifications or None
            )
        else:
            chosen = ClassificationAnswer(
                name=answer, feature_schema_id=answer_id, classifications=classifications or None
            )
            value = Radio(answer=chosen)
        fields["message_id"] = where.get("message")
        if "frame" in where:
            return VideoClassificationAnnotation(value=value, frame=int(where["frame"]), **fields)
        return ClassificationAnnotation(value=value, **fields)
    value = _value(columns, index, kind, where)
    fields["classifications"] = classifications
    if "frame" in where:
        return VideoObjectAnnotation(value=value, frame=int(where["frame"]), keyframe=True, **fields)
    return ObjectAnnotation(value=value, **fields)


def _where(place: str | None) -> dict[str, str]:
    if place is None:
        return {}
    if place.startswith("message="):
        return {"message": place.removeprefix("message=")}
    return dict(part.split("=", 1) for part in place.split(";"))


def _value(columns: Columns, index: int, kind: Kind, where: dict[str, str]) -> Any:
    import shapely

    left, top, right, bottom = columns.box[index].tolist()
    shape = int(columns.shape[index])
    match kind:
        case Kind.BOX:
            corners = {"start": Point(x=left, y=top), "end": Point(x=right, y=bottom)}
            if "page" in where:
                unit = RectangleUnit(where.get("unit", "POINTS"))
                return DocumentRectangle(**corners, page=int(where["page"]), unit=unit)
            return Rectangle(**corners)
        case Kind.POLYGON | Kind.LINE | Kind.POINT:
            geometry = columns.shapes.geometries[shape]
            points = [Point(x=x, y=y) for x, y in shapely.get_coordinates(geometry).tolist()]
            if kind is Kind.POINT:
                return points[0]
            return Polygon(points=points) if kind is Kind.POLYGON else Line(points=points)
        case Kind.MASK:
            return Mask(mask=MaskData(rle=columns.shapes.masks[shape]))
        case Kind.TOKENS:
            pages: dict[int, list[str]] = {}
            for token in columns.shapes.tokens[shape]:
                page, name = token.split("/", 1)
                pages.setdefault(int(page), []).append(name)
            return DocumentEntity(
                text_selections=[
                    DocumentTextSelection(token_ids=names, group_id="", page=page) for page, names in pages.items()
                ]
            )
        case _:
            span = {"start": int(left), "end": int(right)}
            return ConversationEntity(**span, message_id=where["message"]) if "message" in where else TextEntity(**span)


def _nested(item: NestedAnswer) -> ClassificationAnnotation:
    value: Any
    if item.text is not None:
        value = Text(answer=item.text)
    else:
        value = Checklist(answer=[ClassificationAnswer(name=item.answer, feature_schema_id=item.answer_id)])
    return ClassificationAnnotation(name=item.question, feature_schema_id=item.question_id, value=value)
