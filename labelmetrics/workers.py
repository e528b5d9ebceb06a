"""What runs the tasks of a large evaluation: this process, or several processes of this machine."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from threading import Thread, current_thread, main_thread
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

__all__ = ["Here", "Processes", "Runner"]


class Runner(Protocol):
    """Runs a function once for each of many tuples of arguments; all of them can be pickled.

    A task may be begun again where what did it has died.
    """

    def run(self, function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]]) -> Generator[Any, None, None]:
        """Yield the results in the order of the tasks; the first error, in that order, ends it, as does ``close``."""


class Here:
    """Runs tasks in this process, one after the other.

    Examples
    --------
    >>> list(Here().run(divmod, [(7, 2), (9, 4)]))
    [(3, 1), (2, 1)]
    """

    def run(self, function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]]) -> Generator[Any, None, None]:
        """Yield the results in the order of the tasks."""
        return (function(*task) for task in tasks)

    def close(self) -> None:
        """Do nothing."""


class Processes:
    """Runs tasks in several processes of this machine, which start with the first of them.

    Parameters
    ----------
    n : int
        Number of processes.
    """

    def __init__(self, n: int) -> None:
        self._n = n
        self._pool: ProcessPoolExecutor | None = None

    def run(self, function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]]) -> Generator[Any, None, None]:
        """Yield the results in the order of the tasks; a few tasks are under way beyond the one that is waited for.

        Where a process dies, all that was under way is done again, one task at a time: most will do, and the one that
        kills its process is known.
        """
        from concurrent.futures.process import BrokenProcessPool

        left = iter(tasks)
        under_way: deque[tuple[Any, ...]] = deque()
        try:
            while True:
                try:
                    yield from self._several(function, left, under_way)
                    return
                except BrokenProcessPool:
                    self.close()
                    with _processes(1) as pool:
                        while under_way:
                            yield _first(deque([_submit(pool, function, under_way[0])]), under_way)
        except BaseException:
            if self._pool is not None and under_way:
                _terminate(self._pool)
                self.close()
            raise

    def _several(
        self, function: Callable[..., Any], left: Iterator[tuple[Any, ...]], under_way: deque[tuple[Any, ...]]
    ) -> Iterator[Any]:
        self._pool = self._pool or _started(self._n)
        futures: deque[Future[Any]] = deque()
        for task in left:
            under_way.append(task)
            futures.append(_submit(self._pool, function, task))
            if len(futures) > 2 * self._n:
                yield _first(futures, under_way)
        while futures:
            yield _first(futures, under_way)

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


def _submit(pool: ProcessPoolExecutor, function: Callable[..., Any], task: tuple[Any, ...]) -> Future[Any]:
    with _interrupts_held():
        return pool.submit(function, *task)  # starts processes as they are needed


def _first(futures: deque[Future[Any]], under_way: deque[tuple[Any, ...]]) -> Any:
    """Result of the first task, which is no longer under way then."""
    result = futures.popleft().result()
    under_way.popleft()
    return result


def _started(n: int) -> ProcessPoolExecutor:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    # Fresh processes: a fork of one that has threads may hang.
    return ProcessPoolExecutor(n, mp_context=get_context("spawn"), initializer=_end_with_parent)


@contextmanager
def _processes(n: int) -> Iterator[ProcessPoolExecutor]:
    pool = _started(n)
    try:
        yield pool
    except BaseException:
        _terminate(pool)
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _terminate(pool: ProcessPoolExecutor) -> None:
    for process in (getattr(pool, "_processes", None) or {}).values():
        process.terminate()


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Let no Ctrl-C come while processes are started, and start them deaf to it.

    It reaches the whole group of processes, and the first one ends the others.
    """
    held: list[int] = []
    is_main = current_thread() is main_thread()  # Python gives interrupts to no other
    before = signal.signal(signal.SIGINT, lambda number, _: held.append(number)) if is_main else None
    has_masks = hasattr(signal, "pthread_sigmask")  # not on Windows
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if has_masks else set()
    try:
        yield
    finally:
        if has_masks:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if is_main:
            signal.signal(signal.SIGINT, before)
    if held:
        signal.raise_signal(signal.SIGINT)


def _end_with_parent() -> None:
    """Let this process end when the one that started it is killed: what goes on after a kill must be alone."""
    from multiprocessing import parent_process

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    Thread(target=wait, daemon=True).start()
