"""The best of one quantity among the thresholds where another reaches a bound."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from labelmetrics.errors import SettingError
from labelmetrics.streaming.checks import whole
from labelmetrics.streaming.metric import SyncOptions
from labelmetrics.streaming.shapes import Array
from labelmetrics.streaming.thresholds import Counts, ThresholdMetric, ratio

__all__ = ["PrecisionAtRecall", "RecallAtPrecision", "SensitivityAtSpecificity", "SpecificityAtSensitivity"]


class _AtConstraint(ThresholdMetric):
    """The highest value of one quantity among the thresholds where another reaches a bound."""

    def __init__(
        self,
        bound: float,
        num_thresholds: int,
        class_id: int | None,
        name: str | None,
        dtype: Any,
        **sync: Unpack[SyncOptions],
    ) -> None:
        if isinstance(bound, bool) or not isinstance(bound, int | float | np.number) or not 0 <= bound <= 1:
            raise SettingError(f"the bound must lie in [0, 1], got {bound!r}")
        self._bound = float(bound)
        n = whole("num_thresholds", num_thresholds)
        super().__init__(name, dtype, (0.5,) if n == 1 else n, class_id=class_id, **sync)

    @property
    def thresholds(self) -> list[float]:
        """The thresholds."""
        if isinstance(self._bins, int):
            return [k / (self._bins - 1) for k in range(self._bins)]
        return [0.5]

    def result(self) -> Any:
        """The value; 0 where no threshold reaches the bound."""
        bounded, wanted = self._quantities(self._counts())
        return np.max(wanted, initial=0, where=bounded >= self._bound)

    def _quantities(self, counts: Counts) -> tuple[Array, Array]:
        """The quantity that has a bound, and the one that is wanted."""
        raise NotImplementedError


def _sensitivity(counts: Counts) -> Array:
    return ratio(counts.tp, counts.tp + counts.fn)


def _specificity(counts: Counts) -> Array:
    return ratio(counts.tn, counts.tn + counts.fp)


def _precision(counts: Counts) -> Array:
    return ratio(counts.tp, counts.tp + counts.fp)


class SensitivityAtSpecificity(_AtConstraint):
    """Highest sensitivity among the thresholds whose specificity reaches a bound.

    Formula: ``max(TP / (TP + FN))`` where ``TN / (TN + FP) >= specificity``, at thresholds 0, 1/(n-1), ..., 1.
    Shapes: ``y_true`` and ``y_pred`` (n, ...).
    Source: ``keras.metrics.SensitivityAtSpecificity``.

    Parameters
    ----------
    specificity : float
        The bound, from 0 to 1.
    num_thresholds : int
        Number of thresholds; one is .5.
    class_id : int, optional
        Only this index of the last axis counts.
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.SensitivityAtSpecificity(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
    0.5
    """

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(specificity, num_thresholds, class_id, name, dtype, **sync)

    def _quantities(self, counts: Counts) -> tuple[Array, Array]:
        return _specificity(counts), _sensitivity(counts)


class SpecificityAtSensitivity(_AtConstraint):
    """Highest specificity among the thresholds whose sensitivity reaches a bound.

    Formula: ``max(TN / (TN + FP))`` where ``TP / (TP + FN) >= sensitivity``, at thresholds 0, 1/(n-1), ..., 1.
    Shapes: ``y_true`` and ``y_pred`` (n, ...).
    Source: ``keras.metrics.SpecificityAtSensitivity``.

    Parameters
    ----------
    sensitivity : float
        The bound, from 0 to 1.
    num_thresholds : int
        Number of thresholds; one is .5.
    class_id : int, optional
        Only this index of the last axis counts.
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.SpecificityAtSensitivity(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
    0.6666666666666666
    """

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype, **sync)

    def _quantities(self, counts: Counts) -> tuple[Array, Array]:
        return _sensitivity(counts), _specificity(counts)


class PrecisionAtRecall(_AtConstraint):
    """Highest precision among the thresholds whose recall reaches a bound.

    Formula: ``max(TP / (TP + FP))`` where ``TP / (TP + FN) >= recall``, at thresholds 0, 1/(n-1), ..., 1.
    Shapes: ``y_true`` and ``y_pred`` (n, ...).
    Source: ``keras.metrics.PrecisionAtRecall``.

    Parameters
    ----------
    recall : float
        The bound, from 0 to 1.
    num_thresholds : int
        Number of thresholds; one is .5.
    class_id : int, optional
        Only this index of the last axis counts.
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.PrecisionAtRecall(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
    0.5
    """

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(recall, num_thresholds, class_id, name, dtype, **sync)

    def _quantities(self, counts: Counts) -> tuple[Array, Array]:
        return _sensitivity(counts), _precision(counts)


class RecallAtPrecision(_AtConstraint):
    """Highest recall among the thresholds whose precision reaches a bound.

    Formula: ``max(TP / (TP + FN))`` where ``TP / (TP + FP) >= precision``, at thresholds 0, 1/(n-1), ..., 1.
    Shapes: ``y_true`` and ``y_pred`` (n, ...).
    Source: ``keras.metrics.RecallAtPrecision``.

    Parameters
    ----------
    precision : float
        The bound, from 0 to 1.
    num_thresholds : int
        Number of thresholds; one is .5.
    class_id : int, optional
        Only this index of the last axis counts.
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.RecallAtPrecision(0.8)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])
    0.5
    """

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name, dtype, **sync)

    def _quantities(self, counts: Counts) -> tuple[Array, Array]:
        return _precision(counts), _sensitivity(counts)
