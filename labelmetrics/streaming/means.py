"""The first statistic: a weighted mean, kept as total and count."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Unpack

import numpy as np

from labelmetrics.errors import LabelmetricsWarning, SettingError
from labelmetrics.streaming.arrays import as_array
from labelmetrics.streaming.metric import WHERE_IT_RUNS, Metric, SyncOptions
from labelmetrics.streaming.shapes import as_weight, broadcast_weight, same_rank, totals
from labelmetrics.streaming.state import State
from labelmetrics.streaming.value import Value

__all__ = ["Mean", "MeanMetricWrapper", "MeanTensor", "Sum"]


class _OfValues(Metric):
    """A metric of values, which are not compared with anything."""

    _takes_values = True

    def update(self, value: Any, weight: Any = None) -> None:
        """Take in a batch under TorchMetrics' names: ``update(value, weight)``."""
        self.update_state(value, sample_weight=weight)


class Sum(_OfValues):
    """Weighted sum of values.

    Formula: ``sum(weight * value)``.
    Shapes: values (n, ...).
    Source: ``keras.metrics.Sum``.

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.Sum()([1, 3, 5], sample_weight=[1, 1, 0])
    4.0
    """

    total: State

    def __init__(self, name: str = "sum", dtype: Any = None, **sync: Unpack[SyncOptions]) -> None:
        super().__init__(name, dtype, **sync)
        self.add_state("total", 0)

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add values.

        Parameters
        ----------
        values : array-like, shape (n, ...)
            The values.
        sample_weight : array-like, shape (n,) or (n, ...), optional
            Their weights.

        Raises
        ------
        InputError
            Weights that are negative or do not fit.
        """
        total, _ = totals(as_array(values), sample_weight, mean=False)
        self.total.add(total)

    def result(self) -> Any:
        """The sum."""
        return self.total.value

    def _shares(self) -> Any:
        return "sum"


class _Average(Metric):
    """The statistic: what is added up, and how much it counts for."""

    total: State
    count: State

    def __init__(self, name: str | None, dtype: Any, **sync: Unpack[SyncOptions]) -> None:
        super().__init__(name, dtype, **sync)
        self.add_state("total", 0)
        self.add_state("count", 0)

    def _take(self, values: Any, sample_weight: Any) -> None:
        total, count = totals(values, sample_weight)
        self.total.add(total)
        self.count.add(count)

    def result(self) -> Any:
        """The mean; 0 without values."""
        count = self.count._value
        return self.total._value / count if count else 0.0


class Mean(_OfValues, _Average):
    """Weighted mean of values.

    Formula: ``sum(weight * value) / sum(weight)``; 0 without values.
    Shapes: values (n, ...), of which axes beyond those of the weights are averaged first.
    Source: ``keras.metrics.Mean``.

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> mean = streaming.Mean()
    >>> mean([1, 3, 5, 7]), mean([1, 3], sample_weight=[0, 4])
    (4.0, 3.5)
    """

    def __init__(self, name: str = "mean", dtype: Any = None, **sync: Unpack[SyncOptions]) -> None:
        super().__init__(name, dtype, **sync)

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add values.

        Parameters
        ----------
        values : array-like, shape (n, ...)
            The values.
        sample_weight : array-like, shape (n,) or (n, ...), optional
            Their weights.

        Raises
        ------
        InputError
            Weights that are negative or do not fit.

        Warns
        -----
        LabelmetricsWarning
            The value is the result of another metric: means of batches are no mean of their rows.
        """
        if type(values) is Value:
            warnings.warn(
                f"{self.name} averages results of a metric. Batches of unlike sizes, and metrics that are no means of "
                "rows (precision, AUC), cannot be averaged so; update that metric with every batch and read its result "
                "once",
                LabelmetricsWarning,
                stacklevel=3,
            )
        self._take(as_array(values), sample_weight)

    def _shares(self) -> Any:
        return "mean"


class MeanTensor(_OfValues):
    """Weighted mean of tensors, element by element.

    Formula: ``sum(weight * values) / sum(weight)`` at each index, over batches; 0 where the weight is 0.
    Shapes: values of one shape in all batches, which is that of the result.
    Source: ``tf.keras.metrics.MeanTensor`` (TensorFlow 2.15; Keras 3 has it no more).

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.
    shape : tuple of int, optional
        Shape of the tensors; that of the first one unless given.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> mean = streaming.MeanTensor()
    >>> mean([0, 1, 2, 3]), mean([4, 5, 6, 7])
    (array([0., 1., 2., 3.]), array([2., 3., 4., 5.]))
    """

    total: State
    count: State

    def __init__(
        self,
        name: str = "mean_tensor",
        dtype: Any = None,
        shape: tuple[int, ...] | None = None,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(name, dtype, **sync)
        self.add_state("total", None if shape is None else np.zeros(shape))
        self.add_state("count", None if shape is None else np.zeros(shape, np.int64))

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add a tensor.

        Parameters
        ----------
        values : array-like
            The tensor, of the same shape in every batch.
        sample_weight : array-like, optional
            Weights, of its shape or broadcast to it.

        Raises
        ------
        InputError
            Weights that are negative or do not fit.
        SettingMismatchError
            A tensor of another shape than before.
        """
        array = as_array(values)
        count = np.ones(array.shape, np.int64)
        if sample_weight is not None:
            array, weight = same_rank(array, as_weight(sample_weight))
            count = broadcast_weight(weight, array.shape).copy()
        total = array.astype(np.float64) * count
        is_one = array.ndim == 0
        self.total.add(float(total) if is_one else total)
        self.count.add(count.item() if is_one else count)

    def result(self) -> Any:
        """The mean at each index."""
        total, count = np.asarray(self.total), np.asarray(self.count)
        return np.divide(total, count, out=np.zeros(np.shape(total)), where=count > 0)

    def _shares(self) -> Any:
        return "mean tensor", self.total.default is None


class MeanMetricWrapper(_Average):
    """Weighted mean of a function of labels and predictions.

    Formula: mean of ``fn(y_true, y_pred, **kwargs)``.
    Shapes: as the function takes them; it gives values (n, ...).
    Source: ``keras.metrics.MeanMetricWrapper``.

    Parameters
    ----------
    fn : callable
        ``fn(y_true, y_pred, **kwargs)`` gives a value for each sample, or several.
    name : str, optional
        Name of the metric; that of the function unless given.
    dtype
        As in :class:`Metric`.
    **kwargs
        Further arguments of the function, and the options of :class:`Metric`.

    Examples
    --------
    >>> import numpy as np
    >>> from labelmetrics import streaming
    >>> def bias(y_true, y_pred):
    ...     return np.subtract(y_pred, y_true)
    >>> streaming.MeanMetricWrapper(bias)([1, 2], [2, 4])
    1.5
    """

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any) -> None:
        if not callable(fn):
            raise SettingError(f"fn must be callable, got {fn!r}")
        sync = {option: kwargs.pop(option) for option in WHERE_IT_RUNS if option in kwargs}
        super().__init__(name or getattr(fn, "__name__", "mean_metric_wrapper"), dtype, **sync)
        self._fn = fn
        self._options = kwargs

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add the values of a batch.

        Parameters
        ----------
        y_true, y_pred : array-like
            Labels and predictions, as the function takes them.
        sample_weight : array-like, shape (n,) or (n, ...), optional
            Weights of its values.

        Raises
        ------
        InputError
            Input that the function refuses; weights that are negative or do not fit.
        """
        self._take(as_array(self._fn(y_true, y_pred, **self._options)), sample_weight)

    def _shares(self) -> Any:
        try:
            options = tuple(sorted(self._options.items()))
            return type(self).update_state, self._fn, options, hash(options)
        except TypeError:
            return None
