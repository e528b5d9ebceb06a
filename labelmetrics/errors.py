"""The errors and warnings of labelmetrics: one tree, and each says where.

Everything that a user can run into derives from :class:`LabelmetricsError`; an error of a library underneath
(pydantic, pyarrow, shapely) never reaches the caller of a public function that reads files or compares annotations.
Constructors of the types raise pydantic's own ``ValidationError``, as people who write models by hand expect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "AnnotationError",
    "DataRowError",
    "Fault",
    "InputError",
    "LabelmetricsError",
    "LabelmetricsWarning",
    "LimitError",
    "SettingError",
    "SettingMismatchError",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong, and where it is.

    Parameters
    ----------
    rule : str
        Short stable name of the broken rule, e.g. ``"syntax"``, ``"type"``, ``"duplicate-metric-key"``.
    message : str
        What is wrong, in one sentence.
    remedy : str, optional
        How to mend it.
    file : str, optional
        Name of the file (``"-"`` is standard input).
    line : int, optional
        Line number, counted from 1.
    path : str, optional
        Place within the line, e.g. ``"$.metricValue[2]"``.
    data_row : str, optional
        Data row concerned, ``id:...`` or ``globalKey:...``.
    metric_key : str, optional
        Metric key concerned (metric name, feature, subclass), as readable text.

    Examples
    --------
    >>> print(Fault(rule="type", message="expected a number", file="p.ndjson", line=3, path="$.confidence"))
    p.ndjson:3: $.confidence: expected a number [type]
    """

    rule: str
    message: str
    remedy: str | None = None
    file: str | None = None
    line: int | None = None
    path: str | None = None
    data_row: str | None = None
    metric_key: str | None = None

    def __str__(self) -> str:
        where = self.file or ""
        if self.line is not None:
            where += f":{self.line}" if where else f"line {self.line}"
        parts = [part for part in (where, self.path, self.data_row and f"data row {self.data_row}") if part]
        if self.metric_key is not None:
            parts.append(f"metric {self.metric_key}")
        text = ": ".join([*parts, self.message])
        if self.remedy:
            text += f" ({self.remedy})"
        return f"{text} [{self.rule}]"


class LabelmetricsError(Exception):
    """Base of every error of this package."""


class SettingError(LabelmetricsError, ValueError):
    """A parameter or option has a value that cannot be used."""


class SettingMismatchError(SettingError):
    """Two things that were made with different settings cannot be put together."""


class InputError(LabelmetricsError, ValueError):
    """Input that cannot be read.

    Parameters
    ----------
    message : str
        What is wrong.
    faults : sequence of Fault
        Everything that was found, each with its place; the first few are part of the message.
    """

    shown = 10

    def __init__(self, message: str, faults: Sequence[Fault] = ()) -> None:
        self.faults = tuple(faults)
        lines = [message, *(f"  {fault}" for fault in self.faults[: self.shown])]
        if len(self.faults) > self.shown:
            lines.append(f"  ... and {len(self.faults) - self.shown} more")
        super().__init__("\n".join(lines))


class AnnotationError(InputError):
    """Annotations that cannot be compared (unlike mask sizes, an object here and a classification there, ...)."""


class DataRowError(InputError):
    """Data rows of the two sides do not fit together."""


class LimitError(InputError):
    """Metric annotations exceed a limit of the platform."""


class LabelmetricsWarning(UserWarning):
    """Category of every warning of this package."""
