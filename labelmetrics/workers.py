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


class Processes:
    """Runs tasks in several processes of this machine.

    Parameters
    ----------
    n : int
        Number of processes.
    """

    def __init__(self, n: int) -> None:
        self._n = n

    def run(self, function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]]) -> Generator[Any, None, None]:
        """Yield the results in the order of the tasks; a few tasks are under way beyond the one that is waited for.

        Where a process dies, all that was under way is done again, one task at a time: most will do, and the one that
        kills its process is known.
        """
        from concurrent.futures.process import BrokenProcessPool

        left = iter(tasks)
        under_way: deque[tuple[Any, ...]] = deque()
        while True:
            futures: deque[Future[Any]] = deque()
            try:
                with _processes(self._n) as pool:
                    for task in left:
                        under_way.append(task)
                        futures.append(_submit(pool, function, task))
                        if len(futures) > 2 * self._n:
                            yield _first(futures, under_way)
                    while futures:
                        yield _first(futures, under_way)
                return
            except BrokenProcessPool:
                with _processes(1) as pool:
                    while under_way:
                        futures = deque([_submit(pool, function, under_way[0])])
                        yield _first(futures, under_way)


def _submit(pool: ProcessPoolExecutor, function: Callable[..., Any], task: tuple[Any, ...]) -> Future[Any]:
    with _interrupts_held():
        return pool.submit(function, *task)  # starts processes as they are needed


def _first(futures: deque[Future[Any]], under_way: deque[tuple[Any, ...]]) -> Any:
    """Result of the first task, which is no longer under way then."""
    result = futures.popleft().result()
    under_way.popleft()
    return result


@contextmanager
def _processes(n: int) -> Iterator[ProcessPoolExecutor]:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    # Fresh processes: a fork of one that has threads may hang.
    pool = ProcessPoolExecutor(n, mp_context=get_context("spawn"), initializer=_end_with_parent)
    try:
        yield pool
    except BaseException:
        for process in (getattr(pool, "_processes", None) or {}).values():
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


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
