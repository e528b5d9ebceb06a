"""JSON Schemas (2020-12) of everything that is read and written as JSON.

They follow the types: names, enumerations and bounds are taken from the models, and where the wire form is the model
itself the schema is pydantic's. A schema sees one line and no arithmetic; what it cannot say (a span that ends before
it starts, runs that do not fill a mask, one key written in two ways) ``labelmetrics validate`` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel

from labelmetrics.errors import InputError
from labelmetrics.formats._parsing import BENCHMARK
from labelmetrics.formats.data_rows import SPLITS
from labelmetrics.formats.gate_config import GateConfig
from labelmetrics.formats.manifest import Manifest, PartsManifest, Provenance
from labelmetrics.formats.output import write_chunks
from labelmetrics.limits import FARTHEST, RESERVED_METRIC_NAMES
from labelmetrics.types import ConfusionMatrixAggregation, RectangleUnit, ScalarMetricAggregation

__all__ = ["schemas", "write_schemas"]

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

TEXT: Schema = {"type": "string"}
NAME: Schema = {"type": "string", "minLength": 1}
NUMBER: Schema = {"type": "number"}
COORDINATE: Schema = {"type": "number", "minimum": -FARTHEST, "maximum": FARTHEST}
COUNT: Schema = {"type": "integer", "minimum": 0}
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
NONE: Schema = {"type": "null"}


def schemas() -> dict[str, Schema]:
    """All schemas by name.

    Returns
    -------
    dict of str to dict
        ``metric_line``, ``annotation_line``, ``data_row``, ``gate``, ``manifest``, ``parts`` and ``provenance``.

    Examples
    --------
    >>> sorted(schemas())
    ['annotation_line', 'data_row', 'gate', 'manifest', 'metric_line', 'parts', 'provenance']
    """
    return {
        "annotation_line": _document("A line of NDJSON that holds an annotation", _annotation_line(), _DEFINITIONS),
        "data_row": _document("A row of the table of data rows", _data_row()),
        "gate": _of_model("The checks of a gate, as TOML", GateConfig),
        "manifest": _of_model("manifest.json of an evaluation file", Manifest),
        "metric_line": _document("A line of NDJSON that holds a metric", _metric_line(), ("dataRow",)),
        "parts": _of_model("manifest.json of a folder of part files", PartsManifest),
        "provenance": _of_model("The file beside metric lines that says where they come from", Provenance),
    }


def write_schemas(directory: str | Path) -> list[Path]:
    """Write each schema as ``NAME.schema.json``.

    Parameters
    ----------
    directory : path
        Where to; made if it is not there.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    InputError
        A file cannot be written.
    """
    folder = Path(directory)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror or error}") from error
    paths = []
    for name, schema in schemas().items():
        path = folder / f"{name}.schema.json"
        write_chunks(path, [orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)])
        paths.append(path)
    return paths


def _document(title: str, schema: Schema, definitions: Iterable[str] = ()) -> Schema:
    found = {name: _definitions()[name] for name in definitions}
    return {"$schema": DIALECT, "title": title, **schema, **({"$defs": found} if found else {})}


def _of_model(title: str, model: type[BaseModel]) -> Schema:
    schema = _plain(model.model_json_schema())
    return {"$schema": DIALECT, **schema, "title": title}


def _plain(value: Any) -> Any:
    """A schema of pydantic's without titles that repeat the names, and with the first sentence of descriptions."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    plain = {}
    for name, inner in value.items():
        if name == "description" and isinstance(inner, str):
            plain[name] = inner.partition("\n\n")[0].replace("``", "")
        elif not (name == "title" and isinstance(inner, str)):
            plain[name] = _plain(inner)
    return plain


# Building blocks


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _or_null(schema: Schema) -> Schema:
    return (
        {"type": [schema["type"], "null"], **{k: v for k, v in schema.items() if k != "type"}}
        if ("type" in schema and "enum" not in schema)
        else {"anyOf": [schema, NONE]}
    )


def _object(properties: Mapping[str, Schema], required: Iterable[str] = (), **more: Any) -> Schema:
    needed = list(required)
    return {
        "type": "object",
        "properties": dict(properties),
        **({"required": needed} if needed else {}),
        "additionalProperties": False,
        **more,
    }


def _list(items: Schema, least: int = 0) -> Schema:
    return {"type": "array", "items": items, **({"minItems": least} if least else {})}


def _has(name: str, schema: Schema) -> Schema:
    """A condition: the field is there, and is as the schema says."""
    return {"properties": {name: schema}, "required": [name]}


def _keyed(value: Schema) -> Schema:
    """Values by confidence key; keys are written without an exponent, or in scientific notation."""
    small = r"-?0(\.0+)?|0\.[0-9]+|1(\.0+)?|[0-9](\.[0-9]+)?[eE]-0*[1-9][0-9]*"
    return {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": f"^({small})$"},
        "additionalProperties": value,
    }


SCORES = {"confidence": _or_null(SHARE), "customMetrics": _or_null(_list(_ref("customMetric")))}
FEATURE = {"name": _or_null(NAME), "schemaId": _or_null(NAME)}
NAMED: Schema = {"anyOf": [_has("name", NAME), _has("schemaId", NAME)]}
LINE = {"uuid": _or_null(TEXT), "dataRow": _ref("dataRow"), BENCHMARK: {"type": "boolean"}}
NESTED = {"classifications": _or_null(_list(_ref("classification")))}

COLOUR: Schema = {"type": "integer", "minimum": 0, "maximum": 255}
RGB = _list(COLOUR) | {"minItems": 3, "maxItems": 3}
_DEFINITIONS = ("dataRow", "customMetric", "point", "geometry", "option", "answer", "classification")


def _definitions() -> dict[str, Schema]:
    only = [
        {"properties": {kind: TEXT, other: NONE}, "required": [kind]}
        for kind, other in (("id", "globalKey"), ("globalKey", "id"))
    ]
    options = _list(_ref("option"))
    return {
        "dataRow": _object({"id": _or_null(NAME), "globalKey": _or_null(NAME)}, anyOf=only),
        "customMetric": _object({"name": TEXT, "value": NUMBER}, ("name", "value")),
        "point": _object({"x": COORDINATE, "y": COORDINATE}, ("x", "y")),
        "geometry": {"oneOf": [_has(name, {}) for name in _geometries()]},
        "option": _object({**FEATURE, **SCORES, **NESTED}, **NAMED),
        "answer": {"anyOf": [TEXT, _ref("option"), options]},
        "classification": _object(
            {**FEATURE, **SCORES, **NESTED, "answer": _ref("answer")}, ("answer",), **NAMED, **_nested_in_texts()
        ),
    }


def _nested_in_texts() -> Schema:
    """Only texts have nested answers beside them; others have them within the option."""
    empty = {"properties": {"classifications": {"maxItems": 0}}}
    return {"if": {"not": _has("answer", TEXT)}, "then": empty}


def _geometries() -> dict[str, Schema]:
    size = _list(COUNT) | {"minItems": 2, "maxItems": 2}
    side = {"type": "number", "minimum": 0, "maximum": FARTHEST}
    sides = {"top": COORDINATE, "left": COORDINATE, "height": side, "width": side}
    colour = {"anyOf": [COLOUR, NONE, RGB, _list(COLOUR) | {"minItems": 1, "maxItems": 1}]}
    page = {"type": "integer", "minimum": 1}
    selection = {"tokenIds": _list(TEXT), "groupId": TEXT, "page": page}
    return {
        "bbox": _object(sides, sides),
        "polygon": _list(_ref("point"), 3),
        "line": _list(_ref("point"), 2),
        "point": _ref("point"),
        "mask": {
            "anyOf": [
                _object({"png": {"type": "string", "contentEncoding": "base64"}}, ("png",)),
                _object({"instanceURI": TEXT, "colorRGB": colour}, ("instanceURI",)),
                _object({"size": size, "counts": {"anyOf": [TEXT, _list(COUNT)]}}, ("size", "counts")),
            ]
        },
        "location": _object({"start": COUNT, "end": COUNT}, ("start", "end")),
        "textSelections": _list(_object(selection, selection)),
    }


# Lines


def _metric_line() -> Schema:
    reserved = "|".join(
        "".join(f"[{letter}{letter.upper()}]" if letter.isalpha() else letter for letter in re.escape(name))
        for name in sorted(RESERVED_METRIC_NAMES)
    )
    name = {**NAME, "not": {"pattern": rf"^\s*({reserved})\s*$"}}
    counts = _list(COUNT) | {"minItems": 4, "maxItems": 4}
    about = {**LINE, "featureName": _or_null(NAME), "subclassName": _or_null(NAME)}

    def line(value: Schema, aggregations: Any, name: Schema, required: tuple[str, ...] = ()) -> Schema:
        properties = {
            **about,
            "metricName": name,
            "metricValue": {"anyOf": [value, _keyed(value)]},
            "aggregation": {"enum": [*(one.value for one in aggregations), None]},
        }
        return _object(properties, ("dataRow", "metricValue", *required))

    return {
        "anyOf": [
            line(NUMBER, ScalarMetricAggregation, {"anyOf": [name, NONE]}),
            line(counts, ConfusionMatrixAggregation, name, ("metricName",)),
        ],
        "if": _has("subclassName", TEXT),
        "then": _has("featureName", TEXT),
    }


def _annotation_line() -> Schema:
    geometries = _geometries()
    frames = _list(_object({"start": COUNT, "end": COUNT}, ("start", "end")), 1)
    feature = {**LINE, **FEATURE, **SCORES, **NESTED}
    units = {"enum": [unit.value for unit in RectangleUnit]}
    beside = {"page": _or_null(COUNT), "unit": {"anyOf": [units, NONE]}, "messageId": _or_null(TEXT)}
    is_on_page = {"properties": {"page": COUNT, "unit": units}, "required": ["page", "unit"]}
    no_page = {"properties": {"page": NONE, "unit": NONE}}
    thing = _object(
        {**feature, **geometries, **beside},
        ("dataRow",),
        **NAMED,
        allOf=[
            _ref("geometry"),
            {"if": _has("bbox", {}), "then": {"anyOf": [is_on_page, no_page]}, "else": no_page},
            {"if": {"not": _has("location", {})}, "then": {"properties": {"messageId": NONE}}},
        ],
    )
    keyframe = _object({**SCORES, **NESTED, **geometries, "frame": COUNT}, ("frame",), allOf=[_ref("geometry")])
    segment = _object({"keyframes": _list(keyframe, 1)}, ("keyframes",))
    moving = _object({**feature, "segments": _list(segment, 1)}, ("dataRow", "segments"), **NAMED)
    on_frames = _object({"value": TEXT, "frames": frames}, ("value", "frames"))
    answered = _object(
        {**feature, "answer": _ref("answer"), "messageId": _or_null(TEXT), "frames": frames},
        ("dataRow", "answer"),
        **NAMED,
        **_nested_in_texts(),
    )
    texts = {"messageId": _or_null(TEXT), "answer": _list(on_frames, 1)}
    image = {"index": COUNT, **dict.fromkeys(("instanceURI", "instanceUri"), _or_null(TEXT))}
    image["imBytes"] = {"type": ["string", "null"], "contentEncoding": "base64"}
    shown = [_has(name, TEXT) for name in ("instanceURI", "instanceUri", "imBytes")]
    ids = dict.fromkeys(("schemaId", "featureSchemaId"), _or_null(TEXT))
    masks = {
        "frames": _list(_object(image, ("index",), anyOf=shown)),
        "instances": _list(_object({"colorRGB": RGB, "name": NAME, **ids}, ("colorRGB", "name"))),
    }
    return {
        "anyOf": [
            thing,
            answered,
            _object({**feature, **texts}, ("dataRow", "answer"), **NAMED),
            moving,
            _object(
                {**LINE, "confidence": _or_null(SHARE), "masks": _object(masks, masks)},
                ("dataRow", "masks"),
            ),
        ]
    }


def _data_row() -> Schema:
    key = {"type": ["string", "null"]}
    side = {"type": ["integer", "null"]}
    given = {"type": "string", "minLength": 1}
    return _object(
        {
            "id": key,
            "globalKey": key,
            "mediaPath": _or_null(TEXT),
            "width": side,
            "height": side,
            "split": {"enum": [*SPLITS, None]},
            "metadata": {
                "type": ["object", "string", "null"],
                "description": "Anything; text is the JSON of an object.",
            },
        },
        anyOf=[_has("id", given), _has("globalKey", given)],
    )
