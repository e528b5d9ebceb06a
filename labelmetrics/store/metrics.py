"""Metrics of runs: kept by metric key, and read back in columns.

The numbers of one metric key (metric name, feature, subclass) lie side by side, those of a data row in one value; the
database joins the values of all data rows into one, and numpy reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    Connection,
    CursorResult,
    Dialect,
    LargeBinary,
    Text,
    bindparam,
    cast,
    func,
    insert,
    literal_column,
    select,
)
from sqlalchemy.dialects import sqlite

from labelmetrics.errors import Fault
from labelmetrics.formats.metric_lines import MetricShape, MetricValues
from labelmetrics.kernels.batch import Ints
from labelmetrics.store import schema
from labelmetrics.store.packing import Form, Packed, unpack

__all__ = [
    "MetricBlock",
    "MetricKey",
    "count_metrics",
    "form_numbers",
    "metric_blocks",
    "metric_keys",
    "upsert_metrics",
]

AT_ONCE = 200_000
"""Numbers of data rows whose values are joined at once: a text of the database holds a billion bytes."""


class MetricKey(NamedTuple):
    """What some metrics of a run are about: all of their metric key but the data row."""

    number: int
    name: str | None
    feature: str | None
    subclass: str | None
    aggregation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricBlock:
    """Metrics of one key and form.

    Parameters
    ----------
    key : MetricKey
        What they are about.
    form : Form
        How they are packed: the confidence keys, and the type of the numbers.
    data_row : ndarray of int64, shape (n,)
        Numbers of their data rows.
    numbers : ndarray, shape (n, keys) or (n, keys, 4)
        Scalars, or counts.
    """

    key: MetricKey
    form: Form
    data_row: Ints
    numbers: NDArray[Any]


def metric_keys(connection: Connection, run: int) -> list[MetricKey]:
    """What the metrics of a run are about, in the order in which it first came up."""
    columns = schema.metric_key.c
    query = select(columns.number, columns.name, columns.feature, columns.subclass, columns.aggregation)
    rows = connection.execute(query.where(columns.run == run).order_by(columns.number))
    return [MetricKey(*row) for row in rows]


def count_metrics(connection: Connection, run: int) -> int:
    """How many metrics a run holds."""
    keys = select(schema.metric_key.c.number).where(schema.metric_key.c.run == run)
    query = select(func.count()).select_from(schema.metric).where(schema.metric.c.metric_key.in_(keys))
    return connection.execute(query).scalar_one()


def upsert_metrics(
    connection: Connection,
    run: int,
    values: MetricValues,
    packed: Packed,
    rows: Ints,
    uuids: Sequence[str | None],
    import_: int,
) -> dict[int, Fault]:
    """Store metrics, each in place of the one that has its metric key.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        A transaction that writes.
    run : int
        Number of the run.
    values : MetricValues
        The metrics; their numbers are not looked at.
    packed : Packed
        Their numbers.
    rows : ndarray of int64
        Number of the data row of each metric.
    uuids : sequence of str or None
        Uuid of each metric where it was given one that does not follow from its key.
    import_ : int
        Number of the import that they belong to: within one, a metric key may occur once.

    Returns
    -------
    dict of int to Fault
        Metrics (as indices) that are not stored, and why.
    """
    refused: dict[int, Fault] = {}
    keys = _keys(connection, run, values, refused)
    numbers = np.array(_forms(connection, packed.forms), np.int64)
    key = keys[values.shape]
    stored = np.flatnonzero(key >= 0)
    # Sorted as they are stored; of equal keys the first stays.
    order = stored[np.lexsort((stored, rows[stored], key[stored]))]
    same = np.zeros(len(order), bool)
    same[1:] = (key[order][1:] == key[order][:-1]) & (rows[order][1:] == rows[order][:-1])
    twice = order[same].tolist()
    order = order[~same]
    places = order.tolist()
    written = [
        *zip(
            key[order].tolist(),
            rows[order].tolist(),
            numbers[packed.form[order]].tolist() if places else [],
            map(packed.content.__getitem__, places),
            map(uuids.__getitem__, places),
            repeat(import_),
            strict=False,
        )
    ]
    _note_forms(connection, written)
    twice += [int(order[place]) for place in _write(connection, written)]
    return refused | {index: _twice(values, index) for index in twice}


def _twice(values: MetricValues, index: int) -> Fault:
    return Fault(
        rule="duplicate-metric-key",
        message="an earlier line of this import has the same metric key",
        remedy="keep one of them",
        **values.place(index),
    )


def _write(connection: Connection, rows: list[tuple[Any, ...]]) -> set[int]:
    """Write metrics; those whose key an earlier part of the same import has are left as they are, and named."""
    if not rows:
        return set()
    attempt = connection.begin_nested()
    if _upsert(connection, rows) == len(rows):
        attempt.commit()
        return set()
    attempt.rollback()
    columns = schema.metric.c
    query = select(columns.data_row).where(
        columns.metric_key == bindparam("metric_key"),
        columns.data_row == bindparam("data_row"),
        columns["import"] == bindparam("import"),
    )
    before = set()
    for place, row in enumerate(rows):
        named = dict(zip(_COLUMNS, row, strict=True))
        if connection.execute(query, {name: named[name] for name in ("metric_key", "data_row", "import")}).first():
            before.add(place)
    _upsert(connection, [row for place, row in enumerate(rows) if place not in before])
    return before


def _upsert(connection: Connection, rows: list[tuple[Any, ...]]) -> int:
    """Write rows, given in the order of the columns, and say how many were written."""
    if not rows:
        return 0
    return _executed(connection, _UPSERT, _COLUMNS, rows).rowcount


def _executed(
    connection: Connection, statement: sqlite.Insert, columns: tuple[str, ...], rows: list[tuple[Any, ...]]
) -> CursorResult[Any]:
    """Execute an insert for each of some rows: the general way takes longer than the database itself."""
    return connection.exec_driver_sql(_text(statement, columns, connection.dialect), rows)


@cache
def _text(statement: sqlite.Insert, columns: tuple[str, ...], dialect: Dialect) -> str:
    compiled = statement.compile(dialect=dialect, column_keys=list(columns))
    assert tuple(compiled.positiontup or ()) == columns
    return str(compiled)


def _keys(connection: Connection, run: int, values: MetricValues, refused: dict[int, Fault]) -> Ints:
    """Number of the metric key of each shape; -1 where its metric name is aggregated in another way."""
    there = metric_keys(connection, run)
    known = {(key.name, key.feature, key.subclass): key.number for key in there}
    methods = {key.name: key.aggregation for key in there}
    taken, new = [], []
    for code in np.unique(values.shape).tolist():
        shape = values.shapes[code]
        method = methods.setdefault(shape.name, shape.aggregation)
        if method != shape.aggregation:
            members = np.flatnonzero(values.shape == code).tolist()
            refused |= {index: _unlike(values, index, shape, method) for index in members}
            continue
        taken.append(code)
        if shape[:3] not in known:
            known[shape[:3]] = -1
            name, feature, subclass = shape[:3]
            new.append({"run": run, "name": name, "feature": feature, "subclass": subclass, "aggregation": method})
    if new:
        connection.execute(insert(schema.metric_key), new)
        known = {(key.name, key.feature, key.subclass): key.number for key in metric_keys(connection, run)}
    numbers = np.full(len(values.shapes), -1, np.int64)
    for code in taken:
        numbers[code] = known[values.shapes[code][:3]]
    return numbers


def _unlike(values: MetricValues, index: int, shape: MetricShape, method: str) -> Fault:
    return Fault(
        rule="aggregation",
        message=f"the run has this metric name with the aggregation {method}, this line with {shape.aggregation}",
        remedy="give every metric name one aggregation",
        **values.place(index),
    )


def form_numbers(connection: Connection) -> dict[Form, int]:
    """Numbers of all forms."""
    rows = connection.execute(select(schema.metric_form))
    return {Form(row.aggregation, row._mapping["keys"], row.dtype): row.number for row in rows}


def _forms(connection: Connection, forms: Sequence[Form]) -> list[int]:
    known = form_numbers(connection)
    for form in forms:
        if form not in known:
            statement = insert(schema.metric_form).values(**form._asdict()).returning(schema.metric_form.c.number)
            known[form] = connection.execute(statement).scalar_one()
    return [known[form] for form in forms]


_COLUMNS = ("metric_key", "data_row", "form", "value", "uuid", "import")
_INSERT = sqlite.insert(schema.metric)
_UPSERT = _INSERT.on_conflict_do_update(
    index_elements=["metric_key", "data_row"],
    set_={name: _INSERT.excluded[name] for name in ("form", "value", "uuid", "import")},
    # Within one import a metric key may occur once.
    where=schema.metric.c["import"] != _INSERT.excluded["import"],
)
_NOTE_FORM = sqlite.insert(schema.metric_key_form).on_conflict_do_nothing()


def forms_of_keys(connection: Connection, keys: Sequence[MetricKey]) -> dict[int, list[Form]]:
    """Forms that the metrics of each key have, by the number of the key."""
    columns, noted = schema.metric.c, schema.metric_key_form.c
    forms = {number: form for form, number in form_numbers(connection).items()}
    query = select(noted.metric_key, noted.form).where(noted.metric_key.in_([key.number for key in keys]))
    pairs = connection.execute(query.order_by(noted.metric_key, noted.form)).all()
    found: dict[int, list[Form]] = {}
    for key, form in pairs:
        # What is noted may be of metrics that were replaced or left since.
        held = select(columns.metric_key).where(columns.metric_key == key, columns.form == form).limit(1)
        if connection.execute(held).first() is not None:
            found.setdefault(key, []).append(forms[form])
    return found


def _note_forms(connection: Connection, rows: list[tuple[Any, ...]]) -> None:
    """Note the forms of the keys of rows that are to be written."""
    pairs = sorted({(row[0], row[2]) for row in rows})
    if pairs:
        _executed(connection, _NOTE_FORM, ("metric_key", "form"), pairs)


def metric_blocks(connection: Connection, keys: Sequence[MetricKey]) -> Iterator[MetricBlock]:
    """Metrics of some keys, those of one key and form together.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        A transaction.
    keys : sequence of MetricKey
        What the metrics are about.

    Yields
    ------
    MetricBlock
        By key, by form, and by stretches of data rows.
    """
    columns = schema.metric.c
    numbers, used = form_numbers(connection), forms_of_keys(connection, keys)
    for key in keys:
        here = columns.metric_key == key.number
        # Each by itself is one look at the index, both together would be a walk through all of it.
        ends = (select(of(columns.data_row)).where(here).scalar_subquery() for of in (func.min, func.max))
        least, most = connection.execute(select(*ends)).one()
        for form in used.get(key.number, ()):
            # Where all metrics of a key have one form, nothing has to be looked at to tell them apart.
            of_form = here if len(used[key.number]) == 1 else here & (columns.form == numbers[form])
            for start in range(least or 0, (most or 0) + 1, AT_ONCE):
                part = of_form & (columns.data_row >= start) & (columns.data_row < start + AT_ONCE)
                rows, content = connection.execute(_joined(part)).one()
                if rows is not None:
                    data_row = np.fromstring(rows, np.int64, sep=",")
                    yield MetricBlock(key=key, form=form, data_row=data_row, numbers=unpack(content, form))


def _joined(where: Any) -> Any:
    """Numbers of data rows and values of some metrics, each as one text; both go through them in the same order."""
    columns = schema.metric.c
    # Bound as parameters, the separators would be looked at anew for each metric, which takes longer than all else.
    comma, nothing = literal_column("','", Text), literal_column("''", Text)
    return select(
        func.group_concat(columns.data_row, comma),
        cast(func.group_concat(columns.value, nothing), LargeBinary),
    ).where(where)
