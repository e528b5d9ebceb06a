"""Figures of an evaluation with matplotlib: each function draws into axes and returns them.

Needs matplotlib (``pip install 'labelmetrics[plot]'``). Colours are those of Okabe and Ito, which people tell apart
whatever colours they see.

>>> import labelmetrics as lm
>>> box = lm.ObjectAnnotation(name="cat", value=lm.Rectangle.from_xyhw(0, 0, 9, 9), confidence=0.9)
>>> label = lm.Label(data=lm.ImageData(uid="a"), annotations=[box])
>>> lm.plot.precision_recall(lm.evaluate([label], [label])).get_xlabel()
'recall'
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from labelmetrics import curves
from labelmetrics.comparing.outcomes import FP, OUTCOMES, TP, Outcomes
from labelmetrics.curves import ConfidenceCurve
from labelmetrics.errors import SettingError
from labelmetrics.formats.restored import coded, numbers
from labelmetrics.kernels.batch import Bools, Floats
from labelmetrics.kernels.thresholds import match_rule
from labelmetrics.words import near

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from labelmetrics.evaluation import Evaluation

__all__ = ["confidence", "confusion", "f1_curve", "overlap", "precision_recall", "reliability"]

BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9"
STYLES = [(colour, dash) for dash in ("-", "--", ":") for colour in (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY)]

Features = str | Sequence[str] | None


def precision_recall(
    evaluation: Evaluation, feature: Features = None, *, iou: float = 0.5, ax: Axes | None = None
) -> Axes:
    """Draw precision over recall, one line per feature.

    Parameters
    ----------
    evaluation : Evaluation
        What was found.
    feature : str or sequence of str, optional
        Features, a line each; one line for all together unless given.
    iou : float, default 0.5
        Overlap that matches must reach.
    ax : matplotlib Axes, optional
        Where to draw; new axes unless given.

    Raises
    ------
    SettingError
        An unknown feature, or an overlap outside (0, 1).
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> import labelmetrics as lm
    >>> precision_recall(lm.evaluate([], [])).get_ylabel()
    'precision'
    """
    ax = _axes(ax, "recall", "precision")
    for curve, style in _curves(evaluation, feature, iou):
        ax.plot(curve.recall, curve.precision, label=curve.feature, **style)
    return _finished(ax, feature)


def f1_curve(evaluation: Evaluation, feature: Features = None, *, iou: float = 0.5, ax: Axes | None = None) -> Axes:
    """Draw F1 over the least confidence of the predictions that count, one line per feature; a dot is its maximum.

    Parameters and errors are those of :func:`precision_recall`.

    Examples
    --------
    >>> import labelmetrics as lm
    >>> f1_curve(lm.evaluate([], [])).get_ylabel()
    'F1'
    """
    ax = _axes(ax, "confidence at least", "F1")
    for curve, style in _curves(evaluation, feature, iou):
        # Between two points, what counts is what stands at the higher one.
        ax.step(curve.confidence, curve.f1, where="pre", label=curve.feature, **style)
        if np.nan_to_num(curve.f1).any():
            best = int(np.nanargmax(curve.f1))
            ax.plot(curve.confidence[best], curve.f1[best], "o", color=style["color"])
    return _finished(ax, feature)


def reliability(
    evaluation: Evaluation,
    feature: str | None = None,
    *,
    iou: float = 0.5,
    bins: int = 10,
    ax: Axes | None = None,
) -> Axes:
    """Draw the share of predictions that are right over their confidence.

    Parameters
    ----------
    evaluation : Evaluation
        What was found.
    feature : str, optional
        Its name; all features together unless given.
    iou : float, default 0.5
        Overlap that matches must reach.
    bins : int, default 10
        Number of bins of equal width.
    ax : matplotlib Axes, optional
        Where to draw; new axes unless given.

    Raises
    ------
    SettingError
        An unknown feature, an overlap outside (0, 1), or fewer than one bin.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> import labelmetrics as lm
    >>> reliability(lm.evaluate([], [])).get_xlabel()
    'confidence'
    """
    found = curves.calibration(evaluation, feature, iou=iou, bins=bins)
    ax = _axes(ax, "confidence", "share that is right")
    known = found.count > 0
    # Stronger where there are more predictions.
    alpha = 0.25 + 0.65 * np.sqrt(found.count[known] / max(found.count.max(), 1))
    ax.bar(
        found.edges[:-1][known],
        found.precision[known],
        np.diff(found.edges)[known],
        align="edge",
        color=[(BLUE, one) for one in alpha.tolist()],
        edgecolor="white",
    )
    ax.plot([0, 1], [0, 1], "--", color="0.4", label="as promised")
    if not np.isnan(found.ece):
        _title(ax, f"{feature or 'all features'}, calibration error {found.ece:.3f}")
    ax.legend(frameon=False)
    return ax


def confusion(evaluation: Evaluation, *, iou: float | None = None, most: int = 20, ax: Axes | None = None) -> Axes:
    """Draw what ground truths were predicted as: counts, coloured by their share of the row.

    Parameters
    ----------
    evaluation : Evaluation
        What was found.
    iou : float, optional
        Overlap that a match must exceed; the lowest threshold of the evaluation unless given. At least 0.1.
    most : int, default 20
        Most classes: of more, those that are confused most, the background aside.
    ax : matplotlib Axes, optional
        Where to draw; new axes unless given.

    Raises
    ------
    SettingError
        The threshold is below 0.1, or ``most`` is less than 1.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> import labelmetrics as lm
    >>> confusion(lm.evaluate([], [])).get_ylabel()
    'ground truth'
    """
    if most < 1:
        raise SettingError(f"most must be at least 1, got {most!r}")
    table = evaluation.confusion_table(iou=iou)
    between = table.counts[:-1, :-1] - np.diag(np.diag(table.counts[:-1, :-1]))
    confused = between.sum(axis=0) + between.sum(axis=1)
    kept = np.sort(np.argsort(-confused, kind="stable")[:most])
    shown = np.append(kept, len(table.features) - 1)
    counts = table.counts[np.ix_(shown, shown)]
    share = counts / np.maximum(table.counts[shown].sum(axis=1, keepdims=True), 1)
    ax = _new_axes() if ax is None else ax
    ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.argwhere(counts).tolist():
        colour = "white" if share[row, column] > 0.5 else "black"
        ax.text(column, row, f"{counts[row, column]:,}", ha="center", va="center", color=colour, fontsize="small")
    names = [table.features[one] for one in shown]
    ax.set_xticks(range(len(names)), names, rotation=90, parse_math=False)
    ax.set_yticks(range(len(names)), names, parse_math=False)
    ax.set(xlabel="predicted as", ylabel="ground truth", title=f"IoU > {table.threshold:g}")
    return ax


def confidence(
    evaluation: Evaluation,
    feature: str | None = None,
    *,
    iou: float | None = None,
    bins: int = 20,
    ax: Axes | None = None,
) -> Axes:
    """Draw how the confidences of right and of wrong predictions are distributed.

    Parameters
    ----------
    evaluation : Evaluation
        What was found.
    feature : str, optional
        Its name; all features together unless given.
    iou : float, optional
        One of the thresholds of the evaluation; the lowest unless given.
    bins : int, default 20
        Number of bins of equal width.
    ax : matplotlib Axes, optional
        Where to draw; new axes unless given.

    Raises
    ------
    SettingError
        An unknown feature, a threshold that was not evaluated, or fewer than one bin.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> import labelmetrics as lm
    >>> confidence(lm.evaluate([], [])).get_xlabel()
    'confidence'
    """
    found, own, rule = _objects(evaluation, feature, iou, bins)
    guesses = own & ~found.is_truth
    values = [found.score[guesses & (found.outcome == OUTCOMES.index(one))] for one in (TP, FP)]
    ax = _histogram(ax, values, ["right", "wrong"], [BLUE, VERMILLION], bins)
    ax.set(xlabel="confidence", ylabel="predictions")
    _title(ax, f"{feature or 'all features'}, {rule}")
    ax.legend(frameon=False)
    return ax


def overlap(
    evaluation: Evaluation,
    feature: str | None = None,
    *,
    iou: float | None = None,
    bins: int = 20,
    ax: Axes | None = None,
) -> Axes:
    """Draw how the overlaps of matches are distributed.

    Parameters and errors are those of :func:`confidence`.

    Examples
    --------
    >>> import labelmetrics as lm
    >>> overlap(lm.evaluate([], [])).get_xlabel()
    'overlap'
    """
    found, own, rule = _objects(evaluation, feature, iou, bins)
    matched = own & ~found.is_truth & (found.outcome == OUTCOMES.index(TP))
    ax = _histogram(ax, [numbers(found.table.column("overlap"))[matched]], ["matches"], [BLUE], bins)
    ax.set(xlabel="overlap", ylabel="matches")
    _title(ax, f"{feature or 'all features'}, {rule}")
    return ax


def _new_axes() -> Axes:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError("matplotlib is not installed: pip install 'labelmetrics[plot]'") from error
    return pyplot.subplots(layout="constrained")[1]


def _axes(ax: Axes | None, xlabel: str, ylabel: str) -> Axes:
    """Axes of two numbers from 0 to 1."""
    ax = _new_axes() if ax is None else ax
    ax.set(xlabel=xlabel, ylabel=ylabel, xlim=(0, 1), ylim=(0, 1.02))
    ax.grid(alpha=0.3)
    return ax


def _title(ax: Axes, text: str) -> None:
    # A name may hold a dollar sign, which stands for no formula.
    ax.set_title(text, parse_math=False)


def _curves(evaluation: Evaluation, feature: Features, iou: float) -> list[tuple[ConfidenceCurve, dict[str, Any]]]:
    """The curves that are asked for, with their styles."""
    names = [feature] if feature is None or isinstance(feature, str) else feature
    return [
        (curves.precision_recall(evaluation, name, iou=iou), {"color": colour, "linestyle": dash})
        for name, (colour, dash) in zip(names, cycle(STYLES))
    ]


def _finished(ax: Axes, feature: Features) -> Axes:
    if isinstance(feature, str) or feature is None:
        _title(ax, feature or "all features")
    else:
        for text in ax.legend(frameon=False).get_texts():
            text.set_parse_math(False)
    return ax


def _objects(evaluation: Evaluation, feature: str | None, iou: float | None, bins: int) -> tuple[Outcomes, Bools, str]:
    """The objects of an evaluation, which of them are of a feature, and what a match is."""
    features = evaluation.results.features
    if feature is not None and feature not in features:
        raise SettingError(f"there is no feature {feature!r} in this evaluation{near(feature, features)}")
    if bins < 1:
        raise SettingError(f"bins must be at least 1, got {bins!r}")
    settings = evaluation.manifest.settings
    threshold = settings.iou[0] if iou is None else iou
    found = Outcomes.of(evaluation, iou=threshold, confidence=None)
    names = coded(found.table.column("feature"))
    own = np.ones(len(names.codes), bool)
    if feature is not None:
        own = np.append(np.array([name == feature for name in names.values], bool), False)[names.codes]
    return found, own, match_rule(threshold, settings.matching)


def _histogram(ax: Axes | None, values: list[Floats], names: list[str], colours: list[str], bins: int) -> Axes:
    """Stacked bars over [0, 1]."""
    ax = _new_axes() if ax is None else ax
    ax.hist(values, bins=np.linspace(0, 1, bins + 1).tolist(), stacked=True, label=names, color=colours, rwidth=0.92)
    ax.set_xlim(0, 1)
    ax.grid(axis="y", alpha=0.3)
    ax.set_axisbelow(True)
    return ax
