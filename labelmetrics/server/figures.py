"""What a run holds, in numbers: for the JSON API and the pages."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection

from labelmetrics.rollup_table import RollupRow
from labelmetrics.store import Store, evaluations, imports
from labelmetrics.store.aggregates import Aggregates, metric_summaries
from labelmetrics.store.annotations import count_annotations
from labelmetrics.store.models import ModelRun, run_number
from labelmetrics.store.summaries import RunSummary, summary_of, summed_up

__all__ = ["MetricTable", "Summaries", "confidence_keys", "evaluation_of", "tables"]


KEPT = 1000
"""Runs whose summaries are remembered."""


class Summaries:
    """Summaries of runs: those that are kept, and until they are, made and remembered.

    While an import changes a run, its summary is the one from before: a new one would be old in a moment, and takes as
    long as reading all metrics.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, int, int], RunSummary] = OrderedDict()
        self._lock = Lock()

    def of(self, connection: Connection, run: ModelRun) -> RunSummary:
        """How much a run holds, and a few of its figures."""
        kept, is_current = summary_of(connection, run.id) or (RunSummary(), False)
        if is_current or imports.is_changing(connection, run.id):
            return kept
        key = (run.id, run.revision, run.annotations_revision)
        with self._lock:
            found = self._known.get(key)
        if found is None:
            found = summed_up(connection, run.id)
            with self._lock:
                self._known[key] = found
                while len(self._known) > KEPT:
                    self._known.popitem(last=False)
        return found


class Evaluation(NamedTuple):
    """The evaluation that the server keeps of a run, and whether it is of the run as it is now."""

    state: Literal["PENDING", "READY", "FAILED"]
    error: str | None
    created_at: datetime | None
    path: Path | None
    summary: dict[str, Any] | None


def evaluation_of(store: Store, connection: Connection, run_id: str) -> Evaluation | None:
    """The evaluation of a run; ``None`` where it has not both ground truth and predictions."""
    found = evaluations.evaluation_of(store, connection, run_id)
    if not all(count_annotations(connection, run_number(connection, run_id)).values()):
        return None
    if found is None:
        return Evaluation("PENDING", None, None, None, None)
    if not found.is_current:
        return Evaluation("PENDING", None, found.created_at, found.path, found.summary)
    return Evaluation(found.state, found.error, found.created_at, found.path, found.summary)


# ---- tables of pages

SHOWN = 500
"""Rows of a table; a browser can show more, and nobody reads them."""

COUNTED = ("TP", "FP", "TN", "FN", "Precision", "Recall", "F1", "Data rows")
PLAIN = ("Value", "Data rows")
SHORT = {"Precision": "precision", "Recall": "recall", "F1": "f1", "mIoU": "miou"}


class Line(NamedTuple):
    """A row of a table: its feature, subclass and figures; that of all features is the whole one."""

    feature: str
    subclass: str | None
    figures: tuple[Any, ...]
    is_whole: bool


class MetricTable(NamedTuple):
    """Values of one metric, put together over the run."""

    name: str
    aggregation: str
    headings: tuple[str, ...]
    has_subclasses: bool
    rows: list[Line]
    left_out: int


def confidence_keys(connection: Connection, run_id: str) -> list[float]:
    """The confidence keys of a run's metrics, of all together."""
    return sorted({key for one in metric_summaries(connection, run_id) for key in one.keys})


def tables(aggregates: Aggregates, run_id: str, confidence: float | None) -> list[MetricTable]:
    """What the metrics of a run come to, a table for each.

    Raises
    ------
    SettingError
        The confidence is no key of the metrics.
    """
    by_name: dict[str | None, list[RollupRow]] = {}
    for row in aggregates.of(run_id, confidence=confidence, nearest=True):
        by_name.setdefault(row.metric_name, []).append(row)
    return [_table(name, rows) for name, rows in by_name.items()]


def _table(name: str | None, rows: list[RollupRow]) -> MetricTable:
    is_counted = rows[0].counts is not None
    lines = [_line(row) for row in rows]
    return MetricTable(
        name or "(no name)",
        rows[0].aggregation.replace("_", " ").lower(),
        COUNTED if is_counted else PLAIN,
        any(line.subclass is not None for line in lines),
        lines[:SHOWN],
        max(0, len(lines) - SHOWN),
    )


def _line(row: RollupRow) -> Line:
    name = row.feature_name if row.feature_name is not None else "all features"
    figures = (row.value,) if row.counts is None else (*row.counts, row.precision, row.recall, row.f1)
    return Line(name, row.subclass_name, (*figures, row.data_rows), row.feature_name is None)


def headline_of(evaluation: Evaluation | None) -> tuple[tuple[str, float | None], ...]:
    """A few figures of the evaluation of a run that was sent no metrics."""
    if evaluation is None or evaluation.summary is None:
        return ()
    overall = evaluation.summary["overall"]
    return tuple((title, overall[name]) for title, name in SHORT.items())
