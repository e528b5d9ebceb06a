"""The second statistic: scores counted by label and by how many thresholds they exceed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any, ClassVar, Literal, NamedTuple, Unpack

import numpy as np

from labelmetrics.errors import InputError, SettingError
from labelmetrics.kernels import score_histograms as kernel
from labelmetrics.kernels.batch import Bools
from labelmetrics.streaming.checks import as_binary, check_no_nan, check_probabilities, whole
from labelmetrics.streaming.metric import Metric, SyncOptions
from labelmetrics.streaming.shapes import Array, as_weight, broadcast_weight, paired
from labelmetrics.streaming.state import State

__all__ = ["Counts", "ThresholdMetric", "ratio", "read_thresholds"]

LOGITS = "; are these logits? Apply the sigmoid first (AUC has from_logits=True)"

EQUAL = 1e-9
"""Confidence keys and thresholds that differ by no more are the same."""

Bins = int | tuple[float, ...] | Literal["exact"]
"""Thresholds: so many, evenly from 0 to 1; these, rising; or one between any two buckets of the exact kind."""


class Counts(NamedTuple):
    """Sums of weights at each threshold; integers without weights."""

    tp: Array
    fp: Array
    tn: Array
    fn: Array


def read_thresholds(thresholds: Any, default: float) -> list[float]:
    """Thresholds as a list.

    Raises
    ------
    SettingError
        One is no number from 0 to 1, or there are none.
    """
    if thresholds is None:
        return [default]
    listed = list(thresholds) if isinstance(thresholds, Sequence | np.ndarray) else [thresholds]
    for one in listed:
        if isinstance(one, bool) or not isinstance(one, int | float | np.number) or not 0 <= one <= 1:
            raise SettingError(f"thresholds must lie in [0, 1], got {one!r}")
    if not listed:
        raise SettingError("thresholds must not be empty")
    return [float(one) for one in listed]


def ratio(one: Array, two: Array) -> Array:
    """``one / two``, and 0 where ``two`` is 0."""
    found: Array = np.divide(one, two, out=np.zeros(np.shape(one)), where=two != 0)
    return found


class ThresholdMetric(Metric):
    """Base of metrics that are made of counts at thresholds; a score above a threshold is positive there."""

    histogram: State
    higher_is_better: ClassVar[bool | None] = True

    def __init__(
        self,
        name: str | None,
        dtype: Any,
        bins: Bins,
        *,
        top_k: int | None = None,
        class_id: int | None = None,
        from_logits: bool = False,
        by_label: bool = False,
        n_labels: int | None = None,
        label_weights: Any = None,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(name, dtype, **sync)
        self._bins = bins
        self._top_k = None if top_k is None else whole("top_k", top_k)
        self._class_id = None if class_id is None else whole("class_id", class_id, 0)
        self._from_logits = from_logits
        self._by_label = by_label
        self._rising = np.array(bins) if isinstance(bins, tuple) else np.empty(0)
        self._only = float(bins[0]) if isinstance(bins, tuple) and len(bins) == 1 else None
        self._takes_any_score = bool(self._rising.size) and self._rising[0] == -math.inf
        self._label_weights = None if label_weights is None or by_label else as_weight(label_weights)
        self._n_buckets = (
            kernel.EXACT_BUCKETS if bins == "exact" else 1 + (bins if isinstance(bins, int) else len(bins))
        )
        weights = None if self._label_weights is None else tuple(self._label_weights.tolist())
        is_exact = from_logits and bins == "exact"
        self._preparation = self._top_k, self._class_id, from_logits, is_exact, self._takes_any_score, weights
        shape = (2, self._n_buckets)
        if not by_label:
            self.add_state("histogram", np.zeros(shape, np.int64))
        else:
            self.add_state("histogram", None if n_labels is None else np.zeros((n_labels, *shape), np.int64))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch.

        Parameters
        ----------
        y_true : array-like of 0 and 1, shape (n, ...)
            Labels.
        y_pred : array-like, shape (n, ...)
            Scores from 0 to 1.
        sample_weight : array-like, shape (n,) or (n, ...), optional
            What each counts for.

        Raises
        ------
        InputError
            Shapes that do not fit, labels other than 0 and 1, scores that are NaN or outside [0, 1], weights that are
            negative.
        """
        self._take(*self._prepared(y_true, y_pred, sample_weight))

    def _prepared(self, y_true: Any, y_pred: Any, sample_weight: Any) -> tuple[Bools, Array, Any]:
        """Labels, scores and weights, checked; the same for all metrics of one preparation."""
        truth, scores = paired(y_true, y_pred)
        if scores.dtype.kind != "f" or scores.itemsize < 4:
            scores = scores.astype(np.float32 if scores.itemsize < 4 else np.float64)
        positive = as_binary(truth, scores)
        if self._from_logits:
            check_no_nan(scores)
            scores = kernel.sigmoid(scores.astype(np.float64) if self._bins == "exact" else scores)
        elif self._takes_any_score:
            check_no_nan(scores)
        else:
            check_probabilities(scores, LOGITS)
        weight = self._weights(sample_weight, scores.shape)
        if self._top_k is not None:
            scores = _top_k_only(scores, self._top_k)
        if self._class_id is not None:
            positive, scores, weight = (self._of_class(one) for one in (positive, scores, weight))
        return positive, scores, weight

    def _take(self, positive: Bools, scores: Array, weight: Any) -> None:
        count = self._by_labels if self._by_label else self._counted
        self.histogram.add(count(positive, scores, weight))

    def _weights(self, sample_weight: Any, shape: tuple[int, ...]) -> Any:
        """Weights in the shape of the scores: those of samples stand for all that belongs to the sample."""
        weight = None
        if sample_weight is not None:
            weight = as_weight(sample_weight)[..., None]
            while weight.ndim > len(shape) and weight.shape[-1] == 1:
                weight = weight[..., 0]
            weight = broadcast_weight(weight, shape, "y_pred")
        if self._label_weights is not None:
            weight = broadcast_weight(
                self._label_weights if weight is None else weight * self._label_weights, shape, "y_pred"
            )
        return weight

    def _of_class(self, values: Any) -> Any:
        if values is None:
            return None
        if values.ndim < 2 or self._class_id >= values.shape[-1]:
            raise InputError(f"class_id is {self._class_id}, and y_pred has the shape {values.shape}")
        return values[..., self._class_id]

    def _by_labels(self, positive: Bools, scores: Array, weight: Any) -> Array:
        if scores.ndim != 2:
            raise InputError(f"with multi_label, y_pred has the shape (n, labels), got {scores.shape}")
        columns = range(scores.shape[1])
        if self.histogram.is_built and len(self.histogram) != scores.shape[1]:
            raise InputError(f"y_pred has {scores.shape[1]} labels, and had {len(self.histogram)} before")
        parts = [self._counted(positive[:, n], scores[:, n], None if weight is None else weight[:, n]) for n in columns]
        return np.stack(parts) if parts else np.zeros((0, 2, self._n_buckets), np.int64)

    def _counted(self, positive: Bools, scores: Array, weight: Any) -> Array:
        if weight is None and self._only is not None:  # compared as a number of the scores' type
            return kernel.histogram_of_one_threshold(scores > self._only, positive)
        positive, scores = positive.ravel(), scores.ravel()
        weight = None if weight is None else weight.ravel()
        if len(scores) <= kernel.BLOCK:
            found = self._counted_block(positive, scores, weight)
        else:
            blocks = (slice(start, start + kernel.BLOCK) for start in range(0, len(scores), kernel.BLOCK))
            parts = (
                self._counted_block(positive[one], scores[one], None if weight is None else weight[one])
                for one in blocks
            )
            found = reduce(np.add, parts)
        return found if weight is None or weight.dtype.kind == "f" else np.rint(found).astype(np.int64)

    def _counted_block(self, positive: Bools, scores: Array, weight: Any) -> Array:
        if isinstance(self._bins, int):
            return kernel.even_histogram(scores, positive, self._bins, weight)
        bucket = kernel.exact_buckets(scores) if self._bins == "exact" else kernel.buckets(scores, self._rising)
        return kernel.histogram(bucket, positive, self._n_buckets, weight)

    def _counts(self) -> Counts:
        """Counts above each threshold, rising."""
        above = kernel.at_least(self.histogram.value)[..., 1:]
        total = self.histogram.value.sum(axis=-1, keepdims=True)
        below = total - above
        return Counts(above[..., 1, :], above[..., 0, :], below[..., 0, :], below[..., 1, :])

    def _counts_at(self, confidences: Sequence[float]) -> dict[float, Any]:
        if self._by_label or self._bins == "exact":
            raise SettingError(f"{self.name} has no counts at single thresholds: it is exact, or of several labels")
        rising = np.linspace(0, 1, self._bins) if isinstance(self._bins, int) else self._rising
        counts = np.stack(self._counts())
        found = {}
        for one in confidences:
            nearest = int(np.abs(rising - one).argmin())
            if abs(rising[nearest] - one) > EQUAL:
                raise SettingError(
                    f"{one!r} is no threshold of {self.name}; the nearest is {rising[nearest]:.6g}, of {len(rising)}"
                )
            found[float(one)] = counts[:, nearest]
        return found

    def _shares(self) -> Any:
        shape = None if self.histogram.default is None else self.histogram.default.shape
        return ThresholdMetric, self._bins, self._preparation, self._by_label, shape


def _top_k_only(scores: Array, k: int) -> Array:
    """Scores with all but the k highest along the last axis lowered below any threshold; of equal ones, the first."""
    if not scores.ndim or k > scores.shape[-1]:
        raise InputError(f"top_k is {k}, and y_pred has the shape {scores.shape}")
    best = np.argsort(-scores, axis=-1, kind="stable")[..., :k]
    lowered = np.full_like(scores, -np.inf)
    np.put_along_axis(lowered, best, np.take_along_axis(scores, best, axis=-1), axis=-1)
    return lowered
