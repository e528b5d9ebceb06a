"""Metrics as functions of sums over data rows: what is added up, and what its sum says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from labelmetrics.kernels.aggregation import Method, exact_sums
from labelmetrics.kernels.batch import Floats, Ints

OfSums = Callable[[Floats], Floats]
"""A function of sums, shape (..., k), that is NaN where they have no value."""


def divided(part: Floats, whole: Floats) -> Floats:
    """``part / whole``, NaN for 0/0."""
    result = np.full(np.broadcast_shapes(part.shape, whole.shape), np.nan)
    np.divide(part, whole, out=result, where=whole != 0)
    return result


def _f1(sums: Floats) -> Floats:
    tp, fp, fn = np.moveaxis(sums, -1, 0)
    return divided(2 * tp, 2 * tp + fp + fn)


OF_COUNTS: dict[str, OfSums] = {
    "precision": lambda sums: divided(sums[..., 0], sums[..., 0] + sums[..., 1]),
    "recall": lambda sums: divided(sums[..., 0], sums[..., 0] + sums[..., 2]),
    "f1": _f1,
    "count": lambda sums: sums[..., 0] + sums[..., 2],
    "predictions": lambda sums: sums[..., 0] + sums[..., 1],
}
"""What follows from true positives, false positives and false negatives."""
RATIOS = ("precision", "recall", "f1")


def _mean(sums: Floats) -> Floats:
    return divided(sums[..., 0], sums[..., -1])


def _geometric(sums: Floats) -> Floats:
    mean = np.exp(divided(sums[..., 0], sums[..., -1]))
    return np.where(sums[..., 1] > 0, 0.0, mean)


def _harmonic(sums: Floats) -> Floats:
    mean = divided(sums[..., -1], sums[..., 0])
    return np.where(sums[..., 1] > 0, 0.0, mean)


def of_scalars(value: Floats, method: Method) -> tuple[Floats, OfSums]:
    """What is added up of scalars, one row each, and what its sums say; the last column counts.

    Parameters
    ----------
    value : ndarray of float64, shape (n,)
        Values of data rows.
    method : Method
        How they are put together.

    Examples
    --------
    >>> columns, mean = of_scalars(np.array([1.0, 4.0]), Method.GEOMETRIC_MEAN)
    >>> float(mean(columns.sum(axis=0)))
    2.0
    """
    one = np.ones_like(value)
    zero = value == 0
    safe = np.where(zero, 1.0, value)
    match method:
        case Method.GEOMETRIC_MEAN:
            return np.column_stack([np.log(safe), zero, one]), _geometric
        case Method.HARMONIC_MEAN:
            return np.column_stack([np.where(zero, 0.0, 1 / safe), zero, one]), _harmonic
        case Method.SUM:
            return np.column_stack([value, one]), lambda sums: np.where(sums[..., -1] > 0, sums[..., 0], np.nan)
        case _:
            return np.column_stack([value, one]), _mean


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """One metric of one run, by data row.

    Parameters
    ----------
    row : ndarray of int64, shape (n,)
        Data row of each value, rising, each at most once.
    columns : ndarray of float64, shape (n, k)
        What is added up; the same data rows have no more to say.
    of_sums : callable
        What the sums say.
    is_counts : bool
        Whether the columns are true positives, false positives and false negatives.
    """

    row: Ints
    columns: Floats
    of_sums: OfSums
    is_counts: bool

    @property
    def value(self) -> float | None:
        """The metric over all data rows; ``None`` where it has no value."""
        sums = exact_sums(self.columns.T, np.zeros(1, np.int64))[:, 0] if len(self.row) else np.zeros(self.width)
        value = float(self.of_sums(sums))
        return None if np.isnan(value) else value

    @property
    def width(self) -> int:
        """Number of columns."""
        return int(self.columns.shape[1])

    @property
    def support(self) -> int:
        """Ground truths, or data rows with a value."""
        return int(self.columns[:, [0, 2]].sum()) if self.is_counts else len(self.row)

    @property
    def errors(self) -> Floats:
        """False positives and false negatives of each data row."""
        return self.columns[:, 1] + self.columns[:, 2]
