"""Exports of a run: written to a file in one go, and given away in pieces that end at a line's end."""

from __future__ import annotations

import secrets
from bisect import bisect_right
from typing import Any, NamedTuple

from labelmetrics.store import Store
from labelmetrics.store.exports import export_lines
from labelmetrics.store.files import add_file

__all__ = ["Export", "Piece", "write_export"]

PIECE = 4 << 20


class Piece(NamedTuple):
    """Bytes from ``start`` up to ``end``, and lines likewise; neither end is part of it."""

    start: int
    end: int
    first_line: int
    end_line: int


class Export(NamedTuple):
    """A written export, as its task keeps it.

    Parameters
    ----------
    token : str
        The part of its file's URL.
    pieces : list
        Byte and line at which each piece begins, and the end of the last.
    """

    token: str
    pieces: list[list[int]]

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.pieces[-1][0]

    @property
    def lines(self) -> int:
        """Number of lines."""
        return self.pieces[-1][1]

    def piece(self, offset: int) -> Piece | None:
        """What follows a byte, up to the end of its piece; ``None`` behind the end."""
        if offset >= self.size:
            return None
        at = bisect_right(self.pieces, offset, key=lambda piece: piece[0])
        (_, line), (end, end_line) = self.pieces[at - 1], self.pieces[at]
        return Piece(offset, end, line, end_line)


def write_export(store: Store, run_id: str, *, predictions: bool) -> tuple[dict[str, Any], None]:
    """Write the export of a run to a file of the store; the result is what a task keeps."""
    name = f"{secrets.token_hex(16)}.ndjson"
    path = store.files / name
    pieces, size, lines = [[0, 0]], 0, 0
    try:
        with path.open("xb") as stream, store.read() as connection:
            for chunk in export_lines(connection, run_id, predictions=predictions):
                stream.write(chunk)
                size += len(chunk)
                lines += chunk.count(b"\n")
                if size - pieces[-1][0] >= PIECE:
                    pieces.append([size, lines])
        if size > pieces[-1][0]:
            pieces.append([size, lines])
        with store.write() as connection:
            file = add_file(connection, name, size)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Export(file.token, pieces)._asdict(), None
