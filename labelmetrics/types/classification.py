"""Questions about a data row or an object, and their answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from labelmetrics.types.base import (
    Annotation,
    Feature,
    Flag,
    Scored,
    Text as String,
    either,
    kind_of_value,
    line_errors,
    none_is_empty,
)

__all__ = ["Checklist", "ClassificationAnnotation", "ClassificationAnswer", "Radio", "Text"]


class ClassificationAnswer(Scored, Feature):
    """A chosen option of a radio or checklist question.

    Parameters
    ----------
    name, feature_schema_id : str, optional
        The option; at least one of the two.
    confidence : float, optional
        From 0 to 1.
    custom_metrics : list of CustomMetric, optional
        Numbers of the user's own.
    classifications : list of ClassificationAnnotation, optional
        Answers nested in this one.
    keyframe : bool, optional
        In videos: whether somebody set it on this frame.

    Examples
    --------
    >>> ClassificationAnswer(name="yes", confidence=0.9).model_dump(by_alias=True)
    {'name': 'yes', 'confidence': 0.9}
    """

    extra: dict[str, Any] = Field(default_factory=dict)
    keyframe: Flag | None = None
    classifications: Nested = Field(default_factory=list)

    def _to_wire(self, fields: dict[str, Any]) -> dict[str, Any]:
        return nested_to_wire(super()._to_wire(fields))


class Radio(Scored):
    """One chosen option.

    Parameters
    ----------
    answer : ClassificationAnswer
        The option.
    confidence, custom_metrics : optional
        As in every annotation.

    Examples
    --------
    >>> Radio(answer=ClassificationAnswer(name="rain")).answer.name
    'rain'
    """

    answer: ClassificationAnswer


class Checklist(Scored):
    """Any number of chosen options.

    Parameters
    ----------
    answer : list of ClassificationAnswer
        The options.
    confidence, custom_metrics : optional
        As in every annotation.

    Examples
    --------
    >>> checklist = Checklist(answer=[ClassificationAnswer(name="trees"), ClassificationAnswer(name="houses")])
    >>> [option.name for option in checklist.answer]
    ['trees', 'houses']
    """

    answer: list[ClassificationAnswer]


class Text(Scored):
    """A free text.

    Parameters
    ----------
    answer : str
        The text.
    confidence, custom_metrics : optional
        As in every annotation.
    classifications : list of ClassificationAnnotation, optional
        Answers nested in this one.

    Examples
    --------
    >>> Text(answer="a dog on a beach").answer
    'a dog on a beach'
    """

    answer: String
    classifications: Nested = Field(default_factory=list)


def _answer_type(value: Any) -> Any:
    """The type of answer that a value is, or is meant to be."""
    if isinstance(value, Radio | Checklist | Text):
        return type(value)
    answer = value.get("answer") if isinstance(value, Mapping) else None
    match answer:
        case str():
            return Text
        case list() | tuple():
            return Checklist
        case Mapping() | ClassificationAnswer():
            return Radio
    if not isinstance(value, Mapping):
        raise PydanticCustomError(
            "answer_type", "expected a Radio, Checklist or Text, got {got}", {"got": kind_of_value(value)}
        )
    got = kind_of_value(answer) if "answer" in value else "nothing"
    raise PydanticCustomError("answer_type", "expected a text, an option or a list of options, got {got}", {"got": got})


class ClassificationAnnotation(Scored, Feature, Annotation):
    """A question and its answer.

    Parameters
    ----------
    name, feature_schema_id : str, optional
        The question; at least one of the two.
    value : Radio, Checklist or Text
        The answer.
    confidence, custom_metrics : optional
        Of the whole answer; options carry their own.
    message_id : str, optional
        The message of a conversation that it is about.
    data_row, uuid, extra : optional
        As in every annotation.

    Examples
    --------
    >>> weather = ClassificationAnnotation(name="weather", value=Radio(answer=ClassificationAnswer(name="rain")))
    >>> weather.model_dump(by_alias=True)
    {'name': 'weather', 'answer': {'name': 'rain'}}
    >>> ClassificationAnnotation.model_validate({"name": "weather", "answer": {"name": "rain"}}) == weather
    True
    """

    value: Annotated[Text | Checklist | Radio, either(_answer_type)]
    message_id: String | None = None

    @model_validator(mode="wrap")
    @classmethod
    def _from_wire(cls, data: Any, handler: ModelWrapValidatorHandler[Any]) -> Any:
        if not isinstance(data, Mapping) or "value" in data or "answer" not in data:
            return handler(data)
        fields = {name: value for name, value in data.items() if name not in ("answer", "classifications")}
        answer = {name: data[name] for name in ("answer", "classifications") if name in data}
        if not isinstance(answer["answer"], str) and answer.get("classifications") in (None, []):
            answer.pop("classifications", None)  # only texts have them here; others have them within the option
        try:
            return handler({**fields, "value": answer})
        except ValidationError as error:
            errors = line_errors(error)
            for one in errors:
                if one["loc"][:1] == ("value",):
                    one["loc"] = one["loc"][1:] or ("answer",)
            raise ValidationError.from_exception_data(cls.__name__, errors) from None

    def _to_python(self, fields: dict[str, Any]) -> dict[str, Any]:
        return self._flat(fields)

    def _to_wire(self, fields: dict[str, Any]) -> dict[str, Any]:
        return nested_to_wire(self._flat(super()._to_wire(fields)))

    def _flat(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The answer's fields beside the question's; what both have is the question's, unless it has none."""
        answer = fields.pop("value", {})  # pydantic runs the serializer of a recursive model twice within another model
        return fields | {name: value for name, value in answer.items() if fields.get(name) is None}


def nested_to_wire(fields: dict[str, Any]) -> dict[str, Any]:
    """``fields`` without an empty list of nested answers, and those that are there without an identity of their own."""
    nested = fields.pop("classifications", None)
    if nested:
        identity = ("uuid", "dataRow")
        fields["classifications"] = [
            {name: value for name, value in one.items() if name not in identity} for one in nested
        ]
    return fields


Nested = Annotated[list[ClassificationAnnotation], BeforeValidator(none_is_empty)]

for _model in (ClassificationAnswer, Radio, Checklist, Text, ClassificationAnnotation):
    _model.model_rebuild()
