"""The platform's wire protocol: POST /graphql and /_gql."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import orjson
from anyio import to_thread
from ariadne import load_schema_from_path, make_executable_schema
from graphql import ExecutionResult, GraphQLError, GraphQLSchema, execute_sync
from starlette.requests import Request
from starlette.responses import Response

from labelmetrics.server.context import Context, context_of
from labelmetrics.server.documents import check_size, document_of, message_of
from labelmetrics.server.multipart import malformed, placed
from labelmetrics.server.reading import form_of, json_of, media_type_of
from labelmetrics.server.refusals import Refusal, as_refusal, graphql_error
from labelmetrics.server.resolvers import RESOLVERS

__all__ = ["execute", "graphql", "make_schema"]

log = logging.getLogger("labelmetrics.server")


def make_schema() -> GraphQLSchema:
    """The schema of the wire protocol, with what answers its fields."""
    definition = load_schema_from_path(str(Path(__file__).with_name("schema.graphql")))
    return make_executable_schema(definition, *RESOLVERS, convert_names_case=True)


async def graphql(request: Request) -> Response:
    """Answer a request of the platform's client."""
    context = context_of(request)
    settings = context.settings
    match media_type_of(request):
        case "application/json":
            asked = await json_of(request, settings.json_bytes)
            answer = await to_thread.run_sync(execute, context, asked, limiter=context.readers)
        case "multipart/form-data":
            async with form_of(request, context.store, settings) as (texts, files):
                asked = placed(texts.get("operations"), texts.get("map"), files)
                # Uploads wait for their imports: they have threads of their own.
                answer = await to_thread.run_sync(execute, context, asked, limiter=context.uploaders)
        case other:
            raise malformed(f"requests are application/json or multipart/form-data, got {other or 'nothing'!r}", 415)
    return Response(answer, media_type="application/json")


def execute(context: Context, asked: Any) -> bytes:
    """Do what a request asks for; the answer is JSON of the protocol."""
    return orjson.dumps(_answer(context, asked))


def _answer(context: Context, asked: Any) -> dict[str, Any]:
    try:
        query, variables, operation = _checked(asked)
        document = document_of(context.schema, query, context.settings)
        check_size(document, variables, context.settings)
        result = execute_sync(
            context.schema, document, variable_values=variables, context_value=context, operation_name=operation
        )
    except Refusal as refusal:
        return {"errors": [graphql_error(refusal)], "data": None}
    return _formatted(result)


def _checked(asked: Any) -> tuple[str, dict[str, Any], str | None]:
    if not isinstance(asked, dict) or not isinstance(asked.get("query"), str):
        raise malformed("a request is a JSON object with a text 'query'")
    variables, operation = asked.get("variables"), asked.get("operationName")
    if variables is not None and not isinstance(variables, dict):
        raise malformed("'variables' of a request is a JSON object")
    if operation is not None and not isinstance(operation, str):
        raise malformed("'operationName' of a request is a text")
    return asked["query"], variables or {}, operation


def _formatted(result: ExecutionResult) -> dict[str, Any]:
    answer: dict[str, Any] = {"data": result.data}
    if result.errors:
        answer["errors"] = [_error(error) for error in result.errors]
    return answer


def _error(error: GraphQLError) -> dict[str, Any]:
    cause = error.original_error
    if error.path is None or cause is None:
        # What was asked for does not fit the schema: a variable of another type, no such operation.
        return graphql_error(Refusal("GRAPHQL_VALIDATION_FAILED", message_of(error)))
    return graphql_error(as_refusal(cause), path=list(error.path))
