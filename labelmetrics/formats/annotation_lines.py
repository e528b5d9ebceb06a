"""Platform NDJSON of annotations read into columns, a block of lines at a time.

Lines of one layout are cut apart as they stand, other regular lines are parsed by pyarrow with an explicit schema;
nothing per annotation runs in Python for either. Video lines, and whole blocks that pyarrow refuses or that fail one of
the checks here, go line by line through the models of ``labelmetrics.types``, which say what is wrong and where.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from labelmetrics.errors import Fault, InputError
from labelmetrics.formats.bad_lines import BadLines
from labelmetrics.formats.blocks import Block, read_blocks
from labelmetrics.formats.layout import table_of_layout
from labelmetrics.formats.ndjson import Parsed, parse_json, parse_line
from labelmetrics.formats.objects import AnnotationBuilder
from labelmetrics.formats.table import ALWAYS, columns_of_table, is_sound, line_schema
from labelmetrics.kernels.batch import Columns

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["read_annotations", "read_lines_of", "read_table"]

# An answer is a text, an object or a list of objects; pyarrow wants one type per name. Quotes within a JSON string are
# escaped, so no pattern can match inside of one. Lines must not have the new names themselves.
ANSWER = re.compile(rb'"answer"(\s*:\s*["\[])')
RENAMED = re.compile(rb'"answer(_text"|_list"|\\u00)')
SPECIAL = (b'"segments"', b'"frames"', b'"masks"', b'"metricValue"', b'"relationship"', b'"messageEvaluationTask"')

SAMPLE = 1 << 16
"""Bytes at the start of a block whose fields are expected to be those of the whole."""


def read_annotations(path: str | Path, bad_lines: BadLines) -> Columns:
    """Read a file of annotation lines; metric lines among them are passed over.

    Parameters
    ----------
    path : str or Path
        NDJSON, perhaps compressed by gzip or zstd; a file with one JSON array of such lines; ``"-"`` for standard
        input.
    bad_lines : BadLines
        Told about each line that cannot be read.

    Raises
    ------
    InputError
        The file as a whole cannot be read.
    """
    return Columns.concat([piece.columns for block in read_blocks(path) for piece in pieces_of(block, bad_lines)])


def read_lines_of(lines: Iterable[Mapping[str, Any]], bad_lines: BadLines) -> Columns:
    """Columns of annotation lines that are given as mappings."""
    builder = AnnotationBuilder()
    for number, line in enumerate(lines, 1):
        _add(builder, partial(parse_line, line), number, None, b"", bad_lines)
    return builder.columns()


@dataclass(frozen=True, slots=True)
class Piece:
    """Annotations of one block, and what they can be made from again: a table of regular lines, or lines of text.

    Parameters
    ----------
    columns : Columns
        The annotations.
    table : pyarrow.Table or None
        The regular lines, with the columns of :func:`~labelmetrics.formats.table.line_schema`.
    lines : list of bytes
        The others that can be read.
    """

    columns: Columns
    table: pa.Table | None = None
    lines: list[bytes] = field(default_factory=list)


def read_table(table: pa.Table) -> Piece:
    """Annotations of an Arrow table whose columns are named like the fields of annotation lines.

    Raises
    ------
    InputError
        A column is unknown or of another type, or a row breaks a rule.
    """
    import pyarrow as pa

    schema = line_schema()
    unknown = sorted(set(table.column_names) - set(schema.names))
    if unknown:
        raise InputError(f"the table has columns that no annotation has: {', '.join(unknown)}")
    try:
        rows = table.cast(pa.schema([schema.field(name) for name in table.column_names]))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(f"the table is not one of annotations: {error}") from error
    if not len(rows):
        return Piece(Columns.empty())
    if not is_sound(rows):
        raise InputError("the table holds rows that are not annotations; write it as NDJSON to see which they are")
    columns = columns_of_table(rows)
    if columns is None:
        raise InputError("the table holds masks whose encoding is damaged; write it as NDJSON to see which they are")
    return Piece(columns, rows)


def pieces_of(block: Block, bad_lines: BadLines, *, brief: bool = False) -> Iterator[Piece]:
    """Read a block of lines; ``bad_lines`` is told about each line that cannot be read.

    Columns of regular lines may be ``brief``: see :func:`~labelmetrics.formats.table.columns_of_table`.
    """
    # Fields that are not those of the first lines, and whatever is special, are refused here and looked for then:
    # looking for each in the whole text takes as long as reading it.
    piece = _fast(block, SAMPLE, brief=brief)
    if piece is not None:
        yield piece
        return
    lines: Iterable[tuple[int, bytes]] = block.lines()
    if any(key in block.text for key in SPECIAL):
        regular: list[tuple[int, bytes]] = []
        special: list[tuple[int, bytes]] = []
        for number, line in lines:
            (special if any(key in line for key in SPECIAL) else regular).append((number, line))
        yield _slow(special, block.file, bad_lines)
        if not regular:
            return
        lines, block = regular, replace(block, text=b"\n".join(line for _, line in regular) + b"\n")
    yield _fast(block, brief=brief) or _slow(lines, block.file, bad_lines)


def _slow(lines: Iterable[tuple[int, bytes]], file: str, bad_lines: BadLines) -> Piece:
    builder = AnnotationBuilder()
    good = [line for number, line in lines if _add(builder, partial(parse_json, line), number, file, line, bad_lines)]
    return Piece(builder.columns(), lines=good)


def columns_of_pieces(tables: Sequence[pa.Table], lines: Iterable[bytes]) -> Columns:
    """Columns from what :class:`Piece` keeps."""
    parts = [part for table in tables if (part := columns_of_table(table)) is not None]
    builder = AnnotationBuilder()
    for line in lines:
        builder.add_line(parse_json(line))
    others = builder.columns()
    return Columns.concat([*parts, others] if len(others) or not parts else parts)


def _fast(block: Block, sample: int | None = None, *, brief: bool = False) -> Piece | None:
    """Annotations of regular lines, or ``None`` where anything about them is not as expected.

    With ``sample``, only fields that occur in the first so many bytes are expected.
    """
    if not _is_utf8(block.text):
        return None
    table = table_of_layout(block.text, _written(), ALWAYS)
    if table is None:
        table = _parsed(block, sample)
    if table is None:
        return None
    table = table.combine_chunks()
    if not is_sound(table):
        return None
    columns = columns_of_table(table, brief=brief)
    return None if columns is None else Piece(columns, table)


@cache
def _written() -> pa.Schema:
    """Fields as lines have them, where they are not renamed for the parser."""
    import pyarrow as pa

    return pa.schema([field for field in line_schema() if not field.name.startswith("answer_")])


def _parsed(block: Block, sample: int | None) -> pa.Table | None:
    """What pyarrow makes of regular lines."""
    import pyarrow as pa
    import pyarrow.json

    text, lines = block.text, _object_lines(block)
    if lines is None:
        return None
    rows, longest = lines
    # Fields that the sample lacks are refused by the parser.
    if b'"answer' in text[:sample]:
        if RENAMED.search(text):
            return None
        text = ANSWER.sub(
            lambda found: (b'"answer_text"' if found[1][-1:] == b'"' else b'"answer_list"') + found[1], text
        )
    try:
        table = pyarrow.json.read_json(
            io.BytesIO(text),
            # A line must not be longer than a block of the parser.
            read_options=pyarrow.json.ReadOptions(block_size=max(1 << 20, 2 * longest)),
            parse_options=pyarrow.json.ParseOptions(
                explicit_schema=line_schema(text[:sample]), unexpected_field_behavior="error"
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    return table if table.num_rows == rows else None


def _object_lines(block: Block) -> tuple[int, int] | None:
    """Number of lines in braces and length of the longest; ``None`` where a line has anything else around it.

    pyarrow reads objects wherever they begin and end, and does not survive a bare ``null``.
    """
    text, stops = block.text, block.newlines
    characters = np.frombuffer(text, np.uint8)
    if not len(text) or characters[-1] != ord("\n"):
        stops = np.append(stops, len(text))
    starts = np.append(0, stops[:-1] + 1)
    lasts = np.maximum(stops - 1, 0)
    lasts = np.maximum(lasts - (characters[lasts] == ord("\r")), 0)
    begins, ends = characters[starts], characters[lasts]
    objects = int((begins == ord("{")).sum())
    blank = int(((begins == ord("\n")) | (begins == ord("\r"))).sum())
    if not objects or objects + blank != len(stops) or objects != int((ends == ord("}")).sum()):
        return None
    return objects, int((stops - starts).max()) + 1


def _is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _add(
    builder: AnnotationBuilder,
    parse: Callable[[], Sequence[Parsed]],
    number: int,
    file: str | None,
    text: bytes,
    bad_lines: BadLines,
) -> bool:
    """Add the annotations of a line; whether it could be read."""
    try:
        builder.add_line(parse())
        return True
    except InputError as error:
        # A line's annotations have no places of their own in it.
        faults = [
            replace(fault, file=file, line=number, path=None if (fault.path or "").startswith("$[") else fault.path)
            for fault in error.faults
        ]
        bad_lines.add(faults or [Fault(rule="line", message=str(error), file=file, line=number)], text)
        return False
