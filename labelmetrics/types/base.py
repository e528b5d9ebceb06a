"""What all models share: strict numbers, the names on the wire, and the step from Python names to the wire form."""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Self, TypeVar, cast

from pydantic import (
    AliasChoices,
    AliasGenerator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    StrictBool,
    TypeAdapter,
    ValidationError,
    WrapValidator,
    model_serializer,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from labelmetrics.limits import FARTHEST

__all__ = ["Annotation", "Confidence", "Count", "CustomMetric", "DataRow", "Feature", "Finite", "Model", "Scored"]

T = TypeVar("T")

# The names that are not simply the camel case of the Python name.
_WIRE_NAMES = {
    "color_rgb": "colorRGB",
    "feature_schema_id": "schemaId",
    "instance_uri": "instanceURI",
}
_JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)


def wire_name(name: str) -> str:
    return _WIRE_NAMES.get(name) or to_camel(name)


def kind_of_value(value: object) -> str:
    """A word for the type of a value, as people who write JSON call it."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case str():
            return "a string"
        case int() | float():
            return "a number"
        case Mapping():
            return "an object"
        case list() | tuple():
            return "a list"
        case _:
            return type(value).__name__


def _number(value: object) -> float | int:
    if type(value) is float or type(value) is int:
        return value
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "ndim", None) == 0:  # scalars of NumPy, PyTorch and their kin
        value = item()
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return int(value) if isinstance(value, numbers.Integral) else float(value)
    raise PydanticCustomError("number_type", "expected a number, got {got}", {"got": kind_of_value(value)})


def _finite(value: object) -> float:
    number = _number(value)
    try:
        number = float(number)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise PydanticCustomError("finite_number", "expected a finite number")
    return number


def _whole(value: object) -> int:
    number = _number(value)
    if isinstance(number, float):
        if not number.is_integer():
            raise PydanticCustomError("whole_number", "expected a whole number")
        number = int(number)
    return number


def _key(value: object) -> float:
    """A confidence key: a number, or the text of one, as keys of JSON objects are."""
    if isinstance(value, str):
        if not _JSON_NUMBER.fullmatch(value):
            raise PydanticCustomError("confidence_key", "expected a number as confidence key")
        value = float(value)
    return _finite(value)


Finite = Annotated[float, BeforeValidator(_finite), Field(allow_inf_nan=False)]
Coordinate = Annotated[float, BeforeValidator(_finite), Field(ge=-FARTHEST, le=FARTHEST)]
Confidence = Annotated[float, BeforeValidator(_finite), Field(ge=0, le=1)]
ConfidenceKey = Annotated[float, BeforeValidator(_key), Field(ge=0, le=1)]
Count = Annotated[int, BeforeValidator(_whole), Field(ge=0)]
PageNumber = Annotated[int, BeforeValidator(_whole), Field(ge=1)]
Flag = StrictBool
Text = Annotated[str, Field(strict=True)]
Name = Annotated[str, Field(strict=True, min_length=1)]


def none_is_empty(value: object) -> object:
    return [] if value is None else value


def either(choose: Callable[[Any], Any]) -> WrapValidator:
    """Validate with the one type that ``choose`` picks, so that errors speak of that type only."""
    adapters: dict[Any, TypeAdapter[Any]] = {}

    def validate(value: Any, _handler: object) -> Any:
        kind = choose(value)
        if kind not in adapters:
            adapters[kind] = TypeAdapter(kind)
        return adapters[kind].validate_python(value)

    return WrapValidator(validate)


def line_errors(error: ValidationError, *prefix: str | int) -> list[InitErrorDetails]:
    """The faults of ``error`` with ``prefix`` before each place, to raise them again from an outer model."""
    return [line_error(details, *prefix) for details in error.errors(include_url=False)]


def line_error(details: ErrorDetails, *prefix: str | int) -> InitErrorDetails:
    message = details["msg"].removeprefix("Value error, ")
    # Braces would be taken for placeholders.
    kind = PydanticCustomError(cast("Any", details["type"]), cast("Any", message.replace("{", "{{").replace("}", "}}")))
    return {"type": kind, "loc": (*prefix, *details["loc"]), "input": details["input"]}


def fail(kind: str, message: str, *place: str | int, value: object = None, **context: object) -> ValidationError:
    """A validation error at one place."""
    problem = PydanticCustomError(cast("Any", kind), cast("Any", message), context or None)
    return ValidationError.from_exception_data("line", [{"type": problem, "loc": place, "input": value}])


def unknown_field(*place: str | int) -> ValidationError:
    return fail("extra_forbidden", "Extra inputs are not permitted", *place)


class Model(BaseModel):
    """Base of all models: checked on assignment, no unknown fields, Python names and wire names both accepted.

    ``model_dump(by_alias=True)`` gives the wire form.
    """

    model_config = ConfigDict(
        # Choices of one, since signatures would show a plain alias instead of the Python name.
        alias_generator=AliasGenerator(
            validation_alias=lambda name: AliasChoices(wire_name(name)), serialization_alias=wire_name
        ),
        validate_by_name=True,
        validate_by_alias=True,
        validate_assignment=True,
        extra="forbid",
    )

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in type(self).model_fields:
            super().__setattr__(name, value)
            return
        before = self.__dict__.copy()
        try:
            super().__setattr__(name, value)
        except ValidationError:  # a check of the whole model fails only after the value has been set
            self.__dict__.update(before)
            raise

    def __eq__(self, other: object) -> bool:
        # Unlike pydantic's own: what is cached in private attributes does not count.
        if not isinstance(other, Model):
            return NotImplemented
        return type(self) is type(other) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]

    @model_serializer(mode="wrap")
    def _dump(self, handler: SerializerFunctionWrapHandler, info: SerializationInfo) -> dict[str, Any]:
        fields = handler(self)
        return self._to_wire(fields) if info.by_alias else self._to_python(fields)

    def _to_python(self, fields: dict[str, Any]) -> dict[str, Any]:
        return fields

    def _to_wire(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in fields.items() if value is not None and name != "extra"}


class CustomMetric(Model):
    """A number that people attach to a prediction.

    Parameters
    ----------
    name : str
        Its name.
    value : float
        Any finite number.

    Examples
    --------
    >>> CustomMetric(name="iou", value=0.5)
    CustomMetric(name='iou', value=0.5)
    """

    name: Text
    value: Finite


class Scored(Model):
    """What can carry a confidence and custom metrics."""

    confidence: Confidence | None = None
    custom_metrics: list[CustomMetric] | None = None


class Feature(Model):
    """What belongs to a feature of the ontology: known by name, by schema id, or both."""

    name: Name | None = None
    feature_schema_id: Name | None = None

    @model_validator(mode="after")
    def _is_named(self) -> Self:
        if self.name is None and self.feature_schema_id is None:
            raise PydanticCustomError("unnamed", "needs a name or a schema id")
        return self


class DataRow(Model):
    """Which data row something belongs to: exactly one of its id and its global key.

    Parameters
    ----------
    id : str, optional
        Id that the platform gave.
    global_key : str, optional
        Key that its owner gave.

    Examples
    --------
    >>> DataRow(global_key="street-1.jpg").key
    ('globalKey', 'street-1.jpg')
    >>> DataRow.model_validate({"id": "cktiom8osh4210ytmevuk7lfh"}).model_dump(by_alias=True)
    {'id': 'cktiom8osh4210ytmevuk7lfh'}
    """

    id: Name | None = None
    global_key: Name | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_key(cls, data: Any) -> Any:
        # A plain key of two strings, as the columns hold it.
        if isinstance(data, tuple) and len(data) == 2 and data[0] in ("id", "globalKey"):
            return {data[0]: data[1]}
        return data

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.id is None) == (self.global_key is None):
            raise PydanticCustomError("data_row", "needs exactly one of id and globalKey")
        return self

    @property
    def key(self) -> tuple[str, str]:
        """Kind (``"id"`` or ``"globalKey"``) and value."""
        return ("id", self.id) if self.id is not None else ("globalKey", cast("str", self.global_key))


def _text_of_uuid(value: object) -> object:
    import uuid

    return str(value) if isinstance(value, uuid.UUID) else value


class Annotation(Model):
    """What a line of NDJSON holds: something about one data row, with a uuid.

    ``extra`` is for the user's own things and never reaches the wire, but ``extra["uuid"]`` is taken as the uuid when
    none is given otherwise.
    """

    data_row: DataRow | None = None
    uuid: Annotated[Text, BeforeValidator(_text_of_uuid)] | None = None
    extra: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _uuid_from_extra(self) -> Self:
        if self.uuid is None and self.extra.get("uuid") is not None:
            self.__dict__["uuid"] = str(self.extra["uuid"])
            self.__pydantic_fields_set__.add("uuid")
        return self

    def to_line(self) -> dict[str, Any]:
        """The annotation as a line of NDJSON: a dict of JSON values only."""
        return self.model_dump(mode="json", by_alias=True)
