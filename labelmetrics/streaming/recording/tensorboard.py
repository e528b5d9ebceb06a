"""A training as event files, which TensorBoard shows."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

from labelmetrics.errors import MissingPackageError
from labelmetrics.streaming.recording.entries import MetricEntry, numbers_of
from labelmetrics.streaming.recording.history import EpochResults

__all__ = ["TensorBoard"]


class TensorBoard:
    """Writes event files for TensorBoard; one of the ``writers`` of a :class:`Recorder`.

    Values of steps are under ``NAME/step``, those of epochs under ``NAME/epoch``; each split is a run of its own, so
    that lines of one metric lie over each other. Needs tensorboardX (``pip install 'labelmetrics[tensorboard]'``), and
    neither Keras nor TensorFlow.

    Parameters
    ----------
    directory : str or path
        Where; what ``tensorboard --logdir`` is given.

    Raises
    ------
    MissingPackageError
        tensorboardX is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from labelmetrics import streaming
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     board = streaming.TensorBoard(directory)
    ...     with streaming.Recorder([streaming.Loss()], show="none", writers=[board]) as recorder:
    ...         entries = recorder.update("train", loss=0.5)
    ...     [path.name.split(".")[0] for path in Path(directory, "train").iterdir()]
    ['events']
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        try:
            from tensorboardX import SummaryWriter
        except ImportError as error:
            raise MissingPackageError("tensorboardX", "tensorboard") from error
        self._make = SummaryWriter
        self._directory = Path(directory)
        self._writers: dict[str, Any] = {}
        self._steps: dict[tuple[str, str], int] = {}

    def _writer(self, split: str) -> Any:
        if split not in self._writers:
            self._writers[split] = self._make(str(self._directory / split))
        return self._writers[split]

    def write(self, split: str, epoch: int, entry: MetricEntry) -> None:
        """Keep the value of a step, numbered over all epochs; what is not finite is left out."""
        if entry.numeric is not None and math.isfinite(entry.numeric.value):
            step = self._steps[split, entry.name] = self._steps.get((split, entry.name), 0) + 1
            self._writer(split).add_scalar(f"{entry.name}/step", entry.numeric.value, step)

    def end_epoch(self, epoch: int, ended: EpochResults) -> None:
        """Keep the values of an epoch."""
        for split, results in ended.results.items():
            writer = self._writer(split)
            for metric, result in results.items():
                for name, value in numbers_of(metric, result).items():
                    if math.isfinite(value):
                        writer.add_scalar(f"{name}/epoch", value, epoch)
            writer.flush()

    def close(self) -> None:
        """Write what is left."""
        for writer in self._writers.values():
            writer.close()
