"""Objects: something with a place in a data row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, get_args

from pydantic import BeforeValidator, Field, ModelWrapValidatorHandler, SerializeAsAny, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from labelmetrics.types.base import Annotation, Feature, Scored, fail, kind_of_value, line_errors, wire_name
from labelmetrics.types.classification import Nested, nested_to_wire
from labelmetrics.types.entity import ConversationEntity, DocumentEntity, TextEntity
from labelmetrics.types.geometry import DocumentRectangle, Line, Point, Polygon, Rectangle
from labelmetrics.types.mask import Mask

__all__ = ["GEOMETRY_KEYS", "ObjectAnnotation"]

AnyGeometry = (
    Point | Line | Polygon | DocumentRectangle | Rectangle | Mask | ConversationEntity | TextEntity | DocumentEntity
)
_BY_KEY: dict[str, Any] = {
    kind.wire_key: kind for kind in get_args(AnyGeometry) if kind not in (DocumentRectangle, ConversationEntity)
}
GEOMETRY_KEYS = frozenset(_BY_KEY)
"""The fields of a line that can hold a geometry."""

# Fields of a line that belong to the geometry, and the geometry that then is meant.
_BESIDE: dict[str, tuple[tuple[str, ...], Any]] = {
    "bbox": (("page", "unit"), DocumentRectangle),
    "location": (("messageId",), ConversationEntity),
}
# Where the wire has what is a field of the model.
_FIELD_PLACES: dict[str, tuple[str, ...]] = {
    "": (),
    "points": (),
    "textSelections": (),
    "rle": (),
    "url": ("instanceURI",),
    "color": ("colorRGB",),
}
_BESIDE_NAMES: dict[str, str] = {"message_id": "messageId", "text_selections": "textSelections"}


def _is_geometry(value: object) -> object:
    if isinstance(value, get_args(AnyGeometry)):
        return value
    raise PydanticCustomError(
        "geometry_type",
        "expected a geometry such as Rectangle, Polygon, Mask or TextEntity, got {got}",
        {"got": kind_of_value(value)},
    )


class ObjectAnnotation(Scored, Feature, Annotation):
    """An object: a feature and where it is.

    Parameters
    ----------
    name, feature_schema_id : str, optional
        The feature; at least one of the two.
    value : Point, Line, Polygon, Rectangle, DocumentRectangle, Mask, TextEntity, ConversationEntity or DocumentEntity
        Where it is. In the wire form its kind is the name of the field: ``bbox``, ``polygon``, ...
    classifications : list of ClassificationAnnotation, optional
        Answers to questions about the object.
    confidence : float, optional
        From 0 to 1, of a prediction.
    custom_metrics : list of CustomMetric, optional
        Numbers of the user's own.
    data_row, uuid, extra : optional
        As in every annotation.

    Examples
    --------
    >>> cat = ObjectAnnotation(name="cat", value=Point(x=3, y=4), confidence=0.9)
    >>> cat.model_dump(by_alias=True)
    {'name': 'cat', 'confidence': 0.9, 'point': {'x': 3.0, 'y': 4.0}, 'classifications': []}
    >>> ObjectAnnotation.model_validate({"name": "cat", "confidence": 0.9, "point": {"x": 3, "y": 4}}) == cat
    True
    """

    value: Annotated[SerializeAsAny[AnyGeometry], BeforeValidator(_is_geometry)]
    classifications: Nested = Field(default_factory=list)

    @model_validator(mode="wrap")
    @classmethod
    def _from_wire(cls, data: Any, handler: ModelWrapValidatorHandler[Any]) -> Any:
        if not isinstance(data, Mapping) or "value" in data:
            return handler(data)
        fields: dict[str, Any] = {_BESIDE_NAMES.get(str(name), str(name)): value for name, value in data.items()}
        errors: list[InitErrorDetails] = []
        try:
            value = _take_geometry(fields)
        except ValidationError as error:
            errors, value = line_errors(error), Point(x=0, y=0)
        try:
            annotation = handler({**fields, "value": value})
        except ValidationError as error:
            errors += line_errors(error)
        if errors:
            raise ValidationError.from_exception_data(cls.__name__, errors)
        return annotation

    def _to_python(self, fields: dict[str, Any]) -> dict[str, Any]:
        return self._flat(fields)

    def _to_wire(self, fields: dict[str, Any]) -> dict[str, Any]:
        fields = nested_to_wire(self._flat(super()._to_wire(fields)))
        return {**fields, "classifications": fields.pop("classifications", [])}

    def _flat(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The geometry under the name of its kind, and what lines hold beside it moved there."""
        key = self.value.wire_key
        fields[key] = geometry = fields.pop("value")
        for name in _BESIDE.get(key, ((), None))[0]:
            for given in (name, "message_id"):
                if isinstance(geometry, dict) and given in geometry:
                    fields[wire_name(given)] = geometry.pop(given)
        return fields


def _take_geometry(fields: dict[str, Any]) -> Any:
    """Take the geometry out of the fields of a line."""
    found = [key for key in _BY_KEY if key in fields]
    if len(found) != 1:
        names = " and ".join(found) or "none"
        expected = ", ".join(sorted(GEOMETRY_KEYS))
        message = "expected exactly one geometry ({expected}), got {names}"
        for key in found:
            del fields[key]
        raise fail("geometry", message, value=found, expected=expected, names=names)
    (key,) = found
    for name in ("page", "unit", "messageId"):
        if fields.get(name) is None:
            fields.pop(name, None)
    kind, geometry = _BY_KEY[key], fields.pop(key)
    names_beside, kind_beside = _BESIDE.get(key, ((), None))
    beside = {name: fields.pop(name) for name in names_beside if name in fields}
    if beside:
        kind = kind_beside
        geometry = {**geometry, **beside} if isinstance(geometry, Mapping) else geometry
    try:
        return kind.model_validate(geometry)
    except ValidationError as error:
        errors = line_errors(error)
        for one in errors:
            first, *rest = one["loc"] or ("",)
            if first not in names_beside:
                one["loc"] = (key, *_FIELD_PLACES.get(str(first), (first,)), *rest)
        raise ValidationError.from_exception_data("geometry", errors) from None
