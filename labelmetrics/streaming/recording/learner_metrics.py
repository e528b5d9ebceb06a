"""Metrics of the training itself, and what metrics take of its steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Unpack

from labelmetrics.errors import SettingError
from labelmetrics.streaming.arrays import as_array
from labelmetrics.streaming.collection import MetricCollection
from labelmetrics.streaming.means import Mean
from labelmetrics.streaming.metric import Metric, SyncOptions
from labelmetrics.streaming.recording.entries import MetricMetadata

__all__ = ["Adaptor", "GivenValues", "IterationSpeed", "LearnerMetric", "LearningRate", "Loss", "Step"]


@dataclass(frozen=True, slots=True)
class Step:
    """What a training gives to its metrics at one step.

    Parameters
    ----------
    output : tuple
        What was given to :meth:`Recorder.update` by position: mostly ``y_true``, ``y_pred`` and weights.
    loss : float or array-like, optional
        Its loss: of the batch, or of each row.
    values : mapping of str to float
        Further numbers of the step.
    count : float
        Rows of the batch.
    metadata : MetricMetadata
        Where in the training it is.

    Examples
    --------
    >>> Step(([0, 1], [0.2, 0.9]), loss=0.3, count=2).metadata.epoch
    1
    """

    output: tuple[Any, ...] = ()
    loss: Any = None
    values: Mapping[str, float] = field(default_factory=dict)
    count: float = 1
    metadata: MetricMetadata = field(default_factory=MetricMetadata)


class LearnerMetric(Mean):
    """Base of metrics of the training itself: a mean of what :meth:`adapt` takes of a step.

    Formula: ``sum(weight * value) / sum(weight)``; 0 without values.
    Shapes: values (n, ...), as in :class:`Mean`.
    Source: the metrics of Burn's learner.

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> class Seconds(streaming.LearnerMetric):
    ...     unit = "s"
    ...     def adapt(self, step):
    ...         return (step.output[0]["seconds"],)
    >>> recorder = streaming.Recorder([Seconds()], show="none")
    >>> recorder.update("train", {"seconds": 0.25})[0].formatted
    '0.25 s (step 0.25 s)'
    """

    unit: str = ""
    """What its number counts."""

    def __init__(self, name: str | None = None, dtype: Any = None, **sync: Unpack[SyncOptions]) -> None:
        super().__init__(name, dtype, **sync)  # type: ignore[arg-type]  # None is the name of the class

    def adapt(self, step: Step) -> tuple[Any, ...] | None:
        """Arguments of ``update_state``, or ``None`` where the step says nothing of it.

        Parameters
        ----------
        step : Step
            What the training gave.
        """
        raise NotImplementedError(f"{type(self).__name__} has no adapt")


class Loss(LearnerMetric):
    """Mean of the losses that a training gives, weighted by the rows of its batches.

    Formula: ``sum(count * loss) / sum(count)``.
    Shapes: losses (n,), or the mean loss of a batch.
    Source: Burn's ``LossMetric``.

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> recorder = streaming.Recorder([streaming.Loss()], show="none")
    >>> for loss, count in ((0.5, 32), (0.2, 16)):
    ...     entries = recorder.update("train", loss=loss, count=count)
    >>> round(entries[0].numeric.running_value, 3)
    0.4
    """

    higher_is_better = False

    def adapt(self, step: Step) -> tuple[Any, ...] | None:
        """The loss, and the rows that it is the mean of."""
        if step.loss is None:
            return None
        loss = as_array(step.loss)
        return loss, None if loss.ndim else step.count


class LearningRate(LearnerMetric):
    """Mean learning rate of the steps.

    Formula: mean of ``learning_rate``.
    Shapes: one number for each step.
    Source: Burn's ``LearningRateMetric``.

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> recorder = streaming.Recorder([streaming.LearningRate()], show="none")
    >>> recorder.update("train", learning_rate=0.01)[0].formatted
    '0.01 (step 0.01)'
    """

    def adapt(self, step: Step) -> tuple[Any, ...] | None:
        """The learning rate, where the training gives it."""
        rate = step.metadata.learning_rate
        return None if rate is None else (rate,)


class IterationSpeed(LearnerMetric):
    """Steps in a second.

    Formula: ``steps / seconds``, from the first step of the epoch on.
    Shapes: one speed for each step, weighted by its seconds.
    Source: Burn's ``IterationSpeedMetric``.

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> recorder = streaming.Recorder([streaming.IterationSpeed()], show="none")
    >>> recorder.update("train"), recorder.update("train")[0].numeric.value > 0
    ([], True)
    """

    unit = "steps/s"
    _before: tuple[int, float] | None = None

    def adapt(self, step: Step) -> tuple[Any, ...] | None:
        """The speed since the step before, weighted by the seconds that it took."""
        now, before = time.perf_counter(), self._before
        self._before = step.metadata.iteration, now
        if before is None or step.metadata.iteration <= before[0]:  # of another epoch
            return None
        seconds = max(now - before[1], 1e-9)
        return (step.metadata.iteration - before[0]) / seconds, seconds


class GivenValues(Metric):
    """Numbers that the training gives by name: the mean of each, or the last.

    Names are not known before the numbers come, so they are no states; nothing merges them.
    """

    def __init__(self, name: str = "", dtype: Any = None, keeps_last: bool = False) -> None:
        super().__init__(name, dtype)
        self.keeps_last = keeps_last
        self._means: dict[str, Mean] = {}

    def adapt(self, step: Step) -> tuple[Any, ...] | None:
        """The numbers, and what the step counts for."""
        return (step.values, step.count) if step.values else None

    def update_state(self, values: Mapping[str, float], count: float = 1) -> None:
        """Take in the numbers of a step."""
        for name, value in values.items():
            if name not in self._means or self.keeps_last:
                self._means[name] = Mean(name, sync_on_compute=False)
                self._means[name]._is_recorded = True  # whoever has this metric resets it
            self._means[name].update_state(float(value), count)

    def reset_state(self) -> None:
        """Forget all."""
        self._means.clear()

    def result(self) -> Any:
        """Each number by its name."""
        return {name: mean.result() for name, mean in self._means.items()}


class Adaptor:
    """Metrics, and a function that takes of a step's output what they need.

    Parameters
    ----------
    metrics : sequence or mapping
        As in :class:`MetricCollection`.
    adapt : callable
        Called with what was given to :meth:`Recorder.update` by position; returns ``(y_true, y_pred)``, or with weights
        as a third, or a dict of these by name.

    Raises
    ------
    SettingError
        ``adapt`` cannot be called, or returns something else.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> adaptor = streaming.Adaptor(["accuracy"], lambda output: (output["labels"], output["scores"]))
    >>> recorder = streaming.Recorder([adaptor], show="none")
    >>> recorder.update("valid", {"labels": [0, 1], "scores": [0.2, 0.4]})[0].formatted
    '0.5 (step 0.5)'
    """

    def __init__(self, metrics: Sequence[Any] | Mapping[str, Any], adapt: Callable[..., Any]) -> None:
        if not callable(adapt):
            raise SettingError(f"adapt must be a function of a step's output, got {adapt!r}")
        self.metrics = metrics if isinstance(metrics, MetricCollection) else MetricCollection(metrics)
        self._adapt = adapt

    def adapt(self, step: Step) -> tuple[Any, ...] | None:
        """Labels, predictions and weights of a step; ``None`` where it has no output.

        Parameters
        ----------
        step : Step
            What the training gave.
        """
        if not step.output:
            return None
        found = self._adapt(*step.output)
        if isinstance(found, Mapping) and {"y_true", "y_pred"} <= set(found):
            found = found["y_true"], found["y_pred"], found.get("sample_weight")
        if not isinstance(found, tuple) or not 2 <= len(found) <= 3:
            raise SettingError(
                f"adapt must return (y_true, y_pred) or (y_true, y_pred, sample_weight), got {found!r:.80}"
            )
        return found
