"""Metrics of one split that take the same of a step: of the step alone, and of the epoch so far."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from labelmetrics.errors import SettingError
from labelmetrics.streaming.collection import BY_SHAPE, MetricCollection
from labelmetrics.streaming.configuration import get
from labelmetrics.streaming.metric import Metric
from labelmetrics.streaming.recording.balance import ClassCounts, add_counts, class_counts
from labelmetrics.streaming.recording.entries import Numeric, numbers_of
from labelmetrics.streaming.recording.history import MetricFacts
from labelmetrics.streaming.recording.learner_metrics import (
    Adaptor,
    GivenValues,
    LearnerMetric,
    LearningRate,
    Loss,
    Step,
)

__all__ = ["Track", "tracks_of"]

Adapt = Callable[[Step], tuple[Any, ...] | None]


class Track:
    """A metric, or a collection of them, with what it takes of a step.

    Parameters
    ----------
    metrics : Metric or MetricCollection
        Copies of it are updated.
    adapt : callable
        Arguments of ``update_state``, given the step; ``None`` where it says nothing of them.
    """

    def __init__(self, metrics: Metric | MetricCollection, adapt: Adapt) -> None:
        self._adapt = adapt
        self._epoch, self._step = _copied(metrics), _copied(metrics)
        slots = metrics.slots() if isinstance(metrics, MetricCollection) else []
        self.accuracy = next((name for name, metric in slots if _is_accuracy(metric)), None)
        """Its first accuracy, whose labels are counted by class."""
        self._taken: tuple[Any, ...] | None = None
        self._count = 1.0
        self.classes: ClassCounts = {}
        self.known: dict[str, MetricFacts] = {}
        self.has_seen = False

    def names(self) -> list[str]:
        """Names of its metrics."""
        return self._epoch.keys() if isinstance(self._epoch, MetricCollection) else [self._epoch.name]

    def take(self, step: Step) -> None:
        """Look at a step, which may be refused."""
        self._taken = self._adapt(step)
        if not isinstance(self._taken, tuple | None):
            raise SettingError(
                f"adapt of {', '.join(self.names())} must return a tuple of arguments of update_state, or None; "
                f"got {self._taken!r:.80}"
            )
        if self._taken is not None:
            self._step.reset_state()
            self._step.update_state(*self._taken)
            self._count = step.count

    def keep(self) -> dict[str, Numeric]:
        """Add the step that was taken to the epoch; gives what it comes to, where that are numbers."""
        if self._taken is None:
            return {}
        # Not merged: metrics of one's own may not be what merging takes them for.
        self._epoch.update_state(*self._taken)
        if not self.has_seen:  # by now, all metrics are there
            _be_alone(self._step)
            _be_alone(self._epoch)
        self.has_seen = True
        if self.accuracy is not None:
            add_counts(self.classes, class_counts(self._taken[0]))
        of_step, of_epoch = _results(self._step), _results(self._epoch)
        found: dict[str, Numeric] = {}
        for metric_name, result in of_step.items():
            running = numbers_of(metric_name, of_epoch[metric_name])
            for name, value in numbers_of(metric_name, result).items():
                found[name] = Numeric(value, running[name], self._count)
                if name not in self.known:
                    self.known[name] = self.facts(metric_name)
        return found

    def results(self) -> dict[str, Any]:
        """What the epoch has come to, of all processes where there are several."""
        _be_alone(self._epoch, False)
        try:
            found = _results(self._epoch)
        finally:
            _be_alone(self._epoch)
        given: dict[str, Any] = found.pop("", {})  # numbers by name
        return found | given

    def reset(self) -> None:
        """Begin a new epoch."""
        self._epoch.reset_state()
        self.classes = {}
        self.has_seen = False

    def facts(self, metric_name: str) -> MetricFacts:
        """What is known of a metric."""
        metric = dict(_named(self._epoch))[metric_name]
        return MetricFacts(getattr(metric, "unit", ""), metric.higher_is_better)


def _named(metrics: Metric | MetricCollection) -> list[tuple[str, Metric]]:
    return metrics.items() if isinstance(metrics, MetricCollection) else [(metrics.name, metrics)]


def _metrics(metrics: Metric | MetricCollection) -> Iterator[Metric]:
    for _, metric in _named(metrics):
        yield metric
        yield from metric._inner()


def _copied(metrics: Any) -> Any:
    groups = [metric.process_group for metric in _metrics(metrics)]
    copied = copy.deepcopy(metrics, {id(group): group for group in groups if group is not None})  # which has no copy
    copied.reset_state()
    return copied


def _be_alone(metrics: Metric | MetricCollection, is_alone: bool = True) -> None:
    """Let results be those of this process, without a word: a single step may well lack a class, say."""
    for metric in _metrics(metrics):
        metric._is_recorded = True
        metric._is_quiet = metric._is_reading = is_alone


def _results(metrics: Metric | MetricCollection) -> dict[str, Any]:
    return metrics.result() if isinstance(metrics, MetricCollection) else {metrics.name: metrics.result()}


def _is_accuracy(metric: Metric | str) -> bool:
    return (metric if isinstance(metric, str) else type(metric).__name__).lower().endswith(("accuracy", "acc"))


def _labels(step: Step) -> tuple[Any, ...] | None:
    """Labels, predictions and weights as they were given."""
    if not step.output:
        return None
    if not 2 <= len(step.output) <= 3:
        raise SettingError(
            "these metrics take y_true, y_pred and weights, and the step has "
            f"{len(step.output)} things; an Adaptor says what metrics take of a step"
        )
    return step.output


def tracks_of(metrics: Any) -> list[Track]:
    """The tracks of what a recorder was given: metrics, names, adaptors, collections.

    Raises
    ------
    SettingError
        There is no such metric, there is none at all, or two have one name.
    """
    if isinstance(metrics, MetricCollection | Mapping):
        metrics = [MetricCollection(metrics) if isinstance(metrics, Mapping) else metrics]
    elif isinstance(metrics, str) or not isinstance(metrics, list | tuple):
        raise SettingError(f"metrics are given as a list or a dict, got {metrics!r}")
    found: list[tuple[Metric | MetricCollection, Adapt]] = []
    plain: list[Any] = []
    for one in metrics:
        is_name = isinstance(one, type) or (isinstance(one, str) and one.lower() not in BY_SHAPE)
        if is_name and hasattr(get(one), "adapt"):  # others keep the name that they were given by
            one = get(one)
        if isinstance(one, Adaptor):
            found.append((one.metrics, one.adapt))
        elif isinstance(one, MetricCollection):
            found.append((one, _labels))
        elif isinstance(one, Metric) and hasattr(one, "adapt"):
            found.append((one, one.adapt))
        else:
            plain.append(one)
    if plain:
        found.insert(0, (MetricCollection(plain), _labels))
    if not found:
        raise SettingError("a recorder needs at least one metric")
    if not any(isinstance(metric, GivenValues) for metric, _ in found):
        found += _told_unasked([metric for metric, _ in found])
    tracks = [Track(*one) for one in found]
    seen: set[str] = set()
    for name in (name for track in tracks for name in track.names()):
        if name in seen:
            raise SettingError(f"there are two metrics {name!r}; give one of them another name")
        seen.add(name)
    return tracks


def _told_unasked(metrics: list[Metric | MetricCollection]) -> list[tuple[Metric, Adapt]]:
    """What a training may tell although no metric asks for it: its loss, its learning rate, numbers by name."""
    kinds = {type(metric) for metric in metrics}
    names = {name for metric in metrics for name, _ in _named(metric)}
    told: list[LearnerMetric | GivenValues] = [Loss(), LearningRate(), GivenValues()]
    return [(one, one.adapt) for one in told if type(one) not in kinds and one.name not in names]
