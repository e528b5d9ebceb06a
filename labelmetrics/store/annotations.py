"""Ground truths and predictions of runs: their lines, as they were sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import orjson
from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import sqlite

from labelmetrics.store import schema

__all__ = [
    "SIDES",
    "AnnotationLine",
    "Side",
    "annotation_lines",
    "count_annotations",
    "keyed_lines",
    "upsert_annotations",
]

Side = Literal["ground_truth", "prediction"]
SIDES: tuple[Side, Side] = ("ground_truth", "prediction")
AT_ONCE = 5_000


class AnnotationLine(NamedTuple):
    """A line of an annotation: the number of its data row, its uuid, and the line as JSON."""

    data_row: int
    uuid: str
    line: str


def upsert_annotations(
    connection: Connection, run: int, side: Side, lines: Sequence[AnnotationLine], import_: int
) -> None:
    """Store annotations, each in place of the one of its side, data row and uuid."""
    number = SIDES.index(side)
    if lines:
        connection.execute(
            _UPSERT, [{"run": run, "side": number, "import": import_, **line._asdict()} for line in lines]
        )


_INSERT = sqlite.insert(schema.annotation)
_UPSERT = _INSERT.on_conflict_do_update(
    index_elements=["run", "side", "data_row", "uuid"],
    set_={name: _INSERT.excluded[name] for name in ("line", "import")},
)


def annotation_lines(connection: Connection, run: int, side: Side) -> Iterator[bytes]:
    """Annotations of one side as NDJSON, data row by data row, some at a time."""
    columns = schema.annotation.c
    query = (
        select(columns.line)
        .where(columns.run == run, columns.side == SIDES.index(side))
        .order_by(columns.data_row, columns.uuid)
    )
    result = connection.execution_options(stream_results=True, yield_per=AT_ONCE).execute(query)
    for some in result.scalars().partitions():
        yield "".join(f"{line}\n" for line in some).encode()


def keyed_lines(connection: Connection, run: int, side: Side, keys: Mapping[int, Mapping[str, str]]) -> Iterator[bytes]:
    """The same, each line with the key that is given for the number of its data row."""
    columns = schema.annotation.c
    query = (
        select(columns.data_row, columns.line)
        .where(columns.run == run, columns.side == SIDES.index(side))
        .order_by(columns.data_row, columns.uuid)
    )
    for row in connection.execution_options(stream_results=True, yield_per=AT_ONCE).execute(query):
        yield orjson.dumps({**orjson.loads(row.line), "dataRow": keys[row.data_row]}) + b"\n"


def count_annotations(connection: Connection, run: int) -> dict[Side, int]:
    """How many annotations each side of a run has."""
    columns = schema.annotation.c
    query = select(columns.side, func.count()).where(columns.run == run).group_by(columns.side)
    found = {row[0]: row[1] for row in connection.execute(query)}
    return {side: found.get(number, 0) for number, side in enumerate(SIDES)}
