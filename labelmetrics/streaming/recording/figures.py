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
STEPS = {"linestyle": "-", "linewidth": 0.8, "alpha": 0.4}
"""Of the values of single steps, which scatter: behind the line of the epochs."""
FEW = 30
"""Points of a line up to which each is marked."""
COLUMNS = 3


def draw_history(history: History, names: str | Sequence[str] | None, by: str, ax: Axes | None) -> Axes | list[Axes]:
    """What :meth:`History.plot` gives."""
    if by not in ("epoch", "step"):
        raise SettingError(f"by must be epoch or step, got {by!r}")
    listed = [names] if isinstance(names, str) else history.names() if names is None else list(names)
    if not listed:
        raise SettingError("there is no metric with numbers to draw")
    for name in listed:
        history._split_of(name, None)
    if len(listed) > 1 and ax is not None:
        raise SettingError(f"ax is where one metric is drawn; name one of {', '.join(listed)}")
    if len(listed) == 1:
        found = [axes_of(ax)]
        _draw(found[0], history, listed[0], by)
        legend(found[0], frameon=True, framealpha=0.8, edgecolor="none")
    else:
        found = grid_of(len(listed), COLUMNS, (4.2, 3.1))
        for one, name in zip(found, listed, strict=True):
            _draw(one, history, name, by)
        _legend_of_all(found)
    return found[0] if isinstance(names, str) else found


def _draw(ax: Axes, history: History, name: str, by: str) -> None:
    splits = [split for split in history.splits if name in history.names(split)]
    for split in splits:
        values = history.values(name, split)
        style = dict(LINES[split])
        epochs, finals = np.array(list(values), float), np.array(list(values.values()), float)
        if by == "epoch":
            marker = "o" if np.isfinite(finals).sum() <= FEW else None
            _line(ax, epochs, finals, label=split, marker=marker, markersize=3.5, **style)
        else:
            steps_style = STEPS if values else {**STEPS, "label": split}  # else the line of the epochs has the label
            _line(ax, *_over_steps(history, name, split), **{**style, **steps_style})
            spans = np.stack([epochs - 1, epochs], axis=1).ravel()
            _line(ax, spans, finals.repeat(2), label=split, **style)
    best = history._best(name, None) if history.higher_is_better(name) is not None else None
    if not ax.lines:
        note(ax, "NaN throughout" if by == "step" or history.finished else "no epoch has ended")
        ax.set(xticks=[], yticks=[])
    elif best is not None:
        value, at = history.values(name)[best], best if by == "epoch" else best - 0.5
        ax.plot(at, value, "o", markersize=9, fillstyle="none", color="0.3", label="best epoch")
    if ax.lines and by == "epoch":
        from matplotlib.ticker import MaxNLocator

        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.set_xlabel("epoch" if by == "epoch" else "epochs done")
    ax.spines[["top", "right"]].set_visible(False)
    facts = history.facts.get(name)
    unit = f" [{facts.unit}]" if facts and facts.unit else ""
    entitle(ax, short(name) + unit, "" if best is None else f"best epoch {best}")


def _line(ax: Axes, x: Any, y: Any, **style: Any) -> None:
    """A line with a gap where values are missing; none where all are."""
    known = np.isfinite(y)
    if known.any():
        ax.plot(x, np.where(known, y, np.nan), **style)


def _over_steps(history: History, name: str, split: Split) -> tuple[Any, Any]:
    """Values of steps over parts of epochs, so that splits of unlike lengths lie over each other."""
    x: list[Any] = []
    y: list[float] = []
    for epoch in history.epochs:
        steps = history.steps(name, split, epoch)
        x.extend(epoch - 1 + (np.arange(len(steps)) + 1) / max(len(steps), 1))
        y.extend(numeric.value for numeric in steps)
    return np.array(x), np.array(y)


def _legend_of_all(axes: Sequence[Axes]) -> None:
    """One legend above all plots, which would hide lines in each."""
    handles: dict[str, Any] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    order = [*(split for split in LINES if split in handles), *(label for label in handles if label not in LINES)]
    if order and (figure := axes[0].get_figure(root=True)):
        wanted = [handles[label] for label in order]
        figure.legend(wanted, order, loc="outside upper center", ncols=len(order), frameon=False)
