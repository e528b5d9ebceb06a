"""Times, what is compared, and tables of both."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, NamedTuple, TypeVar

Result = TypeVar("Result")


class Time(NamedTuple):
    """Seconds on the clock, and seconds that all threads of this process spent."""

    wall: float = 0.0
    cpu: float = 0.0

    @classmethod
    def now(cls) -> Time:
        return cls(perf_counter(), process_time())

    def minus(self, other: Time) -> Time:
        return Time(self.wall - other.wall, self.cpu - other.cpu)

    def plus(self, other: Time) -> Time:
        return Time(self.wall + other.wall, self.cpu + other.cpu)

    def times(self, factor: float) -> Time:
        return Time(self.wall * factor, self.cpu * factor)

    def least(self, other: Time) -> Time:
        return Time(min(self.wall, other.wall), min(self.cpu, other.cpu))


class Disagreement(Exception):
    """The two sides of a comparison did not find the same, so that a ratio of their times would mean nothing."""


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison of times.

    The ratio is the peer's time by ours, or, where ``at_most`` is set, ours by the peer's. ``agreed`` says what was
    found to be equal.
    """

    work: str
    ours: Time
    peer: str
    theirs: Time
    agreed: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def ratios(self) -> Time:
        """Ratios of the time on the clock and of processor time."""
        pairs = zip(self.theirs, self.ours, strict=True)
        return Time(*(ours / theirs if self.at_most else theirs / ours for theirs, ours in pairs))

    @property
    def target(self) -> str:
        if self.at_most:
            return f"at most {self.at_most:g}"
        return f"at least {self.at_least:g}" if self.at_least else ""

    def cells(self) -> list[str]:
        times = [f"{time.wall:.3f} s ({time.cpu:.3f} s)" for time in (self.ours, self.theirs)]
        ratios = [f"{ratio:,.{0 if ratio >= 100 else 1}f}" for ratio in self.ratios]
        return [self.work, times[0], self.peer, times[1], f"{ratios[0]} ({ratios[1]})", self.target, self.agreed]


HEADER = ["work", "labelmetrics", "peer", "peer's time", "ratio", "target", "equal in both"]


@dataclass(frozen=True, slots=True)
class Part:
    """Time that one part of the work takes, and its share of the whole."""

    part: str
    seconds: float
    share: float

    def cells(self) -> list[str]:
        return [self.part, f"{self.seconds * 1000:.0f} ms", f"{self.share:.0%}"]


@dataclass(frozen=True, slots=True)
class Report:
    """What one comparison found."""

    title: str
    rows: Sequence[Row] | Sequence[Part]
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        header = HEADER if self.rows and isinstance(self.rows[0], Row) else ["part", "processor time", "share"]
        notes = "".join(f"\n{note}\n" for note in self.notes)
        return f"### {self.title}\n\n{table(header, [row.cells() for row in self.rows])}{notes}"

    def as_dict(self) -> dict[str, Any]:
        rows = [
            {**asdict(row), "ratios": row.ratios._asdict()} if isinstance(row, Row) else asdict(row)
            for row in self.rows
        ]
        return {"title": self.title, "rows": rows, "notes": self.notes}


def table(header: list[str], rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [header, ["-" * width for width in widths], *rows]
    return "".join(f"| {' | '.join(map(str.ljust, line, widths))} |\n" for line in lines)


def best(work: Callable[[], Result], repeat: int) -> tuple[Time, Result]:
    """Least time of several repetitions, and the result of the last."""
    results: list[Result] = []

    def keep() -> None:
        results[:] = [work()]

    (least,) = best_in_turn([keep], repeat)
    return least, results[0]


def best_in_turn(works: Sequence[Callable[[], object]], repeat: int) -> list[Time]:
    """Least time of each of several works, done in turn: a machine that becomes slower does so for all of them."""
    least = [Time(float("inf"), float("inf"))] * len(works)
    for _ in range(repeat):
        for index, work in enumerate(works):
            gc.collect()
            start = Time.now()
            work()
            least[index] = least[index].least(Time.now().minus(start))
    return least


Values = dict[tuple[str, str, str | None], Any]


def values_of(path: Path, rows: set[str] | None = None) -> Values:
    """Values of metric lines by data row, metric and feature; of some data rows only, if given."""
    with path.open(encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines]
    return {
        (line["dataRow"]["globalKey"], line["metricName"], line.get("featureName")): line["metricValue"]
        for line in found
        if rows is None or line["dataRow"]["globalKey"] in rows
    }


def check_equal(ours: Values, theirs: Values) -> str:
    """Compare metrics: matrices exactly, means to 1e-9.

    Raises
    ------
    Disagreement
        Naming the first difference.
    """
    if ours.keys() != theirs.keys():
        raise Disagreement(f"one has metrics that the other lacks: {sorted(map(str, ours.keys() ^ theirs.keys()))[:3]}")
    for key, value in ours.items():
        other = theirs[key]
        same = value == other if isinstance(value, list) else abs(value - other) <= 1e-9
        if not same:
            raise Disagreement(f"{key} is {value} here and {other} there")
    matrices = [value for (_, _, feature), value in ours.items() if feature and isinstance(value, list)]
    tp, fp, _, fn = map(sum, zip(*matrices, strict=True))
    return f"{len(ours):,} metrics; {tp:,} TP, {fp:,} FP, {fn:,} FN"
