"""Records a training: metrics of splits and epochs, in files, on the terminal and for plots."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from types import TracebackType
from typing import Any, Literal, Protocol, Self, TypeVar

import numpy as np

from labelmetrics.errors import InputError, SettingError
from labelmetrics.streaming import clock
from labelmetrics.streaming.recording.balance import ClassCounts
from labelmetrics.streaming.recording.display import Display, Shown, display_for
from labelmetrics.streaming.recording.entries import MetricEntry, MetricMetadata, Numeric, Progress, checked_precision
from labelmetrics.streaming.recording.history import SPLITS, EpochResults, History, Split, checked_split
from labelmetrics.streaming.recording.learner_metrics import Step
from labelmetrics.streaming.recording.log_files import LogFiles
from labelmetrics.streaming.recording.tracks import Track, tracks_of

__all__ = ["Recorder"]

Batch = TypeVar("Batch")


class Writer(Protocol):
    """Where entries go besides: see :class:`TensorBoard`."""

    def write(self, split: str, epoch: int, entry: MetricEntry) -> None:
        """Keep the entry of a step."""

    def end_epoch(self, epoch: int, ended: EpochResults) -> None:
        """Keep what an epoch came to."""

    def close(self) -> None:
        """Nothing more will come."""


class Recorder:
    """Records metrics of a training: by step and by epoch, for the splits train, valid and test.

    Metrics are reset at the end of each epoch. What a metric comes to in an epoch is its own result of all rows, which
    for AUC, precision and the like is not the mean of its values of single steps.

    Parameters
    ----------
    metrics : sequence or mapping
        Metrics, their names, functions, collections and adaptors; a dict of such lists by split where the splits have
        unlike ones; otherwise what :class:`MetricCollection` takes. Each split has copies of its own. A loss, a
        learning rate and numbers that are given to :meth:`update` are recorded without a metric that asks for them.
    directory : str or path, optional
        Where log files go: ``SPLIT/epoch-N/NAME.log`` with a line ``value,running_value,count`` for each step, and
        ``epochs.ndjson``. What is in it is kept when the process is killed; :func:`read_history` reads it.
    epochs : int, optional
        How many epochs there will be.
    name : str, optional
        Name of the training, to be shown.
    show : {"auto", "dashboard", "lines", "none"}
        What is shown meanwhile: a live dashboard where there is a terminal, else a line for each epoch.
    precision : int
        Significant digits of what is shown.
    resume : bool
        Go on with the training in ``directory`` after its last epoch that has ended.
    run : ModelRun, optional
        A model run that gets the curves in its config at the end.
    writers : sequence, optional
        Where entries go besides, such as a :class:`TensorBoard`.

    Raises
    ------
    SettingError
        There is no such metric, two have one name, a parameter cannot be used, or the directory holds another training.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> with streaming.Recorder(["accuracy", streaming.Loss()], epochs=2, show="none") as recorder:
    ...     for epoch in recorder.each_epoch():
    ...         for labels, scores in recorder.each_batch([([0, 1], [0.2, 0.4]), ([1, 1], [0.7, 0.9])]):
    ...             entries = recorder.update("train", labels, scores, loss=1 / epoch)
    >>> recorder.history.to_dict()
    {'accuracy': [0.75, 0.75], 'loss': [1.0, 0.5]}
    """

    def __init__(
        self,
        metrics: Sequence[Any] | Mapping[str, Any],
        *,
        directory: str | os.PathLike[str] | None = None,
        epochs: int | None = None,
        name: str | None = None,
        show: Literal["auto", "dashboard", "lines", "none"] = "auto",
        precision: int = 4,
        resume: bool = False,
        run: Any = None,
        writers: Sequence[Writer] = (),
    ) -> None:
        self._precision = checked_precision(precision)
        self.set_epochs(epochs)
        if resume and directory is None:
            raise SettingError("resume needs the directory of the training")
        self._given = _by_split(metrics)
        self._tracks: dict[str, list[Track]] = {}
        for split in self._given:  # so that a mistake shows now
            self._track(split)
        self._show: Display = display_for(show)
        _check_receivers(writers, run)
        self._files = None if directory is None else LogFiles(directory, resume=resume)
        self._writers = [*(() if self._files is None else (self._files,)), *writers]
        self._go_on(History() if self._files is None else self._files.history)
        self.name = name
        self._run = run
        self._is_closed = False
        self._started = time.monotonic()
        self._begin_epoch()
        clock.tick()

    def _go_on(self, history: History) -> None:
        """Begin after the last epoch of a history."""
        self.history = history
        self._epoch = max(history.finished, default=0) + 1
        self._before = len(history.finished)

    def _begin_epoch(self) -> None:
        self._began = time.monotonic()
        self._steps: dict[Split, int] = dict.fromkeys(SPLITS, 0)
        self._totals: dict[Split, int | None] = dict.fromkeys(SPLITS)
        self._latest: dict[str, dict[str, MetricEntry]] = {}

    def _track(self, split: str) -> list[Track]:
        if split not in self._tracks:
            given = self._given.get(split, self._given.get(""))
            if given is None:
                raise SettingError(f"there are metrics for {', '.join(self._given)}, none for {split}")
            self._tracks[split] = tracks_of(given)
        return self._tracks[split]

    @property
    def epoch(self) -> int:
        """Number of the epoch that is under way, from 1."""
        return self._epoch

    def set_epochs(self, epochs: int | None) -> None:
        """Say how many epochs there will be.

        Parameters
        ----------
        epochs : int, optional
            How many; ``None`` where that is not known.

        Raises
        ------
        SettingError
            It is no whole number from 1.
        """
        if epochs is not None and (isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1):
            raise SettingError(f"epochs must be a whole number from 1, got {epochs!r}")
        self._epochs = epochs

    # --------------------------------------------------------------------------------------------------------- steps

    def update(
        self,
        split: Split,
        *output: Any,
        y_true: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        loss: Any = None,
        values: Mapping[str, float] | None = None,
        learning_rate: float | None = None,
        count: float | None = None,
    ) -> list[MetricEntry]:
        """Take in a step.

        Parameters
        ----------
        split : {"train", "valid", "test"}
            Which split the step is of.
        *output
            ``y_true``, ``y_pred`` and weights, or whatever adaptors take.
        y_true, y_pred, sample_weight : array-like, optional
            The same by name.
        loss : float or array-like, optional
            Loss of the batch, or of each of its rows.
        values : mapping of str to float, optional
            Further numbers of the step, such as the norm of its gradient; of an epoch there is their mean.
        learning_rate : float, optional
            Learning rate of the step.
        count : float, optional
            What the step counts for; the number of its rows unless given.

        Returns
        -------
        list of MetricEntry
            What the metrics say that take something of such a step.

        Raises
        ------
        SettingError
            There is no such split, or the recorder is closed.
        InputError
            Labels and predictions that a metric refuses; the step counts nowhere then.
        """
        if self._is_closed:
            raise SettingError("the recorder is closed")
        tracks = self._track(checked_split(split))
        if y_true is not None or y_pred is not None:
            if output:
                raise SettingError("y_true and y_pred are given by position or by name, not both")
            if y_true is None or y_pred is None:
                raise SettingError("y_true and y_pred belong together: one of them is missing")
            output = y_true, y_pred
        if sample_weight is not None:
            output = (*output, sample_weight)
        done = self._steps[split] + 1
        metadata = MetricMetadata(
            epoch=self._epoch,
            epochs=self._epochs,
            iteration=done,
            progress=Progress(done, self._totals[split]),
            learning_rate=None if learning_rate is None else _number("learning_rate", learning_rate),
        )
        rows = _rows(output, loss) if count is None else _number("count", count)
        step = Step(output, loss, self._checked(values, tracks), rows, metadata)
        for track in tracks:
            track.take(step)
        numbers: dict[str, Numeric] = {}
        for track in tracks:
            numbers |= track.keep()
        self._steps[split] = done
        entries = self._entries(tracks, numbers)
        for entry in entries:
            if entry.numeric is not None:
                self.history.add_step(split, self._epoch, entry.name, entry.numeric)
            for writer in self._writers:
                writer.write(split, self._epoch, entry)
        self._latest.setdefault(split, {}).update({entry.name: entry for entry in entries})
        self._show.step(self._shown(split))
        return entries

    def _checked(self, values: Mapping[str, float] | None, tracks: list[Track]) -> dict[str, float]:
        """Numbers of a step under names that no metric has."""
        found = {}
        for name, value in (values or {}).items():
            if any(name in track.names() for track in tracks):
                raise SettingError(f"there is a metric {name!r} already; give the number another name")
            found[str(name)] = _number(f"values[{name!r}]", value)
        return found

    def _entries(self, tracks: list[Track], numbers: Mapping[str, Numeric]) -> list[MetricEntry]:
        if not numbers.keys() <= self.history.facts.keys():
            for track in tracks:
                self.history.facts = track.known | self.history.facts
            if self._files is not None:
                self._files.describe(self.history.facts)
        facts = self.history.facts
        return [
            MetricEntry.of(name, numeric, self._precision, facts[name].unit if name in facts else "")
            for name, numeric in numbers.items()
        ]

    def _shown(self, split: str) -> Shown:
        return Shown(
            name=self.name,
            epoch=self._epoch,
            epochs=self._epochs,
            split=split,
            progress={one: Progress(n, self._totals[one]) for one, n in self._steps.items() if n},
            latest=self._latest,
            history=self.history,
            precision=self._precision,
            seconds=time.monotonic() - self._started,
            left=self._left(),
        )

    def _left(self) -> float | None:
        """Seconds that the training will still take, by the epochs that have ended in this process."""
        ended = len(self.history.finished) - self._before
        if self._epochs is None or not ended:
            return None
        in_epoch = time.monotonic() - self._began
        each = (time.monotonic() - self._started - in_epoch) / ended
        return max(each * (self._epochs - self._epoch + 1) - in_epoch, 0.0)

    def result(self, split: Split = "valid") -> dict[str, Any]:
        """Results of the epoch so far, by name; of all processes where there are several.

        Parameters
        ----------
        split : {"train", "valid", "test"}
            Of which split.
        """
        found: dict[str, Any] = {}
        for track in self._track(checked_split(split)):
            if track.has_seen:
                found |= track.results()
        return found

    # -------------------------------------------------------------------------------------------------------- epochs

    def end_epoch(self) -> dict[str, dict[str, Any]]:
        """End the epoch: keep what it came to, and reset the metrics.

        Returns
        -------
        dict of str to dict
            Results by split and name.

        Raises
        ------
        SettingError
            The recorder is closed.
        """
        if self._is_closed:
            raise SettingError("the recorder is closed")
        results: dict[str, dict[str, Any]] = {}
        classes: dict[str, dict[str, ClassCounts]] = {}
        for split in SPLITS:
            if self._steps[split]:
                results[split] = self.result(split)
                for track in self._tracks[split]:
                    if track.accuracy is not None and track.classes:
                        classes.setdefault(split, {})[track.accuracy] = track.classes
        ended = EpochResults(results, classes, time.monotonic() - self._began)
        self.history.end_epoch(self._epoch, ended)
        for writer in self._writers:
            writer.end_epoch(self._epoch, ended)
        self._show.end_epoch(self._shown(""))
        for tracks in self._tracks.values():
            for track in tracks:
                track.reset()
        self._epoch += 1
        self._begin_epoch()
        clock.tick()
        return results

    def each_epoch(self) -> Iterator[int]:
        """Numbers of the epochs that are left; each is ended when the loop comes to the next.

        Raises
        ------
        SettingError
            The recorder was not told how many epochs there will be.
        """
        if self._epochs is None:
            raise SettingError("how many epochs? Recorder(..., epochs=10)")
        while self._epoch <= self._epochs:
            epoch = self._epoch
            yield epoch
            if self._epoch == epoch:
                self.end_epoch()

    def each_batch(self, batches: Iterable[Batch], split: Split = "train", total: int | None = None) -> Iterator[Batch]:
        """The batches of a split, so that it is known how many there are.

        Parameters
        ----------
        batches : iterable
            The batches.
        split : {"train", "valid", "test"}
            Which split they are of.
        total : int, optional
            How many there are, where ``len`` does not say it.
        """
        self.expect(split, len(batches) if total is None and isinstance(batches, Sized) else total)
        yield from batches

    def expect(self, split: Split, total: int | None) -> None:
        """Say how many steps of a split there will be in this epoch.

        Parameters
        ----------
        split : {"train", "valid", "test"}
            Which split.
        total : int, optional
            How many; ``None`` where that is not known.
        """
        self._totals[checked_split(split)] = total

    # ----------------------------------------------------------------------------------------------------------- end

    def close(self) -> None:
        """End the epoch, if it has begun, and the recording; the curves go to the model run, where there is one."""
        if self._is_closed:
            return
        if any(self._steps.values()):
            self.end_epoch()
        self._stop()
        if self._run is not None:
            curves = {
                name: [value if math.isfinite(value) else None for value in values]
                for name, values in self.history.to_dict().items()
            }
            self._run.update_config({"training": {"epochs": self.history.finished, "metrics": curves}})

    def _stop(self) -> None:
        self._is_closed = True
        self._show.close()
        for writer in self._writers:
            writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:  # an epoch that was interrupted has not ended
            self._stop()

    def __repr__(self) -> str:
        return f"<Recorder {self.name + ' ' if self.name else ''}epoch {self._epoch}>"


def _check_receivers(writers: Any, run: Any) -> None:
    """Refuse now what would fail at the first step, or at the end."""
    if not isinstance(writers, list | tuple) or not all(hasattr(one, "end_epoch") for one in writers):
        raise SettingError(f"writers must be a list, such as [TensorBoard(directory)]; got {writers!r:.80}")
    if run is not None and not hasattr(run, "update_config"):
        raise SettingError(f"run must be a ModelRun, such as Client().model_run(model, run); got {run!r:.80}")


def _by_split(metrics: Any) -> dict[str, Any]:
    """Metrics by split; those for every split under an empty name."""
    if isinstance(metrics, Mapping) and any(split in SPLITS for split in metrics):
        return {checked_split(split): its for split, its in metrics.items()}
    return {"": metrics}


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be a number, got {value!r:.80}") from None


def _rows(output: tuple[Any, ...], loss: Any) -> float:
    """Rows of a step, or the weight of them all."""
    first = output[0] if output else loss
    while isinstance(first, Mapping) and first:
        first = next(iter(first.values()))
    try:
        shape = np.shape(first)
        rows = float(shape[0]) if shape else 1.0
    except (ValueError, TypeError, RuntimeError):  # not an array
        return 1.0
    weight = output[2] if len(output) == 3 else None
    if weight is None or isinstance(weight, Mapping):
        return rows
    weights = np.asarray(weight, dtype=float)
    return float(weights.sum()) if weights.ndim else float(weights) * rows
