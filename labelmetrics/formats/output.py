"""Files that appear when they are complete."""

from __future__ import annotations

import contextlib
import gzip
import io
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from uuid import uuid4

from labelmetrics.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa


@contextlib.contextmanager
def open_output(path: str | Path) -> Iterator[IO[bytes]]:
    """Open a file for writing bytes; it gets its name when the block ends without an error.

    Packed if the name ends in ``.gz`` or ``.zst``; ``"-"`` is standard output.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    if str(path) == "-":
        buffer = getattr(sys.stdout, "buffer", None)
        # Notebooks and tests replace standard output by something that takes text only.
        collected = io.BytesIO()
        yield collected if buffer is None else buffer
        if buffer is None:
            sys.stdout.write(collected.getvalue().decode())
        sys.stdout.flush()
        return
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{uuid4().hex}")
    try:
        with temporary.open("xb") as raw, _packed(raw, target.suffix) as stream:
            yield stream
        temporary.replace(target)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _packed(raw: IO[bytes], suffix: str) -> Iterator[Any]:
    if suffix == ".gz":
        # Neither name nor time, so that the same content has the same bytes.
        with gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed:
            yield packed
    elif suffix == ".zst":
        import pyarrow as pa

        with pa.CompressedOutputStream(raw, "zstd") as packed:
            yield packed
    else:
        yield raw


def write_chunks(path: str | Path, chunks: Iterable[bytes]) -> None:
    """Write bytes to a file; see :func:`open_output`."""
    with open_output(path) as stream:
        for chunk in chunks:
            stream.write(chunk)


def write_table(path: str | Path, table: pa.Table) -> None:
    """Write a Parquet file; see :func:`open_output`."""
    import pyarrow.parquet as pq

    with open_output(path) as stream:
        pq.write_table(table, stream, compression="zstd")
