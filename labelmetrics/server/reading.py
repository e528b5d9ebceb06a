"""Bodies of requests: read whole within a limit, or written to disk as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from starlette.requests import Request

from labelmetrics.server.multipart import Data, Part, boundary_of, events, malformed
from labelmetrics.server.refusals import Refusal
from labelmetrics.server.settings import Settings
from labelmetrics.server.uploads import Upload
from labelmetrics.store import Store

__all__ = ["form_of", "json_of", "media_type_of", "upload_of"]

OPERATIONS = ("operations", "map")


def media_type_of(request: Request) -> str:
    """What the body is said to be, without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def json_of(request: Request, limit: int) -> Any:
    """The JSON of a body.

    Raises
    ------
    Refusal
        It is too large, or no JSON.
    """
    if media_type_of(request) != "application/json":
        raise malformed("the Content-Type of the request has to be application/json", 415)
    chunks = [chunk async for chunk in _within(request, limit)]
    try:
        return orjson.loads(b"".join(chunks))
    except orjson.JSONDecodeError as error:
        raise malformed(f"the body is no JSON: {error}") from None


async def _within(request: Request, limit: int) -> AsyncIterator[bytes]:
    """The body as it comes, unless it is too large."""
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise malformed("the body of a request is sent as it is, without a Content-Encoding", 415)
    too_large = Refusal("MALFORMED_REQUEST", f"a request holds at most {limit >> 20} MiB", status=413)
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise too_large
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise too_large
        yield chunk


@asynccontextmanager
async def form_of(
    request: Request, store: Store, settings: Settings
) -> AsyncIterator[tuple[dict[str, bytes], dict[str, Upload]]]:
    """The parts of a form: texts of ``operations`` and ``map``, and files, which are thrown away unless kept.

    Raises
    ------
    Refusal
        It is too large, or cannot be read.
    """
    boundary = boundary_of(request.headers.get("content-type", ""))
    texts: dict[str, bytearray] = {}
    files: dict[str, Upload] = {}
    part: Part | None = None
    # The headers and the borders of the form come on top of the file.
    whole = settings.upload_bytes + settings.json_bytes
    try:
        async for event in events(_within(request, whole), boundary, settings):
            if isinstance(event, Part):
                part = event
                if part.name in texts or part.name in files:
                    raise malformed(f"the form has two parts {part.name!r}")
                if part.name in OPERATIONS:
                    texts[part.name] = bytearray()
                else:
                    files[part.name] = Upload(
                        store.files, settings.upload_bytes, name=part.filename, media_type=part.media_type
                    )
            elif part is None:
                continue
            elif isinstance(event, Data):
                if part.name in texts:
                    texts[part.name] += event.data
                    if len(texts[part.name]) > settings.json_bytes:
                        raise malformed(f"the part {part.name!r} is too large", 413)
                else:
                    await files[part.name].write(event.data)
            elif part.name in files:
                await files[part.name].close()
        yield {name: bytes(text) for name, text in texts.items()}, files
    finally:
        for file in files.values():
            file.discard()


@asynccontextmanager
async def upload_of(request: Request, store: Store, settings: Settings) -> AsyncIterator[Upload]:
    """The body as a file, which is thrown away unless it is kept.

    Raises
    ------
    Refusal
        It is too large.
    """
    upload = Upload(store.files, settings.upload_bytes)
    try:
        async for chunk in _within(request, settings.upload_bytes):
            await upload.write(chunk)
        await upload.close()
        yield upload
    finally:
        upload.discard()
