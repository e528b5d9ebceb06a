"""Files of the store that are asked for by a part of a URL that nobody guesses, and tasks that clients wait for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from labelmetrics.errors import NotFoundError
from labelmetrics.store import schema
from labelmetrics.store.ids import new_id, new_token, now, time_of

__all__ = ["StoredFile", "Task", "add_file", "create_task", "fail_unfinished", "file_of", "task_of", "update_task"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file.

    Parameters
    ----------
    token : str
        The part of its URL.
    path : str
        Where it is, within the store's folder of files.
    name : str or None
        What it was called by who sent it.
    media_type : str
        What it holds.
    size : int
        Its length in bytes.
    """

    token: str
    path: str
    name: str | None
    media_type: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Something that a client waits for.

    Parameters
    ----------
    id, type : str
        What it is called, and what it does.
    name : str or None
        What its maker calls it.
    status : str
        ``IN_PROGRESS``, ``COMPLETE`` or ``FAILED``.
    completion : int
        Percent that is done.
    result, errors, metadata : JSON
        What came of it.
    created_at, updated_at : datetime
        When it was made, and when it last changed (UTC).
    """

    id: str
    type: str
    name: str | None
    status: str
    completion: int
    result: Any
    errors: Any
    metadata: Any
    created_at: datetime
    updated_at: datetime


def add_file(
    connection: Connection, path: str, size: int, *, name: str | None = None, media_type: str = "application/x-ndjson"
) -> StoredFile:
    """Note a file that lies in the store's folder of files, and give it a token."""
    made = StoredFile(token=new_token(), path=path, name=name, media_type=media_type, size=size)
    values = {field: getattr(made, field) for field in StoredFile.__dataclass_fields__}
    connection.execute(insert(schema.file).values(created_at=now(), **values))
    return made


def file_of(connection: Connection, token: str) -> StoredFile | None:
    """The file of a token; ``None`` where there is none."""
    row = connection.execute(select(schema.file).where(schema.file.c.token == token)).first()
    if row is None:
        return None
    return StoredFile(**{field: row._mapping[field] for field in StoredFile.__dataclass_fields__})


def create_task(
    connection: Connection,
    type: str,
    *,
    name: str | None = None,
    status: str = "COMPLETE",
    result: Any = None,
    errors: Any = None,
    metadata: Any = None,
) -> Task:
    """Note a task, by default one that is done."""
    moment, made = now(), new_id()
    connection.execute(
        insert(schema.task).values(
            id=made,
            type=type,
            name=name,
            status=status,
            completion=100 if status == "COMPLETE" else 0,
            result=result,
            errors=errors,
            metadata=metadata,
            created_at=moment,
            updated_at=moment,
        )
    )
    return _known(connection, made)


def task_of(connection: Connection, id: str) -> Task | None:
    """The task of an id; ``None`` where there is none."""
    row = connection.execute(select(schema.task).where(schema.task.c.id == id)).first()
    if row is None:
        return None
    values = dict(row._mapping)
    del values["number"]
    return Task(**values | {name: time_of(values[name]) for name in ("created_at", "updated_at")})


def update_task(connection: Connection, id: str, **values: Any) -> Task:
    """Change a task.

    Raises
    ------
    NotFoundError
        There is no such task.
    """
    connection.execute(update(schema.task).where(schema.task.c.id == id).values(updated_at=now(), **values))
    return _known(connection, id)


def fail_unfinished(connection: Connection) -> int:
    """Note that tasks which are in progress came to nothing, and say how many they were."""
    columns = schema.task.c
    unfinished = update(schema.task).where(columns.status == "IN_PROGRESS")
    ended = {"status": "FAILED", "errors": {"message": "the server was stopped meanwhile"}, "updated_at": now()}
    return connection.execute(unfinished.values(ended)).rowcount


def _known(connection: Connection, id: str) -> Task:
    found = task_of(connection, id)
    if found is None:
        raise NotFoundError("task", id)
    return found
