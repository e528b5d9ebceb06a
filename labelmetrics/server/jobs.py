"""Work that may take longer than a client waits for an answer: it goes on behind, and a task says how far it is."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, TimeoutError as Late
from contextlib import suppress
from typing import Any

from labelmetrics.server.refusals import as_refusal
from labelmetrics.store import Store
from labelmetrics.store.files import Task, create_task, fail_unfinished, task_of, update_task

__all__ = ["Jobs"]

Work = Callable[[], tuple[Any, Any]]
"""Does it, and gives the result and the errors that the task keeps."""


class Jobs:
    """Does work in threads of its own.

    Parameters
    ----------
    store : Store
        Where tasks are noted.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="job")
        with store.write() as connection:
            fail_unfinished(connection)  # they went down with the server that did them

    def do(self, type: str, work: Work, *, name: str | None = None, wait: float) -> Task:
        """Begin some work, and wait a while for its end.

        Parameters
        ----------
        type, name : str
            What the task is, and what its maker calls it.
        work : callable
            Does it.
        wait : float
            Seconds.
        """
        with self._store.write() as connection:
            task = create_task(connection, type, name=name, status="IN_PROGRESS")
        future = self._pool.submit(self._finish, task.id, work)
        with suppress(Late):
            future.result(timeout=wait)
        with self._store.read() as connection:
            return task_of(connection, task.id) or task

    def stop(self) -> None:
        """Wait for what has begun; what has not is not done."""
        self._pool.shutdown(cancel_futures=True)

    def _finish(self, id: str, work: Work) -> None:
        try:
            result, errors = work()
            values = {"status": "COMPLETE", "completion": 100, "result": result, "errors": errors}
        except Exception as error:
            values = {"status": "FAILED", "errors": {"message": as_refusal(error).message}}
        with self._store.write() as connection:
            update_task(connection, id, **values)
