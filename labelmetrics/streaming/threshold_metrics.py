"""Counts at thresholds, precision and recall."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import numpy as np

from labelmetrics.streaming.metric import SyncOptions
from labelmetrics.streaming.shapes import Array
from labelmetrics.streaming.thresholds import Counts, ThresholdMetric, ratio, read_thresholds

__all__ = ["FalseNegatives", "FalsePositives", "Precision", "Recall", "TrueNegatives", "TruePositives"]


class _AtThresholds(ThresholdMetric):
    """A metric with one value for each threshold, in the order in which they were given."""

    def __init__(
        self,
        thresholds: Any,
        top_k: int | None,
        class_id: int | None,
        name: str | None,
        dtype: Any,
        **sync: Unpack[SyncOptions],
    ) -> None:
        self.thresholds = read_thresholds(thresholds, 0.5 if top_k is None else -np.inf)
        self._order = np.argsort(np.argsort(self.thresholds, kind="stable"), kind="stable")
        super().__init__(name, dtype, tuple(sorted(self.thresholds)), top_k=top_k, class_id=class_id, **sync)

    def result(self) -> Any:
        """The value at each threshold; a float where there is one."""
        values = self._values(self._counts())
        return values[0] if len(self.thresholds) == 1 else values[self._order]

    def _by_key(self, result: Any) -> Any:
        if isinstance(result, float):
            return float(result)
        return {key: float(value) for key, value in zip(self.thresholds, result, strict=True)}

    def _values(self, counts: Counts) -> Array:
        raise NotImplementedError


class _Count(_AtThresholds):
    _which: ClassVar[str]

    def __init__(
        self, thresholds: Any = None, name: str | None = None, dtype: Any = None, **sync: Unpack[SyncOptions]
    ) -> None:
        super().__init__(thresholds, None, None, name, dtype, **sync)

    def _values(self, counts: Counts) -> Array:
        found: Array = getattr(counts, self._which)
        return found


class TruePositives(_Count):
    """Positives that score above a threshold.

    Formula: sum of the weights where ``y_true == 1`` and ``y_pred > threshold``.
    Shapes: ``y_true`` and ``y_pred`` (n, ...); the result has one value for each threshold, or is a float.
    Source: ``keras.metrics.TruePositives``.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        Thresholds in [0, 1]; .5 unless given.
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.TruePositives()([0, 1, 1, 1], [0.6, 0.7, 0.1, 0.9])
    2.0
    >>> streaming.TruePositives([0.5, 0.8])([0, 1, 1, 1], [0.6, 0.7, 0.1, 0.9])
    array([2, 1])
    """

    _which = "tp"


class FalsePositives(_Count):
    """Negatives that score above a threshold.

    Formula: sum of the weights where ``y_true == 0`` and ``y_pred > threshold``.
    Shapes: ``y_true`` and ``y_pred`` (n, ...); the result has one value for each threshold, or is a float.
    Source: ``keras.metrics.FalsePositives``.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        Thresholds in [0, 1]; .5 unless given.
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.FalsePositives()([0, 1, 0, 1], [0.6, 0.7, 0.1, 0.9])
    1.0
    """

    _which = "fp"
    higher_is_better = False


class TrueNegatives(_Count):
    """Negatives that do not score above a threshold.

    Formula: sum of the weights where ``y_true == 0`` and ``threshold >= y_pred``.
    Shapes: ``y_true`` and ``y_pred`` (n, ...); the result has one value for each threshold, or is a float.
    Source: ``keras.metrics.TrueNegatives``.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        Thresholds in [0, 1]; .5 unless given.
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.TrueNegatives()([0, 1, 0, 1], [0.6, 0.7, 0.1, 0.9])
    1.0
    """

    _which = "tn"


class FalseNegatives(_Count):
    """Positives that do not score above a threshold.

    Formula: sum of the weights where ``y_true == 1`` and ``threshold >= y_pred``.
    Shapes: ``y_true`` and ``y_pred`` (n, ...); the result has one value for each threshold, or is a float.
    Source: ``keras.metrics.FalseNegatives``.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        Thresholds in [0, 1]; .5 unless given.
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.FalseNegatives()([0, 1, 1, 1], [0.6, 0.7, 0.1, 0.4])
    2.0
    """

    _which = "fn"
    higher_is_better = False


class Precision(_AtThresholds):
    """Share of what scores above a threshold that is positive.

    Formula: ``TP / (TP + FP)``; 0 where nothing scores above the threshold.
    Shapes: ``y_true`` and ``y_pred`` (n, ...); the result has one value for each threshold, or is a float.
    Source: ``keras.metrics.Precision``.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        Thresholds in [0, 1]; .5 unless given, or none with ``top_k``.
    top_k : int, optional
        Only the k highest scores of each sample, along the last axis, can be positive.
    class_id : int, optional
        Only this index of the last axis counts.
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.Precision()([0, 1, 1, 1], [0.6, 0.7, 0.1, 0.9])
    0.6666666666666666
    >>> streaming.Precision(top_k=2)([[0, 0, 1, 1]], [[0.1, 0.2, 0.3, 0.25]])
    1.0
    """

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(thresholds, top_k, class_id, name, dtype, **sync)

    def _values(self, counts: Counts) -> Array:
        return ratio(counts.tp, counts.tp + counts.fp)


class Recall(_AtThresholds):
    """Share of positives that score above a threshold.

    Formula: ``TP / (TP + FN)``; 0 without positives.
    Shapes: ``y_true`` and ``y_pred`` (n, ...); the result has one value for each threshold, or is a float.
    Source: ``keras.metrics.Recall``.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        Thresholds in [0, 1]; .5 unless given, or none with ``top_k``.
    top_k : int, optional
        Only the k highest scores of each sample, along the last axis, can be positive.
    class_id : int, optional
        Only this index of the last axis counts.
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.Recall()([0, 1, 1, 1], [0.6, 0.7, 0.1, 0.9])
    0.6666666666666666
    """

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(thresholds, top_k, class_id, name, dtype, **sync)

    def _values(self, counts: Counts) -> Array:
        return ratio(counts.tp, counts.tp + counts.fn)
