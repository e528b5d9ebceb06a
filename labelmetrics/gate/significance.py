"""Which checks chance could have decided: a paired bootstrap over data rows, with Holm's correction."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labelmetrics.comparing.bootstrap import resampled
from labelmetrics.comparing.measures import Measured
from labelmetrics.errors import LabelmetricsWarning
from labelmetrics.gate.bounds import Bound
from labelmetrics.kernels.batch import Bools, Floats
from labelmetrics.kernels.resampling import holm, percentile_interval, two_sided


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Question:
    """A bound that is to be decided.

    Parameters
    ----------
    bound : Bound
        The bound.
    rate : float
        Rate of wrong decisions that is allowed.
    members : ndarray of bool
        The data rows that it is about.
    sides : sequence of Measured
        The metric of the run, and of the baseline where there is one.
    """

    bound: Bound
    rate: float
    members: Bools
    sides: Sequence[Measured]

    def quantity(self, value: Floats, baseline: Floats) -> Floats:
        """What the bound is about."""
        return self.bound.quantity(value, baseline)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the bootstrap says of a bound.

    Parameters
    ----------
    is_decided : bool
        Whether chance is ruled out.
    interval : (float, float)
        Percentile interval of the quantity, at the level of the decision.
    level : float
        That level.
    p : float
        Corrected two-sided p value.
    rows_needed : int or None
        Estimate of the data rows that would decide; ``None`` where it is decided, or no number would do.
    """

    is_decided: bool
    interval: tuple[float, float]
    level: float
    p: float
    rows_needed: int | None


def decide(questions: Sequence[Question], *, resamples: int, seed: int) -> list[Decision]:
    """Decide all questions together.

    The data rows of a slice are resampled, both runs together; metrics follow from the sums of each resample.

    Parameters
    ----------
    questions : sequence of Question
        What is to be decided.
    resamples : int
        Number of resamples.
    seed : int
        The same seed gives the same decisions.
    """
    if not questions:
        return []
    rarest = min(one.rate for one in questions) / len(questions)
    if resamples * rarest < 2:
        warnings.warn(
            f"{resamples:,} resamples are few for {len(questions):,} checks with significance: set resamples to "
            f"{int(np.ceil(2 / rarest)):,} or more",
            LabelmetricsWarning,
            stacklevel=2,
        )
    quantities = resampled(questions, resamples=resamples, seed=seed)
    p = [
        two_sided(question.bound.keeps(quantity[~np.isnan(quantity)]))
        for question, quantity in zip(questions, quantities, strict=True)
    ]
    adjusted, factor = holm(np.array(p), np.array([question.rate for question in questions]))
    decisions = []
    for question, quantity, one, n in zip(questions, quantities, adjusted.tolist(), factor.tolist(), strict=True):
        level = 1 - question.rate / n
        decisions.append(_decision(question, percentile_interval(quantity, level), level, one))
    return decisions


def _decision(question: Question, interval: tuple[float, float], level: float, p: float) -> Decision:
    is_decided = p <= question.rate
    needed = None if is_decided else rows_needed(question, interval)
    return Decision(is_decided=is_decided, interval=interval, level=level, p=p, rows_needed=needed)


def rows_needed(question: Question, interval: tuple[float, float]) -> int | None:
    """Data rows at which the interval would no longer hold the limit, if all else stayed as it is.

    Its width falls with the square root of their number.
    """
    values = [np.nan if one.value is None else one.value for one in question.sides]
    point = float(question.bound.quantity(values[0], values[-1]))
    limit = question.bound.limit
    distance = abs(point - limit)
    reach = interval[1] - point if point < limit else point - interval[0]
    if not np.isfinite(distance) or not np.isfinite(reach) or distance <= 1e-12 or reach <= 0:
        return None
    n = int(np.count_nonzero(question.members))
    return max(n + 1, int(np.ceil(n * (reach / distance) ** 2)))
