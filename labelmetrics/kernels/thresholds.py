"""Overlap thresholds and confidence keys: what is asked of one evaluation."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import numpy as np

from labelmetrics.errors import SettingError
from labelmetrics.kernels.batch import Floats, Ints

FEWEST_KEYS, MOST_KEYS = 2, 15
AUTO_KEYS = 10

Confidences = Sequence[float] | int | Literal["auto"] | None


@dataclass(frozen=True, slots=True)
class Grid:
    """Thresholds and confidence keys, both rising.

    A *level* is a way to filter predictions: level 0 keeps all, level ``k`` those with confidence of at least
    ``keys[k - 1]``. Every array over levels has ``n_levels`` entries in that order.
    """

    thresholds: tuple[float, ...]
    keys: tuple[float, ...] = ()

    @property
    def n_levels(self) -> int:
        return len(self.keys) + 1

    def level(self, confidence: Floats) -> Ints:
        """Number of levels at which predictions of these confidences take part (absent counts as 1)."""
        known = np.where(np.isnan(confidence), 1.0, confidence)
        return 1 + np.searchsorted(np.array(self.keys), known, "right").astype(np.int64)


def read_thresholds(iou: float | Iterable[float]) -> tuple[float, ...]:
    """Check and sort overlap thresholds.

    Raises
    ------
    SettingError
        A threshold does not lie in (0, 1), or one is given twice.

    Examples
    --------
    >>> read_thresholds([0.75, 0.5])
    (0.5, 0.75)
    """
    values = list(iou) if isinstance(iou, Iterable) and not isinstance(iou, str) else [iou]
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float | np.number):
            raise SettingError(f"iou must lie between 0 and 1 (both excluded), got {value!r}, which is no number")
        if not 0 < value < 1:
            raise SettingError(f"iou must lie between 0 and 1 (both excluded), got {value!r}")
    if not values or len(set(values)) < len(values):
        raise SettingError(f"iou must name at least one threshold and none twice, got {values!r}")
    return tuple(sorted(float(value) for value in values))


def read_confidences(confidences: Confidences, present: Floats) -> tuple[float, ...]:
    """Turn what a user asks for into the rising confidence keys of a grid.

    Parameters
    ----------
    confidences : sequence of float, int, "auto" or None
        The keys; ``n`` stands for 0, 1/n, ... (n-1)/n; ``"auto"`` for at most ten quantiles of ``present``.
    present : ndarray of float64
        Confidences of the whole input, NaN where absent; used by ``"auto"`` only.

    Raises
    ------
    SettingError
        Fewer than 2 or more than 15 keys, one outside [0, 1] or one given twice.

    Examples
    --------
    >>> read_confidences(4, np.empty(0))
    (0.0, 0.25, 0.5, 0.75)
    """
    if confidences is None:
        return ()
    if isinstance(confidences, str):
        if confidences != "auto":
            raise SettingError(f'confidences must be a list, a number of keys or "auto", got {confidences!r}')
        known = present[~np.isnan(present)]
        if not len(known):
            raise SettingError('confidences="auto" needs predictions with confidences, and there are none')
        quantiles = np.quantile(known, np.arange(AUTO_KEYS) / AUTO_KEYS, method="lower")
        keys = sorted(set(quantiles.tolist()))
        return tuple(keys) if len(keys) >= FEWEST_KEYS else tuple(sorted({0.0, *keys, 1.0}))[:2]
    if isinstance(confidences, int | np.integer) and not isinstance(confidences, bool):
        values = [k / int(confidences) for k in range(int(confidences))]
    elif isinstance(confidences, Iterable):
        values = list(confidences)
    else:
        raise SettingError(f"confidences must be a list or a number of keys, got {confidences!r}")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float | np.number):
            raise SettingError(f"confidence keys must be numbers, got {value!r}")
        if not 0 <= value <= 1:
            raise SettingError(f"confidence keys must lie in [0, 1], got {value!r}")
    if not FEWEST_KEYS <= len(values) <= MOST_KEYS or len(set(values)) < len(values):
        raise SettingError(
            f"a metric has {FEWEST_KEYS} to {MOST_KEYS} different confidence keys, got {len(values)}: {values!r}"
        )
    return tuple(sorted(float(value) for value in values))


def threshold_name(threshold: float) -> str:
    """Metric name of a confusion matrix at an overlap threshold, from the exact decimal.

    >>> threshold_name(0.29), threshold_name(0.505), threshold_name(0.5)
    ('29pct_iou', '50.5pct_iou', '50pct_iou')
    """
    percent = (Decimal(repr(float(threshold))) * 100).normalize()
    return f"{percent:f}pct_iou"


def match_rule(threshold: float, matching: str) -> str:
    """What a match is.

    >>> match_rule(0.5, "platform"), match_rule(0.75, "coco")
    ('IoU > 0.5', 'IoU >= 0.75')
    """
    return f"IoU {'>=' if matching == 'coco' else '>'} {threshold:g}"


def nearest_key(keys: Sequence[float], confidence: float, *, nearest: bool = False) -> int:
    """Index of a confidence in the key grid.

    Raises
    ------
    SettingError
        The confidence is not a key of the grid (the message lists the keys), unless ``nearest`` takes the next lower.
    """
    if isinstance(confidence, bool) or not isinstance(confidence, int | float | np.number):
        raise SettingError(f"confidence must be a number, got {confidence!r}")
    for index, key in enumerate(keys):
        if math.isclose(key, confidence, rel_tol=0, abs_tol=1e-12):
            return index
    lower = [index for index, key in enumerate(keys) if key < confidence]
    if nearest and lower:
        return lower[-1]
    listed = ", ".join(f"{key:g}" for key in keys) or "none (the evaluation was made without confidences)"
    raise SettingError(f"confidence {confidence:g} is not a key of this evaluation; its keys are: {listed}")
