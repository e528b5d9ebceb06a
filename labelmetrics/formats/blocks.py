"""Files of lines, read in blocks that end at a line's end."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from labelmetrics.errors import Fault, InputError
from labelmetrics.formats.storage import path_of, reason_of

BLOCK_BYTES = 16 << 20
LINE_BYTES = 64 << 20
"""Longest line that is read; a longer one is refused, whatever it unpacks from."""

ARRAY_BYTES = 512 << 20
"""Largest JSON array that is read: it has to be held as a whole."""

LEAST = 1 << 16
"""Bytes that are asked for at least."""

PIECE = 1 << 18
"""Bytes in which newlines are counted at once."""

MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
BOM = b"\xef\xbb\xbf"
PARQUET = b"PAR1"


@dataclass(frozen=True)
class Block:
    """Whole lines of one file.

    Parameters
    ----------
    file : str
        Name of the file.
    first_line : int
        Number of the first line, counted from 1.
    text : bytes
        The lines; each ends in a newline, the last one of a file perhaps not.
    """

    file: str
    first_line: int
    text: bytes

    @property
    def n_newlines(self) -> int:
        """How many newlines there are."""
        characters = np.frombuffer(self.text, np.uint8)
        # Counted a piece at a time, which is faster than to go from one to the next.
        return sum(
            int(np.count_nonzero(characters[at : at + PIECE] == ord("\n"))) for at in range(0, len(characters), PIECE)
        )

    @cached_property
    def newlines(self) -> NDArray[np.int64]:
        """Where newlines stand."""
        # Words of eight characters are looked at first, since few of them hold one.
        found = np.frombuffer(self.text, np.uint8) == ord("\n")
        whole = len(found) // 8 * 8
        words = np.flatnonzero(found[:whole].view(np.uint64))
        word, place = np.nonzero(found[:whole].reshape(-1, 8)[words])
        return np.concatenate([words[word] * 8 + place, whole + np.flatnonzero(found[whole:])])

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield number and text of each line that is not blank."""
        for number, line in enumerate(self.text.split(b"\n"), self.first_line):
            stripped = line.strip(b" \t\r")
            if stripped:
                yield number, stripped


@contextmanager
def open_bytes(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file for reading, unpacked where it is gzip or zstd; ``"-"`` is standard input.

    Raises
    ------
    InputError
        The file cannot be opened.
    """
    try:
        raw: Any = sys.stdin.buffer if str(path) == "-" else path_of(path).open("rb")
    except OSError as error:
        raise InputError(f"{path}: {reason_of(error)}") from error
    buffered = raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(raw)
    try:
        start = buffered.peek(4)[:4]
        codec = next((codec for magic, codec in MAGIC.items() if start.startswith(magic)), None)
        if codec is None:
            yield buffered
        else:
            import pyarrow as pa

            with pa.CompressedInputStream(pa.PythonFile(buffered, "r"), codec) as stream:
                yield stream
    except IsADirectoryError as error:
        raise InputError(f"{path}: is a folder") from error
    finally:
        if str(path) != "-":
            buffered.close()


def read_blocks(path: str | Path, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """Read a file of lines, block by block; a byte-order mark is passed over.

    A file that holds one JSON array is read as the lines of its elements.

    Raises
    ------
    InputError
        The file cannot be read or unpacked, or a line is longer than 64 MiB.
    """
    name = str(path)
    with open_bytes(path) as stream:
        number, rest, first = 1, b"", True
        while True:
            chunk = _read(stream, block_bytes, name, number)
            if first:
                if chunk.startswith(PARQUET):
                    raise InputError(
                        f"{name}: is a Parquet table, and lines of NDJSON are read here; write metrics as .ndjson, and "
                        "give a table of annotations as an Arrow table"
                    )
                chunk = chunk.removeprefix(BOM)
                if chunk.lstrip()[:1] == b"[":
                    yield from _array_blocks(name, chunk, stream)
                    return
                first = False
            if not chunk:
                break
            # Only a line that goes on from the block before can be too long.
            stop = chunk.find(b"\n")
            if len(rest) + (len(chunk) if stop < 0 else stop) > LINE_BYTES:
                message = f"a line is longer than {LINE_BYTES >> 20} MiB"
                raise InputError(
                    f"{name}: a line is too long",
                    [Fault(rule="line-length", message=message, file=name, line=number)],
                )
            end = chunk.rfind(b"\n") + 1
            if not end:
                rest += chunk
                continue
            block = Block(name, number, rest + chunk[:end])
            yield block
            number += block.n_newlines
            rest = chunk[end:]
        if rest.strip():
            yield Block(name, number, rest)


def _read(stream: BinaryIO, size: int, name: str, line: int) -> bytes:
    try:
        return stream.read(min(size, max(_left(stream), LEAST)))
    except OSError as error:
        fault = Fault(rule="unreadable", message=str(error), file=name, line=line)
        raise InputError(f"{name}: cannot be read to its end", [fault]) from error


def _left(stream: BinaryIO) -> int:
    """Bytes that a file has left; as good as endless where that is unknown.

    What is asked for is set aside first, and to give back what is not needed takes longer than to read.
    """
    try:
        return os.fstat(stream.fileno()).st_size - stream.tell()
    except (OSError, AttributeError):
        return sys.maxsize


def _array_blocks(name: str, chunk: bytes, stream: BinaryIO) -> Iterator[Block]:
    import orjson

    chunks, size = [chunk], len(chunk)
    while more := _read(stream, BLOCK_BYTES, name, 1):
        chunks.append(more)
        size += len(more)
        if size > ARRAY_BYTES:
            message = f"one array of more than {ARRAY_BYTES >> 20} MiB"
            fault = Fault(rule="size", message=message, remedy="write it as NDJSON", file=name)
            raise InputError(f"{name}: is too large to be read at once", [fault])
    try:
        elements = orjson.loads(b"".join(chunks))
    except orjson.JSONDecodeError as error:
        raise InputError(
            f"{name}: is not valid JSON",
            [Fault(rule="syntax", message=error.msg, file=name, line=error.lineno)],
        ) from error
    if elements:
        yield Block(name, 1, b"\n".join(orjson.dumps(element) for element in elements) + b"\n")
