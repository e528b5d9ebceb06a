"""Mean distances of predicted numbers from true ones."""

from __future__ import annotations

import math
from typing import Any, Unpack

from labelmetrics.streaming import functional
from labelmetrics.streaming.means import MeanMetricWrapper
from labelmetrics.streaming.metric import SyncOptions

__all__ = [
    "CosineSimilarity",
    "LogCoshError",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "RootMeanSquaredError",
]


class MeanSquaredError(MeanMetricWrapper):
    """Mean squared difference.

    Formula: mean of ``(y_true - y_pred)**2``.
    Shapes: ``y_true`` and ``y_pred`` (n, ..., d); n samples where there is one axis.
    Source: ``keras.metrics.MeanSquaredError``.

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.MeanSquaredError()([[0, 1], [0, 0]], [[1, 1], [0, 0]])
    0.25
    """

    higher_is_better = False

    def __init__(
        self,
        name: str = "mean_squared_error",
        dtype: Any = None,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(functional.mean_squared_error, name, dtype, **sync)


class RootMeanSquaredError(MeanMetricWrapper):
    """Square root of the mean squared difference.

    Formula: ``sqrt(mean((y_true - y_pred)**2))``.
    Shapes: ``y_true`` and ``y_pred`` (n, ..., d); n samples where there is one axis.
    Source: ``keras.metrics.RootMeanSquaredError``.

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.RootMeanSquaredError()([[0, 1], [0, 0]], [[1, 1], [0, 0]])
    0.5
    """

    higher_is_better = False

    def __init__(
        self,
        name: str = "root_mean_squared_error",
        dtype: Any = None,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(functional.squared_error, name, dtype, **sync)

    def result(self) -> Any:
        """The root of the mean; 0 without values."""
        return math.sqrt(super().result())


class MeanAbsoluteError(MeanMetricWrapper):
    """Mean absolute difference.

    Formula: mean of ``|y_true - y_pred|``.
    Shapes: ``y_true`` and ``y_pred`` (n, ..., d); n samples where there is one axis.
    Source: ``keras.metrics.MeanAbsoluteError``.

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.MeanAbsoluteError()([[0, 1], [0, 0]], [[1, 1], [0, 0]])
    0.25
    """

    higher_is_better = False

    def __init__(
        self,
        name: str = "mean_absolute_error",
        dtype: Any = None,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(functional.mean_absolute_error, name, dtype, **sync)


class MeanAbsolutePercentageError(MeanMetricWrapper):
    """Mean absolute difference in percent of the true number.

    Formula: mean of ``100 * |y_true - y_pred| / max(|y_true|, 1e-7)``.
    Shapes: ``y_true`` and ``y_pred`` (n, ..., d); n samples where there is one axis.
    Source: ``keras.metrics.MeanAbsolutePercentageError``.

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.MeanAbsolutePercentageError()([[2, 4]], [[1, 4]])
    25.0
    """

    higher_is_better = False

    def __init__(
        self,
        name: str = "mean_absolute_percentage_error",
        dtype: Any = None,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(functional.mean_absolute_percentage_error, name, dtype, **sync)


class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """Mean squared difference of logarithms.

    Formula: mean of ``(log(1 + y_true) - log(1 + y_pred))**2``.
    Shapes: ``y_true`` and ``y_pred`` (n, ..., d); n samples where there is one axis.
    Source: ``keras.metrics.MeanSquaredLogarithmicError``.

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> round(streaming.MeanSquaredLogarithmicError()([[0, 1], [0, 0]], [[1, 1], [0, 0]]), 4)
    0.1201
    """

    higher_is_better = False

    def __init__(
        self,
        name: str = "mean_squared_logarithmic_error",
        dtype: Any = None,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(functional.mean_squared_logarithmic_error, name, dtype, **sync)


class LogCoshError(MeanMetricWrapper):
    """Mean logarithm of the hyperbolic cosine of the difference.

    Formula: mean of ``log(cosh(y_pred - y_true))``.
    Shapes: ``y_true`` and ``y_pred`` (n, ..., d); n samples where there is one axis.
    Source: ``keras.metrics.LogCoshError``.

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> round(streaming.LogCoshError()([[0, 1], [0, 0]], [[1, 1], [0, 0]]), 4)
    0.1084
    """

    higher_is_better = False

    def __init__(
        self,
        name: str = "logcosh",
        dtype: Any = None,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(functional.log_cosh, name, dtype, **sync)


class CosineSimilarity(MeanMetricWrapper):
    """Mean cosine of the angle between vectors.

    Formula: mean of ``sum(y_true * y_pred) / (|y_true| |y_pred|)``.
    Shapes: ``y_true`` and ``y_pred`` (n, ..., d).
    Source: ``keras.metrics.CosineSimilarity``.

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.
    axis : int
        The axis along which the vectors stand.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> round(streaming.CosineSimilarity()([[0, 1], [1, 1]], [[1, 0], [1, 1]]), 4)
    0.5
    """

    higher_is_better = True

    def __init__(
        self,
        name: str = "cosine_similarity",
        dtype: Any = None,
        axis: int = -1,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(functional.cosine_similarity, name, dtype, axis=axis, **sync)
