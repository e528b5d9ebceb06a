"""What a training has come to, epoch by epoch: values, the best epoch, a summary."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from labelmetrics.errors import SettingError
from labelmetrics.streaming.recording.balance import ClassCounts, balance_note
from labelmetrics.streaming.recording.entries import PRECISION, Numeric, as_text, checked_precision, numbers_of
from labelmetrics.words import counted, near

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["SPLITS", "Aggregate", "EpochResults", "History", "MetricFacts", "Split", "checked_split"]

Split = Literal["train", "valid", "test"]
Aggregate = Literal["final", "mean"]
SPLITS: tuple[Split, ...] = get_args(Split)
AGGREGATES: tuple[str, ...] = get_args(Aggregate)


def checked_split(split: Any) -> Split:
    """The split.

    Raises
    ------
    SettingError
        There is no such split.
    """
    if not isinstance(split, str) or split not in SPLITS:
        got = repr(split) if isinstance(split, str) else f"a value of type {type(split).__name__}"
        raise SettingError(f"there are the splits {', '.join(SPLITS)}; got {got}")
    found: Split = split
    return found


@dataclass(frozen=True, slots=True)
class MetricFacts:
    """What does not change with steps: the unit of a metric, and whether more of it is better."""

    unit: str = ""
    higher_is_better: bool | None = None


@dataclass(frozen=True, slots=True)
class EpochResults:
    """What an epoch came to: results by split and metric, rows of each class by split and accuracy, and seconds."""

    results: dict[str, dict[str, Any]]
    classes: dict[str, dict[str, ClassCounts]] = field(default_factory=dict)
    seconds: float = 0.0


class History:
    """What a training has come to, epoch by epoch.

    It is :attr:`Recorder.history`, or read from files by :func:`read_history`. Epochs count from 1.

    Parameters
    ----------
    facts : mapping, optional
        What is known of each metric.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> with streaming.Recorder(["accuracy"], show="none") as recorder:
    ...     for scores in ([0.2, 0.4], [0.2, 0.9]):
    ...         entries = recorder.update("valid", [0, 1], scores)
    ...         results = recorder.end_epoch()
    >>> recorder.history.values("accuracy"), recorder.history.best_epoch("accuracy")
    ({1: 0.5, 2: 1.0}, 2)
    """

    def __init__(self, facts: Mapping[str, MetricFacts] | None = None) -> None:
        self.facts: dict[str, MetricFacts] = dict(facts or {})
        self._ended: dict[int, EpochResults] = {}
        self._steps: dict[tuple[str, str, int], list[Numeric] | Callable[[], list[Numeric]]] = {}
        self._finals: dict[tuple[str, str], dict[int, float]] = {}  # of every split and name, by epoch

    # ------------------------------------------------------------------------------------------------------ recording

    def add_step(self, split: str, epoch: int, name: str, numeric: Numeric) -> None:
        """Add the numbers of a step."""
        self._finals.setdefault((split, name), {})
        self._logged(split, name, epoch).append(numeric)

    def add_log(self, split: str, epoch: int, name: str, read: Callable[[], list[Numeric]]) -> None:
        """Add steps that are read from where they are when they are asked for."""
        self._finals.setdefault((split, name), {})
        self._steps[split, name, epoch] = read

    def end_epoch(self, epoch: int, ended: EpochResults) -> None:
        """Say what an epoch came to."""
        self._ended[epoch] = ended
        for split, results in ended.results.items():
            for metric, result in results.items():
                for name, value in numbers_of(metric, result).items():
                    self._finals.setdefault((split, name), {})[epoch] = value

    def drop(self, epoch: int) -> None:
        """Forget an epoch."""
        self._ended.pop(epoch, None)
        for finals in self._finals.values():
            finals.pop(epoch, None)
        self._steps = {key: steps for key, steps in self._steps.items() if key[2] != epoch}

    def _logged(self, split: str, name: str, epoch: int) -> list[Numeric]:
        key = split, name, epoch
        found = self._steps.get(key)
        if callable(found):
            found = found()
        if found is None:
            found = []
        self._steps[key] = found
        return found

    # -------------------------------------------------------------------------------------------------------- reading

    @property
    def finished(self) -> list[int]:
        """Epochs that have ended."""
        return sorted(self._ended)

    @property
    def epochs(self) -> list[int]:
        """Epochs that have begun."""
        return sorted({*self._ended, *(epoch for _, _, epoch in self._steps)})

    @property
    def splits(self) -> list[Split]:
        """Splits that have metrics with numbers: of train, valid and test."""
        found = {split for split, _ in self._finals}
        return [split for split in SPLITS if split in found]

    def names(self, split: Split | None = None) -> list[str]:
        """Metrics that have numbers, in the order in which they came.

        Parameters
        ----------
        split : {"train", "valid", "test"}, optional
            Of this split only.
        """
        return list(dict.fromkeys(name for its, name in self._finals if split in (None, its)))

    def results(self, epoch: int, split: Split = "valid") -> dict[str, Any]:
        """All results of an epoch that has ended, also those that are no numbers: matrices, values by class.

        Parameters
        ----------
        epoch : int
            Its number.
        split : {"train", "valid", "test"}
            Of which split.

        Raises
        ------
        SettingError
            There is no such epoch or split.
        """
        if epoch not in self._ended:
            raise SettingError(f"epoch {epoch} has not ended; there are {self.finished or 'none'}")
        return dict(self._ended[epoch].results.get(checked_split(split), {}))

    def values(self, name: str, split: Split | None = None, *, aggregate: Aggregate = "final") -> dict[int, float]:
        """What a metric came to in each epoch that has ended.

        Parameters
        ----------
        name : str
            Name of the metric.
        split : {"train", "valid", "test"}, optional
            Of which split; valid where it has the metric, else train, unless given.
        aggregate : {"final", "mean"}
            The metric's own result of all rows of the epoch, or the mean of its values of single steps, weighted by
            their counts. They are the same for means of rows, and not for AUC, precision and the like.

        Returns
        -------
        dict of int to float
            By number of the epoch.

        Raises
        ------
        SettingError
            There is no such metric.
        """
        split = self._split_of(name, split)
        if aggregate not in AGGREGATES:
            raise SettingError(f"aggregate must be one of {', '.join(AGGREGATES)}; got {aggregate!r}")
        if aggregate == "final":
            return dict(self._finals[split, name])
        means = {epoch: _mean(self._logged(split, name, epoch)) for epoch in self.finished}
        return {epoch: mean for epoch, mean in means.items() if mean is not None}

    def _split_of(self, name: str, split: Split | None) -> Split:
        if split is not None:
            checked_split(split)
        order: tuple[Split, ...] = ("valid", "train", "test") if split is None else (split,)
        for one in order:
            if (one, name) in self._finals:
                return one
        where = "" if split is None else f" in {split}"
        known = self.names(split)
        raise SettingError(f"no metric {name!r}{where}{near(name, known)}; there are {', '.join(known) or 'none'}")

    def steps(self, name: str, split: Split = "train", epoch: int | None = None) -> list[Numeric]:
        """The numbers of each step, also of an epoch that has not ended.

        Parameters
        ----------
        name : str
            Name of the metric.
        split : {"train", "valid", "test"}
            Of which split.
        epoch : int, optional
            Of which epoch; of all, one after another, unless given.

        Raises
        ------
        SettingError
            There is no such metric.
        InputError
            A log file cannot be read.
        """
        self._split_of(name, split)
        epochs = self.epochs if epoch is None else [epoch]
        return [numeric for one in epochs for numeric in self._logged(split, name, one)]

    def higher_is_better(self, name: str) -> bool | None:
        """Whether more of a metric is better; ``None`` where that is not known.

        Parameters
        ----------
        name : str
            Name of the metric.
        """
        facts = self.facts.get(name)
        return None if facts is None else facts.higher_is_better

    def best_epoch(
        self,
        name: str,
        split: Split | None = None,
        *,
        higher_is_better: bool | None = None,
        aggregate: Aggregate = "final",
    ) -> int:
        """The epoch in which a metric was best; the first of several.

        Parameters
        ----------
        name, split, aggregate
            As in :meth:`values`.
        higher_is_better : bool, optional
            Whether more is better; what the metric says of itself unless given.

        Raises
        ------
        SettingError
            There is no such metric, no epoch has ended with a number, or it is not known what is better.
        """
        best = self._best(name, split, higher_is_better, aggregate)
        if best is None:
            raise SettingError(f"no epoch has ended with a number for {name!r}")
        return best

    def _best(
        self, name: str, split: Split | None, higher_is_better: bool | None = None, aggregate: Aggregate = "final"
    ) -> int | None:
        found = {
            epoch: value
            for epoch, value in self.values(name, split, aggregate=aggregate).items()
            if not math.isnan(value)
        }
        higher = self.higher_is_better(name) if higher_is_better is None else higher_is_better
        if higher is None:
            raise SettingError(f"more of {name!r} is neither better nor worse by itself: give higher_is_better")
        if not found:
            return None
        return (max if higher else min)(found, key=lambda epoch: found[epoch])

    def to_dict(self) -> dict[str, list[float]]:
        """Values of all epochs that have ended, as History of Keras has them: those of valid are ``val_{name}``.

        Numbers that are missing are NaN.
        """
        found = {}
        for split in self.splits:
            for name in self.names(split):
                by_epoch = self.values(name, split)
                found[f"{PREFIXES[split]}{name}"] = [by_epoch.get(epoch, math.nan) for epoch in self.finished]
        return found

    def notes(self) -> list[str]:
        """What should be known beside the numbers: accuracies of rows of which one class has most."""
        if not self._ended:
            return []
        classes = self._ended[max(self._ended)].classes
        found = [
            balance_note(f"{split} {accuracy}", counts)
            for split in SPLITS
            for accuracy, counts in classes.get(split, {}).items()
        ]
        return [note for note in found if note]

    def summary(self, precision: int = PRECISION) -> str:
        """A table of all metrics: their last, least and greatest value, the epochs of these, and notes.

        Parameters
        ----------
        precision : int
            Significant digits.

        Raises
        ------
        SettingError
            The precision cannot be used.
        """
        precision = checked_precision(precision)
        if not self._ended:
            return "no epoch has ended"
        rows = [("metric", "split", "last", "min", "epoch", "max", "epoch", "best epoch")]
        for name in self.names():
            for split in self.splits:
                finals = self._finals.get((split, name), {})
                values = {epoch: value for epoch, value in finals.items() if not math.isnan(value)}
                if not values:
                    continue
                least, most = min(values, key=values.__getitem__), max(values, key=values.__getitem__)
                higher = self.higher_is_better(name)
                best = "" if higher is None else str(most if higher else least)
                last = as_text(values[max(values)], precision)
                rows.append(
                    (
                        *(name, split, last),
                        *(as_text(values[least], precision), str(least)),
                        *(as_text(values[most], precision), str(most), best),
                    )
                )
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) if at < 2 else cell.rjust(width)
                for at, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes())])

    def plot(
        self,
        names: str | Sequence[str] | None = None,
        *,
        by: Literal["epoch", "step"] = "epoch",
        ax: Axes | None = None,
    ) -> Axes | list[Axes]:
        """Draw metrics over epochs: a plot for each, a line for each split, the best epoch marked.

        Parameters
        ----------
        names : str or sequence of str, optional
            Metrics; all that have numbers unless given.
        by : {"epoch", "step"}
            Values of epochs alone, or those of single steps behind them; an epoch that has not ended has steps only.
        ax : matplotlib Axes, optional
            Where to draw one metric; new axes unless given.

        Returns
        -------
        Axes or list of Axes
            One for one name, else a list.

        Raises
        ------
        SettingError
            There is no such metric, or no number.
        MissingPackageError
            matplotlib is not installed.
        """
        from labelmetrics.streaming.recording.figures import draw_history

        return draw_history(self, names, by, ax)

    def __repr__(self) -> str:
        return f"<History {counted(len(self._ended), 'epoch')}: {', '.join(self.names())}>"


PREFIXES = {"train": "", "valid": "val_", "test": "test_"}
"""How metrics of a split are called where one dict holds all."""


def _mean(steps: Sequence[Numeric]) -> float | None:
    """Mean of the values of steps, weighted by their counts; steps without a value are left out."""
    known = [numeric for numeric in steps if not math.isnan(numeric.value)]
    count = math.fsum(numeric.count for numeric in known)
    if not count:
        return None if not steps else math.nan
    return math.fsum(numeric.value * numeric.count for numeric in known) / count
