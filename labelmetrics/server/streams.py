"""Answers that are sent as they are made."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

__all__ = ["NDJSON", "stream"]

NDJSON = "application/x-ndjson; charset=utf-8"
"""Without the charset, the platform's client guesses one."""


async def stream(
    request: Request,
    chunks: Iterator[bytes],
    limiter: CapacityLimiter,
    *,
    media_type: str = NDJSON,
    headers: dict[str, str] | None = None,
) -> Response:
    """An answer of chunks, each of which is made in a thread when the one before has been sent.

    What goes wrong with the first one is told as an error; later the answer can only break off.
    """
    # As a header, since Response adds a charset of its own to some types.
    all_headers = {"Content-Type": media_type, **(headers or {})}
    if request.method == "HEAD":
        _close(chunks)
        return Response(headers=all_headers)
    first = await to_thread.run_sync(next, chunks, None, limiter=limiter)
    return StreamingResponse(_sent(first, chunks, limiter), headers=all_headers)


async def _sent(first: bytes | None, chunks: Iterator[bytes], limiter: CapacityLimiter) -> AsyncIterator[bytes]:
    try:
        chunk = first
        while chunk is not None:
            if chunk:
                yield chunk
            chunk = await to_thread.run_sync(next, chunks, None, limiter=limiter)
    finally:
        _close(chunks)


def _close(chunks: Iterator[bytes]) -> None:
    if isinstance(chunks, Generator):
        chunks.close()  # lets go of its transaction or file
