"""One line of platform NDJSON to the models it holds, with faults that say where."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Annotated, Any, NamedTuple

import orjson
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails
from typing_extensions import TypedDict

from labelmetrics.errors import Fault, InputError
from labelmetrics.kernels.batch import DataRowKey
from labelmetrics.types import (
    ClassificationAnnotation,
    ConfusionMatrixMetric,
    ObjectAnnotation,
    ScalarMetric,
    VideoClassificationAnnotation,
    VideoMaskAnnotation,
    VideoObjectAnnotation,
)
from labelmetrics.types.annotation import GEOMETRY_KEYS
from labelmetrics.types.base import Count, Text, fail, kind_of_value, line_errors, unknown_field
from labelmetrics.types.label import AnyAnnotation
from labelmetrics.types.video import MAX_FRAMES

__all__ = ["BENCHMARK", "Parsed", "parse_json", "parse_line"]

UNSUPPORTED = ("relationship", "messageEvaluationTask")
"""Fields that make a line of a kind that no metric reads."""
BENCHMARK = "isBenchmarkReferenceLabel"
SHOWN = 5
"""Unknown fields that a message names."""

_SCORES = frozenset({"confidence", "customMetrics"})
_FEATURE = frozenset({"name", "schemaId"})
_QUESTION = _FEATURE | _SCORES | {"answer", "classifications"}
_SHAPES = GEOMETRY_KEYS | {"answer"}
_OPTIONAL = _SHAPES | {"page", "unit", "messageId"}
_METRIC = frozenset({"metricName", "metricValue", "featureName", "subclassName", "aggregation"})
_LINE = _QUESTION | _METRIC | GEOMETRY_KEYS | {
    *("uuid", "dataRow", "messageId", "page", "unit", "frames", "segments", "masks", BENCHMARK)
}  # fmt: skip
# The names that objects of a line may have, by the field that holds them. The models know further ones, which are for
# Python only: a line must not be able to name a file, say.
_FIELDS: dict[str, frozenset[str]] = {
    "dataRow": frozenset({"id", "globalKey"}),
    "customMetrics": frozenset({"name", "value"}),
    "classifications": _QUESTION,
    "answer": _FEATURE | _SCORES | {"classifications", "value", "frames"},
    "point": frozenset({"x", "y"}),
    "line": frozenset({"x", "y"}),
    "polygon": frozenset({"x", "y"}),
    "bbox": frozenset({"top", "left", "height", "width"}),
    "mask": frozenset({"png", "instanceURI", "colorRGB", "size", "counts"}),
    "location": frozenset({"start", "end"}),
    "textSelections": frozenset({"tokenIds", "groupId", "page"}),
    "segments": frozenset({"keyframes"}),
    "keyframes": GEOMETRY_KEYS | _SCORES | {"frame", "classifications"},
    "masks": frozenset({"frames", "instances"}),
    "frames": frozenset({"start", "end", "index", "instanceURI", "instanceUri", "imBytes"}),
    "instances": _FEATURE | {"colorRGB", "featureSchemaId"},
}


class Parsed(NamedTuple):
    """A data row and one thing that a line says about it."""

    data_row: DataRowKey
    annotation: AnyAnnotation


class _Segment(TypedDict):
    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]
    keyframes: Annotated[list[dict[str, Any]], Field(min_length=1)]


class _Range(TypedDict):
    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]
    start: Count
    end: Count


class _TextOnFrames(TypedDict):
    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]
    value: Text
    frames: Annotated[list[_Range], Field(min_length=1)]


_SEGMENTS: TypeAdapter[list[_Segment]] = TypeAdapter(Annotated[list[_Segment], Field(min_length=1)])
_RANGES: TypeAdapter[list[_Range]] = TypeAdapter(Annotated[list[_Range], Field(min_length=1)])
_TEXTS: TypeAdapter[list[_TextOnFrames]] = TypeAdapter(list[_TextOnFrames])


def parse_json(text: bytes | str) -> list[Parsed]:
    """Models that the text of one line holds.

    Parameters
    ----------
    text : bytes or str
        One JSON object, in UTF-8.

    Raises
    ------
    InputError
        The text is no JSON, or not a line as :func:`parse_line` takes it.

    Examples
    --------
    >>> text = '{"dataRow": {"id": "r1"}, "name": "cat", "point": {"x": 1, "y": 2}}'
    >>> parse_json(text)[0].annotation.value
    Point(x=1.0, y=2.0)
    >>> parse_json('{"dataRow": {"id": "r1"}, "metricValue": NaN}')
    Traceback (most recent call last):
    labelmetrics.errors.InputError: a line cannot be read
      NaN and Infinity are not JSON, at column 42 [syntax]
    """
    try:
        line = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _refused([_syntax_fault(text, error)]) from None
    return parse_line(line)


def parse_line(line: Mapping[str, Any]) -> list[Parsed]:
    """Models that one line holds; lines of videos hold one for each keyframe, or for each frame of an answer.

    The answers of the frames of one line share their value: to change one of them, give it a value of its own.

    Parameters
    ----------
    line : mapping
        The line, as JSON gives it.

    Returns
    -------
    list of Parsed
        Data row and model; the model keeps ``data_row`` and ``uuid`` too.

    Raises
    ------
    InputError
        With a fault for each thing that is wrong, each with its ``path`` within the line.

    Examples
    --------
    >>> line = {"dataRow": {"id": "r1"}, "name": "weather", "answer": {"name": "rain"}}
    >>> [parsed.annotation.frame for parsed in parse_line({**line, "frames": [{"start": 3, "end": 5}]})]
    [3, 4, 5]
    >>> parse_line({"dataRow": {"id": "r1"}, "metricValue": "0.5"})
    Traceback (most recent call last):
    labelmetrics.errors.InputError: a line cannot be read
      $.metricValue: data row id:r1: expected a number, got a string [type]
    """
    if not isinstance(line, Mapping):
        message = f"expected an object, got {kind_of_value(line)}"
        raise _refused([Fault(rule="type", message=message, path="$")])
    row = _shown_row(line)
    if line and _LINE.isdisjoint(line) and not any(kind in line for kind in UNSUPPORTED):
        names = ", ".join(map(str, islice(line, SHOWN))) + (", ..." if len(line) > SHOWN else "")
        raise _refused([Fault(rule="kind", message=f"is no annotation: none of its fields is one ({names})", path="$")])
    for kind in UNSUPPORTED:
        if kind in line:
            message = f"lines of the kind {kind} hold nothing that a metric reads"
            remedy = "leave them out, or have bad lines skipped"
            raise _refused(
                [Fault(rule="unsupported-kind", message=message, remedy=remedy, path=f"$.{kind}", data_row=row)]
            )
    try:
        annotations = _annotations(line)
    except ValidationError as error:
        raise _refused([_fault(details, row) for details in error.errors(include_url=False)]) from None
    except RecursionError:
        raise _refused([Fault(rule="depth", message="answers are nested too deeply", data_row=row)]) from None
    found = annotations[0].data_row
    assert found is not None  # a line without one has been refused
    key = DataRowKey(*found.key)
    return [Parsed(key, annotation) for annotation in annotations]


def _annotations(line: Mapping[str, Any]) -> list[Any]:
    errors: list[InitErrorDetails] = []
    fields: dict[str, Any] = _known(line, _LINE, (), errors)
    # Tables of lines have all fields in each line, most of them null.
    if any(fields.get(name) is not None for name in _SHAPES):
        fields = {name: value for name, value in fields.items() if value is not None or name not in _OPTIONAL}
    if fields.get("dataRow") is None:
        errors += line_errors(fail("missing", "Field required", "dataRow"))
        fields.pop("dataRow", None)
    extra: dict[str, Any] = {}
    if BENCHMARK in fields:
        if not isinstance(fields[BENCHMARK], bool):
            errors += line_errors(fail("bool_type", "", BENCHMARK, value=fields[BENCHMARK]))
        extra[BENCHMARK] = fields.pop(BENCHMARK)
    try:
        annotations = list(_read(fields))
    except ValidationError as error:
        errors += line_errors(error)
    if errors:
        raise ValidationError.from_exception_data("line", errors)
    if extra:
        for annotation in annotations:
            annotation.extra.update(extra)
    return annotations


def _known(
    value: Any, names: frozenset[str] | None, place: tuple[str | int, ...], errors: list[InitErrorDetails]
) -> Any:
    """``value`` without fields that lines do not have; ``errors`` gets those."""
    if isinstance(value, list | tuple):
        return [_known(one, names, (*place, i), errors) for i, one in enumerate(value)]
    if not isinstance(value, Mapping) or names is None:
        return value
    known = {}
    for name, inner in value.items():
        if name in names:
            known[name] = _known(inner, _FIELDS.get(name), (*place, name), errors)
        else:
            errors += line_errors(unknown_field(*place, str(name)))
    return known


def _read(fields: dict[str, Any]) -> Iterator[Any]:
    if "metricValue" in fields:
        yield (ConfusionMatrixMetric if _is_matrix(fields) else ScalarMetric).model_validate(fields)
    elif "segments" in fields:
        yield from _keyframes(fields)
    elif "masks" in fields:
        yield VideoMaskAnnotation.model_validate(fields)
    elif "answer" in fields:
        yield from _answers(fields)
    elif GEOMETRY_KEYS & fields.keys():
        yield ObjectAnnotation.model_validate(fields)
    else:
        expected = ", ".join(["metricValue", "answer", "segments", "masks", *sorted(GEOMETRY_KEYS)])
        raise fail("kind", "nothing says what this line is: expected one of {expected}", expected=expected)


def _is_matrix(fields: Mapping[str, Any]) -> bool:
    aggregation, value = fields.get("aggregation"), fields["metricValue"]
    if aggregation is not None:
        return bool(aggregation == "CONFUSION_MATRIX")
    one = next(iter(value.values()), None) if isinstance(value, Mapping) else value
    return isinstance(one, list | tuple)


def _keyframes(fields: dict[str, Any]) -> list[VideoObjectAnnotation]:
    common = {name: value for name, value in fields.items() if name not in ("segments", "classifications")}
    segments = _validated(_SEGMENTS, fields["segments"], "segments")
    if not _FEATURE & common.keys():
        raise fail("unnamed", "needs a name or a schema id")
    errors: list[InitErrorDetails] = []
    annotations: list[VideoObjectAnnotation] = []
    seen: set[int] = set()
    for i, segment in enumerate(segments):
        for j, keyframe in enumerate(segment["keyframes"]):
            place = ("segments", i, "keyframes", j)
            nested = keyframe.get("classifications", fields.get("classifications"))
            data = {**common, **keyframe, "classifications": nested, "keyframe": True, "segmentIndex": i}
            try:
                annotation = VideoObjectAnnotation.model_validate(data)
            except ValidationError as error:
                for one in line_errors(error):
                    name = one["loc"][0] if one["loc"] else None
                    if name in keyframe or name not in fields:
                        one["loc"] = (*place, *one["loc"])
                    if one["loc"] not in [other["loc"] for other in errors]:  # what is wrong with the line, only once
                        errors.append(one)
                continue
            if annotation.frame in seen:
                message = "frame {frame} has a keyframe already"
                errors += line_errors(fail("frames", message, *place, "frame", frame=annotation.frame))
            seen.add(annotation.frame)
            annotations.append(annotation)
        frames = [annotation.frame for annotation in annotations if annotation.segment_index == i]
        if frames and max(frames) - min(frames) >= MAX_FRAMES:
            message = "the segment holds more than {most} frames"
            errors += line_errors(fail("frames", message, "segments", i, "keyframes", most=MAX_FRAMES))
    if errors:
        raise ValidationError.from_exception_data("line", errors)
    return annotations


def _answers(fields: dict[str, Any]) -> list[Any]:
    answer = fields["answer"]
    if isinstance(answer, list) and any(isinstance(one, Mapping) and "value" in one for one in answer):
        texts = _validated(_TEXTS, answer, "answer")
        return [
            annotation
            for i, text in enumerate(texts)
            for annotation in _on_frames({**fields, "answer": text["value"]}, text["frames"], "answer", i, "frames")
        ]
    if "frames" not in fields:
        return [ClassificationAnnotation.model_validate(fields)]
    ranges = _validated(_RANGES, fields.pop("frames"), "frames")
    return _on_frames(fields, ranges, "frames")


def _on_frames(fields: dict[str, Any], ranges: list[_Range], *place: str | int) -> list[VideoClassificationAnnotation]:
    """The answer on each frame of the ranges, whose ends are included."""
    for i, one in enumerate(ranges):
        if one["start"] > one["end"]:
            raise fail("frames", "a range must not end before it starts", *place, i)
    if sum(one["end"] - one["start"] + 1 for one in ranges) > MAX_FRAMES:
        raise fail("frames", "the ranges hold more than {most} frames", *place, most=MAX_FRAMES)
    first = VideoClassificationAnnotation.model_validate({**fields, "frame": 0})
    frames: dict[int, int] = {}
    for i, one in enumerate(ranges):
        for frame in range(one["start"], one["end"] + 1):
            frames.setdefault(frame, i)  # ranges may touch or overlap
    return [first.model_copy(update={"frame": frame, "segment_index": i}) for frame, i in frames.items()]


def _validated(adapter: TypeAdapter[Any], value: object, *place: str | int) -> Any:
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        raise ValidationError.from_exception_data("line", line_errors(error, *place)) from None


def _refused(faults: list[Fault]) -> InputError:
    return InputError("a line cannot be read", faults)


def _shown_row(fields: Mapping[str, Any]) -> str | None:
    row = fields.get("dataRow")
    if not isinstance(row, Mapping):
        return None
    return next((f"{kind}:{row[kind]}" for kind in ("id", "globalKey") if isinstance(row.get(kind), str)), None)


def _syntax_fault(text: bytes | str, error: orjson.JSONDecodeError) -> Fault:
    if "UTF-8" in error.msg:
        return Fault(rule="encoding", message="the text is not UTF-8")
    shown = (
        error.doc
        if isinstance(error.doc, str)
        else text.decode("utf-8", "replace")
        if isinstance(text, bytes)
        else text
    )
    message = error.msg
    if re.match("NaN|-?Infinity", shown[error.pos :].lstrip()) or re.search("-$", shown[: error.pos]):
        message = "NaN and Infinity are not JSON"
    return Fault(rule="syntax", message=f"{message}, at column {error.colno}")


def _path(place: tuple[str | int, ...]) -> str:
    text = "$"
    for part in place:
        if part == "[key]":  # how pydantic points to a key
            continue
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if re.fullmatch(r"[A-Za-z_]\w*", part) else f"[{json.dumps(part, ensure_ascii=False)}]"
    return text


_EXPECTED = {
    "bool_type": "a boolean",
    "dict_type": "an object",
    "list_type": "a list",
    "model_type": "an object",
    "string_type": "a string",
    "too_short": "at least one item",
    "tuple_type": "a list",
}


def _fault(details: ErrorDetails, data_row: str | None) -> Fault:
    kind, place = details["type"], details["loc"]
    message, rule = details["msg"], kind.replace("_", "-")
    if kind == "missing":
        message = f"{place[-1]} is missing"
    elif kind == "extra_forbidden":
        message, rule = f"unknown field {place[-1]}", "unknown-field"
    elif kind in _EXPECTED:
        message = f"expected {_EXPECTED[kind]}, got {_described(details['input'])}"
    elif kind == "string_unicode":
        message, rule = "holds half a character (a lone surrogate)", "encoding"
    elif kind == "string_too_short":
        message, rule = "must not be empty", "empty"
    elif message.startswith("Input should "):
        message = message.replace("Input should ", "must ", 1) + _got(details["input"])
    if kind.endswith(("_type", "_parsing")):
        rule = "type"
    return Fault(rule=rule, message=message, path=_path(place), data_row=data_row)


def _described(value: object) -> str:
    return "none" if isinstance(value, list) and not value else kind_of_value(value)


def _got(value: object) -> str:
    text = str(value) if isinstance(value, int | float) else repr(value) if isinstance(value, str) else ""
    return f", got {text if 0 < len(text) <= 40 else kind_of_value(value)}"
