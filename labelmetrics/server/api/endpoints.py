"""Requests of the JSON API: checked, done in a thread, and answered."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from itertools import groupby
from typing import Any

import orjson
from anyio import to_thread
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from labelmetrics.errors import Fault
from labelmetrics.server.api.call import Call
from labelmetrics.server.api.openapi import document
from labelmetrics.server.api.table import OPERATIONS, Operation
from labelmetrics.server.context import context_of
from labelmetrics.server.multipart import malformed
from labelmetrics.server.reading import json_of, media_type_of, upload_of
from labelmetrics.server.refusals import Refusal
from labelmetrics.server.streams import stream

__all__ = ["ROUTES"]

Endpoint = Callable[[Request], Awaitable[Response]]


def _routes() -> Iterator[Route]:
    """A route for each path, so that it knows all methods that are possible there."""
    for path, operations in groupby(sorted(OPERATIONS, key=lambda one: one.path), key=lambda one: one.path):
        endpoints: dict[str, Endpoint] = {one.method: _endpoint(one) for one in operations}
        yield Route(path, _by_method(endpoints), methods=list(endpoints))


def _by_method(endpoints: Mapping[str, Endpoint]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return await endpoints["GET" if request.method == "HEAD" else request.method](request)

    return endpoint


def _endpoint(operation: Operation) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        context = context_of(request)
        query = _checked(operation.query, _parameters(request), "parameters")
        path = {name: _text(request.path_params[name]) for name in operation.path_parameters}
        async with AsyncExitStack() as stack:
            body = upload = None
            if operation.takes == "lines":
                if media_type_of(request) not in ("application/x-ndjson", "application/ndjson", "application/jsonl"):
                    raise malformed("the Content-Type of the request has to be application/x-ndjson", 415)
                upload = await stack.enter_async_context(upload_of(request, context.store, context.settings))
            elif operation.takes is not None:
                given = await json_of(request, context.settings.json_bytes)
                body = _checked(operation.takes, given, "body")
            call = Call(context=context, path=path, query=query, body=body, upload=upload)
            if inspect.isgeneratorfunction(operation.answer):
                return await stream(request, operation.answer(call), context.readers)
            limiter = context.readers if upload is None else context.uploaders
            answer = await to_thread.run_sync(operation.answer, call, limiter=limiter)
        assert isinstance(answer, BaseModel)
        return Response(answer.model_dump_json(by_alias=True), media_type="application/json")

    return endpoint


def _text(value: str) -> str:
    if "\0" in value:
        raise malformed("names hold no null characters")
    return value


def _parameters(request: Request) -> dict[str, str]:
    given = request.query_params.multi_items()
    if len(given) > len({name for name, _ in given}):
        raise malformed("a parameter is given twice")
    return dict(given)


def _checked(form: type[BaseModel], given: Any, what: str) -> BaseModel:
    try:
        # Parameters are texts; numbers and truth values are read from them.
        return (
            form.model_validate_json(orjson.dumps(given), strict=True) if what == "body" else form.model_validate(given)
        )
    except ValidationError as error:
        faults = [
            Fault(rule=one["type"], message=one["msg"], path=".".join(["$", *map(str, one["loc"])]))
            for one in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise Refusal("MALFORMED_REQUEST", f"the {what} of the request cannot be used", faults=faults) from None


async def _openapi(request: Request) -> Response:
    return Response(orjson.dumps(document()), media_type="application/json")


ROUTES = [Route("/api/openapi.json", _openapi, name="openapi"), *_routes()]
