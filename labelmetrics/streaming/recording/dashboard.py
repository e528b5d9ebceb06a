"""A training on the terminal: progress, metrics of all splits, and how they went from epoch to epoch."""

from __future__ import annotations

import atexit
import math
import time
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from labelmetrics.streaming.recording.display import Shown, clock_text
from labelmetrics.streaming.recording.entries import as_text
from labelmetrics.streaming.recording.history import SPLITS, Split

__all__ = ["Dashboard", "sparkline"]

BARS = "▁▂▃▄▅▆▇█"
SECONDS = 0.2
"""Between two pictures, at least."""
LONGEST = 24
"""Epochs of a sparkline."""


def sparkline(values: Sequence[float], width: int = LONGEST) -> str:
    """The last values as bars between their least and greatest.

    >>> sparkline([0, 1, 2, 3]), sparkline([1, 1]), sparkline([0, float("nan"), 1])
    ('▁▃▆█', '▄▄', '▁ █')
    """
    last = values[-width:]
    known = [value for value in last if math.isfinite(value)]
    if not known:
        return " " * len(last)
    low, high = min(known), max(known)
    if low == high:
        return "".join("▄" if math.isfinite(value) else " " for value in last)
    top = len(BARS) - 1
    return "".join(BARS[round((value - low) / (high - low) * top)] if math.isfinite(value) else " " for value in last)


class Dashboard:
    """Shows a training live on a terminal, and leaves its last picture there."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._live: Live | None = None
        self._shown: Shown | None = None
        self._drawn = -math.inf

    def step(self, shown: Shown) -> None:
        """Draw, unless the last picture is young."""
        self._shown = shown
        if time.monotonic() - self._drawn >= SECONDS:
            self._draw()

    def end_epoch(self, shown: Shown) -> None:
        """Draw."""
        self._shown = shown
        self._draw()

    def _draw(self) -> None:
        if self._shown is None:
            return
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
            atexit.register(self.close)  # else a program that ends in between leaves a terminal without a cursor
        self._live.update(picture(self._shown, self._console.width), refresh=True)
        self._drawn = time.monotonic()

    def close(self) -> None:
        """Draw for the last time, and give the terminal back."""
        if self._live is not None:
            self._draw()
            self._live.stop()
            self._live = None
            atexit.unregister(self.close)


def picture(shown: Shown, width: int = 80) -> RenderableType:
    """What a terminal of this width shows."""
    head = Text.assemble(
        (f"{shown.name}  " if shown.name else "", "bold"),
        shown.place,
        (f"   {clock_text(shown.seconds)}", "dim"),
        (f", about {clock_text(shown.left)} left" if shown.left is not None else "", "dim"),
    )
    parts: list[RenderableType] = [head, _progress(shown), _metrics(shown, width)]
    parts += [Text(f"note: {note}", style="yellow") for note in shown.history.notes()]
    return Panel(Group(*parts), box=box.ROUNDED, border_style="dim", padding=(0, 1))


def _progress(shown: Shown) -> Table:
    table = Table.grid(padding=(0, 1))
    for split, progress in shown.progress.items():
        bar: RenderableType = Text("")
        if progress.total:
            bar = ProgressBar(total=progress.total, completed=min(progress.items, progress.total), width=30)
        of = f" of {progress.total:,}" if progress.total else ""
        steps = f"step {progress.items:,}{of}"
        table.add_row(Text(split, style="bold" if split == shown.split else "dim"), bar, Text(steps, style="dim"))
    return table


def _metrics(shown: Shown, width: int) -> Table:
    """A row for each metric; a terminal that is narrow leaves the step and the course out."""
    history = shown.history
    splits = [split for split in SPLITS if split in {*history.splits, *shown.latest}]
    has_course, has_step = width >= 70, width >= 50 + 12 * len(splits)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, header_style="bold", show_edge=False)
    table.add_column("metric", no_wrap=True, overflow="ellipsis", max_width=max(12, width // 3))
    for split in splits:
        table.add_column(split, justify="right", no_wrap=True)
        if has_step and split in shown.latest:
            table.add_column("step", justify="right", style="dim", no_wrap=True)
    table.add_column("best", justify="right", no_wrap=True)
    if has_course:
        table.add_column("by epoch", no_wrap=True)
    names = dict.fromkeys([*history.names(), *(name for its in shown.latest.values() for name in its)])
    for name in names:
        facts = history.facts.get(name)
        unit = f" {facts.unit}" if facts and facts.unit else ""
        cells: list[Any] = [Text(name).append(unit, style="dim")]
        for split in splits:
            entry = shown.latest.get(split, {}).get(name)
            numeric = None if entry is None else entry.numeric
            if numeric is not None:
                cells.append(as_text(numeric.running_value, shown.precision))
            else:  # of the epoch before, until this one has something to say
                cells.append(Text(_last(shown, name, split), style="dim"))
            if has_step and split in shown.latest:
                cells.append("" if numeric is None else as_text(numeric.value, shown.precision))
        cells.append(_best(shown, name))
        if has_course:
            cells.append(_course(shown, name))
        table.add_row(*cells)
    return table


def _values(shown: Shown, name: str, split: Split | None) -> dict[int, float]:
    if name not in shown.history.names(split):
        return {}
    return shown.history.values(name, split)


def _last(shown: Shown, name: str, split: Split) -> str:
    values = list(_values(shown, name, split).values())
    return as_text(values[-1], shown.precision) if values else ""


def _best(shown: Shown, name: str) -> Text:
    if shown.history.higher_is_better(name) is None:
        return Text("")
    best = shown.history._best(name, None)
    if best is None:
        return Text("")
    value = as_text(_values(shown, name, None)[best], shown.precision)
    return Text(value).append(f" ({best})", style="dim")


def _course(shown: Shown, name: str) -> Text:
    return Text(sparkline(list(_values(shown, name, None).values())), style="cyan")
