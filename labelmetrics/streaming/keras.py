"""Recording a training with Keras: a callback of ``model.fit``. Needs Keras 3, on any backend."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any

import numpy as np

from labelmetrics.errors import InputError, MissingPackageError, SettingError
from labelmetrics.streaming.configuration import get
from labelmetrics.streaming.metric import Metric
from labelmetrics.streaming.recording.entries import numbers_of
from labelmetrics.streaming.recording.history import PREFIXES, History, MetricFacts
from labelmetrics.streaming.recording.learner_metrics import GivenValues, Loss
from labelmetrics.streaming.recording.recorder import Recorder as LoopRecorder

try:
    from keras.callbacks import Callback
    from keras.ops import convert_to_numpy
except ImportError as error:  # of Keras, or of its backend
    raise MissingPackageError((error.name or "keras").partition(".")[0]) from error

__all__ = ["Recorder"]

VALID = PREFIXES["valid"]


class Recorder(Callback):  # type: ignore[misc]  # Keras has no types
    """A callback of ``model.fit`` that computes metrics on validation data, and records them with what Keras computes.

    What the metrics come to at the end of an epoch is written into the ``logs`` that Keras hands to all callbacks, as
    ``val_{name}``: History, TensorBoard and EarlyStopping that stand after it see them. The loss and the metrics of
    ``model.compile`` are recorded, too.

    Parameters
    ----------
    metrics : sequence
        As in :class:`labelmetrics.streaming.Recorder`. Metrics of labels and predictions are computed on validation
        data; those of the training itself (learning rate, speed, processors) on both splits.
    validation_data : tuple or iterable, optional
        Arrays ``(x, y)`` or ``(x, y, weights)``, or an iterable of such batches, gone through once an epoch.
    directory : str or path, optional
        Where log files go.
    run : ModelRun, optional
        A model run that gets the curves in its config at the end.
    batch_size : int
        Rows of a batch where validation data are arrays.
    show : {"none", "auto", "dashboard", "lines"}
        What is shown beside what Keras shows.
    **options
        Further options of :class:`labelmetrics.streaming.Recorder`.

    Raises
    ------
    SettingError
        There are metrics of labels and predictions and no validation data, or an option cannot be used.

    Examples
    --------
    >>> import keras, numpy as np
    >>> from labelmetrics import streaming
    >>> from labelmetrics.streaming.keras import Recorder
    >>> x, y = np.eye(4), np.array([0, 1, 2, 0])
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    >>> model.compile("sgd", "sparse_categorical_crossentropy")  # doctest: +SKIP
    >>> recorder = Recorder(["accuracy", streaming.F1Score(average="macro")], validation_data=(x, y))
    >>> history = model.fit(x, y, epochs=2, callbacks=[recorder], verbose=0)  # doctest: +SKIP
    >>> sorted(history.history)  # doctest: +SKIP
    ['loss', 'val_accuracy', 'val_f1_score']
    """

    def __init__(
        self,
        metrics: Sequence[Any] = (),
        validation_data: Any = None,
        directory: Any = None,
        run: Any = None,
        *,
        batch_size: int = 32,
        show: Any = "none",
        **options: Any,
    ) -> None:
        super().__init__()
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise SettingError(f"batch_size must be a whole number from 1, got {batch_size!r}")
        found = [get(one) if isinstance(one, str | type) and _is_of_training(one) else one for one in metrics]
        of_training = [one for one in found if hasattr(one, "adapt") and isinstance(one, Metric)]
        self._of_training = [one for one in of_training if not isinstance(one, Loss)]  # which Keras has itself
        self._of_labels = [one for one in found if one not in of_training]
        if self._of_labels and validation_data is None:
            raise SettingError(
                "Keras does not hand labels and predictions to callbacks: give validation_data, on which the metrics "
                "are computed at the end of each epoch"
            )
        self._data = validation_data
        self._batch_size = batch_size
        self._options = {"directory": directory, "run": run, "show": show, **options}
        self._recorder = self._new()

    def _new(self, **more: Any) -> LoopRecorder:
        logs = GivenValues(keeps_last=True)  # since Keras hands on the means of the epoch so far
        metrics = {"train": [*self._of_training, logs], "valid": [*self._of_labels, *self._of_training, logs]}
        return LoopRecorder(metrics, **{**self._options, **more})

    @property
    def history(self) -> History:
        """What the training has come to."""
        return self._recorder.history

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Begin; a second ``fit`` goes on in the same directory."""
        epochs = self.params.get("epochs")
        if self.history.epochs:
            self._recorder = self._new(resume=self._options["directory"] is not None)
            epochs = None if epochs is None else epochs + len(self.history.finished)
        self._recorder.set_epochs(epochs)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Record what Keras says of a step."""
        if not batch:
            self._recorder.expect("train", self.params.get("steps"))
        self._update("train", logs or {})

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Compute the metrics on validation data, record them, and write them into the logs."""
        logs = {} if logs is None else logs
        has_data = False
        for x, y, *weights in self._batches():
            has_data = True
            predicted = self.model.predict_on_batch(x)
            self._recorder.update("valid", y, predicted, *weights)
        if self._of_labels and not has_data:
            raise InputError(
                f"validation_data gave no batch in epoch {epoch + 1}: it must be something that can be gone through "
                "again in each epoch, not a generator"
            )
        own = self._recorder.result("valid")
        theirs = {name.removeprefix(VALID): value for name, value in logs.items() if name.startswith(VALID)}
        self._update("valid", {name: value for name, value in theirs.items() if name not in own})
        for name, result in self._recorder.end_epoch().get("valid", {}).items():
            logs.update({f"{VALID}{key}": value for key, value in numbers_of(name, result).items()})

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """End."""
        self._recorder.close()

    def _update(self, split: Any, logs: Mapping[str, Any]) -> None:
        taken = {metric.name for metric in self._of_training}
        values = {name: float(value) for name, value in logs.items() if np.ndim(value) == 0 and name not in taken}
        if values:
            for name in values.keys() - self.history.facts.keys():
                self.history.facts[name] = MetricFacts(higher_is_better=_higher_is_better(name))
            self._recorder.update(
                split, values=values, learning_rate=self._learning_rate() if split == "train" else None
            )

    def _learning_rate(self) -> float | None:
        try:
            return float(convert_to_numpy(self.model.optimizer.learning_rate))
        except (AttributeError, TypeError, ValueError):  # an optimizer of one's own
            return None

    def _batches(self) -> Iterator[Any]:
        data = self._data
        if data is None or not self._of_labels:
            return
        if isinstance(data, tuple) and len(data) in (2, 3):
            data = _sliced(data, self._batch_size)
        elif not isinstance(data, Iterable):
            raise SettingError("validation_data must be (x, y), (x, y, weights) or an iterable of batches of these")
        for batch in self._recorder.each_batch(data, "valid", len(data) if isinstance(data, Sized) else None):
            if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
                raise InputError("a batch of validation_data must be (x, y) or (x, y, weights)")
            yield batch


def _sliced(arrays: Sequence[Any], size: int) -> list[Any]:
    """Batches of arrays; inputs and labels may be lists or dicts of arrays."""
    rows = _length(arrays[1])
    return [tuple(_slice(one, slice(at, at + size)) for one in arrays) for at in range(0, rows, size)]


def _length(values: Any) -> int:
    if isinstance(values, Mapping):
        return _length(next(iter(values.values())))
    return len(values)


def _slice(values: Any, part: slice) -> Any:
    if isinstance(values, Mapping):
        return {name: _slice(one, part) for name, one in values.items()}
    if isinstance(values, tuple | list) and values and np.ndim(values[0]):
        return [_slice(one, part) for one in values]
    return values[part]


def _is_of_training(metric: str | type) -> bool:
    try:
        return hasattr(get(metric), "adapt")
    except SettingError:  # as of "accuracy", which waits for shapes
        return False


def _higher_is_better(name: str) -> bool | None:
    if name.endswith("loss"):
        return False
    if name.endswith(("accuracy", "acc")):
        return True
    try:
        metric: Metric = get(name)
    except SettingError:
        return None
    return metric.higher_is_better
