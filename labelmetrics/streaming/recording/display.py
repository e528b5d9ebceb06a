"""What is shown while a training runs: a dashboard on a terminal, else a line for each epoch."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from labelmetrics.errors import SettingError
from labelmetrics.streaming.recording.entries import MetricEntry, Progress, as_text, numbers_of
from labelmetrics.streaming.recording.history import History

__all__ = ["Display", "Shown", "clock_text", "display_for"]

SHOWS = ("auto", "dashboard", "lines", "none")


@dataclass(frozen=True, slots=True)
class Shown:
    """What there is to show: where the training is, and what its metrics say."""

    name: str | None
    epoch: int
    epochs: int | None
    split: str
    progress: Mapping[str, Progress]
    latest: Mapping[str, Mapping[str, MetricEntry]]
    history: History
    precision: int
    seconds: float
    left: float | None

    @property
    def place(self) -> str:
        """Which epoch of how many."""
        return f"epoch {self.epoch}" + (f" of {self.epochs}" if self.epochs else "")


class Display(Protocol):
    """Something that shows a training."""

    def step(self, shown: Shown) -> None:
        """After a step."""

    def end_epoch(self, shown: Shown) -> None:
        """After an epoch."""

    def close(self) -> None:
        """At the end."""


def clock_text(seconds: float) -> str:
    """A duration.

    >>> clock_text(75), clock_text(3675)
    ('1:15', '1:01:15')
    """
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


class _Nothing:
    def step(self, shown: Shown) -> None:
        pass

    def end_epoch(self, shown: Shown) -> None:
        pass

    def close(self) -> None:
        pass


class _Lines(_Nothing):
    """A line for each epoch, and what should be known beside the numbers once."""

    def __init__(self) -> None:
        self._noted: set[str] = set()

    def end_epoch(self, shown: Shown) -> None:
        parts = [f"{shown.name}: {shown.place}" if shown.name else shown.place]
        for split in shown.history.splits:
            numbers = {
                key: value
                for name, result in shown.history.results(shown.epoch, split).items()
                for key, value in numbers_of(name, result).items()
            }
            if numbers:
                parts.append(f"{split} " + " ".join(f"{k} {as_text(v, shown.precision)}" for k, v in numbers.items()))
        print(" | ".join(parts), flush=True)
        for note in shown.history.notes():
            about = note.partition(":")[0]
            if about not in self._noted:
                self._noted.add(about)
                print(f"note: {note}", flush=True)


def display_for(show: Any) -> Display:
    """The display that is asked for.

    Raises
    ------
    SettingError
        There is no such display.
    """
    if show not in SHOWS:
        raise SettingError(f"show must be one of {', '.join(SHOWS)}; got {show!r}")
    if show == "auto":
        show = "dashboard" if sys.stdout.isatty() else "lines"
    if show == "dashboard":
        from labelmetrics.streaming.recording.dashboard import Dashboard

        return Dashboard()
    return _Lines() if show == "lines" else _Nothing()
