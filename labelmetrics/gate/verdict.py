"""What a gate found: the outcome of every check, and what follows for the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from labelmetrics.errors import SettingError
from labelmetrics.frame import html_table, plain_table, shown
from labelmetrics.words import counted

__all__ = ["Inconclusive", "Outcome", "Status", "Verdict", "WorstRow"]

Status = Literal["fail", "inconclusive", "warn", "skipped", "pass"]
STATUSES: tuple[Status, ...] = ("fail", "inconclusive", "warn", "skipped", "pass")
"""From what matters most to what matters least."""
Inconclusive = Literal["pass", "fail", "exit-3"]
PASSED, FAILED, UNDECIDED = 0, 1, 3
"""Exit codes."""
HEADINGS = ("status", "check", "value", "baseline", "bound", "interval", "support", "why")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one bound of a check, or of a guard.

    Parameters
    ----------
    status : {"fail", "inconclusive", "warn", "skipped", "pass"}
        ``"warn"`` does not hold, with a severity that lets it pass; ``"skipped"`` could not be measured.
    check : int or None
        Number of the check in the configuration, from 1; ``None`` for guards.
    metric : str
        The metric, or what a guard guards.
    feature, subclass, slice, split : str or None
        What it is about.
    confidence : float or None
        Least confidence of the predictions that count.
    bound : str or None
        ``"min"``, ``"max"``, ``"max_drop"`` or ``"max_rise"``.
    limit : float, str or None
        The bound's value as it is written.
    value, baseline : float or None
        Values of the two runs.
    support : int or None
        Ground truths, or data rows with a value.
    interval : tuple of float or None
        Of the value (``min``, ``max``) or of its change against the baseline, where ``significance`` asks for it; a
        share of the baseline where the limit is one.
    level : float or None
        Confidence level of the interval, after correction for the number of checks.
    p : float or None
        p value of the bound, after the same correction.
    rows_needed : int or None
        Estimate of the data rows that would decide an inconclusive check.
    message : str
        What was found, as a sentence.
    reason : str or None
        Why the check is there.

    Examples
    --------
    >>> Outcome(status="pass", check=1, metric="recall", feature="cat", bound="min", limit=0.9, value=0.95).title
    'recall of cat, min 0.9'
    """

    status: Status
    check: int | None = None
    metric: str
    feature: str | None = None
    subclass: str | None = None
    slice: str | None = None
    split: str | None = None
    confidence: float | None = None
    bound: str | None = None
    limit: float | str | None = None
    value: float | None = None
    baseline: float | None = None
    support: int | None = None
    interval: tuple[float, float] | None = None
    level: float | None = None
    p: float | None = None
    rows_needed: int | None = None
    message: str = ""
    reason: str | None = None

    @property
    def about(self) -> str:
        """The metric and what it is about."""
        text = self.metric
        if self.feature is not None:
            text += f" of {self.feature}"
        if self.subclass is not None:
            text += f" / {self.subclass}"
        if self.slice is not None:
            text += f" in slice {self.slice}"
        if self.split is not None:
            text += f" in split {self.split}"
        if self.confidence is not None:
            text += f" at confidence {self.confidence:g}"
        return text

    @property
    def title(self) -> str:
        """The check as people name it."""
        return self.about if self.bound is None else f"{self.about}, {self.told_bound}"

    @property
    def told_bound(self) -> str:
        """The bound with its limit."""
        limit = self.limit if isinstance(self.limit, str) else f"{self.limit:g}"
        return f"{self.bound} {limit}"

    @property
    def told_interval(self) -> str | None:
        """The interval with its level."""
        if self.interval is None:
            return None
        low, high = self.interval
        if isinstance(self.limit, str):
            return f"{low:+.2%} to {high:+.2%}"
        return f"{low:+.4f} to {high:+.4f}" if self.bound in ("max_drop", "max_rise") else f"{low:.4f} to {high:.4f}"

    @property
    def why(self) -> str:
        """The message, with the reason of the check behind it."""
        return f"{self.message} ({self.reason})" if self.message and self.reason else self.message or self.reason or ""

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        found = asdict(self)
        return {**found, "interval": None if self.interval is None else list(self.interval)}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstRow:
    """A data row that became worse, or that is among the worst where there is no baseline.

    Parameters
    ----------
    data_row : str
        Its key.
    errors, baseline_errors : int or None
        False positives and false negatives of the features that failed.
    findings : list of dict
        What is wrong there: outcome, feature, place, confidence, overlap and why.

    Examples
    --------
    >>> WorstRow(data_row="globalKey:a.jpg", errors=3, baseline_errors=1).more
    2
    """

    data_row: str
    errors: int
    baseline_errors: int | None = None
    findings: list[dict[str, Any]] = field(default_factory=list)

    @property
    def more(self) -> int:
        """How many errors there are more than in the baseline."""
        return self.errors - (self.baseline_errors or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a gate found; true unless it failed.

    Made by ``run_gate``.

    Parameters
    ----------
    outcomes : list of Outcome
        Guards first, then each bound of each check, in the order of the configuration.
    worst : list of WorstRow
        The data rows that had most part in what failed.
    evaluation, baseline : str or None
        What was compared with what.
    data_rows : int
        Data rows of the evaluation.
    notes : list of str
        What else is to be known.

    Examples
    --------
    >>> verdict = Verdict(outcomes=[Outcome(status="inconclusive", metric="f1")], evaluation="x", data_rows=1)
    >>> verdict.status, verdict.exit_code(), verdict.exit_code("fail"), verdict.exit_code("exit-3")
    ('inconclusive', 0, 1, 3)
    """

    outcomes: list[Outcome]
    worst: list[WorstRow] = field(default_factory=list)
    evaluation: str
    baseline: str | None = None
    data_rows: int
    notes: list[str] = field(default_factory=list)

    @property
    def status(self) -> Status:
        """``"fail"``, ``"inconclusive"``, ``"warn"`` or ``"pass"``.

        A gate that measured nothing has a warning: it says nothing about the run.
        """
        counts = self.counts
        if not any(counts[name] for name in ("fail", "inconclusive", "warn", "pass")):
            return "warn"
        return next(name for name in ("fail", "inconclusive", "warn", "pass") if counts[name])

    @property
    def counts(self) -> dict[Status, int]:
        """How many outcomes there are of each status."""
        found = [one.status for one in self.outcomes]
        return {name: found.count(name) for name in STATUSES}

    def __bool__(self) -> bool:
        return self.status != "fail"

    def exit_code(self, inconclusive: Inconclusive = "pass") -> int:
        """Exit code of a command: 0 pass, 1 fail, 3 inconclusive.

        Parameters
        ----------
        inconclusive : {"pass", "fail", "exit-3"}
            What it means that nothing failed, but something is inconclusive.

        Raises
        ------
        SettingError
            It is none of the three.
        """
        codes = {"pass": PASSED, "fail": FAILED, "exit-3": UNDECIDED}
        if inconclusive not in codes:
            raise SettingError(f"inconclusive must be one of {', '.join(codes)}, got {inconclusive!r}")
        return {"fail": FAILED, "inconclusive": codes[inconclusive]}.get(self.status, PASSED)

    @property
    def caption(self) -> str:
        """The verdict in one line."""
        told = [f"{n:,} {name}" for name, n in self.counts.items() if n]
        against = "" if self.baseline is None else f" against {self.baseline}"
        return (
            f"gate: {self.status.upper()} - {self.evaluation}{against}, {counted(self.data_rows, 'data row')}; "
            f"checks: {', '.join(told) or 'none'}"
        )

    def sorted(self) -> list[Outcome]:
        """The outcomes, what matters most first."""
        return sorted(self.outcomes, key=lambda one: STATUSES.index(one.status))

    def shown(self) -> tuple[list[str], list[list[Any]]]:
        """Headings and rows for people; what is empty throughout is left out."""
        rows = [
            [
                one.status,
                one.about,
                one.value,
                one.baseline,
                None if one.bound is None else one.told_bound,
                one.told_interval,
                one.support,
                one.why or None,
            ]
            for one in self.sorted()
        ]
        used = [index for index in range(len(HEADINGS)) if any(row[index] is not None for row in rows)]
        return [HEADINGS[index] for index in used], [[row[index] for index in used] for row in rows]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return {
            "status": self.status,
            "evaluation": self.evaluation,
            "baseline": self.baseline,
            "data_rows": self.data_rows,
            "counts": dict(self.counts),
            "notes": list(self.notes),
            "outcomes": [{**one.to_dict(), "title": one.title} for one in self.outcomes],
            "worst": [asdict(one) for one in self.worst],
        }

    def __repr__(self) -> str:
        return f"{self.caption}\n{plain_table(*self.shown())}"

    def _repr_html_(self) -> str:
        return html_table(*self.shown(), self.caption)


def cells(row: Sequence[Any]) -> list[str]:
    """Values of a row as people read them.

    >>> cells(["f1", 0.5, None])
    ['f1', '0.500', '–']
    """
    return [shown(value) for value in row]
