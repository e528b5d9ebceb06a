"""What every metric is: states that are updated, merged and read."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, ClassVar, Self, TypedDict

import numpy as np

from labelmetrics.errors import LabelmetricsWarning, SettingError, SettingMismatchError
from labelmetrics.streaming import clock, configuration
from labelmetrics.streaming.annotations import counts_annotation, scalar_annotation
from labelmetrics.streaming.arrays import refuse_calls_of_keras
from labelmetrics.streaming.stateful import Stateful
from labelmetrics.streaming.synchronisation import SyncFunction, gather_with_torch, torch_is_distributed
from labelmetrics.streaming.value import as_value

__all__ = ["Metric", "SyncOptions"]

WHERE_IT_RUNS = ("dist_sync_fn", "process_group", "sync_on_compute")


class SyncOptions(TypedDict, total=False):
    """Options of every metric that say how processes come together; see :class:`Metric`."""

    sync_on_compute: bool
    dist_sync_fn: SyncFunction | None
    process_group: Any


class Metric(Stateful):
    """Base of all metrics: states that are updated batch by batch, and a result that is computed from them.

    A subclass makes its states in ``__init__`` and defines ``update_state`` and ``result``. It may be written as for
    Keras (``add_weight``, ``assign_add``) or as for TorchMetrics (``add_state``, ``update``, ``compute``).

    Parameters
    ----------
    name : str, optional
        Its name in results; that of the class in snake case unless given.
    dtype : str, optional
        Dtype of results that are arrays of floats; ``"float64"`` unless given. States are int64 or float64 in any case.
    sync_on_compute : bool
        Whether a result is that of all processes.
    dist_sync_fn : callable, optional
        Called with the state of this process (a dict of arrays) and ``process_group``; gives the states of all
        processes, in the same order in each. Unless given, ``torch.distributed`` is used where it has been initialised.
    process_group : optional
        The group of processes, passed on to ``dist_sync_fn`` or to ``torch.distributed``.

    Examples
    --------
    >>> import numpy as np
    >>> from labelmetrics import streaming
    >>> class Largest(streaming.Metric):
    ...     def __init__(self, name="largest", **kwargs):
    ...         super().__init__(name=name, **kwargs)
    ...         self.add_state("largest", -np.inf, "max")
    ...     def update_state(self, values):
    ...         self.largest = max(self.largest, np.max(values))
    ...     def result(self):
    ...         return self.largest
    >>> metric, other = Largest(), Largest()
    >>> metric([1, 3]), other([2, 7, 1])
    (3.0, 7.0)
    >>> metric.merge_state(other)
    >>> metric.result()
    7.0
    """

    higher_is_better: ClassVar[bool | None] = None
    """Whether more is better, less is (``False``), or neither."""

    _takes_values: ClassVar[bool] = False
    """Whether ``update_state`` takes values, and not labels and predictions."""

    _preparation: Any = None
    """What metrics must have in common for which a collection checks a batch once; ``None`` for never."""

    _made_with: dict[str, Any]
    _is_reading: bool
    _is_recorded: bool
    _is_quiet: bool
    _dtype: np.dtype[Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = super().__new__(cls, *args, **kwargs)
        # Here, so that a subclass may make states before it calls super().__init__().
        vars(self).update(
            _made_with=configuration.bound(cls, args, kwargs),
            _is_reading=False,
            _is_recorded=False,
            _is_quiet=False,
            name=configuration.snake_case(cls.__name__),
            _dtype=np.dtype(np.float64),
            sync_on_compute=True,
            dist_sync_fn=None,
            process_group=None,
        )
        return self

    def __init__(
        self,
        name: str | None = None,
        dtype: Any = None,
        *,
        sync_on_compute: bool = True,
        dist_sync_fn: SyncFunction | None = None,
        process_group: Any = None,
    ) -> None:
        if name is not None:
            self.name = name
        if dtype is not None:
            try:
                self._dtype = np.dtype(dtype)
            except TypeError:
                raise SettingError(f"dtype must be one of NumPy's, got {dtype!r}") from None
        self.sync_on_compute = sync_on_compute
        self.dist_sync_fn = dist_sync_fn
        self.process_group = process_group

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = vars(cls)
        if "update" in own and "update_state" not in own:
            cls.update_state = _swapped(own["update"])  # type: ignore[method-assign]
        if "compute" in own and "result" not in own:
            cls.result = own["compute"]  # type: ignore[method-assign]
        if "result" in vars(cls):
            cls.result = _read(cls.result)  # type: ignore[method-assign, assignment]
        cls.__signature__ = configuration.signature(cls)  # type: ignore[attr-defined]  # else help() shows that of __new__

    def _inner(self) -> Iterator[Metric]:
        """Metrics that are attributes of this one, and theirs."""
        for value in vars(self).values():
            if isinstance(value, Metric):
                yield value
                yield from value._inner()

    @property
    def dtype(self) -> str:
        """Dtype of results that are arrays."""
        return str(self._dtype)

    # --------------------------------------------------------------------------------------------- update and result

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Take in a batch: ``update_state(y_true, y_pred, sample_weight=None)`` in most metrics."""
        raise NotImplementedError(f"{type(self).__name__} has no update_state")

    def result(self) -> Any:
        """What follows from all batches since the last reset; asking changes nothing."""
        raise NotImplementedError(f"{type(self).__name__} has no result")

    def reset_state(self) -> None:
        """Be as new."""
        for state in self.variables:
            state.reset()

    def reset_states(self) -> None:
        """The same as :meth:`reset_state`."""
        self.reset_state()

    def clear(self) -> None:
        """The same as :meth:`reset_state`."""
        self.reset_state()

    def reset(self) -> None:
        """The same as :meth:`reset_state`."""
        self.reset_state()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Update, and return the result of all batches so far."""
        refuse_calls_of_keras()
        self.update_state(*args, **kwargs)
        return self.result()

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Take in a batch in the argument order of TorchMetrics: ``update(preds, target)``."""
        if "target" in kwargs:
            kwargs["y_true"] = kwargs.pop("target")
        if "preds" in kwargs:
            kwargs["y_pred"] = kwargs.pop("preds")
        if len(args) == 1 and "y_true" in kwargs:
            args = (kwargs.pop("y_true"), *args)
        elif len(args) > 1:
            args = (args[1], args[0], *args[2:])
        self.update_state(*args, **kwargs)

    def compute(self) -> Any:
        """The same as :meth:`result`."""
        return self.result()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Take in a batch in the argument order of TorchMetrics, and return the result of this batch alone."""
        named = dict(self._named_states())
        before = {name: state.parts() for name, state in named.items()}
        self.reset_state()
        try:
            self.update(*args, **kwargs)
            with self._alone():
                found = self.result()
            batch = {name: state.parts() for name, state in named.items()}
        except BaseException:
            batch = {}
            raise
        finally:
            for name, state in named.items():
                state.load(before[name])
                state.merge([batch[name]] if batch else [])
        return found

    def _say(self, message: str) -> None:
        """Warn of something in a result."""
        if not self._is_quiet:
            warnings.warn(message, LabelmetricsWarning, stacklevel=5)

    # ------------------------------------------------------------------------------------------------------- merging

    def merge_state(self, metrics: Metric | Mapping[str, Any] | Iterable[Metric | Mapping[str, Any]]) -> None:
        """Take in what other metrics of this kind have seen, as if this one had seen it.

        Parameters
        ----------
        metrics : Metric, state dict, or iterable of these
            Metrics of the same class and configuration, or what their ``state_dict`` gave.

        Raises
        ------
        SettingMismatchError
            A metric of another class or configuration, or states of unlike shapes; nothing is merged then.
        """
        listed = [metrics] if isinstance(metrics, Metric | Mapping) else list(metrics)
        for one in listed:
            if isinstance(one, Metric):
                self._check_alike(one)
        parts = [self._parts(one.state_dict() if isinstance(one, Metric) else one) for one in listed]
        self._merge(parts)

    def _check_alike(self, other: Metric) -> None:
        if type(self) is not type(other):
            raise SettingMismatchError(f"a {type(other).__name__} cannot be merged into a {type(self).__name__}")
        own, its = self._comparable(), other._comparable()
        names = [name for name in own if own[name] != its.get(name)]
        unlike = [f"{name} is {own[name]!r} here and {its.get(name)!r} there" for name in names]
        if unlike:
            raise SettingMismatchError(f"{type(self).__name__} metrics of unlike configurations: {'; '.join(unlike)}")

    def _comparable(self) -> dict[str, Any]:
        """What must be equal in metrics that are merged."""
        ignored = ("name", "dtype", *WHERE_IT_RUNS)
        return {name: _comparable(value) for name, value in self._made_with.items() if name not in ignored}

    def _shares(self) -> Any:
        """What metrics must have in common to keep one statistic together in a collection; ``None`` for never."""
        return None

    def _follow(self, leader: Metric) -> bool:
        """Have the states of ``leader`` instead of its own, unless one of the two has seen anything already."""
        if self._states is leader._states:
            return True
        if self._states.keys() != leader._states.keys() or any(
            state.writes for state in (*self.variables, *leader.variables)
        ):
            return False
        vars(self).update({name: state for name, state in leader._states.items() if name in vars(self)})
        self._states = leader._states
        return True

    # -------------------------------------------------------------------------------------------------- annotations

    def to_annotation(
        self,
        metric_name: str | None = None,
        *,
        feature_name: str | None = None,
        subclass_name: str | None = None,
        confidences: Sequence[float] | None = None,
        **fields: Any,
    ) -> Any:
        """The result as a metric annotation.

        Parameters
        ----------
        metric_name : str, optional
            Name of the annotation; that of the metric unless given or reserved by the platform.
        feature_name, subclass_name : str, optional
            What it is about; the whole data row unless given.
        confidences : sequence of float, optional
            Confidence keys, which must be thresholds of the metric. At each, the annotation has the counts of scores
            above it.
        **fields
            Further fields of the annotation, such as ``data_row``.

        Returns
        -------
        ScalarMetric or ConfusionMatrixMetric
            A scalar metric of the result, by confidence key where the metric has a value for each of its thresholds;
            with ``confidences``, a confusion matrix metric.

        Raises
        ------
        SettingError
            The name is reserved; the metric has no thresholds, or not these; the result is no number.
        InputError
            The value is not finite, or a field cannot be what it is.
        """
        named = {"feature_name": feature_name, "subclass_name": subclass_name, **fields}
        if confidences is not None:
            return counts_annotation(self._counts_at(confidences), self.name, metric_name, named)
        return scalar_annotation(self._by_key(self.result()), self.name, metric_name, named)

    def _counts_at(self, confidences: Sequence[float]) -> dict[float, Any]:
        """TP, FP, TN and FN at confidence keys."""
        del confidences
        raise SettingError(f"{type(self).__name__} has no thresholds, so there are no counts at confidences")

    def _by_key(self, result: Any) -> Any:
        """The result as the value of a scalar metric."""
        if isinstance(result, float):
            return float(result)
        raise SettingError(f"the result of {self.name} is no number but {type(result).__name__}; name one value of it")

    # ---------------------------------------------------------------------------------------------- configuration

    def get_config(self) -> dict[str, Any]:
        """Arguments with which the constructor makes such a metric, as JSON has them."""
        named = {name: getattr(self, name) for name in ("name", "dtype") if configuration.accepts(type(self), name)}
        found = {name: value for name, value in self._made_with.items() if name not in (*named, *WHERE_IT_RUNS)}
        config: dict[str, Any] = configuration.as_json({**named, **found})
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """A new metric from :meth:`get_config`."""
        return cls(**{name: configuration.from_json(value) for name, value in config.items()})

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"

    # --------------------------------------------------------------------------------------------- synchronisation

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Results in here are of this process only."""
        inside = [self, *self._inner()]
        before = [metric._is_reading for metric in inside]
        try:
            for metric in inside:
                metric._is_reading = True
            yield
        finally:
            for metric, was in zip(inside, before, strict=True):
                metric._is_reading = was

    def _has_to_sync(self) -> bool:
        """Whether a result takes the states of other processes."""
        if self._is_reading or not self.sync_on_compute:
            return False
        return self.dist_sync_fn is not None or torch_is_distributed()

    @contextmanager
    def synced(self) -> Iterator[None]:
        """In here, the state is that of all processes; afterwards it is its own again."""
        if not self._has_to_sync():
            yield
            return
        gather = self.dist_sync_fn or gather_with_torch
        states = [self._parts(one) for one in gather(self.state_dict(), self.process_group)]
        named = dict(self._named_states())
        own = {name: state.parts() for name, state in named.items()}
        writes = {name: state.writes for name, state in named.items()}
        try:
            for name, state in named.items():
                state.reset()
                state.merge([one[name] for one in states])
            with self._alone():
                yield
        finally:
            for name, state in named.items():
                state.load(own[name])
                state.writes = writes[name]


Metric.__signature__ = configuration.signature(Metric)  # type: ignore[attr-defined]


def _comparable(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(map(_comparable, value))
    if isinstance(value, np.ndarray):
        return _comparable(value.tolist())
    if isinstance(value, Mapping):
        return {key: _comparable(one) for key, one in value.items()}
    return value


def _read(result: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """``result`` in all processes, as a value."""

    @wraps(result)
    def read(self: Metric) -> Any:
        if clock.epoch and not self._is_recorded:
            _warn_unless_reset(self)
        if not self._has_to_sync():
            return as_value(result(self), self._dtype)
        with self.synced():
            return as_value(result(self), self._dtype)

    return read


def _warn_unless_reset(metric: Metric) -> None:
    """Say that a reset was forgotten, where a metric has seen batches of two epochs of a recorder."""
    states = metric.variables
    if any(since < until for since, until in (state.epochs for state in states)):
        for state in states:
            state.epochs = state.epochs[1], state.epochs[1]  # said once
        warnings.warn(
            f"{metric.name} has seen batches of two epochs of a Recorder: its result is that of both. Call "
            "reset_state() at the start of each epoch, or give the metric to the Recorder, which does it",
            LabelmetricsWarning,
            stacklevel=3,
        )


def _swapped(update: Callable[..., None]) -> Callable[..., None]:
    """``update_state`` of a metric that defines ``update`` in the argument order of TorchMetrics."""

    @wraps(update)
    def update_state(self: Metric, *args: Any, **kwargs: Any) -> None:
        update(self, *((args[1], args[0], *args[2:]) if len(args) > 1 else args), **kwargs)

    return update_state
