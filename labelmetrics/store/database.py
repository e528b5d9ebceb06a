"""The database of the store: opening it, its version, and transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, exc, text

from labelmetrics.errors import StoreError
from labelmetrics.places import home as home_folder
from labelmetrics.store.migrations import HEAD, upgrade

__all__ = ["Store"]

DATABASE, FILES, EVALUATIONS, TURN = "store.db", "files", "evaluations", "turn"
WAIT = 60
"""Seconds that a transaction waits for another one that writes."""


class Store:
    """Models, model runs, and all that belongs to them, in a folder of this machine.

    Several processes may have it open at once: readers see the last committed state and wait for nobody, writers wait
    for each other.

    Parameters
    ----------
    folder : Path
        Where it is; :meth:`open` makes what is missing.
    engine : sqlalchemy.Engine
        The database.

    Examples
    --------
    >>> import tempfile
    >>> from labelmetrics.store import Store, models
    >>> with Store.open(tempfile.mkdtemp()) as store:
    ...     with store.write() as connection:
    ...         model = models.create_model(connection, "detector", None)
    ...     with store.read() as connection:
    ...         print([model.name for model in models.models(connection)])
    ['detector']
    """

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.folder, self.engine = folder, engine

    @classmethod
    def open(cls, folder: str | Path | None = None, *, durable: bool = True) -> Store:
        """Open the store of a folder, by default that of this user; one of an earlier version is brought up to date.

        Parameters
        ----------
        folder : path, optional
            Where it is.
        durable : bool, default True
            Whether what was committed also outlives the machine's power. Otherwise it outlives processes that are
            killed, and the last commits may be undone by a loss of power: enough for what can be done again.

        Raises
        ------
        StoreError
            The folder cannot be used, or a later version has written it.
        """
        place = home_folder(folder)
        try:
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
            (place / FILES).mkdir(exist_ok=True, mode=0o700)
            (place / EVALUATIONS).mkdir(exist_ok=True, mode=0o700)
            (place / DATABASE).touch(mode=0o600)  # the folder may be one that others can read
        except OSError as error:
            raise StoreError(f"{place}: {error.strerror or error}") from error
        store = cls(place, _engine(place / DATABASE, durable=durable))
        try:
            store._bring_up_to_date()
        except exc.DatabaseError as error:
            store.close()
            raise StoreError(f"{place / DATABASE}: {error.orig}") from error
        except StoreError:
            store.close()
            raise
        return store

    @property
    def files(self) -> Path:
        """Folder of the files that belong to the store."""
        return self.folder / FILES

    @property
    def evaluations(self) -> Path:
        """Folder of the evaluation files."""
        return self.folder / EVALUATIONS

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads: all of it sees one state."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write; it is committed in the end, and undone where an error leaves it."""
        with self._turn(), self.engine.connect() as connection:
            connection = connection.execution_options(writes=True)
            with connection.begin():
                yield connection

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for one's turn to write.

        SQLite's own way is to sleep and to try again: whoever writes all the time, as imports do, would hardly ever let
        others in. The system's lock of a file goes to those that wait for it.
        """
        try:
            import fcntl
        except ImportError:  # not everywhere; SQLite's way has to do there
            yield
            return
        with (self.folder / TURN).open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def backup(self, path: str | Path) -> None:
        """Write the database as it is now into a file of its own, while others may go on working.

        Raises
        ------
        StoreError
            The file is there already, or cannot be written.
        """
        target = Path(path)
        if target.exists():
            raise StoreError(f"{target}: is there already")
        draft = target.with_name(f"{target.name}.part")
        try:
            draft.touch(mode=0o600)
            _copy(self.folder / DATABASE, draft)
            draft.replace(target)
        except (OSError, sqlite3.Error) as error:
            draft.unlink(missing_ok=True)
            reason = error.strerror if isinstance(error, OSError) else error
            raise StoreError(f"{target}: {reason}") from error

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Store {self.folder}>"

    def _bring_up_to_date(self) -> None:
        with self.read() as connection:
            version = _version(connection)
        if version == HEAD:
            return
        with self.write() as connection:
            version = _version(connection)  # another process may have been faster
            if version is not None and version != HEAD:
                # What has data is kept aside as it was.
                aside = self.folder / f"{DATABASE}.{version}"
                aside.touch(mode=0o600)
                _copy(self.folder / DATABASE, aside)
            upgrade(connection, version)


def _version(connection: Connection) -> str | None:
    there = connection.execute(text("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'")).first()
    return None if there is None else connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as database, closing(sqlite3.connect(target)) as copy:
        database.backup(copy)


def _engine(path: Path, *, durable: bool) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": WAIT}, pool_size=8, max_overflow=64)

    @event.listens_for(engine, "connect")
    def settings(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # transactions begin where they are said to, see below
        for pragma in (
            "journal_mode = WAL",
            f"synchronous = {'FULL' if durable else 'NORMAL'}",
            "foreign_keys = ON",
            "temp_store = MEMORY",
            "cache_size = -16384",
            "mmap_size = 1073741824",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # One that will write says so at once: upgraded later, it could fail where another one has written meanwhile.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
