"""What a run holds, as files: its metric lines, and one object a data row in the shape of the platform's export."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from sqlalchemy import Connection, select

from labelmetrics.errors import NotFoundError
from labelmetrics.formats.metric_columns import key_uuids
from labelmetrics.kernels.batch import Coded
from labelmetrics.store import schema
from labelmetrics.store.annotations import SIDES
from labelmetrics.store.data_rows import KnownRow, RunDataRow, known_rows, run_rows
from labelmetrics.store.metrics import MetricKey, form_numbers, metric_keys
from labelmetrics.store.models import Model, ModelRun, model, run, run_number
from labelmetrics.store.packing import Form, unpack

__all__ = ["export_lines", "metric_lines"]

AT_ONCE = 2_000
"""Data rows whose lines are made at once."""
KEPT = 100_000
"""Texts of values that are remembered."""


def metric_lines(connection: Connection, run_id: str, *, by_id: bool = False) -> Iterator[bytes]:
    """The metric lines of a run as NDJSON, some at a time.

    They are ordered by data row (as they were made), level, metric name, feature and subclass.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        A transaction.
    run_id : str
        The run.
    by_id : bool, default False
        Whether data rows are named by their ids; otherwise they are by their global key where they have one.

    Raises
    ------
    NotFoundError
        There is no such run.
    """
    writer = _MetricWriter(connection, run_number(connection, run_id), by_id=by_id)
    for _, known in _stretches(connection, run_id):
        yield b"".join(line + b"\n" for _, line in writer.lines(known))


def export_lines(connection: Connection, run_id: str, *, predictions: bool = True) -> Iterator[bytes]:
    """What a run says of each data row, one object a line, some at a time.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        A transaction.
    run_id : str
        The run.
    predictions : bool, default True
        Whether predictions and metrics are part of it, besides the ground truth.

    Raises
    ------
    NotFoundError
        There is no such run.
    """
    found = run(connection, run_id)
    if found is None:
        raise NotFoundError("model run", run_id)
    parent = model(connection, found.model_id)
    number = run_number(connection, run_id)
    writer = _MetricWriter(connection, number)
    for rows, known in _stretches(connection, run_id):
        labels, guesses = (_annotations(connection, number, side, known) for side in range(len(SIDES)))
        if predictions:
            for row, line in writer.lines(known):
                guesses.setdefault(row.id, []).append(orjson.Fragment(line))
        yield b"".join(_exported(row, found, parent, labels, guesses if predictions else None) for row in rows)


def _exported(
    row: RunDataRow,
    run: ModelRun,
    model: Model | None,
    labels: dict[str, list[Any]],
    guesses: dict[str, list[Any]] | None,
) -> bytes:
    data_row = row.data_row
    said: dict[str, Any] = {"name": run.name, "run_data_row_id": data_row.id, "data_split": row.split}
    for name, lines in (("labels", labels), ("predictions", guesses)):
        if lines is not None:
            said[name] = [{"annotations": lines[data_row.id]}] if data_row.id in lines else []
    exported = {
        "data_row": {name: getattr(data_row, name) for name in ("id", "global_key", "external_id", "row_data")},
        "media_attributes": data_row.media or {},
        "metadata_fields": [],
        "experiments": {run.model_id: {"name": None if model is None else model.name, "runs": {run.id: said}}},
    }
    return orjson.dumps(exported) + b"\n"


def _annotations(connection: Connection, run: int, side: int, rows: dict[str, KnownRow]) -> dict[str, list[Any]]:
    """Lines of one side, by the ids of their data rows."""
    columns = schema.annotation.c
    ids = {row.number: row.id for row in rows.values()}
    query = (
        select(columns.data_row, columns.line)
        .where(columns.run == run, columns.side == side, columns.data_row.in_([*ids]))
        .order_by(columns.data_row, columns.uuid)
    )
    found: dict[str, list[Any]] = {}
    for row in connection.execute(query):
        found.setdefault(ids[row.data_row], []).append(orjson.Fragment(row.line))
    return found


class _MetricWriter:
    """Writes the metrics of some data rows of a run as lines."""

    def __init__(self, connection: Connection, run: int, *, by_id: bool = False) -> None:
        self.connection, self.by_id = connection, by_id
        keys = metric_keys(connection, run)
        keys.sort(key=lambda key: (*_level(key), key.name or "", key.feature or "", key.subclass or ""))
        self.keys = keys
        self.rank = {key.number: rank for rank, key in enumerate(keys)}
        self.around = [_around(key) for key in keys]
        self.forms = {number: form for form, number in form_numbers(connection).items()}
        self.texts: dict[tuple[int, bytes], str] = {}

    def lines(self, rows: dict[str, KnownRow]) -> Iterator[tuple[KnownRow, bytes]]:
        """Lines with their data rows, in their order."""
        columns = schema.metric.c
        numbers = [row.number for row in rows.values()]
        by_number = {row.number: row for row in rows.values()}
        query = select(columns.metric_key, columns.data_row, columns.form, columns.value, columns.uuid).where(
            columns.metric_key.in_([*self.rank]), columns.data_row.in_(numbers)
        )
        found = sorted((row[1], self.rank[row[0]], *row[2:]) for row in self.connection.execute(query))
        uuids = self._uuids([by_number[one[0]] for one in found], [one[1] for one in found])
        for (number, rank, form, value, given), made in zip(found, uuids, strict=True):
            row, (before, after) = by_number[number], self.around[rank]
            start = orjson.dumps({"uuid": made if given is None else given, "dataRow": self._key(row)})[:-1].decode()
            yield row, f"{start}{before}{self._text(form, value)}{after}".encode()

    def _key(self, row: KnownRow) -> dict[str, str]:
        return {"id": row.id} if self.by_id or row.global_key is None else {"globalKey": row.global_key}

    def _text(self, number: int, value: bytes) -> str:
        text = self.texts.get((number, value))
        if text is None:
            if len(self.texts) >= KEPT:
                self.texts.clear()
            text = self.texts[number, value] = _json_of(value, self.forms[number])
        return text

    def _uuids(self, rows: list[KnownRow], ranks: list[int]) -> list[str]:
        data_row = Coded.of(":".join(*self._key(row).items()) for row in rows)
        names = (Coded.of(getattr(self.keys[rank], part) for rank in ranks) for part in ("name", "feature", "subclass"))
        uuids: list[str] = key_uuids(data_row, *names).to_pylist()
        return uuids


def _level(key: MetricKey) -> tuple[bool, bool]:
    return key.feature is not None, key.subclass is not None


def _around(key: MetricKey) -> tuple[str, str]:
    """What stands before and after the value on a line."""
    names = {"metricName": key.name, "featureName": key.feature, "subclassName": key.subclass}
    said = "".join(f',"{name}":{orjson.dumps(value).decode()}' for name, value in names.items() if value is not None)
    return f'{said},"metricValue":', f',"aggregation":"{key.aggregation}"}}'


def _json_of(value: bytes, form: Form) -> str:
    numbers = unpack(value, form)[0].tolist()
    grid = form.grid
    found = numbers[0] if grid is None else {repr(key): number for key, number in zip(grid, numbers, strict=True)}
    return orjson.dumps(found).decode()


def _stretches(connection: Connection, run_id: str) -> Iterator[tuple[list[RunDataRow], dict[str, KnownRow]]]:
    """The data rows of a run, some at a time."""
    run, after = run_number(connection, run_id), None
    while rows := run_rows(connection, run_id, after=after, first=AT_ONCE):
        known = known_rows(connection, run, [("id", row.data_row.id) for row in rows])
        yield rows, {row.data_row.id: known["id", row.data_row.id] for row in rows}
        after = rows[-1].data_row.id
