"""The process that works through imports, evaluates runs that hold both sides, and sums runs up, beside the server.

It shares nothing with the server but the store: what is to be done stands there, and what is done is committed part by
part. Killed at any moment, it goes on from there when it is started again. Another process reads lines ahead for it
(:mod:`labelmetrics.server.ahead`), and ends when it does.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing as mp
import os
import secrets
import signal
import threading
import time
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from sqlalchemy.exc import OperationalError

from labelmetrics.errors import LabelmetricsError
from labelmetrics.server.ahead import Ahead, read_ahead
from labelmetrics.store import Store, imports
from labelmetrics.store.cleaning import clean
from labelmetrics.store.evaluations import evaluate_run, run_to_evaluate
from labelmetrics.store.importing import take_part
from labelmetrics.store.imports import Import
from labelmetrics.store.summaries import run_to_sum_up, sum_up

__all__ = ["Importer", "work"]

log = logging.getLogger(__name__)

LOOK = 5.0
"""Seconds after which the process looks for work by itself."""
CLEAN = 3600.0
"""Seconds between two looks for files that belong to nothing."""
BREATH = 0.002
"""Seconds between two parts, in which others may write."""
NICE = 5
"""How much more willingly than the server these processes let others compute: requests are waited for."""


class Importer:
    """Works through the imports of a store in a process of its own.

    Parameters
    ----------
    folder : Path
        The folder of the store.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._context = mp.get_context("spawn")
        self._process: BaseProcess | None = None
        self._reader: BaseProcess | None = None
        self._wake: Connection | None = None
        self._watch: threading.Thread | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the process; it is started again whenever it ends before it is stopped."""
        self._stopping.clear()
        self._begin()
        self._watch = threading.Thread(target=self._keep_alive, daemon=True)
        self._watch.start()

    def wake(self) -> None:
        """Say that there is something to do."""
        with self._lock, contextlib.suppress(OSError):
            if self._wake is not None:
                self._wake.send_bytes(b"1")

    def stop(self) -> None:
        """End the process when the part it works on is committed."""
        self._stopping.set()
        with self._lock:
            if self._wake is not None:
                self._wake.close()
                self._wake = None
        if self._process is not None:
            self._process.join(30)
            if self._process.is_alive():
                self._process.kill()
                self._process.join()
        if self._reader is not None:
            self._reader.join()

    def _begin(self) -> None:
        listen, wake = self._context.Pipe(duplex=False)
        ask, answer = self._context.Pipe()
        with self._lock:
            self._reader = self._context.Process(target=_read, args=(answer,), daemon=True)
            self._process = self._context.Process(target=work, args=(self.folder, listen, ask), daemon=True)
            self._reader.start()
            self._process.start()
            self._wake = wake
        for end in (listen, ask, answer):
            end.close()  # the processes have their own: each sees when the other one is gone

    def _keep_alive(self) -> None:
        while not self._stopping.is_set():
            process = self._process
            assert process is not None
            process.join(0.5)
            if process.exitcode is not None and not self._stopping.wait(0.5):
                log.warning("the import process ended by %s and is started again", process.exitcode)
                self._begin()


def _read(asked: Connection) -> None:
    _be_nice()
    read_ahead(asked)


def _be_nice() -> None:
    if hasattr(os, "nice"):  # not everywhere
        os.nice(NICE)


def work(folder: Path, wake: Connection | None = None, reader: Connection | None = None) -> None:
    """Work through what is to be done, until the other end of ``wake`` is closed; without it, until nothing is left.

    Parameters
    ----------
    folder : Path
        The folder of the store.
    wake : Connection, optional
        Tells that there is something new.
    reader : Connection, optional
        A process that reads lines ahead.
    """
    if wake is not None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's: it stops this process in its time
        _be_nice()
    # A part that is undone by a loss of power is done again: its lines stand in a file, and how far it is beside them.
    with Store.open(folder, durable=False) as store:
        worker = _Worker(store, wake, Ahead(store.files, reader))
        while worker.step() or worker.wait():
            pass


class _Worker:
    def __init__(self, store: Store, wake: Connection | None, ahead: Ahead) -> None:
        self.store, self.wake, self.ahead = store, wake, ahead
        self.parent = os.getppid()
        self.cleaned = time.monotonic() - CLEAN - 1

    def step(self) -> bool:
        """Do one thing, and say whether there was one and it may go on."""
        if self._is_over():
            return False
        try:
            return self._step()
        except (OperationalError, OSError) as error:
            # The disk is full, or another process keeps the database to itself: it is gone on with when that is over.
            log.error("imports have to wait: %s", error.orig if isinstance(error, OperationalError) else error)
            return False

    def _step(self) -> bool:
        with self.store.read() as connection:
            import_ = imports.running(connection)
            to_evaluate = run_to_evaluate(connection) if import_ is None else None
            to_sum_up = run_to_sum_up(connection) if import_ is None else None
        if import_ is not None:
            self._import(import_)
        elif to_evaluate is not None:
            self._evaluate(to_evaluate)
        elif to_sum_up is not None:
            sum_up(self.store, to_sum_up)
        elif time.monotonic() - self.cleaned > CLEAN:
            clean(self.store)
            self.cleaned = time.monotonic()
        else:
            return False
        return True

    def wait(self) -> bool:
        """Wait until there may be something to do; ``False`` when it is over."""
        if self.wake is None:
            return False
        try:
            if self.wake.poll(LOOK):
                while self.wake.poll():
                    self.wake.recv_bytes()
        except (EOFError, OSError):
            return False
        return not self._is_over()

    def _is_over(self) -> bool:
        """Whether the server has closed its end, or is gone."""
        if self.wake is None:
            return False
        if os.getppid() != self.parent:
            return True
        try:
            while self.wake.poll():
                self.wake.recv_bytes()
        except (EOFError, OSError):
            return True
        return False

    def _import(self, import_: Import) -> None:
        try:
            understood = self.ahead.understood(import_)
        except OSError as error:
            self._fail(import_, f"its file cannot be read: {error.strerror}")
            return
        except Exception as error:
            self._give_up(import_, error)
            return
        try:
            with self.store.write() as connection:
                now = imports.by_id(connection, import_.id)
                if now is None or (now.state, now.bytes_done) != (import_.state, import_.bytes_done):
                    # Its run was deleted meanwhile, or the process of a server that was killed has done this part.
                    return
                take_part(connection, now, understood)
                if understood.is_last:
                    imports.finish(connection, now)
        except (OperationalError, OSError):
            raise
        except Exception as error:
            self._give_up(import_, error)
        time.sleep(BREATH)

    def _give_up(self, import_: Import, error: Exception) -> None:
        # Tried again it would go wrong again, and nothing behind it would ever be done.
        number = secrets.token_hex(4)
        log.error("error %s in import %s", number, import_.id, exc_info=error)
        self._fail(import_, f"something is wrong in the server; its log says more (error {number})")

    def _fail(self, import_: Import, reason: str) -> None:
        with self.store.write() as connection:
            imports.fail(connection, import_, reason)

    def _evaluate(self, run_id: str) -> None:
        try:
            evaluate_run(self.store, run_id)
        except LabelmetricsError as error:  # the run was deleted meanwhile
            log.warning("run %s could not be evaluated: %s", run_id, error)
