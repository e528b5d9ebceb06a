"""The bounds of checks: which quantity each is about, and on which side of its limit that may lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from labelmetrics.formats.gate_config import share_of
from labelmetrics.kernels.batch import Bools, Floats

SLACK = 1e-12
"""Differences of this size come from rounding."""


@dataclass(frozen=True, slots=True)
class Bound:
    """One bound.

    Parameters
    ----------
    name : str
        ``"min"``, ``"max"``, ``"max_drop"`` or ``"max_rise"``.
    given : float or str
        The limit as it is written.

    Examples
    --------
    >>> bool(Bound("max_drop", "2%").keeps(Bound("max_drop", "2%").quantity(0.5, 0.52)))
    False
    """

    name: str
    given: float | str

    @property
    def is_change(self) -> bool:
        """Whether it compares with a baseline."""
        return self.name in ("max_drop", "max_rise")

    @property
    def limit(self) -> float:
        """What the quantity is compared with."""
        share = share_of(self.given)
        size = float(self.given) if share is None else share
        return -size if self.name == "max_drop" else size

    def quantity(self, value: Any, baseline: Any) -> Floats:
        """The value, its change, or its change as a share of the baseline; NaN where there is none."""
        if not self.is_change:
            return np.asarray(value, np.float64)
        value, baseline = np.asarray(value, np.float64), np.asarray(baseline, np.float64)
        change = np.asarray(value - baseline)
        if share_of(self.given) is None:
            return change
        # Beside a baseline of 0 every change is without limit, and none is none.
        share = np.where(change == 0, 0.0, np.copysign(np.inf, change))
        share[np.isnan(change)] = np.nan
        np.divide(change, np.abs(baseline), out=share, where=baseline != 0)
        return share

    def keeps(self, quantity: Floats) -> Bools:
        """Where the bound holds; not where there is no value."""
        if self.name in ("min", "max_drop"):
            return np.asarray(quantity >= self.limit - SLACK)
        return np.asarray(quantity <= self.limit + SLACK)
