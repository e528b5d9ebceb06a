"""What changed in numbers: of all features together, of each feature, and of each slice of the data rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from labelmetrics.changes.lining_up import BETTER, STATUSES, WORSE, Lines, Status
from labelmetrics.comparing.bootstrap import resampled
from labelmetrics.comparing.measures import OF_COUNTS, RATIOS, Measured
from labelmetrics.kernels.batch import Bools, Floats, Ints
from labelmetrics.kernels.resampling import holm, percentile_interval

LEVEL = 0.95
"""Level of intervals."""
RATE = 0.05
"""Rate at which no change at all is taken for one, over all rows of a table."""
SLACK = 1e-12
"""Differences of this size come from rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A metric in two evaluations.

    Parameters
    ----------
    before, after : float or None
        Its values in [0, 1]; ``None`` for 0/0.
    interval : (float, float) or None
        95 % percentile interval of the change; ``None`` where there is none.
    p : float or None
        Two-sided p value of no change, corrected for the number of rows of the table (Holm 1979). Where few data rows
        changed it is at least what a test that swaps the two evaluations on each of them could reach.

    Examples
    --------
    >>> one = Change(before=0.5, after=0.75, interval=(0.125, 0.375), p=0.01)
    >>> one.change, one.is_clear
    (0.25, True)
    """

    before: float | None
    after: float | None
    interval: tuple[float, float] | None = None
    p: float | None = None

    @property
    def change(self) -> float | None:
        """The difference; ``None`` where one of the two is."""
        return None if self.before is None or self.after is None else self.after - self.before

    @property
    def is_clear(self) -> bool:
        """Whether chance is ruled out."""
        return self.p is not None and self.p <= RATE

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return {
            "before": self.before,
            "after": self.after,
            "change": self.change,
            "interval": None if self.interval is None else list(self.interval),
            "p": self.p,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What changed in a feature, a slice, or all together.

    Parameters
    ----------
    name : str
        The feature or the slice; ``"(all)"`` for all together.
    data_rows : int
        Data rows that it is about.
    ground_truths : int
        Ground truths that count.
    counts : dict of str to int
        Number of objects of each status: ``broken``, ``new FP``, ``fixed``, ``gone FP``, ``still missed``, ``still FP``
        and ``still right``.
    precision, recall, f1 : Change
        From summed counts.

    Examples
    --------
    >>> counts = dict.fromkeys(STATUSES, 0) | {"fixed": 5, "broken": 2, "new FP": 1}
    >>> none = Change(before=None, after=None)
    >>> one = Figures(
    ...     name="cat", data_rows=9, ground_truths=20, counts=counts, precision=none, recall=none, f1=none
    ... )
    >>> one.net, one.net_false, one.changed
    (3, 1, 8)
    """

    name: str
    data_rows: int
    ground_truths: int
    counts: dict[Status, int]
    precision: Change
    recall: Change
    f1: Change

    @property
    def net(self) -> int:
        """True positives more than before."""
        return self.counts["fixed"] - self.counts["broken"]

    @property
    def net_false(self) -> int:
        """False positives more than before."""
        return self.counts["new FP"] - self.counts["gone FP"]

    @property
    def changed(self) -> int:
        """How many objects changed."""
        return sum(self.counts[name] for name in (*WORSE, *BETTER))

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return {
            "name": self.name,
            "data_rows": self.data_rows,
            "ground_truths": self.ground_truths,
            **{name.replace(" ", "_"): n for name, n in self.counts.items()},
            "net": self.net,
            "net_false_positives": self.net_false,
            **{name: getattr(self, name).to_dict() for name in RATIOS},
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counted:
    """True positives, false positives and false negatives of one evaluation, by data row and feature.

    Parameters
    ----------
    row, feature : ndarray of int64, shape (n,)
        What they are of; no pair comes twice.
    counts : ndarray of float64, shape (n, 3)
        The counts.
    """

    row: Ints
    feature: Ints
    counts: Floats

    def measured(self, keep: Bools) -> Measured:
        """The counts of some of these, by data row."""
        row, inverse = np.unique(self.row[keep], return_inverse=True)
        counts = np.stack(
            [np.bincount(inverse, column, len(row)).astype(np.float64) for column in self.counts[keep].T], axis=1
        )
        return Measured(row=row, columns=counts, of_sums=OF_COUNTS["f1"], is_counts=True)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """What one row of a table is about.

    Parameters
    ----------
    name : str
        The feature or the slice.
    members : ndarray of bool, shape (n_rows,)
        Its data rows.
    feature : int or None
        Its feature; ``None`` is all of them.
    """

    name: str
    members: Bools
    feature: int | None = None

    def holds(self, row: Ints, feature: Ints) -> Bools:
        """What belongs to it, of things that are on a data row and of a feature."""
        found = self.members[row]
        return found if self.feature is None else found & (feature == self.feature)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Question:
    """The change of one metric of one part."""

    members: Bools
    sides: Sequence[Measured]

    def quantity(self, value: Floats, baseline: Floats) -> Floats:
        return np.asarray(value - baseline)


def figures(
    tables: Sequence[Sequence[Part]], before: Counted, after: Counted, lines: Lines, *, resamples: int, seed: int
) -> list[list[Figures]]:
    """The rows of tables.

    Parameters
    ----------
    tables : sequence of sequence of Part
        What they are about.
    before, after : Counted
        Counts of the two evaluations.
    lines : Lines
        What happened to the objects.
    resamples, seed : int
        Of the bootstrap.
    """
    parts = [part for table in tables for part in table]
    sides = [[side.measured(part.holds(side.row, side.feature)) for side in (after, before)] for part in parts]
    differing = [_differing(*both) for both in sides]
    drawn = _drawn(parts, sides, differing, resamples, seed)
    found, start = [], 0
    for table in tables:
        stop = start + len(table)
        own = slice(start, stop)
        changes = {metric: _changes(sides[own], metric, drawn[metric][own], differing[own]) for metric in RATIOS}
        found.append(
            [
                Figures(
                    name=part.name,
                    data_rows=int(np.count_nonzero(part.members)),
                    ground_truths=sides[start + index][0].support,
                    counts=_counts(lines, part),
                    **{metric: changes[metric][index] for metric in RATIOS},
                )
                for index, part in enumerate(table)
            ]
        )
        start = stop
    return found


def _counts(lines: Lines, part: Part) -> dict[Status, int]:
    own = part.holds(lines.row, lines.feature)
    return dict(zip(STATUSES, np.bincount(lines.status[own], minlength=len(STATUSES)).tolist(), strict=True))


def _differing(new: Measured, old: Measured) -> int:
    """Data rows on which the counts of the two are not the same."""
    rows, inverse = np.unique(np.concatenate([new.row, old.row]), return_inverse=True)
    signed = np.concatenate([new.columns, -old.columns])
    more = [np.bincount(inverse, column, len(rows)) for column in signed.T]
    return int(np.count_nonzero(np.any(more, axis=0)))


def _drawn(
    parts: Sequence[Part],
    sides: Sequence[Sequence[Measured]],
    differing: Sequence[int],
    resamples: int,
    seed: int,
) -> dict[str, list[Floats | None]]:
    """Changes of each metric in resamples, part by part; ``None`` where all is as it was."""
    changed = [index for index, n in enumerate(differing) if n]
    asked = [
        _Question(members=parts[index].members, sides=[replace(one, of_sums=OF_COUNTS[metric]) for one in sides[index]])
        for index in changed
        for metric in RATIOS
    ]
    found: dict[str, list[Floats | None]] = {metric: [None] * len(parts) for metric in RATIOS}
    values = iter(resampled(asked, resamples=resamples, seed=seed))
    for index in changed:
        for metric in RATIOS:
            found[metric][index] = next(values)
    return found


def _changes(
    sides: Sequence[Sequence[Measured]], metric: str, drawn: Sequence[Floats | None], differing: Sequence[int]
) -> list[Change]:
    p = [
        1.0 if values is None else no_change(values[~np.isnan(values)], n)
        for values, n in zip(drawn, differing, strict=True)
    ]
    adjusted, _ = holm(np.array(p), np.full(len(p), RATE))
    found = []
    for (new, old), values, one in zip(sides, drawn, adjusted.tolist(), strict=True):
        before, after = (replace(side, of_sums=OF_COUNTS[metric]).value for side in (old, new))
        if before is None or after is None:
            found.append(Change(before=before, after=after))
            continue
        interval = (0.0, 0.0) if values is None else percentile_interval(values, LEVEL)
        found.append(Change(before=before, after=after, interval=interval, p=one))
    return found


def no_change(values: Floats, rows: int) -> float:
    """Two-sided p value of no change: twice the share of resamples on the rarer side of 0, those at 0 on both.

    Resamples of few data rows that changed in the same way are all alike, and would rule out anything. So the value is
    at least twice the chance that all of these rows fall on one side: no test that swaps the two evaluations on each of
    them reaches less.

    Parameters
    ----------
    values : ndarray of float64
        Changes in resamples.
    rows : int
        Data rows that changed.

    Examples
    --------
    >>> no_change(np.array([0.1] * 99 + [-0.1]), 50), no_change(np.full(5, 0.1), 3), no_change(np.zeros(5), 0)
    (0.02, 0.25, 1.0)
    """
    if not len(values):
        return 1.0
    below, above = int(np.count_nonzero(values <= SLACK)), int(np.count_nonzero(values >= -SLACK))
    return min(1.0, max(2 * min(below, above) / len(values), 2.0 ** (1 - rows)))
