"""Several metrics on one stream, or on the outputs of a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from labelmetrics.errors import SettingError, SettingMismatchError
from labelmetrics.streaming.arrays import refuse_calls_of_keras
from labelmetrics.streaming.configuration import as_json, get
from labelmetrics.streaming.metric import Metric
from labelmetrics.streaming.synchronisation import StateDict
from labelmetrics.words import near

__all__ = ["BY_SHAPE", "MetricCollection"]

ONE = ""
"""The output of a model that has one."""

BY_SHAPE = {
    "accuracy": ("BinaryAccuracy", "SparseCategoricalAccuracy", "CategoricalAccuracy"),
    "crossentropy": ("BinaryCrossentropy", "SparseCategoricalCrossentropy", "CategoricalCrossentropy"),
}
"""Names that stand for a binary metric, for one of class numbers, and for one of one-hot labels."""
BY_SHAPE |= {"acc": BY_SHAPE["accuracy"], "ce": BY_SHAPE["crossentropy"]}

Slot = tuple[str, Metric | str]
"""A name in results and its metric, or the name of one that waits for the shapes of the first batch."""


class MetricCollection:
    """Metrics that are updated together; those of equal configuration keep one statistic together.

    Parameters
    ----------
    metrics : sequence or mapping
        A list of metrics: metrics, names (``"auc"``), configurations, or functions whose mean is wanted. Or a dict of
        metrics by the names that they have in results. For a model with several outputs, a list of such lists, one for
        each output, or a dict of lists by output name; results are called ``{output}_{name}`` then. ``"accuracy"``
        (``"acc"``) and ``"crossentropy"`` (``"ce"``) stand for what fits the shapes of the first batch.
    output_names : sequence of str, optional
        Names of the outputs, where they are a list; ``output_1``, ... unless given.
    prefix : str
        Begins every name in results.

    Raises
    ------
    SettingError
        There is no such metric, or no metric at all.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> metrics = streaming.MetricCollection(["accuracy", streaming.Precision(), streaming.FalsePositives()])
    >>> metrics([[0], [1], [1], [1]], [[0.6], [0.7], [0.1], [0.9]])
    {'accuracy': 0.5, 'precision': 0.6666666666666666, 'false_positives': 1.0}
    >>> outputs = streaming.MetricCollection({"box": ["mse"], "label": ["accuracy"]})
    >>> outputs({"box": [[1, 2]], "label": [1]}, {"box": [[1, 4]], "label": [[0.3, 0.7]]})
    {'box_mse': 2.0, 'label_accuracy': 1.0}
    """

    def __init__(
        self,
        metrics: Sequence[Any] | Mapping[str, Any],
        *,
        output_names: Sequence[str] | None = None,
        prefix: str = "",
    ) -> None:
        self.prefix = prefix
        self._given = metrics, output_names
        self._outputs = _by_output(metrics, output_names)
        self._is_built = False
        self._share()

    # ------------------------------------------------------------------------------------------------------ contents

    def slots(self) -> list[Slot]:
        """Metrics by their names in results; equal names are numbered."""
        seen: dict[str, int] = {}
        found: list[Slot] = []
        for output, slots in self._outputs.items():
            for own, metric in slots:
                name = self.prefix + (f"{output}_{own}" if output else own)
                number = seen[name] = seen.get(name, -1) + 1
                found.append((f"{name}_{number}" if number else name, metric))
        return found

    def items(self) -> list[tuple[str, Metric]]:
        """Metrics by their names in results; those that wait for the shapes of a batch are missing."""
        return [(name, metric) for name, metric in self.slots() if not isinstance(metric, str)]

    def keys(self) -> list[str]:
        """Names in results."""
        return [name for name, _ in self.slots()]

    def values(self) -> list[Metric]:
        """The metrics, without those that wait."""
        return [metric for _, metric in self.items()]

    def __len__(self) -> int:
        return len(self.slots())

    def __getitem__(self, name: str) -> Metric:
        found = dict(self.items())
        if name not in found:
            waits = "; it waits for the shapes of the first batch" if name in self.keys() else near(name, found)
            raise KeyError(f"no metric {name!r}{waits}")
        return found[name]

    def __repr__(self) -> str:
        return f"<MetricCollection {', '.join(self.keys())}>"

    # --------------------------------------------------------------------------------------------- update and result

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Parameters
        ----------
        y_true, y_pred : array-like, or mapping or sequence of these
            What the metrics take; by output where there are several.
        sample_weight : array-like, or mapping or sequence of these, optional
            Weights, for all outputs or by output.

        Raises
        ------
        InputError
            Input that a metric refuses.
        SettingMismatchError
            Outputs that are not those of the collection.
        """
        if not self._is_built:
            self._build(y_true, y_pred)
        prepared: dict[int, Any] = {}
        truth, guess, weight = y_true, y_pred, sample_weight
        for output, metric, preparation in self._leaders:
            if output:
                truth, guess = self._of(output, y_true), self._of(output, y_pred)
                is_by_output = isinstance(sample_weight, Mapping | list | tuple)
                weight = self._of(output, sample_weight) if is_by_output else sample_weight
            if preparation is None:
                if weight is None:  # which not every metric takes
                    metric.update_state(truth, guess)
                else:
                    metric.update_state(truth, guess, sample_weight=weight)
                continue
            if preparation not in prepared:
                prepared[preparation] = metric._prepared(truth, guess, weight)  # type: ignore[attr-defined]
            metric._take(*prepared[preparation])  # type: ignore[attr-defined]

    def result(self) -> dict[str, Any]:
        """Results by name; without metrics that wait for the shapes of the first batch."""
        if not any(metric._has_to_sync() for _, metric, _ in self._leaders):
            return {name: metric.result() for name, metric in self.items()}
        with ExitStack() as stack:
            for _, metric, _ in self._leaders:  # processes come together once for each statistic
                stack.enter_context(metric.synced())
            for metric in self.values():
                stack.enter_context(metric._alone())
            return {name: metric.result() for name, metric in self.items()}

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Update, and return the results of all batches so far."""
        refuse_calls_of_keras()
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()

    def forward(self, preds: Any, target: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Take in a batch in the argument order of TorchMetrics, and return the results of this batch alone."""
        if not self._is_built:
            self._build(target, preds)
        before = self.state_dict()
        self.reset_state()
        try:
            self.update_state(target, preds, sample_weight)
            with self._alone():
                found = self.result()
        except BaseException:
            self.load_state_dict(before)
            raise
        batch = self.state_dict()
        self.load_state_dict(before)
        self.merge_state(batch)
        return found

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Results in here are of this process only."""
        with ExitStack() as stack:
            for metric in self.values():
                stack.enter_context(metric._alone())
            yield

    def reset_state(self) -> None:
        """Be as new."""
        for metric in self.values():
            metric.reset_state()

    def reset_states(self) -> None:
        """The same as :meth:`reset_state`."""
        self.reset_state()

    def clear(self) -> None:
        """The same as :meth:`reset_state`."""
        self.reset_state()

    def reset(self) -> None:
        """The same as :meth:`reset_state`."""
        self.reset_state()

    def update(self, preds: Any, target: Any, sample_weight: Any = None) -> None:
        """Take in a batch in the argument order of TorchMetrics."""
        self.update_state(target, preds, sample_weight)

    def compute(self) -> dict[str, Any]:
        """The same as :meth:`result`."""
        return self.result()

    # ---------------------------------------------------------------------------------------- merging, configuration

    def _statistics(self) -> list[tuple[str, Metric]]:
        """One metric for each statistic, by its name in results."""
        leaders = {id(metric) for _, metric, _ in self._leaders}
        return [(name, metric) for name, metric in self.items() if id(metric) in leaders]

    def state_dict(self) -> StateDict:
        """All states as plain arrays, by ``{name of a metric}.{name of a state}``; what is shared stands once."""
        return {
            f"{name}.{key}": array for name, metric in self._statistics() for key, array in metric.state_dict().items()
        }

    def _split(self, state_dict: Mapping[str, Any]) -> list[tuple[Metric, dict[str, Any]]]:
        left, found = dict(state_dict), []
        for name, metric in self._statistics():
            own = [key for key in left if key.startswith(f"{name}.")]
            found.append((metric, {key.removeprefix(f"{name}."): left.pop(key) for key in own}))
        if left:
            raise SettingMismatchError(f"no metric has the state {min(left)!r}; there are {', '.join(self.keys())}")
        return found

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Become what :meth:`state_dict` gave.

        Parameters
        ----------
        state_dict : mapping of str to array-like
            What it gave.

        Raises
        ------
        SettingMismatchError
            It is of another collection.
        """
        for metric, part in self._split(state_dict):
            metric.load_state_dict(part)

    def merge_state(self, collections: MetricCollection | Mapping[str, Any] | Iterable[Any]) -> None:
        """Take in what other collections of the same metrics have seen.

        Parameters
        ----------
        collections : MetricCollection, state dict, or iterable of these
            Collections of the same metrics, or what their ``state_dict`` gave.

        Raises
        ------
        SettingMismatchError
            Metrics that differ; nothing is merged then.
        """
        listed = [collections] if isinstance(collections, MetricCollection | Mapping) else list(collections)
        for one in listed:
            if isinstance(one, MetricCollection):
                self._check_alike(one)
        before = self.state_dict()
        try:
            for one in listed:
                state = one.state_dict() if isinstance(one, MetricCollection) else one
                for metric, part in self._split(state) if state else ():
                    metric.merge_state(part)
        except SettingMismatchError:
            self.load_state_dict(before)
            raise

    def _check_alike(self, other: MetricCollection) -> None:
        """Raise where metrics differ; what waits for shapes here becomes what it has become there."""
        if self.keys() != other.keys():
            raise SettingMismatchError(f"a collection of {other.keys()} cannot be merged into one of {self.keys()}")
        for output, slots in self._outputs.items():
            for index, (name, metric) in enumerate(slots):
                its = other._outputs[output][index][1]
                if isinstance(its, Metric) and isinstance(metric, str):
                    slots[index] = name, type(its).from_config(its.get_config())
                elif isinstance(its, Metric) and isinstance(metric, Metric):
                    metric._check_alike(its)
        self._share()

    def get_config(self) -> dict[str, Any]:
        """Arguments with which such a collection is made, as JSON has them."""
        metrics, output_names = self._given
        return {"metrics": as_json(metrics), "output_names": as_json(output_names), "prefix": self.prefix}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> MetricCollection:
        """A new collection from :meth:`get_config`."""
        return cls(**config)

    # -------------------------------------------------------------------------------------- outputs, shapes, sharing

    def _build(self, y_true: Any, y_pred: Any) -> None:
        """Find out what a dict of single metrics is by, and which metrics fit the shapes."""
        given = self._given[0]
        if isinstance(y_pred, Mapping) and isinstance(given, Mapping) and list(self._outputs) == [ONE]:
            self._outputs = {name: [_slot(metric)] for name, metric in given.items()}
            self._share()
        waits = False
        for output, slots in self._outputs.items():
            for index, (name, metric) in enumerate(slots):
                if isinstance(metric, str):
                    waits = True
                    slots[index] = name, _fitting(metric, self._of(output, y_true), self._of(output, y_pred))
        if waits:
            self._share()
        self._is_built = True

    def _of(self, output: str, values: Any) -> Any:
        """What belongs to an output."""
        if output == ONE:
            return values
        names = list(self._outputs)
        if isinstance(values, Mapping):
            if output not in values:
                raise SettingMismatchError(f"there is no output {output!r}{near(output, values)} among {list(values)}")
            return values[output]
        if len(values) != len(names):
            raise SettingMismatchError(
                f"there are {len(values)} outputs, and metrics of {len(names)}: {', '.join(names)}"
            )
        return values[names.index(output)]

    def _share(self) -> None:
        """Give the metrics of an output whose statistic has the same configuration the same states."""
        self._leaders: list[tuple[str, Metric, int | None]] = []
        known: dict[Any, int] = {}
        for output, slots in self._outputs.items():
            leaders: dict[Any, Metric] = {}
            for _, metric in slots:
                if isinstance(metric, str):
                    continue
                leader = leaders.setdefault(_statistic(metric), metric)
                if leader is metric or not metric._follow(leader):
                    number = None
                    if metric._preparation is not None and _is_own(metric):
                        number = known.setdefault((output, metric._preparation), len(known))
                    self._leaders.append((output, metric, number))


def _is_own(metric: Metric) -> bool:
    """Whether it is of this package; subclasses that others have made may do anything with a batch."""
    return type(metric).__module__.startswith("labelmetrics.streaming.")


def _statistic(metric: Metric) -> Any:
    """What metrics have in common that keep one statistic."""
    found = metric._shares() if _is_own(metric) else None
    if found is None:
        return id(metric)
    return found, metric.sync_on_compute, metric.dist_sync_fn, id(metric.process_group)


def _by_output(metrics: Any, output_names: Sequence[str] | None) -> dict[str, list[Slot]]:
    """Slots of each output; the forms that Keras' ``compile`` takes, and a dict of metrics by name."""
    if isinstance(metrics, Mapping):
        if any(isinstance(one, list | tuple) for one in metrics.values()):
            found = {str(output): list(map(_slot, _listed(some))) for output, some in metrics.items()}
        else:
            found = {ONE: [_slot(metric, name) for name, metric in metrics.items()]}
    elif isinstance(metrics, list | tuple):
        if any(one is None or isinstance(one, list | tuple) for one in metrics):
            names = list(output_names or (f"output_{n}" for n in range(1, len(metrics) + 1)))
            if len(names) != len(metrics):
                raise SettingError(f"there are metrics of {len(metrics)} outputs, and {len(names)} output_names")
            found = {name: list(map(_slot, _listed(some))) for name, some in zip(names, metrics, strict=True)}
        else:
            found = {ONE: list(map(_slot, metrics))}
    else:
        raise SettingError(f"metrics are given as a list or a dict, got {metrics!r}")
    if not any(found.values()):
        raise SettingError("a collection needs at least one metric")
    return found


def _listed(metrics: Any) -> list[Any]:
    return [] if metrics is None else list(metrics) if isinstance(metrics, list | tuple) else [metrics]


def _slot(identifier: Any, name: str | None = None) -> Slot:
    if isinstance(identifier, str):
        if identifier.lower() in BY_SHAPE:
            return name or identifier, identifier.lower()
        name = name or identifier
    metric = get(identifier)
    if metric._takes_values:
        raise SettingError(f"{type(metric).__name__} takes values; a collection gives labels and predictions")
    return name or metric.name, metric


def _fitting(name: str, y_true: Any, y_pred: Any) -> Metric:
    """The metric that ``"accuracy"`` or ``"crossentropy"`` stands for: as Keras chooses, and binary for one axis."""
    truth, guess = np.shape(y_true), np.shape(y_pred)
    binary, sparse, one_hot = BY_SHAPE[name]
    if len(guess) < 2 or guess[-1] == 1:
        chosen = binary
    elif len(truth) < len(guess) or (truth[-1] == 1 and guess[-1] > 1):
        chosen = sparse
    else:
        chosen = one_hot
    metric: Metric = get(chosen)
    metric.name = name
    return metric
