"""Where the time from files to lines goes: processor time; what is done beside other things is done in turn here."""

from __future__ import annotations

import pkgutil
import tempfile
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from time import process_time
from typing import Any
from unittest import mock

from benchmarks import generate
from benchmarks.files_to_lines import write_metrics
from benchmarks.measure import Part, Report

PARTS = {
    "read": ["labelmetrics.evaluation.read_sides"],
    "settle data rows": ["labelmetrics.evaluation.settle"],
    "join": ["labelmetrics.kernels.comparison.join"],
    "pairs and overlaps": ["labelmetrics.kernels.comparison.candidate_pairs"],
    "matching and counts": ["labelmetrics.kernels.comparison.tally"],
    "digests of the input": ["labelmetrics.evaluation.digests"],
    "columns of metrics": ["labelmetrics.evaluation.metric_columns"],
    "lines": ["labelmetrics.evaluation.lines_of"],
    "write": ["labelmetrics.evaluation.Evaluation.write_ndjson"],
}
"""The functions whose time is taken, by the names under which they are called."""


class _InTurn:
    """An executor that does everything at once when it is asked to, so that times can be told apart."""

    def __init__(self, threads: int) -> None:
        pass

    def __enter__(self) -> _InTurn:
        return self

    def __exit__(self, *error: Any) -> None:
        pass

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(function(*args))
        return done


class _Clock:
    """Time within functions, without that of others which they call."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self._inner = [0.0]

    def around(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            self._inner.append(0.0)
            start = process_time()
            try:
                return function(*args, **kwargs)
            finally:
                spent = process_time() - start
                self.seconds[part] += spent - self._inner.pop()
                self._inner[-1] += spent

        return timed


def run(*, rows: int | None = None, repeat: int = 3, confidences: int | None = None) -> Report:
    """Break down the fastest of several repetitions."""
    data = generate.coco_like(rows or 5_000)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        files = data.write(folder)
        for _ in range(repeat):
            clock = _Clock()
            with ExitStack() as stack:
                for name in ("labelmetrics.evaluation", "labelmetrics.formats.provenance"):
                    stack.enter_context(mock.patch(f"{name}.ThreadPoolExecutor", _InTurn))
                for part, names in PARTS.items():
                    for name in names:
                        stack.enter_context(_patched(name, part, clock))
                start = process_time()
                write_metrics(*files, Path(folder, "metrics.ndjson"), confidences=confidences)
                found.append((process_time() - start, clock.seconds))
    whole, seconds = min(found, key=lambda one: one[0])
    seconds["everything else"] = whole - sum(seconds.values())
    title = "where the time from files to lines goes"
    return Report(
        title if confidences is None else f"{title}, with {confidences} confidence keys",
        [Part(part, spent, spent / whole) for part, spent in seconds.items()] + [Part("whole", whole, 1.0)],
    )


def _patched(name: str, part: str, clock: _Clock) -> Any:
    return mock.patch(name, clock.around(part, pkgutil.resolve_name(name)))
