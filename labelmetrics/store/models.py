"""Models and their runs."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update

from labelmetrics.errors import NotFoundError
from labelmetrics.store import schema
from labelmetrics.store.ids import new_id, now, time_of

__all__ = [
    "Model",
    "ModelRun",
    "counts",
    "create_model",
    "create_run",
    "delete_models",
    "delete_runs",
    "model",
    "models",
    "run",
    "run_number",
    "runs",
    "set_config",
    "set_status",
    "touch",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model.

    Parameters
    ----------
    id, name : str
        What it is called, inside and by people.
    ontology_id : str or None
        The ontology it was made for.
    created_at : datetime
        When it was made (UTC).
    """

    id: str
    name: str
    ontology_id: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRun:
    """A run of a model.

    Parameters
    ----------
    id, name, model_id : str
        What it is called, and its model.
    created_at, updated_at : datetime
        When it was made, and when it last changed (UTC).
    created_by : str or None
        Who made it.
    config : dict or None
        Settings of the training, or whatever else its makers note.
    status, status_message : str or None
        State of the pipeline that makes it, as it was told.
    status_metadata : dict or None
        What it told besides.
    revision, annotations_revision : int
        They rise when its metrics change, and its annotations and data rows.
    """

    id: str
    name: str
    model_id: str
    created_at: datetime
    updated_at: datetime
    created_by: str | None
    config: Any
    status: str | None
    status_message: str | None
    status_metadata: Any
    revision: int
    annotations_revision: int


def create_model(connection: Connection, name: str, ontology_id: str | None = None) -> Model:
    """Make a model; several may have one name."""
    values = {"id": new_id(), "name": name, "ontology_id": ontology_id, "created_at": now()}
    connection.execute(insert(schema.model).values(values))
    found = model(connection, values["id"])  # type: ignore[arg-type]
    assert found is not None
    return found


def model(connection: Connection, id: str) -> Model | None:
    """The model of an id; ``None`` where there is none."""
    row = connection.execute(_models().where(schema.model.c.id == id)).first()
    return None if row is None else _model(row)


def models(connection: Connection, *, name: str | None = None, skip: int = 0, first: int = 100) -> list[Model]:
    """Models, the newest first; all, or those of a name."""
    query = _models().order_by(schema.model.c.number.desc()).offset(skip).limit(first)
    if name is not None:
        query = query.where(schema.model.c.name == name)
    return [_model(row) for row in connection.execute(query)]


def delete_models(connection: Connection, ids: Collection[str]) -> int:
    """Delete models with all that belongs to them, and say how many there were."""
    numbers = select(schema.model.c.number).where(schema.model.c.id.in_(ids))
    belonging = select(schema.run.c.id).where(schema.run.c.model.in_(numbers))
    delete_runs(connection, connection.execute(belonging).scalars().all())
    return connection.execute(delete(schema.model).where(schema.model.c.id.in_(ids))).rowcount


def create_run(
    connection: Connection, model_id: str, name: str, config: Any = None, created_by: str | None = None
) -> ModelRun:
    """Make a run of a model.

    Raises
    ------
    NotFoundError
        There is no such model.
    """
    parent = connection.execute(select(schema.model.c.number).where(schema.model.c.id == model_id)).scalar()
    if parent is None:
        raise NotFoundError("model", model_id)
    moment, given = now(), str(uuid.uuid4())
    connection.execute(
        insert(schema.run).values(
            id=given,
            model=parent,
            name=name,
            config=config,
            created_by=created_by,
            created_at=moment,
            updated_at=moment,
            revision=0,
            annotations_revision=0,
        )
    )
    return _known_run(connection, given)


def run(connection: Connection, id: str) -> ModelRun | None:
    """The run of an id; ``None`` where there is none."""
    row = connection.execute(_runs().where(schema.run.c.id == id)).first()
    return None if row is None else _run(row)


def runs(
    connection: Connection,
    *,
    model_id: str | None = None,
    name: str | None = None,
    skip: int = 0,
    first: int = 100,
) -> list[ModelRun]:
    """Runs, the newest first; all, or those of a model or a name."""
    query = _runs().order_by(schema.run.c.number.desc()).offset(skip).limit(first)
    if model_id is not None:
        query = query.where(schema.model.c.id == model_id)
    if name is not None:
        query = query.where(schema.run.c.name == name)
    return [_run(row) for row in connection.execute(query)]


def run_number(connection: Connection, id: str) -> int:
    """The number that a run is known by inside.

    Raises
    ------
    NotFoundError
        There is no such run.
    """
    number: int | None = connection.execute(select(schema.run.c.number).where(schema.run.c.id == id)).scalar()
    if number is None:
        raise NotFoundError("model run", id)
    return number


def delete_runs(connection: Connection, ids: Collection[str]) -> int:
    """Delete runs with all that belongs to them, and say how many there were."""
    return connection.execute(delete(schema.run).where(schema.run.c.id.in_(ids))).rowcount


def set_config(connection: Connection, id: str, config: Any) -> ModelRun:
    """Note the settings of a run; ``None`` takes them away.

    Raises
    ------
    NotFoundError
        There is no such run.
    """
    return _change(connection, id, config=config)


def set_status(connection: Connection, id: str, status: str, message: str | None, metadata: Any = None) -> ModelRun:
    """Note the state of the pipeline that makes a run.

    Raises
    ------
    NotFoundError
        There is no such run.
    """
    return _change(connection, id, status=status, status_message=message, status_metadata=metadata)


def touch(connection: Connection, number: int, *, metrics: bool = False, annotations: bool = False) -> None:
    """Say that the metrics of a run have changed, or its annotations and data rows."""
    columns = schema.run.c
    changed: dict[str, Any] = {"updated_at": now()}
    if metrics:
        changed["revision"] = columns.revision + 1
    if annotations:
        changed["annotations_revision"] = columns.annotations_revision + 1
    connection.execute(update(schema.run).where(columns.number == number).values(changed))


def _change(connection: Connection, id: str, **values: Any) -> ModelRun:
    connection.execute(update(schema.run).where(schema.run.c.id == id).values(updated_at=now(), **values))
    return _known_run(connection, id)


def _known_run(connection: Connection, id: str) -> ModelRun:
    found = run(connection, id)
    if found is None:
        raise NotFoundError("model run", id)
    return found


def _models() -> Select[Any]:
    return select(schema.model)


def _model(row: Row[Any]) -> Model:
    return Model(id=row.id, name=row.name, ontology_id=row.ontology_id, created_at=time_of(row.created_at))


def _runs() -> Select[Any]:
    joined = schema.run.join(schema.model, schema.run.c.model == schema.model.c.number)
    return select(schema.run, schema.model.c.id.label("model_id")).select_from(joined)


def _run(row: Row[Any]) -> ModelRun:
    values = dict(row._mapping)
    for name in ("number", "model"):
        del values[name]
    for name in ("created_at", "updated_at"):
        values[name] = time_of(values[name])
    return ModelRun(**values)


def counts(connection: Connection) -> dict[str, int]:
    """Number of runs of each model, by the model's id."""
    joined = schema.model.join(schema.run, schema.run.c.model == schema.model.c.number)
    query = select(schema.model.c.id, func.count()).select_from(joined).group_by(schema.model.c.id)
    return {row[0]: row[1] for row in connection.execute(query)}
