"""Areas under curves over thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from labelmetrics.errors import SettingError
from labelmetrics.kernels import score_histograms as kernel
from labelmetrics.streaming.checks import whole
from labelmetrics.streaming.metric import SyncOptions
from labelmetrics.streaming.shapes import Array, as_weight
from labelmetrics.streaming.thresholds import Bins, Counts, ThresholdMetric, ratio, read_thresholds

__all__ = ["AUC"]

EPSILON = 1e-7
UNSURE = 0.01
"""An area that may be off by more than this, because scores of both labels share a bucket, is warned of."""


class AUC(ThresholdMetric):
    """Area under the ROC curve, or under the precision-recall curve.

    Formula: the curve's points are those at thresholds -1e-7, 1/(n-1), ..., (n-2)/(n-1), 1 + 1e-7, joined by straight
    lines (ROC) or as Davis and Goadrich do (PR): between two points, precision is ``slope + intercept / (TP + FP)``.
    Shapes: ``y_true`` and ``y_pred`` (n, ...); with ``multi_label`` (n, labels).
    Source: ``keras.metrics.AUC``; Davis and Goadrich, The Relationship Between Precision-Recall and ROC Curves, 2006;
    Flach and Kull, Precision-Recall-Gain Curves, 2015.

    Parameters
    ----------
    num_thresholds : int
        Number of thresholds, at least 2.
    curve : {"ROC", "PR", "PRGAIN"}
        The curve.
    summation_method : {"interpolation", "minoring", "majoring"}
        Between two points: the curve as above, the lower or the higher of both heights.
    name, dtype, **sync
        As in :class:`Metric`.
    thresholds : sequence of float, optional
        Thresholds between 0 and 1, instead of even ones.
    multi_label : bool
        Whether the result is the mean of the areas of all labels, the columns of ``y_pred``.
    num_labels : int, optional
        Number of labels, with ``multi_label``; that of the first batch unless given.
    label_weights : sequence of float, optional
        Weights of the labels in that mean; without ``multi_label``, of the columns.
    from_logits : bool
        Whether ``y_pred`` holds logits.
    exact : bool
        Count into 32,257 buckets that are fine near 0 and 1, instead of even ones: the area is that of all scores but
        for ties between scores that differ by less than one part in 128 of their distance to 0 or 1. States stay
        mergeable.

    Warns
    -----
    LabelmetricsWarning
        ``result`` warns where there are labels of one kind only (the area is NaN then, with ``multi_label`` that of the
        other labels), and where scores crowd in so few buckets that the area is not known to .01.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.AUC(num_thresholds=3)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])
    0.75
    >>> streaming.AUC(exact=True)([0, 0, 1, 1], [0.001, 0.003, 0.002, 0.004])
    0.75
    """

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
        exact: bool = False,
        **sync: Unpack[SyncOptions],
    ) -> None:
        self._curve = _one_of("curve", str(getattr(curve, "value", curve)).upper(), ("ROC", "PR", "PRGAIN"))
        method = str(getattr(summation_method, "value", summation_method)).lower()
        self._method = _one_of("summation_method", method, ("interpolation", "minoring", "majoring"))
        if num_labels is not None and not multi_label:
            raise SettingError("num_labels is for multi_label=True")
        bins: Bins = whole("num_thresholds", num_thresholds, 2)
        if exact:
            if thresholds is not None:
                raise SettingError("exact=True has no thresholds")
            bins = "exact"
        elif thresholds is not None:
            bins = (-EPSILON, *sorted(read_thresholds(thresholds, 0.5)), 1 + EPSILON)
        super().__init__(
            name,
            dtype,
            bins,
            from_logits=from_logits,
            by_label=multi_label,
            n_labels=num_labels,
            label_weights=label_weights,
            **sync,
        )
        self._areas_weight = None if label_weights is None or not multi_label else as_weight(label_weights)

    @property
    def thresholds(self) -> list[float]:
        """The thresholds; none with ``exact``."""
        if isinstance(self._bins, tuple):
            return list(self._bins)
        if isinstance(self._bins, int):
            interior = [k / (self._bins - 1) for k in range(1, self._bins - 1)]
            return [-EPSILON, *interior, 1 + EPSILON]
        return []

    def result(self) -> Any:
        """The area; 0 without scores."""
        found = self.histogram.value
        if not np.any(found):
            return 0.0
        weight = self._areas_weight
        if weight is not None and weight.shape != found.shape[:1]:
            raise SettingError(f"there are {len(found)} labels and {weight.size} label_weights")
        lacks = found.sum(axis=-1) == 0
        undefined = lacks[..., 1] if self._curve == "PR" else lacks.any(axis=-1)
        self._warn(found, undefined)
        areas = np.where(undefined, np.nan, self._areas(self._points(found)))
        if not self._by_label:
            return areas
        if undefined.all() or (weight is not None and not weight[~undefined].any()):
            return np.nan
        return np.average(areas[~undefined], weights=None if weight is None else weight[~undefined])

    def _points(self, found: Array) -> Counts:
        """Counts at all points of the curve, from that where all is positive to that where nothing is."""
        above = kernel.at_least(found)
        if self._bins == "exact":
            above = np.concatenate([above, np.zeros_like(above[..., :1])], axis=-1)
        else:
            # The first threshold is below 0, and not 0, at which scores of 0 have a bucket of their own.
            above = np.delete(above, 1, axis=-1)
        below = above[..., :1] - above
        return Counts(above[..., 1, :], above[..., 0, :], below[..., 0, :], below[..., 1, :])

    def _areas(self, counts: Counts) -> Array:
        tp, fp, tn, fn = counts
        if self._curve == "PR" and self._method == "interpolation":
            return _interpolated(tp, tp + fp, (tp + fn)[..., 1:])
        if self._curve == "ROC":
            x, y = ratio(fp, fp + tn), ratio(tp, tp + fn)
        elif self._curve == "PR":
            x, y = ratio(tp, tp + fn), ratio(tp, tp + fp)
        else:
            scale = ratio(tp + fn, tn + fp)
            x = np.where(tp == 0, 0, np.maximum(1 - scale * ratio(fn, tp), 0))
            y = np.where(tp == 0, 1, 1 - scale * ratio(fp, tp))
        left, right = y[..., :-1], y[..., 1:]
        if self._method == "interpolation":
            heights = (left + right) / 2
        else:
            heights = np.minimum(left, right) if self._method == "minoring" else np.maximum(left, right)
        found: Array = ((x[..., :-1] - x[..., 1:]) * heights).sum(axis=-1)
        return found

    def _warn(self, found: Array, undefined: Array) -> None:
        if undefined.any():
            where = f" (columns {', '.join(map(str, np.flatnonzero(undefined)[:5]))})" if self._by_label else ""
            self._say(f"{self.name} has seen labels of one kind only{where}; the area is not defined")
        elif isinstance(self._bins, int) and self._curve == "ROC":
            inside = found[..., 1:-2]  # scores of 0 are equal, and those of the last bucket may all be 1
            pairs = found[..., 0, :].sum(axis=-1) * found[..., 1, :].sum(axis=-1)
            unsure = (inside[..., 0, :] * inside[..., 1, :]).sum(axis=-1) / pairs / 2
            if np.max(unsure) > UNSURE and self._bins > 20:
                self._say(
                    f"{self.name} is known to about {np.max(unsure):.2g} only: scores of both labels crowd in few of "
                    f"the {self._bins} buckets. AUC(exact=True) has fine ones (equal scores share one in any case)"
                )


def _interpolated(tp: Array, positive: Array, truth: Array) -> Array:
    """Area under a precision-recall curve, in closed form between its points."""
    tp, positive = tp.astype(np.float64), positive.astype(np.float64)
    more, most = tp[..., :-1] - tp[..., 1:], np.maximum(positive[..., :-1] - positive[..., 1:], 0)
    slope = ratio(more, most)
    intercept = tp[..., 1:] - slope * positive[..., 1:]
    both = (positive[..., :-1] > 0) & (positive[..., 1:] > 0)
    growth = np.divide(positive[..., :-1], positive[..., 1:], out=np.ones_like(slope), where=both)
    found: Array = ratio(slope * (more + intercept * np.log(growth)), np.maximum(truth, 0)).sum(axis=-1)
    return found


def _one_of(name: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise SettingError(f"{name} must be one of {', '.join(known)}, got {value!r}")
    return value
