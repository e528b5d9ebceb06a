"""The OpenAPI document of the JSON API, made of its table."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from labelmetrics import __version__
from labelmetrics.server.api.forms import Error
from labelmetrics.server.api.table import OPERATIONS, Operation

__all__ = ["document"]

REFUSALS = {
    400: "The request cannot be read.",
    401: "The key is missing or wrong.",
    403: "A page of another server asks.",
    404: "There is no such thing.",
    409: "The name is taken by something else.",
    413: "The request is too large.",
    415: "The body is of another type.",
    421: "The server does not answer to this name.",
}
ALL = (400, 401, 403, 421)
REF = "#/components/schemas/{model}"


@cache
def document() -> dict[str, Any]:
    """The document (OpenAPI 3.1)."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    used = {form for one in OPERATIONS for form in (one.gives, one.takes) if isinstance(form, type)}
    listed: list[tuple[type[BaseModel], Any]] = [
        (form, "serialization" if any(form is one.gives for one in OPERATIONS) else "validation")
        for form in sorted({*used, Error}, key=lambda form: form.__name__)
    ]
    _, schemas = models_json_schema(listed, ref_template=REF, by_alias=True)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "labelmetrics",
            "version": __version__,
            "description": "Model runs of the local server. Lines are NDJSON: one JSON object a line.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas.get("$defs", {}),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}],
    }


def _operation(operation: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": [*_path_parameters(operation), *_query_parameters(operation)],
        "responses": {"200": _content(operation.gives, "Done."), **_refusals(operation)},
    }
    if operation.takes is not None:
        made["requestBody"] = {"required": True, **_content(operation.takes)}
    return made


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    text = {"type": "string", "minLength": 1}
    return [{"name": name, "in": "path", "required": True, "schema": text} for name in operation.path_parameters]


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    schema = operation.query.model_json_schema(by_alias=True)
    required = schema.get("required", ())
    made = []
    for name, given in schema["properties"].items() if "properties" in schema else ():
        # A parameter that may be left out has a null in Python, and none in a URL.
        variants = [one for one in given.get("anyOf", ()) if one != {"type": "null"}]
        rest = {key: value for key, value in given.items() if key not in ("anyOf", "title", "description", "default")}
        form = {**(variants[0] if variants else {}), **rest}
        made.append(
            {
                "name": name,
                "in": "query",
                "required": name in required,
                "description": given.get("description", ""),
                "schema": form if given.get("default") is None else form | {"default": given["default"]},
            }
        )
    return made


def _content(form: Any, description: str | None = None) -> dict[str, Any]:
    if form == "lines":
        content: dict[str, Any] = {"application/x-ndjson": {"schema": {"type": "string"}}}
    else:
        content = {"application/json": {"schema": {"$ref": REF.format(model=form.__name__)}}}
    return {"content": content} if description is None else {"description": description, "content": content}


def _refusals(operation: Operation) -> dict[str, Any]:
    with_body = (413, 415) if operation.takes is not None else ()
    statuses = sorted({*ALL, *with_body, *operation.refusals})
    return {str(status): _content(Error, REFUSALS[status]) for status in statuses}
