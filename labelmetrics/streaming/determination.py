"""Moments of each output, and the coefficient of determination from them."""

from __future__ import annotations

from typing import Any, Literal, Unpack

import numpy as np

from labelmetrics.errors import InputError, SettingError
from labelmetrics.kernels.moments import COUNT, SQUARES, merged, moments
from labelmetrics.streaming.checks import check_no_nan, whole
from labelmetrics.streaming.metric import Metric, SyncOptions
from labelmetrics.streaming.shapes import Array, as_weight, broadcast_weight, paired
from labelmetrics.streaming.state import State

__all__ = ["R2Score"]


class R2Score(Metric):
    """Coefficient of determination.

    Formula: ``1 - sum((y_true - y_pred)**2) / sum((y_true - mean(y_true))**2)`` of each output; where the latter sum is
    0, 1 if the former is 0 too, else 0. With regressors, ``1 - (1 - R2) (n - 1) / (n - p - 1)``.
    Shapes: ``y_true`` and ``y_pred`` (n, outputs), or (n,). The result a float, or (outputs,).
    Source: ``keras.metrics.R2Score``; values as ``sklearn.metrics.r2_score``.

    Parameters
    ----------
    class_aggregation : {"uniform_average", "variance_weighted_average"} or None
        The plain mean over outputs; the mean weighted by their variances; each of them.
    num_regressors : int
        Number p of independent regressors, for the adjusted coefficient; n is the number of rows.
    name, dtype, **sync
        As in :class:`Metric`.

    Warns
    -----
    LabelmetricsWarning
        ``result`` warns where there are too few rows for the regressors, and gives the coefficient unadjusted.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.R2Score()([[1], [4], [3]], [[2], [4], [4]])
    0.5714285714285714
    """

    moments: State
    residual: State
    rows: State
    higher_is_better = True

    def __init__(
        self,
        class_aggregation: Literal["uniform_average", "variance_weighted_average"] | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Any = None,
        **sync: Unpack[SyncOptions],
    ) -> None:
        super().__init__(name, dtype, **sync)
        if class_aggregation not in ("uniform_average", "variance_weighted_average", None):
            raise SettingError(
                "class_aggregation must be uniform_average, variance_weighted_average or None, "
                f"got {class_aggregation!r}"
            )
        self._aggregation = class_aggregation
        self._n_regressors = whole("num_regressors", num_regressors, 0)
        self.add_state("moments", None, merged)
        self.add_state("residual", None)
        self.add_state("rows", 0)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Parameters
        ----------
        y_true, y_pred : array-like, shape (n, outputs) or (n,)
            Numbers.
        sample_weight : array-like, shape (n,) or (n, outputs), optional
            Weights.

        Raises
        ------
        InputError
            Shapes that do not fit, NaN, weights that are negative.
        """
        truth, guess = paired(y_true, y_pred)
        if truth.ndim == 1:
            truth, guess = truth[:, None], guess[:, None]
        if truth.ndim != 2:
            raise InputError(f"y_true must have the shape (n, outputs), got {truth.shape}")
        if self.residual.is_built and self.residual.shape[0] != truth.shape[1]:
            raise InputError(f"y_true has {truth.shape[1]} outputs, and had {self.residual.shape[0]} before")
        check_no_nan(truth, "y_true")
        check_no_nan(guess)
        truth, guess = truth.astype(np.float64), guess.astype(np.float64)
        weight: Array = np.ones(())
        if sample_weight is not None:
            weight = as_weight(sample_weight)
            weight = weight[:, None] if weight.ndim == 1 else weight
        weight = broadcast_weight(weight, truth.shape, "y_true")
        found = moments(truth, weight)
        self.moments.assign(merged(np.stack([self.moments.value, found])) if self.moments.is_built else found)
        self.residual.add((np.square(truth - guess) * weight).sum(axis=0))
        self.rows.add(len(truth))

    def result(self) -> Any:
        """The coefficient; 0 without rows."""
        if not self.moments.is_built or not self.moments.value[COUNT].any():
            return 0.0
        residual, total = self.residual.value, self.moments.value[SQUARES]
        scores = np.where(residual > 0, 0.0, 1.0)  # of outputs that do not vary
        np.subtract(1, np.divide(residual, total, out=scores.copy(), where=total > 0), out=scores, where=total > 0)
        if self._aggregation == "variance_weighted_average":
            scores = np.asarray(np.average(scores, weights=total) if total.any() else scores.mean())
        elif self._aggregation == "uniform_average":
            scores = np.asarray(scores.mean())
        return self._adjusted(scores)

    def _adjusted(self, scores: Array) -> Array:
        if not self._n_regressors:
            return scores
        n = int(self.rows)
        left = n - self._n_regressors - 1
        if left <= 0:
            self._say(f"{self.name} has seen {n} rows, too few for {self._n_regressors} regressors; it is not adjusted")
            return scores
        adjusted: Array = 1 - (1 - scores) * (n - 1) / left
        return adjusted

    def _shares(self) -> Any:
        return "moments"
