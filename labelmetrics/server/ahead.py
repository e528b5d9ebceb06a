"""Reading ahead: while one part of an import is stored, a process of its own makes sense of the next one."""

from __future__ import annotations

import contextlib
import logging
import signal
import traceback
from multiprocessing.connection import Connection
from pathlib import Path

from labelmetrics.formats.metric_lines import MetricReader
from labelmetrics.store.importing import Understood, read_part, understand
from labelmetrics.store.imports import Import

__all__ = ["Ahead", "read_ahead"]

log = logging.getLogger(__name__)


class Ahead:
    """Gives the parts of imports understood, one after the other.

    Parameters
    ----------
    files : Path
        Folder of the files of imports.
    reader : Connection, optional
        The other end is that of :func:`read_ahead`; without it, parts are read when they are asked for.
    """

    def __init__(self, files: Path, reader: Connection | None = None) -> None:
        self.files, self._reader = files, reader
        self._metrics = MetricReader()
        self._asked: tuple[str, int] | None = None  # import and place of the part that is on its way

    def understood(self, import_: Import) -> Understood:
        """The part that follows what is done of an import.

        Raises
        ------
        OSError
            The file of the import cannot be read.
        """
        found = None if self._reader is None else self._from_reader(self._reader, import_)
        if found is None:
            found = _understood(self.files, import_, self._metrics)
        if isinstance(found, Exception):
            raise found
        return found

    def _from_reader(self, reader: Connection, import_: Import) -> Understood | Exception | None:
        """What the other process makes of a part; ``None`` where it is gone."""
        try:
            if self._asked != (import_.id, import_.bytes_done):
                if self._asked is not None:
                    reader.recv()  # of another import, or of one that has changed
                reader.send((self.files, import_))
            self._asked = None
            found: Understood | Exception = reader.recv()
            if isinstance(found, Understood) and not found.is_last:
                reader.send((self.files, found.after(import_)))
                self._asked = import_.id, found.end
        except (EOFError, OSError):
            log.warning("the process that reads ahead is gone; lines are read without it")
            self._reader = None
            return None
        return found


def read_ahead(asked: Connection) -> None:
    """Answer what :class:`Ahead` asks for, until the other end is closed.

    Parameters
    ----------
    asked : Connection
        Where imports with their folder come from, and answers go to: what the next part of each says, or the error
        that prevented it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's
    metrics = MetricReader()
    with contextlib.suppress(EOFError, OSError):
        while True:
            files, import_ = asked.recv()
            asked.send(_understood(files, import_, metrics))


def _understood(files: Path, import_: Import, metrics: MetricReader) -> Understood | Exception:
    try:
        with (files / import_.file).open("rb") as stream:
            part = read_part(stream, import_.bytes_done)
        return understand(import_, part, reader=metrics)
    except OSError as error:
        return error
    except Exception:
        # Where it went wrong is said here: it would not outlive the way to another process.
        return RuntimeError(traceback.format_exc())
