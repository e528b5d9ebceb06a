"""Imports of lines: what was sent, how far it is, and what became of each line."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, func, insert, select, update

from labelmetrics.errors import NameTakenError
from labelmetrics.store import schema
from labelmetrics.store.ids import new_id, new_token, now, time_of
from labelmetrics.store.models import run_number

__all__ = [
    "Import",
    "add_part",
    "by_id",
    "by_token",
    "count_imports",
    "create",
    "fail",
    "find",
    "finish",
    "imports",
    "is_changing",
    "latest",
    "running",
    "statuses",
]

Kind = Literal["predictions", "ground_truths"]
State = Literal["RUNNING", "FINISHED", "FAILED"]
Part = Literal["input", "status", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """An import of lines into a run.

    Parameters
    ----------
    number : int
        What it is known by inside.
    id, run_id, name : str
        Its id, its run, and the name by which clients ask for it.
    kind : {"predictions", "ground_truths"}
        What its lines are.
    state : {"RUNNING", "FINISHED", "FAILED"}
        How far it is.
    file, sha256, size : str, str, int
        The lines as they were sent, within the store's folder of files.
    bytes_done : int
        How much of the file has been taken in.
    lines, failures : int
        Lines that were taken in, and those of them that could not be stored.
    error : str or None
        Why it failed as a whole.
    created_by : str or None
        Who sent it.
    input_token, status_token, error_token : str
        Parts of the URLs of its files.
    created_at, finished_at : datetime
        When it was sent, and when it was done.
    """

    number: int
    id: str
    run_id: str
    name: str
    kind: Kind
    state: State
    file: str
    sha256: str
    size: int
    bytes_done: int
    lines: int
    failures: int
    error: str | None
    created_by: str | None
    input_token: str
    status_token: str
    error_token: str
    created_at: datetime
    finished_at: datetime | None

    @property
    def progress(self) -> str:
        """How much of it is done, as a whole percent: ``"37%"``."""
        if self.state == "FINISHED" or not self.size:
            return "100%"
        return f"{min(99, 100 * self.bytes_done // self.size)}%"


def create(
    connection: Connection,
    run_id: str,
    name: str,
    kind: Kind,
    file: str,
    sha256: str,
    size: int,
    created_by: str | None = None,
) -> tuple[Import, bool]:
    """Note an import that is to be worked through, and say whether it is new.

    Sending the same lines by the same name again is no new import: it is answered with the one that is there.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        A transaction that writes.
    run_id, name, kind
        As those of :class:`Import`.
    file : str
        The lines as they were sent, within the store's folder of files.
    sha256, size : str, int
        Digest of the file's content, and its length in bytes.
    created_by : str, optional
        Who sent it.

    Raises
    ------
    NotFoundError
        There is no such run.
    NameTakenError
        Another import of the run has that name, and other lines.
    """
    run = run_number(connection, run_id)
    there = find(connection, run_id, name)
    if there is not None:
        if there.sha256 != sha256 or there.kind != kind:
            raise NameTakenError(name, _free_name(connection, run, name))
        return there, False
    made = new_id()
    connection.execute(
        insert(schema.import_).values(
            id=made,
            run=run,
            name=name,
            kind=kind,
            state="RUNNING",
            file=file,
            sha256=sha256,
            size=size,
            bytes_done=0,
            lines=0,
            failures=0,
            created_by=created_by,
            input_token=new_token(),
            status_token=new_token(),
            error_token=new_token(),
            created_at=now(),
        )
    )
    found = by_id(connection, made)
    assert found is not None
    return found, True


def _free_name(connection: Connection, run: int, name: str) -> str:
    columns = schema.import_.c
    names = set(connection.execute(select(columns.name).where(columns.run == run)).scalars())
    return next(free for n in range(2, len(names) + 3) if (free := f"{name}-{n}") not in names)


def find(connection: Connection, run_id: str, name: str) -> Import | None:
    """The import of a run and a name; ``None`` where there is none."""
    return _one(connection, _imports().where(schema.run.c.id == run_id, schema.import_.c.name == name))


def by_id(connection: Connection, id: str) -> Import | None:
    """The import of an id; ``None`` where there is none."""
    return _one(connection, _imports().where(schema.import_.c.id == id))


def by_token(connection: Connection, token: str) -> tuple[Import, Part] | None:
    """The import that a part of a URL belongs to, and which of its files; ``None`` where there is none."""
    columns = schema.import_.c
    parts: dict[Part, Any] = {
        "input": columns.input_token,
        "status": columns.status_token,
        "error": columns.error_token,
    }
    for part, column in parts.items():
        found = _one(connection, _imports().where(column == token))
        if found is not None:
            return found, part
    return None


def imports(connection: Connection, run_id: str, *, skip: int = 0, first: int = 100) -> list[Import]:
    """Imports of a run, the newest first."""
    query = _imports().where(schema.run.c.id == run_id).order_by(schema.import_.c.number.desc())
    return [_import(row) for row in connection.execute(query.offset(skip).limit(first))]


def count_imports(connection: Connection, run_id: str) -> int:
    """How many imports a run has."""
    joined = schema.import_.join(schema.run, schema.import_.c.run == schema.run.c.number)
    query = select(func.count()).select_from(joined).where(schema.run.c.id == run_id)
    return connection.execute(query).scalar_one()


def latest(connection: Connection, run_ids: Collection[str]) -> dict[str, tuple[Import, int]]:
    """The latest import of each of some runs, and how many the run has; runs without any are left out."""
    columns = schema.import_.c
    of_runs = select(schema.run.c.number).where(schema.run.c.id.in_(run_ids))
    query = select(func.max(columns.number), func.count()).where(columns.run.in_(of_runs)).group_by(columns.run)
    numbers = {row[0]: row[1] for row in connection.execute(query)}
    found = [_import(row) for row in connection.execute(_imports().where(columns.number.in_(numbers)))]
    return {one.run_id: (one, numbers[one.number]) for one in found}


def is_changing(connection: Connection, run_id: str) -> bool:
    """Whether an import of a run is to be worked through."""
    query = _imports().where(schema.run.c.id == run_id, schema.import_.c.state == "RUNNING")
    return _one(connection, query) is not None


def running(connection: Connection) -> Import | None:
    """The import that is to be worked on next: the first of those that are not done."""
    return _one(connection, _imports().where(schema.import_.c.state == "RUNNING").order_by(schema.import_.c.number))


def statuses(connection: Connection, import_: Import, *, only_failures: bool = False) -> Iterator[bytes]:
    """What became of the lines, in their order: lines of ASCII JSON, some at a time."""
    columns = schema.import_part.c
    content = columns.failures if only_failures else columns.statuses
    query = (
        select(columns.first_line, content)
        .where(getattr(columns, "import") == import_.number)
        .order_by(columns.first_line)
    )
    for row in connection.execution_options(stream_results=True).execute(query):
        if row[1] is not None:
            yield _unpacked(row[1])


def add_part(
    connection: Connection,
    import_: Import,
    *,
    bytes_done: int,
    statuses: bytes,
    failures: bytes,
    lines: int,
    failed: int,
) -> None:
    """Note that some more lines are done, in the transaction that stores what they say.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        A transaction that writes.
    import_ : Import
        The import as it was before.
    bytes_done : int
        How much of its file is done with them.
    statuses, failures : bytes
        What became of them, and of those that failed: NDJSON.
    lines, failed : int
        How many they are.
    """
    if lines:
        connection.execute(
            insert(schema.import_part).values(
                {
                    "import": import_.number,
                    "first_line": import_.lines,
                    "statuses": _packed(statuses),
                    "failures": _packed(failures) if failures else None,
                }
            )
        )
    columns = schema.import_.c
    connection.execute(
        update(schema.import_)
        .where(columns.number == import_.number)
        .values(bytes_done=bytes_done, lines=import_.lines + lines, failures=import_.failures + failed)
    )


def _packed(lines: bytes) -> bytes:
    import pyarrow as pa

    packed: bytes = pa.Codec("zstd", 1).compress(lines, asbytes=True)  # a quarter of the time of zlib, and smaller
    return packed


def _unpacked(content: bytes) -> bytes:
    import pyarrow as pa

    with pa.CompressedInputStream(pa.BufferReader(content), "zstd") as stream:
        lines: bytes = stream.read()
    return lines


def finish(connection: Connection, import_: Import) -> None:
    """Note that all lines of an import are done."""
    _end(connection, import_, state="FINISHED")


def fail(connection: Connection, import_: Import, reason: str) -> None:
    """Note that an import cannot be worked through, and why; what is stored of it stays."""
    _end(connection, import_, state="FAILED", error=reason)


def _end(connection: Connection, import_: Import, **values: Any) -> None:
    here = schema.import_.c.number == import_.number
    connection.execute(update(schema.import_).where(here).values(finished_at=now(), **values))


def _imports() -> Select[Any]:
    joined = schema.import_.join(schema.run, schema.import_.c.run == schema.run.c.number)
    return select(schema.import_, schema.run.c.id.label("run_id")).select_from(joined)


def _one(connection: Connection, query: Select[Any]) -> Import | None:
    row = connection.execute(query.limit(1)).first()
    return None if row is None else _import(row)


def _import(row: Row[Any]) -> Import:
    values = dict(row._mapping)
    del values["run"]
    values["created_at"] = time_of(values["created_at"])
    if values["finished_at"] is not None:
        values["finished_at"] = time_of(values["finished_at"])
    return Import(**values)
