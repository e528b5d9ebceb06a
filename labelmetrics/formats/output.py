"""Files that appear when they are complete."""

from __future__ import annotations

import contextlib
import gzip
import io
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from labelmetrics.errors import InputError, SettingError
from labelmetrics.formats.storage import appearing, is_url, path_of

if TYPE_CHECKING:
    import pyarrow as pa


Kind = Literal["evaluation", "lines", "table"]

SUFFIXES: dict[Kind, tuple[str, ...]] = {
    "evaluation": (".lmeval",),
    "lines": (".ndjson", ".jsonl"),
    "table": (".parquet",),
}
PACKED = (".gz", ".zst")

GROUP_ROWS = 1 << 18
"""Rows of a Parquet file that are read and skipped together."""


def kind_of(path: str | Path) -> Kind | None:
    """What is written to a path, by its ending; ``None`` where that says nothing.

    >>> kind_of("a.lmeval"), kind_of("-"), kind_of("a.ndjson.gz"), kind_of("a.parquet"), kind_of("a.csv")
    ('evaluation', 'lines', 'lines', 'table', None)
    """
    if str(path) == "-":
        return "lines"
    name = Path(str(path)).name
    plain = next((name.removesuffix(packed) for packed in PACKED if name.endswith(packed)), name)
    for kind, suffixes in SUFFIXES.items():
        if (plain if kind == "lines" else name).endswith(suffixes):
            return kind
    return None


def is_in_parts(path: str | Path) -> bool:
    """Whether an output is named as a folder of part files.

    >>> is_in_parts("metrics.ndjson/"), is_in_parts("metrics.ndjson")
    (True, False)
    """
    return str(path).endswith("/")


def check_ending(path: str | Path, kind: Kind) -> None:
    """Refuse a path whose ending promises something else than what is written to it.

    Raises
    ------
    SettingError
        It has another ending; the folder of an evaluation may have none.
    """
    found = kind_of(path)
    if found != kind and not (found is None and kind == "evaluation"):
        expected = " or ".join(SUFFIXES[kind])
        more = ", also with .gz or .zst, or is -" if kind == "lines" else ""
        words = {"evaluation": "an evaluation file", "lines": "a file of metric lines", "table": "a metric table"}
        raise SettingError(f"{path}: {words[kind]} ends in {expected}{more}")


def check_place(path: str | Path) -> None:
    """Refuse a path within an evaluation file, which is only ever written as a whole.

    Raises
    ------
    InputError
        It lies within one.
    """
    for folder in () if is_url(path) else Path(path).absolute().parents:
        if folder.suffix == ".lmeval" and folder.is_dir():
            raise InputError(f"{path}: lies within the evaluation file {folder.name}, where nothing else is written")


@contextlib.contextmanager
def open_output(path: str | Path, aside: Path | None = None) -> Iterator[IO[bytes]]:
    """Open a file for writing bytes; it gets its name when the block ends without an error.

    Until then it is beside its place, or in the folder ``aside``.

    Packed if the name ends in ``.gz`` or ``.zst``; ``"-"`` is standard output.

    Raises
    ------
    InputError
        The file cannot be written, or lies within an evaluation file.
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
    check_place(path)
    target = path_of(path)
    try:
        with appearing(target, aside) as temporary, temporary.open("xb") as raw, packed(raw, target.suffix) as stream:
            yield stream
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error


@contextlib.contextmanager
def packed(raw: IO[bytes], suffix: str) -> Iterator[Any]:
    """The file, packing what is written to it if the suffix is ``.gz`` or ``.zst``."""
    if suffix == ".gz":
        # Neither name nor time, so that the same content has the same bytes.
        with gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as stream:
            yield stream
    elif suffix == ".zst":
        import pyarrow as pa

        with pa.CompressedOutputStream(raw, "zstd") as stream:
            yield stream
    else:
        yield raw


def write_chunks(path: str | Path, chunks: Iterable[bytes]) -> None:
    """Write bytes to a file; see :func:`open_output`."""
    with open_output(path) as stream:
        for chunk in chunks:
            stream.write(chunk)


def write_tables(path: str | Path, tables: Iterable[pa.Table]) -> None:
    """Write a Parquet file of tables, one below the other; see :func:`open_output`."""
    with open_output(path) as stream:
        put_tables(stream, tables)


def put_tables(stream: IO[bytes], tables: Iterable[pa.Table]) -> int:
    """Write tables, one below the other, as Parquet to an open file; returns the number of rows."""
    n = 0
    with contextlib.closing(TableWriter(stream)) as writer:
        for table in tables:
            writer.append(table)
            n += table.num_rows
        writer.finish()
    return n


class TableWriter:
    """Writes a Parquet file in groups of one size, so that it does not matter in which parts the rows come.

    Parameters
    ----------
    file : path or file
        What is written.
    """

    def __init__(self, file: Path | IO[bytes]) -> None:
        self._file = file
        self._writer: Any = None
        self._waiting: list[pa.Table] = []
        self._n = 0

    def append(self, table: pa.Table) -> None:
        """Add rows."""
        import pyarrow.parquet as pq

        if self._writer is None:
            self._writer = pq.ParquetWriter(self._file, table.schema, compression="zstd")
        self._waiting.append(table)
        self._n += table.num_rows
        while self._n >= GROUP_ROWS:
            self._write(GROUP_ROWS)

    def _write(self, n: int) -> None:
        import pyarrow as pa

        whole = pa.concat_tables(self._waiting)
        self._writer.write_table(whole.slice(0, n).combine_chunks(), row_group_size=GROUP_ROWS)
        self._waiting, self._n = [whole.slice(n)], self._n - n

    def finish(self) -> None:
        """Write what is left, and close the file."""
        self._write(self._n)
        self.close()

    def close(self) -> None:
        """Close the file as it is."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
