"""Metrics of a training over its epochs or steps, drawn with matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from labelmetrics.drawing import BLUE, GREEN, VERMILLION, axes_of, entitle, grid_of, legend, note, short
from labelmetrics.errors import SettingError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from labelmetrics.streaming.recording.history import History, Split

__all__ = ["draw_history"]

LINES: dict[str, dict[str, Any]] = {
    "train": {"color": BLUE, "linestyle": "-"},
    "valid": {"color": VERMILLION, "linestyle": "--"},
    "test": {"color": GREEN, "linestyle": ":"},
}
FEW = 30
"""Points of a line up to which each is marked."""
COLUMNS = 3


def draw_history(history: History, names: str | Sequence[str] | None, by: str, ax: Axes | None) -> Axes | list[Axes]:
    """What :meth:`History.plot` gives."""
    if by not in ("epoch", "step"):
        raise SettingError(f"by must be epoch or step, got {by!r}")
    if isinstance(names, str):
        one = axes_of(ax)
        _draw(one, history, names, by)
        return one
    listed = history.names() if names is None else list(names)
    if not listed:
        raise SettingError("there is no metric with numbers to draw")
    if ax is not None:
        if len(listed) != 1:
            raise SettingError(f"ax is where one metric is drawn; name one of {', '.join(listed)}")
        _draw(axes_of(ax), history, listed[0], by)
        return [ax]
    found = grid_of(len(listed), COLUMNS, (4.2, 3.1))
    for one, name in zip(found, listed, strict=True):
        _draw(one, history, name, by)
    return found


def _draw(ax: Axes, history: History, name: str, by: str) -> None:
    history._split_of(name, None)
    for split in history.splits:
        if name not in history.names(split):
            continue
        if by == "epoch":
            values = history.values(name, split)
            x, y = np.array(list(values), float), np.array(list(values.values()), float)
        else:
            x, y = _over_steps(history, name, split)
        known = np.isfinite(y)
        if known.any():
            marker = "o" if known.sum() <= FEW else None
            ax.plot(x, np.where(known, y, np.nan), label=split, marker=marker, markersize=3.5, **LINES[split])
    if not ax.lines:
        note(ax, "no epoch has ended" if by == "epoch" else "no numbers")
    elif by == "epoch":
        _mark_best(ax, history, name)
        from matplotlib.ticker import MaxNLocator

        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.set_xlabel("epoch")
    ax.spines[["top", "right"]].set_visible(False)
    facts = history.facts.get(name)
    entitle(ax, short(name) + (f" [{facts.unit}]" if facts and facts.unit else ""))
    legend(ax)


def _over_steps(history: History, name: str, split: Split) -> tuple[Any, Any]:
    """Values of steps over parts of epochs, so that splits of unlike lengths lie over each other."""
    x: list[Any] = []
    y: list[float] = []
    for epoch in history.epochs:
        steps = history.steps(name, split, epoch)
        x.extend(epoch - 1 + (np.arange(len(steps)) + 1) / max(len(steps), 1))
        y.extend(numeric.value for numeric in steps)
    return np.array(x), np.array(y)


def _mark_best(ax: Axes, history: History, name: str) -> None:
    if history.higher_is_better(name) is None:
        return
    best = history._best(name, None)
    if best is not None:
        value = history.values(name)[best]
        ax.plot(best, value, "o", markersize=9, fillstyle="none", color="0.3", label=f"best: epoch {best}")
