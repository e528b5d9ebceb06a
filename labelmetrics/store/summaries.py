"""What lists show of runs: how much they hold and a few figures, kept so that lists need not compute them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, or_, select

from labelmetrics.errors import LabelmetricsError
from labelmetrics.store import schema
from labelmetrics.store.aggregates import aggregate_run, metric_summaries
from labelmetrics.store.annotations import count_annotations
from labelmetrics.store.data_rows import count_run_rows
from labelmetrics.store.database import Store
from labelmetrics.store.metrics import count_metrics
from labelmetrics.store.models import run, run_number

__all__ = ["RunSummary", "run_to_sum_up", "sum_up", "summary_of", "summed_up"]

FIGURES = 4
"""Figures of a summary; a list has no room for more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """How much a run holds, and a few of its figures.

    Parameters
    ----------
    data_rows, metrics, ground_truths, predictions : int
        How many it holds.
    confidence : float or None
        The confidence key of the figures: the lowest one; ``None`` where there are no keys.
    figures : tuple of (str, float or None)
        Metrics of the run as a whole: names with values, F1 for confusion matrices.
    """

    data_rows: int = 0
    metrics: int = 0
    ground_truths: int = 0
    predictions: int = 0
    confidence: float | None = None
    figures: tuple[tuple[str, float | None], ...] = ()


def summed_up(connection: Connection, run_id: str) -> RunSummary:
    """The summary of a run as it is now.

    Raises
    ------
    NotFoundError
        There is no such run.
    """
    number = run_number(connection, run_id)
    keys = sorted({key for one in metric_summaries(connection, run_id) for key in one.keys})
    confidence = next(iter(keys), None)
    found: list[tuple[str, float | None]] = []
    try:
        rollup = aggregate_run(connection, run_id, confidence=confidence, nearest=True)
    except LabelmetricsError:  # such as metrics with keys beside others without: the page of the run says it
        rollup = None
    for row in rollup or ():
        if row.feature_name is None:
            name = row.metric_name or "(no name)"
            found.append((name, row.value) if row.counts is None else (f"{name} F1", row.f1))
    sides = count_annotations(connection, number)
    return RunSummary(
        data_rows=count_run_rows(connection, run_id),
        metrics=count_metrics(connection, number),
        ground_truths=sides["ground_truth"],
        predictions=sides["prediction"],
        confidence=confidence,
        figures=tuple(found[:FIGURES]),
    )


def summary_of(connection: Connection, run_id: str) -> tuple[RunSummary, bool] | None:
    """The summary that is kept of a run, and whether it is of the run as it is now; ``None`` where there is none."""
    columns, of_run = schema.run_summary.c, schema.run.c
    query = (
        select(
            columns.summary,
            (columns.revision == of_run.revision) & (columns.annotations_revision == of_run.annotations_revision),
        )
        .join(schema.run, columns.run == of_run.number)
        .where(of_run.id == run_id)
    )
    row = connection.execute(query).first()
    return None if row is None else (_summary(row[0]), bool(row[1]))


def _summary(said: dict[str, Any]) -> RunSummary:
    return RunSummary(**said | {"figures": tuple((name, value) for name, value in said["figures"])})


def run_to_sum_up(connection: Connection) -> str | None:
    """Id of a run whose summary is not of its present state, and that no import is changing."""
    columns, of_run, of_import = schema.run_summary.c, schema.run.c, schema.import_.c
    busy = select(of_import.number).where(of_import.run == of_run.number, of_import.state == "RUNNING").exists()
    query = (
        select(of_run.id)
        .outerjoin(schema.run_summary, columns.run == of_run.number)
        .where(
            or_(
                columns.revision.is_(None),
                columns.revision != of_run.revision,
                columns.annotations_revision != of_run.annotations_revision,
            ),
            ~busy,
        )
        .order_by(of_run.number)
        .limit(1)
    )
    found: str | None = connection.execute(query).scalar()
    return found


def sum_up(store: Store, run_id: str) -> None:
    """Keep the summary of a run; nothing where the run is gone."""
    with store.read() as connection:
        found = run(connection, run_id)
        if found is None:
            return
        summary = summed_up(connection, run_id)
    with store.write() as connection:
        there = run(connection, run_id)
        if there is None:
            return
        number = run_number(connection, run_id)
        connection.execute(delete(schema.run_summary).where(schema.run_summary.c.run == number))
        values = {"revision": found.revision, "annotations_revision": found.annotations_revision}
        connection.execute(insert(schema.run_summary).values(run=number, summary=asdict(summary), **values))
