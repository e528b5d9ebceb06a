"""Metrics of runs: kept by metric key, and read back in columns.

The numbers of one metric key (metric name, feature, subclass) lie side by side, those of a data row in one value; the
database joins the values of all data rows into one, and numpy reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, LargeBinary, bindparam, cast, func, insert, select
from sqlalchemy.dialects import sqlite

from labelmetrics.errors import Fault
from labelmetrics.formats.metric_lines import MetricShape, MetricValues
from labelmetrics.kernels.batch import Ints
from labelmetrics.store import schema
from labelmetrics.store.packing import Form, pack, unpack

__all__ = ["MetricBlock", "MetricKey", "count_metrics", "metric_blocks", "metric_keys", "upsert_metrics"]

AT_ONCE = 200_000
"""Numbers of data rows whose values are joined at once: a text of the database holds a billion bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricKey:
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
    return [MetricKey(**row._mapping) for row in rows]


def count_metrics(connection: Connection, run: int) -> int:
    """How many metrics a run holds."""
    keys = select(schema.metric_key.c.number).where(schema.metric_key.c.run == run)
    query = select(func.count()).select_from(schema.metric).where(schema.metric.c.metric_key.in_(keys))
    return connection.execute(query).scalar_one()


def upsert_metrics(
    connection: Connection, run: int, values: MetricValues, rows: Ints, uuids: Sequence[str | None], import_: int
) -> dict[int, Fault]:
    """Store metrics, each in place of the one that has its metric key.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        A transaction that writes.
    run : int
        Number of the run.
    values : MetricValues
        The metrics.
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
    forms, form, content = pack(values)
    numbers = np.array(_forms(connection, forms), np.int64)
    key = keys[values.shape]
    stored = np.flatnonzero(key >= 0)
    # Sorted as they are stored; of equal keys the first stays.
    order = stored[np.lexsort((stored, rows[stored], key[stored]))]
    same = np.zeros(len(order), bool)
    same[1:] = (key[order][1:] == key[order][:-1]) & (rows[order][1:] == rows[order][:-1])
    twice = order[same].tolist()
    order = order[~same]
    form_of = numbers[form].tolist() if len(values) else []
    key_of, row_of = key.tolist(), rows.tolist()
    names = ("metric_key", "data_row", "form", "value", "uuid", "import")
    written = [
        dict(zip(names, (key_of[n], row_of[n], form_of[n], content[n], uuids[n], import_), strict=True))
        for n in order.tolist()
    ]
    twice += [int(order[place]) for place in _write(connection, written)]
    return refused | {index: _twice(values, index) for index in twice}


def _twice(values: MetricValues, index: int) -> Fault:
    return Fault(
        rule="duplicate-metric-key",
        message="an earlier line of this import has the same metric key",
        remedy="keep one of them",
        **values.place(index),
    )


def _write(connection: Connection, rows: Sequence[dict[str, Any]]) -> set[int]:
    """Write metrics; those whose key an earlier part of the same import has are left as they are, and named."""
    if not rows:
        return set()
    attempt = connection.begin_nested()
    if connection.execute(_UPSERT, rows).rowcount == len(rows):
        attempt.commit()
        return set()
    attempt.rollback()
    columns = schema.metric.c
    query = select(columns.data_row).where(
        columns.metric_key == bindparam("metric_key"),
        columns.data_row == bindparam("data_row"),
        columns["import"] == bindparam("import"),
    )
    before = {place for place, row in enumerate(rows) if connection.execute(query, row).first() is not None}
    others = [row for place, row in enumerate(rows) if place not in before]
    if others:
        connection.execute(_UPSERT, others)
    return before


def _keys(connection: Connection, run: int, values: MetricValues, refused: dict[int, Fault]) -> Ints:
    """Number of the metric key of each shape; -1 where its metric name is aggregated in another way."""
    columns = schema.metric_key.c
    there = metric_keys(connection, run)
    known = {(key.name, key.feature, key.subclass): key.number for key in there}
    methods = {key.name: key.aggregation for key in there}
    numbers = np.full(len(values.shapes), -1, np.int64)
    for code, shape in enumerate(values.shapes):
        method = methods.setdefault(shape.name, shape.aggregation)
        if method != shape.aggregation:
            members = np.flatnonzero(values.shape == code).tolist()
            refused |= {index: _unlike(values, index, shape, method) for index in members}
            continue
        about = shape[:3]
        if about not in known:
            made = dict(zip(("name", "feature", "subclass"), about, strict=True))
            statement = insert(schema.metric_key).values(run=run, aggregation=method, **made).returning(columns.number)
            known[about] = connection.execute(statement).scalar_one()
        numbers[code] = known[about]
    return numbers


def _unlike(values: MetricValues, index: int, shape: MetricShape, method: str) -> Fault:
    return Fault(
        rule="aggregation",
        message=f"the run has this metric name with the aggregation {method}, this line with {shape.aggregation}",
        remedy="give every metric name one aggregation",
        **values.place(index),
    )


def _forms(connection: Connection, forms: Sequence[Form]) -> list[int]:
    columns = schema.metric_form.c
    found = []
    for form in forms:
        query = select(columns.number).where(*(columns[name] == value for name, value in form._asdict().items()))
        number = connection.execute(query).scalar()
        if number is None:
            statement = insert(schema.metric_form).values(**form._asdict()).returning(columns.number)
            number = connection.execute(statement).scalar_one()
        found.append(number)
    return found


_INSERT = sqlite.insert(schema.metric)
_UPSERT = _INSERT.on_conflict_do_update(
    index_elements=["metric_key", "data_row"],
    set_={name: _INSERT.excluded[name] for name in ("form", "value", "uuid", "import")},
    # Within one import a metric key may occur once.
    where=schema.metric.c["import"] != _INSERT.excluded["import"],
)


def metric_blocks(connection: Connection, run: int, keys: Sequence[MetricKey] | None = None) -> Iterator[MetricBlock]:
    """Metrics of a run, those of one key and form together.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        A transaction.
    run : int
        Number of the run.
    keys : sequence of MetricKey, optional
        What the metrics are about; all unless given.

    Yields
    ------
    MetricBlock
        By key, by stretches of data rows, and by form.
    """
    columns = schema.metric.c
    forms = {
        row.number: Form(row.aggregation, row._mapping["keys"], row.dtype)
        for row in connection.execute(select(schema.metric_form))
    }
    for key in metric_keys(connection, run) if keys is None else keys:
        here = columns.metric_key == key.number
        bounds = connection.execute(select(func.min(columns.data_row), func.max(columns.data_row)).where(here)).one()
        if bounds[0] is None:
            continue
        for start in range(bounds[0], bounds[1] + 1, AT_ONCE):
            part = here & (columns.data_row >= start) & (columns.data_row < start + AT_ONCE)
            least, most = connection.execute(select(func.min(columns.form), func.max(columns.form)).where(part)).one()
            if least is None:
                continue
            several = least != most
            numbers = (
                connection.execute(select(columns.form).where(part).distinct().order_by(columns.form)).scalars().all()
                if several
                else [least]
            )
            for number in numbers:
                row = connection.execute(_joined(part & (columns.form == number) if several else part)).one()
                yield MetricBlock(
                    key=key,
                    form=forms[number],
                    data_row=np.fromstring(row[0], np.int64, sep=","),
                    numbers=unpack(row[1], forms[number]),
                )


def _joined(where: Any) -> Any:
    """Numbers of data rows and values of some metrics, each as one text; both go through them in the same order."""
    columns = schema.metric.c
    rows = select(columns.data_row, columns.value).where(where).order_by(columns.data_row).subquery()
    return select(
        func.group_concat(rows.c.data_row, ","),
        cast(func.group_concat(rows.c.value, ""), LargeBinary),
    )
