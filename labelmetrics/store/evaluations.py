"""Evaluations of runs that hold ground truth and predictions: computed once for each state of theirs, and kept."""

from __future__ import annotations

import logging
import shutil
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import orjson
from sqlalchemy import Connection, delete, func, insert, select

from labelmetrics.errors import LabelmetricsError
from labelmetrics.store import schema
from labelmetrics.store.annotations import SIDES, keyed_lines
from labelmetrics.store.data_rows import row_keys
from labelmetrics.store.database import Store
from labelmetrics.store.ids import now, time_of
from labelmetrics.store.models import run_number

__all__ = ["StoredEvaluation", "evaluate_run", "evaluation_of", "run_to_evaluate"]

log = logging.getLogger(__name__)

State = Literal["READY", "FAILED"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvaluation:
    """The evaluation of a run.

    Parameters
    ----------
    path : Path or None
        The evaluation file; ``None`` where it failed.
    revision : int
        State of the run's annotations that it is of.
    state : {"READY", "FAILED"}
        Whether there is one.
    is_current : bool
        Whether the annotations are still the same.
    summary : dict or None
        Its numbers by feature and of all, as ``Summary.to_dict`` gives them.
    error : str or None
        Why it failed.
    created_at : datetime
        When it was made (UTC).
    """

    path: Path | None
    revision: int
    state: State
    is_current: bool
    summary: dict[str, Any] | None
    error: str | None
    created_at: datetime


def evaluation_of(store: Store, connection: Connection, run_id: str) -> StoredEvaluation | None:
    """The evaluation of a run; ``None`` where there is none yet."""
    columns = schema.evaluation.c
    query = (
        select(schema.evaluation, schema.run.c.annotations_revision)
        .join(schema.run, columns.run == schema.run.c.number)
        .where(schema.run.c.id == run_id)
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    return StoredEvaluation(
        path=None if row.path is None else store.evaluations / row.path,
        revision=row.revision,
        state=row.state,
        is_current=row.revision == row.annotations_revision,
        summary=None if row.summary is None else orjson.loads(row.summary),
        error=row.error,
        created_at=time_of(row.created_at),
    )


def run_to_evaluate(connection: Connection) -> str | None:
    """Id of a run with both sides whose evaluation is not of their present state, and that no import is changing."""
    run, evaluation, annotation, import_ = schema.run, schema.evaluation, schema.annotation, schema.import_
    busy = select(import_.c.number).where(import_.c.run == run.c.number, import_.c.state == "RUNNING").exists()
    query = (
        select(run.c.id)
        .outerjoin(evaluation, evaluation.c.run == run.c.number)
        .where(func.coalesce(evaluation.c.revision, -1) != run.c.annotations_revision, ~busy)
        .order_by(run.c.number)
        .limit(1)
    )
    for side in range(len(SIDES)):
        has_side = select(annotation.c.run).where(annotation.c.run == run.c.number, annotation.c.side == side)
        query = query.where(has_side.exists())
    found: str | None = connection.execute(query).scalar()
    return found


def evaluate_run(store: Store, run_id: str) -> StoredEvaluation:
    """Evaluate a run, keep the evaluation file in place of the one there was, and say what became of it.

    All data rows of the run take part: those without annotations are labelled and empty.

    Raises
    ------
    NotFoundError
        There is no such run.
    """
    from labelmetrics.ranged import evaluate_files

    with tempfile.TemporaryDirectory(dir=store.evaluations) as name:
        folder = Path(name)
        with store.read() as connection:
            run = run_number(connection, run_id)
            columns = schema.run.c
            revision = connection.execute(
                select(columns.annotations_revision).where(columns.number == run)
            ).scalar_one()
            sides = [folder / f"{side}.ndjson" for side in SIDES]
            rows = folder / "data_rows.ndjson"
            keys = _write_rows(connection, run, rows)
            for side, file in zip(SIDES, sides, strict=True):
                with file.open("wb") as stream:
                    for line in keyed_lines(connection, run, side, keys):
                        stream.write(line)
        path: str | None = f"{run_id}-{revision}.lmeval"
        values: dict[str, Any] = {"state": "READY", "path": path, "error": None}
        try:
            found = evaluate_files(*sides, data_rows=rows, outputs=[folder / "made.lmeval"], tmp=folder, workers=1)
            values["summary"] = orjson.dumps(found.summary().to_dict()).decode()
        except LabelmetricsError as error:
            values = {"state": "FAILED", "path": None, "error": str(error)}
        except OSError:
            raise  # the disk may be full: another time it is not
        except Exception as error:
            log.error("run %s cannot be evaluated", run_id, exc_info=error)
            values = {"state": "FAILED", "path": None, "error": "something is wrong in the server; its log says more"}
        with store.write() as connection:
            before = evaluation_of(store, connection, run_id)
            run = run_number(connection, run_id)
            if values["path"] is not None:
                target = store.evaluations / values["path"]
                shutil.rmtree(target, ignore_errors=True)
                (folder / "made.lmeval").rename(target)
            connection.execute(delete(schema.evaluation).where(schema.evaluation.c.run == run))
            connection.execute(insert(schema.evaluation).values(run=run, revision=revision, created_at=now(), **values))
            made = evaluation_of(store, connection, run_id)
        if before is not None and before.path is not None and before.path.name != values["path"]:
            shutil.rmtree(before.path, ignore_errors=True)
    assert made is not None
    return made


def _write_rows(connection: Connection, run: int, path: Path) -> dict[int, dict[str, str]]:
    """Write the table of a run's data rows, and say how lines name each: all of them by keys of one kind."""
    columns = schema.data_row.c
    details = {
        row.number: row
        for row in connection.execute(
            select(columns.number, columns.media, columns.row_data, columns.metadata)
            .join(schema.run_row, schema.run_row.c.data_row == columns.number)
            .where(schema.run_row.c.run == run)
        )
    }
    known = list(row_keys(connection, run))
    by_global_key = all(row.global_key is not None for row, _ in known)
    with path.open("wb") as stream:
        for row, split in known:
            detail = details[row.number]
            said = {
                "id": row.id,
                "globalKey": row.global_key,
                "mediaPath": detail.row_data,
                "width": (detail.media or {}).get("width"),
                "height": (detail.media or {}).get("height"),
                "split": split,
                "metadata": detail.metadata,
            }
            stream.write(orjson.dumps({name: value for name, value in said.items() if value is not None}) + b"\n")
    return {
        row.number: {"globalKey": row.global_key} if by_global_key and row.global_key is not None else {"id": row.id}
        for row, _ in known
    }
