"""What runs the tasks of a large evaluation: this process, or several processes of this machine."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

__all__ = ["Here", "Processes", "Runner"]


class Runner(Protocol):
    """Runs a function once for each of many tuples of arguments; all of them can be pickled."""

    def run(self, function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        """Yield the results in the order of the tasks; the first error ends it."""


class Here:
    """Runs tasks in this process, one after the other.

    Examples
    --------
    >>> list(Here().run(divmod, [(7, 2), (9, 4)]))
    [(3, 1), (2, 1)]
    """

    def run(self, function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
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

    def run(self, function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        """Yield the results in the order of the tasks; a few tasks are under way beyond the one that is waited for."""
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        # Fresh processes: a fork of one that has threads may hang.
        pool = ProcessPoolExecutor(self._n, mp_context=get_context("spawn"), initializer=_ignore_interrupts)
        try:
            waiting: deque[Any] = deque()
            for task in tasks:
                waiting.append(pool.submit(function, *task))
                if len(waiting) > 2 * self._n:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BaseException:
            for process in (getattr(pool, "_processes", None) or {}).values():
                process.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _ignore_interrupts() -> None:
    # Ctrl-C reaches the whole group of processes; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
