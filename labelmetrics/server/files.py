"""Files under URLs that nobody guesses: what was sent, what became of its lines, exports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from labelmetrics.server.context import Context, context_of
from labelmetrics.server.multipart import malformed
from labelmetrics.server.refusals import Refusal
from labelmetrics.server.streams import NDJSON, stream
from labelmetrics.store import imports
from labelmetrics.store.files import file_of
from labelmetrics.store.importing import input_lines

__all__ = ["send_file"]

BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Found:
    """A file that is asked for: its content, type and, where it is known, its length."""

    chunks: Iterator[bytes]
    media_type: str = NDJSON
    size: int | None = None


async def send_file(request: Request) -> Response:
    """Answer with a file, or with some bytes of it (``?start=&end=``)."""
    context = context_of(request)
    asked = _range(request)
    found = await to_thread.run_sync(_find, context, request.path_params["token"], asked, limiter=context.readers)
    headers = {} if found.size is None else {"Content-Length": str(found.size)}
    return await stream(request, found.chunks, context.readers, media_type=found.media_type, headers=headers)


def _range(request: Request) -> tuple[int, int | None]:
    given = request.query_params
    numbers = [given.get(name, "") for name in ("start", "end")]
    if not all(not text or (text.isascii() and text.isdigit() and len(text) < 19) for text in numbers):
        raise malformed("start and end of a file are numbers of bytes")
    start, end = (int(text) if text else None for text in numbers)
    return start or 0, end


def _find(context: Context, token: str, asked: tuple[int, int | None]) -> Found:
    with context.store.read() as connection:
        part = imports.by_token(connection, token)
        file = None if part is not None else file_of(connection, token)
    if part is not None:
        found, which = part
        if which == "input":
            return Found(input_lines(context.store, found))
        if found.state != "RUNNING":
            return Found(_statuses(context, found, only_failures=which == "error"))
    elif file is not None:
        start, end = asked
        last = file.size if end is None else min(end, file.size)
        is_lines = file.media_type == "application/x-ndjson"
        path = context.store.files / file.path
        if path.is_file():
            size = max(0, last - start)
            return Found(_read(path, start, size), NDJSON if is_lines else file.media_type, size)
    raise Refusal("RESOURCE_NOT_FOUND", "there is no such file")


def _statuses(context: Context, found: imports.Import, *, only_failures: bool) -> Iterator[bytes]:
    with context.store.read() as connection:
        yield from imports.statuses(connection, found, only_failures=only_failures)


def _read(path: Path, start: int, size: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while size > 0 and (block := file.read(min(BLOCK, size))):
            size -= len(block)
            yield block
