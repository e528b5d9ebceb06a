"""What an upload would do, before it does it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np

from labelmetrics.errors import Fault, InputError, LimitError
from labelmetrics.frame import html_table
from labelmetrics.kernels.batch import Bools
from labelmetrics.limits import Limits
from labelmetrics.runs.digests import Held
from labelmetrics.runs.survey import LIMITS, TOO_MANY, Survey, over_with_held
from labelmetrics.words import counted

__all__ = ["UploadPlan", "planned"]

_WORDS = {
    "new": "new metrics",
    "changed": "changed metrics",
    "unchanged": "unchanged metrics, not sent",
    "annotations": "other annotations",
    "left_out": "metrics left out to keep to the limit",
    "colliding": "metric keys that occur again in the input",
    "data_rows": "data rows",
    "over_limit": "data rows with too many metrics",
    "parts": "parts, at most",
}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class UploadPlan:
    """What an upload would do; made by :meth:`ModelRun.plan`.

    Parameters
    ----------
    target : str
        The server.
    model_run : str
        Id of the model run; empty for one that is yet to be made.
    lines : int
        Lines that were given.
    to_send : int
        Lines that are sent.
    metrics, annotations : int
        Lines that are metrics, and other annotations; these are always sent.
    new, changed, unchanged : int or None
        Metrics that the run does not hold, holds with another value, and holds as they are; ``None`` where it is not
        known what it holds.
    colliding : int
        Metric keys that occur again in the input, which is a fault.
    left_out : int
        Metrics that are left out to keep to the limit.
    data_rows : int
        Data rows that the lines name.
    over_limit : int
        Data rows that would have more metrics than the platform takes, with those that the run holds.
    size : int
        Bytes of all lines.
    parts : int
        Parts that the upload is cut into, at most.
    fault_count : int
        Faults; with any, nothing is sent.
    faults : tuple of Fault
        The first of them.

    Examples
    --------
    >>> UploadPlan(target="http://127.0.0.1:8765/graphql", model_run="r", lines=3, to_send=2, new=1, changed=1,
    ...            unchanged=1, metrics=3)
    3 lines for model run r at http://127.0.0.1:8765/graphql: 2 lines to send
            1  new metrics
            1  changed metrics
            1  unchanged metrics, not sent
    """

    target: str
    model_run: str
    lines: int
    to_send: int
    metrics: int = 0
    annotations: int = 0
    new: int | None = None
    changed: int | None = None
    unchanged: int | None = None
    colliding: int = 0
    left_out: int = 0
    data_rows: int = 0
    over_limit: int = 0
    size: int = 0
    parts: int = 0
    fault_count: int = 0
    faults: tuple[Fault, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Whether it can be sent."""
        return not self.fault_count

    @property
    def is_known(self) -> bool:
        """Whether it is known what the run holds."""
        return self.new is not None

    def raise_for_faults(self) -> None:
        """Raise if there is any fault.

        Raises
        ------
        LimitError
            Only limits of the platform are in the way.
        InputError
            There are other faults.
        """
        if self.ok:
            return
        kind = LimitError if all(fault.rule in LIMITS for fault in self.faults) else InputError
        raise kind(
            f"nothing was sent: {counted(self.fault_count, 'fault')} in {counted(self.lines, 'line')}", self.faults
        )

    def to_dict(self) -> dict[str, Any]:
        """All numbers; the faults as dicts."""
        return asdict(self)

    @classmethod
    def of_dict(cls, numbers: dict[str, Any]) -> UploadPlan:
        """A plan without faults, from its numbers.

        Raises
        ------
        TypeError
            A number is missing.
        """
        known = {one.name for one in fields(cls)} - {"faults"}
        return cls(**{name: value for name, value in numbers.items() if name in known})

    def _counts(self) -> Iterator[tuple[str, int | str]]:
        if not self.is_known and self.metrics:
            yield f"metrics; how many are new is unknown, since {self.target} does not say what it holds", self.metrics
        for name, words in _WORDS.items():
            value = getattr(self, name)
            if value:
                yield words, value

    def _run(self) -> str:
        return f"model run {self.model_run}" if self.model_run else "a new model run"

    def _title(self) -> str:
        told = (
            f"{counted(self.lines, 'line')} for {self._run()} at {self.target}: {counted(self.to_send, 'line')} to send"
        )
        return told if self.ok else f"{told}, but there are faults"

    def __repr__(self) -> str:
        shown = [f"{value:>9,}  {words}" for words, value in self._counts()]
        more = self.fault_count - len(self.faults)
        last = [f"... and {more:,} more"] if more > 0 else []
        return "\n".join([self._title(), *shown, *map(str, self.faults), *last])

    def _repr_html_(self) -> str:
        rows = [[words, value] for words, value in self._counts()]
        rows += [["fault", str(fault)] for fault in self.faults[:20]]
        return html_table(["what", "how many"], rows, self._title())


def planned(
    found: Survey,
    held: Held | None,
    *,
    target: str,
    run_id: str,
    limits: Limits | None,
    part_bytes: int,
    part_lines: int,
) -> tuple[UploadPlan, Bools]:
    """What is to be done, and which lines are sent.

    Parameters
    ----------
    found : Survey
        The lines.
    held : Held or None
        What the run holds, ``None`` where that is unknown.
    target, run_id : str
        Where they are sent.
    limits : Limits or None
        The platform's limits, ``None`` where they do not count.
    part_bytes, part_lines : int
        Most of each in a part.
    """
    n = len(found.records)
    chosen = np.ones(n, bool) if found.fitting is None else found.fitting
    at = np.full(n, -1, np.int64) if held is None else held.find(found.records)
    same = at >= 0
    if held is not None and len(held.records):
        same &= held.records["value"][at] == found.records["value"]
    known = held is not None
    sent = chosen & ~same if known else chosen
    selected = np.ones(found.report.lines, bool)
    selected[found.line[~sent]] = False
    to_send = int(selected.sum())
    faults, fault_count = found.report.faults, found.report.fault_count
    over = found.report.rules.get(TOO_MANY, 0)
    if limits is not None and not over:
        over, more = over_with_held(found, chosen, held, at, limits)
        faults, fault_count = (*faults, *more), fault_count + len(more)
    share = to_send / max(found.report.lines, 1)
    plan = UploadPlan(
        target=target,
        model_run=run_id,
        lines=found.report.lines,
        to_send=to_send,
        metrics=n,
        annotations=found.report.annotations,
        new=int((chosen & (at < 0)).sum()) if known else None,
        changed=int((chosen & (at >= 0) & ~same).sum()) if known else None,
        unchanged=int((chosen & same).sum()) if known else None,
        colliding=found.report.rules.get("duplicate-metric-key", 0),
        left_out=n - int(chosen.sum()),
        data_rows=len(found.rows),
        over_limit=over,
        size=found.size,
        parts=max(-(-int(found.size * share) // part_bytes), -(-to_send // part_lines)),
        fault_count=fault_count,
        faults=faults,
    )
    return plan, selected
