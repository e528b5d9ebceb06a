"""Recording a training with torch: a recorder for loops of one process or of many, and a pass over validation data.

Needs torch. Metrics take tensors of any device as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from labelmetrics.errors import MissingPackageError, SettingError
from labelmetrics.streaming.recording.recorder import Recorder as LoopRecorder

try:
    import torch
except ImportError as error:
    raise MissingPackageError((error.name or "torch").partition(".")[0]) from error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn
    from torch.optim import Optimizer

__all__ = ["Recorder", "is_first_process", "learning_rate"]


def is_first_process() -> bool:
    """Whether this is process 0 of a distributed training, or the only one.

    Examples
    --------
    >>> from labelmetrics.streaming.torch import is_first_process
    >>> is_first_process()
    True
    """
    return not _is_distributed() or torch.distributed.get_rank() == 0


def _is_distributed() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def learning_rate(optimizer: Optimizer) -> float:
    """The learning rate of an optimizer: that of its first group of parameters.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        The optimizer.

    Examples
    --------
    >>> import torch
    >>> from labelmetrics.streaming.torch import learning_rate
    >>> learning_rate(torch.optim.SGD(torch.nn.Linear(2, 1).parameters(), lr=0.1))
    0.1
    """
    return float(optimizer.param_groups[0]["lr"])


class Recorder(LoopRecorder):
    """A :class:`labelmetrics.streaming.Recorder` for torch.

    Make one in every process of a distributed training: results of epochs are those of all processes, and process 0
    alone writes files and shows anything.

    Parameters
    ----------
    metrics, directory, show, run, writers, **options
        As in :class:`labelmetrics.streaming.Recorder`.
    optimizer : torch.optim.Optimizer, optional
        Where the learning rate of train steps is read.

    Examples
    --------
    >>> import torch
    >>> from labelmetrics import streaming
    >>> from labelmetrics.streaming.torch import Recorder
    >>> model, batches = torch.nn.Linear(2, 3), [(torch.ones(4, 2), torch.tensor([0, 1, 2, 0]))]
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> metrics = ["accuracy", streaming.Loss(), streaming.LearningRate()]
    >>> with Recorder(metrics, optimizer=optimizer, show="none") as recorder:
    ...     for inputs, labels in recorder.each_batch(batches):
    ...         scores = model(inputs)
    ...         loss = torch.nn.functional.cross_entropy(scores, labels)
    ...         loss.backward()
    ...         optimizer.step()
    ...         entries = recorder.update("train", labels, scores, loss=loss)
    ...     results = recorder.validate(model, batches)
    >>> list(results), recorder.history.values("learning_rate", "train")
    (['accuracy'], {1: 0.1})
    """

    def __init__(
        self,
        metrics: Any,
        *,
        optimizer: Optimizer | None = None,
        directory: Any = None,
        show: Any = "auto",
        run: Any = None,
        writers: Any = (),
        **options: Any,
    ) -> None:
        resume = options.pop("resume", False)
        is_first = is_first_process()
        if not is_first:
            directory, show, run, writers = None, "none", None, ()
        super().__init__(
            metrics, directory=directory, show=show, run=run, writers=writers, resume=resume and is_first, **options
        )
        if resume and _is_distributed():  # else processes would be in unlike epochs, and wait for each other forever
            told = [self.history]
            torch.distributed.broadcast_object_list(told, src=0)
            if not is_first:
                self._go_on(told[0])
        self._optimizer = optimizer

    def update(self, split: Any, *output: Any, **given: Any) -> Any:
        """Take in a step; as :meth:`labelmetrics.streaming.Recorder.update`, with the optimizer's learning rate."""
        if split == "train" and self._optimizer is not None:
            given.setdefault("learning_rate", learning_rate(self._optimizer))
        return super().update(split, *output, **given)

    def validate(
        self,
        model: nn.Module,
        batches: Iterable[Any],
        split: Any = "valid",
        *,
        predict: Callable[[Any], Any] | None = None,
        loss: Callable[[Any, Any], Any] | None = None,
        device: Any = None,
    ) -> dict[str, Any]:
        """Run a model over a split, in evaluation mode and without gradients.

        Parameters
        ----------
        model : torch.nn.Module
            The model; it is in the mode afterwards in which it was.
        batches : iterable
            Pairs of inputs and labels, or triples with weights.
        split : {"valid", "test", "train"}
            Which split they are of.
        predict : callable, optional
            Makes predictions of what the model gives, such as a softmax.
        loss : callable, optional
            Loss of a batch, given what the model gives and the labels: as losses of torch are called.
        device : torch.device or str, optional
            Where inputs are moved to; they stay where they are unless given.

        Returns
        -------
        dict of str to value
            Results of the epoch so far, of all processes.

        Raises
        ------
        SettingError
            A batch is no pair or triple.
        """
        with _evaluating(model), torch.no_grad():
            for batch in self.each_batch(batches, split):
                if not isinstance(batch, tuple | list) or not 2 <= len(batch) <= 3:
                    raise SettingError("a batch must be (inputs, labels) or (inputs, labels, weights)")
                inputs, labels, *weights = batch
                found = model(_moved(inputs, device))
                told = {} if loss is None else {"loss": loss(found, _moved(labels, device))}
                self.update(split, labels, found if predict is None else predict(found), *weights, **told)
        return self.result(split)


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def _moved(values: Any, device: Any) -> Any:
    if device is None:
        return values
    if isinstance(values, Mapping):
        return {key: _moved(one, device) for key, one in values.items()}
    if isinstance(values, tuple | list):
        return type(values)(_moved(one, device) for one in values)
    return values.to(device)
