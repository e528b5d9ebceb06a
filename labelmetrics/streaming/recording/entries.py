"""What a metric says of one step of a training: numbers that may be plotted, and texts to show and to keep."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labelmetrics.errors import InputError, SettingError

__all__ = ["MetricEntry", "MetricMetadata", "Numeric", "Progress", "as_text", "checked_precision", "numbers_of"]

PRECISION = 4


def checked_precision(precision: Any) -> int:
    """Digits of a number that are shown.

    Raises
    ------
    SettingError
        It is no whole number from 1 to 17.
    """
    if isinstance(precision, bool) or not isinstance(precision, int) or not 1 <= precision <= 17:
        raise SettingError(f"precision must be a whole number from 1 to 17, got {precision!r}")
    return precision


def as_text(value: float, precision: int = PRECISION) -> str:
    """A number with so many significant digits.

    >>> as_text(0.98125), as_text(1e-5), as_text(12345.6), as_text(float("nan"))
    ('0.9812', '1e-05', '12,346', 'NaN')
    """
    if math.isnan(value):
        return "NaN"
    whole = abs(value) < 1e12 and abs(value) >= 10**precision
    return f"{value:,.0f}" if whole else f"{value:.{precision}g}"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an epoch is.

    Parameters
    ----------
    items : int
        Batches that are done.
    total : int, optional
        Batches of the epoch, where that is known.

    Examples
    --------
    >>> Progress(3, 4).share, Progress(3).share
    (0.75, None)
    """

    items: int = 0
    total: int | None = None

    @property
    def share(self) -> float | None:
        """Share of the epoch that is done, from 0 to 1; ``None`` where its length is not known."""
        return min(self.items / self.total, 1.0) if self.total else None


@dataclass(frozen=True, slots=True)
class MetricMetadata:
    """Where in a training a step is.

    Parameters
    ----------
    epoch : int
        Number of the epoch, from 1.
    epochs : int, optional
        How many epochs there will be.
    iteration : int
        Number of the step in this split of the epoch, from 1.
    progress : Progress
        How far the epoch is in this split.
    learning_rate : float, optional
        Learning rate of the step.

    Examples
    --------
    >>> MetricMetadata(epoch=2, iteration=10, learning_rate=0.1).learning_rate
    0.1
    """

    epoch: int = 1
    epochs: int | None = None
    iteration: int = 1
    progress: Progress = field(default_factory=Progress)
    learning_rate: float | None = None


@dataclass(frozen=True, slots=True)
class Numeric:
    """A number of a step, and what all steps of the epoch have come to with it: what may be plotted.

    Parameters
    ----------
    value : float
        Of this step alone.
    running_value : float
        Of all steps of the epoch so far.
    count : float
        What the step counts for: the number of its rows.

    Examples
    --------
    >>> number = Numeric(0.5, 0.75, count=32)
    >>> number.serialized, Numeric.parse("0.5,0.75,32") == number
    ('0.5,0.75,32', True)
    """

    value: float
    running_value: float
    count: float = 1.0

    @property
    def serialized(self) -> str:
        """The three numbers as a line of a log file has them; none loses a digit."""
        return f"{self.value!r},{self.running_value!r},{self.count:.17g}"

    @classmethod
    def parse(cls, line: str) -> Numeric:
        """The numbers of a line of a log file.

        Parameters
        ----------
        line : str
            ``value,running_value,count``, or ``value`` alone or with its count, as logs of Burn have it.

        Raises
        ------
        InputError
            It is no such line.
        """
        try:
            numbers = [float(part) for part in line.split(",")]
        except ValueError:
            numbers = []
        match numbers:
            case [value]:
                return cls(value, value)
            case [value, count]:
                return cls(value, value, count)
            case [value, running_value, count]:
                return cls(value, running_value, count)
        raise InputError(f"expected value,running_value,count, got {line[:80]!r}")

    def format(self, precision: int = PRECISION, unit: str = "") -> str:
        """The numbers as text.

        Parameters
        ----------
        precision : int
            Significant digits.
        unit : str
            What the number counts, such as ``"%"``.
        """
        of_epoch, of_step = as_text(self.running_value, precision), as_text(self.value, precision)
        unit = unit and f" {unit}"
        return f"{of_epoch}{unit} (step {of_step}{unit})"


@dataclass(frozen=True, slots=True)
class MetricEntry:
    """What a metric says of a step.

    Parameters
    ----------
    name : str
        Name of the metric.
    formatted : str
        For people.
    serialized : str
        For files: a line without its end.
    numeric : Numeric, optional
        The numbers, unless the metric gives something else.

    Examples
    --------
    >>> entry = MetricEntry.of("loss", Numeric(0.5, 0.75, count=32))
    >>> entry.name, entry.formatted, entry.serialized
    ('loss', '0.75 (step 0.5)', '0.5,0.75,32')
    """

    name: str
    formatted: str
    serialized: str
    numeric: Numeric | None = None

    @classmethod
    def of(cls, name: str, numeric: Numeric, precision: int = PRECISION, unit: str = "") -> MetricEntry:
        """The entry of a number.

        Parameters
        ----------
        name : str
            Name of the metric.
        numeric : Numeric
            The numbers.
        precision, unit
            As in :meth:`Numeric.format`.
        """
        return cls(name, numeric.format(precision, unit), numeric.serialized, numeric)


def numbers_of(name: str, result: Any) -> dict[str, float]:
    """The numbers of a result that may be plotted; what is in a dict is called ``{name}_{key}``."""
    if isinstance(result, float):
        return {name: float(result)}
    if isinstance(result, Mapping):
        prefix = name and f"{name}_"
        return {f"{prefix}{key}": float(value) for key, value in result.items() if isinstance(value, float)}
    return {}
