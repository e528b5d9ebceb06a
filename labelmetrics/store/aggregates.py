"""Metrics of a run put together: the rollup of :mod:`labelmetrics.rollup`, of what the database holds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from labelmetrics.errors import NotFoundError
from labelmetrics.formats.metric_lines import MetricShape
from labelmetrics.kernels.batch import DataRowKey, Ints
from labelmetrics.rollup import By, Rollup, aggregate
from labelmetrics.rollup_input import Choice, Collector, Gathered, grids_of, place_of
from labelmetrics.store.data_rows import row_keys, slice_members
from labelmetrics.store.database import Store
from labelmetrics.store.imports import is_changing
from labelmetrics.store.metrics import MetricKey, forms_of_keys, metric_blocks, metric_keys
from labelmetrics.store.models import run, run_number

__all__ = ["Aggregates", "MetricSummary", "aggregate_run", "metric_summaries"]

KEPT = 64
"""Rollups that are remembered."""


class MetricSummary(NamedTuple):
    """What a run has of one metric name: its aggregation, confidence keys, features, and how many data rows it has."""

    name: str | None
    aggregation: str
    keys: tuple[float, ...]
    features: tuple[str, ...]


def metric_summaries(connection: Connection, run_id: str) -> list[MetricSummary]:
    """Metric names of a run, by name.

    Raises
    ------
    NotFoundError
        There is no such run.
    """
    keys = metric_keys(connection, run_number(connection, run_id))
    forms = forms_of_keys(connection, keys)
    found = []
    for name in sorted({key.name for key in keys}, key=lambda name: name or ""):
        of_name = [key for key in keys if key.name == name and key.number in forms]
        if of_name:
            grid = {one for key in of_name for form in forms[key.number] for one in form.grid or ()}
            features = {key.feature for key in of_name if key.feature is not None}
            found.append(MetricSummary(name, of_name[0].aggregation, tuple(sorted(grid)), tuple(sorted(features))))
    return found


def aggregate_run(
    connection: Connection,
    run_id: str,
    *,
    by: By = "run",
    metric: str | Sequence[str] | None = None,
    feature: str | None = None,
    confidence: float | None = None,
    nearest: bool = False,
) -> Rollup:
    """Put the metrics of a run together; parameters are those of :func:`labelmetrics.aggregate`.

    ``by="slice"`` takes the slices that the store has for the run.

    Raises
    ------
    NotFoundError
        There is no such run.
    SettingError
        A metric, feature or confidence key that there is not.
    """
    number = run_number(connection, run_id)
    slices = None
    if by == "slice":
        ids = {row.number: f"id:{row.id}" for row, _ in row_keys(connection, number)}
        slices = {name: [ids[row] for row in rows] for name, rows in slice_members(connection, number).items()}
    source = _RunMetrics(connection, number, by)
    return aggregate(
        source, by=by, metric=metric, feature=feature, confidence=confidence, nearest=nearest, slices=slices
    )


class Aggregates:
    """Rollups of runs, remembered until the metrics or data rows of the run change.

    While an import changes a run, a rollup from before is good enough: a new one would be old in a moment.

    Parameters
    ----------
    store : Store
        Where the runs are.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._known: OrderedDict[tuple[Any, ...], tuple[tuple[int, int], Rollup]] = OrderedDict()
        self._lock = Lock()

    def of(self, run_id: str, **settings: Any) -> Rollup:
        """What :func:`aggregate_run` gives."""
        key = (run_id, *sorted(settings.items()))
        with self.store.read() as connection:
            found = run(connection, run_id)
            if found is None:
                raise NotFoundError("model run", run_id)
            state = (found.revision, found.annotations_revision)
            with self._lock:
                before, rollup = self._known.get(key, (None, None))
            if rollup is not None and (before == state or is_changing(connection, run_id)):
                return rollup
            made = aggregate_run(connection, run_id, **settings)
        with self._lock:
            self._known[key] = state, made
            self._known.move_to_end(key)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        return made


class _RunMetrics:
    """The metrics of a run, as a source of a rollup."""

    def __init__(self, connection: Connection, run: int, by: By) -> None:
        self.connection, self.run, self.by = connection, run, by

    def gathered(self, choice: Choice) -> Gathered:
        """The values of the metrics that are wanted, at the confidence that is wanted."""
        keys = metric_keys(self.connection, self.run)
        choice.check_names(key.name for key in keys)
        keys = [key for key in keys if choice.wants(key.name)]
        forms = forms_of_keys(self.connection, keys)
        shapes = [_shape(key, form.grid) for key in keys for form in forms.get(key.number, ())]
        chosen = choice.keys(grids_of(shapes))
        parts: list[tuple[MetricKey, Ints, NDArray[Any]]] = []
        for block in metric_blocks(self.connection, keys):
            place = place_of(_shape(block.key, block.form.grid), chosen.get(block.key.name))
            if place >= 0:
                # Copied, since a view would keep the numbers of all other keys.
                parts.append((block.key, block.data_row, block.numbers[:, place].copy()))
        numbers, code = _coded([rows for _, rows, _ in parts])
        collector = Collector(
            sorted({key.feature for key in keys if key.feature is not None}),
            sorted({key.subclass for key in keys if key.subclass is not None}),
        )
        for key, rows, value in parts:
            name = collector.name(key.name, key.aggregation)
            feature = -1 if key.feature is None else collector.features[key.feature]
            subclass = -1 if key.subclass is None else collector.subclasses[key.subclass]
            collector.about(code(rows), name, feature, subclass, value)
        return self._named(collector, numbers)

    def _named(self, collector: Collector, numbers: Ints) -> Gathered:
        """With what is known of the data rows, as far as the groups need it."""
        position = np.arange(len(numbers))
        if self.by == "run":
            return collector.gathered([""] * len(numbers), {}, None, position)
        import pyarrow as pa

        known = {row.number: (row, split) for row, split in row_keys(self.connection, self.run)}
        rows = [known[number] for number in numbers.tolist()]
        names = [f"id:{row.id}" if row.global_key is None else f"globalKey:{row.global_key}" for row, _ in rows]
        keys = {DataRowKey("id", row.id): code for code, (row, _) in enumerate(rows)}
        table = pa.table(
            {
                "id": [row.id for row, _ in known.values()],
                "globalKey": pa.array([row.global_key for row, _ in known.values()], pa.string()),
                "split": [split for _, split in known.values()],
            }
        )
        places = {number: place for place, number in enumerate(known)}
        position = np.array([places[number] for number in numbers.tolist()], np.int64)
        return collector.gathered(names, keys, table, position)


def _shape(key: MetricKey, grid: tuple[float, ...] | None) -> MetricShape:
    return MetricShape(key.name, key.feature, key.subclass, key.aggregation, grid)


def _coded(parts: list[Ints]) -> tuple[Ints, Any]:
    """The distinct numbers of all parts, and a function that gives their indices."""
    if not parts:
        return np.empty(0, np.int64), lambda rows: rows
    low = min(int(part.min()) for part in parts)
    present = np.zeros(max(int(part.max()) for part in parts) - low + 1, bool)
    for part in parts:
        present[part - low] = True
    index = np.cumsum(present) - 1
    return np.flatnonzero(present) + low, lambda rows: index[rows - low]
