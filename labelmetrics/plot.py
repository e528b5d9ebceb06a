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
from labelmetrics.drawing import (
    BLUE,
    GREY,
    STYLES,
    VERMILLION,
    axes_of,
    cell_size,
    entitle,
    legend,
    note,
    short,
    whole_numbers,
    write_counts,
)
from labelmetrics.errors import SettingError
from labelmetrics.formats.restored import coded, numbers
from labelmetrics.frame import shown
from labelmetrics.kernels.batch import Bools, Floats
from labelmetrics.kernels.thresholds import match_rule
from labelmetrics.words import near

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from labelmetrics.evaluation import Evaluation

__all__ = ["confidence", "confusion", "f1_curve", "features", "overlap", "precision_recall", "reliability"]

FEW = 12
"""Points of a curve up to which each is marked."""

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
    MissingPackageError
        matplotlib is not installed.

    Examples
    --------
    >>> import labelmetrics as lm
    >>> precision_recall(lm.evaluate([], [])).get_ylabel()
    'precision'
    """
    found = _curves(evaluation, feature, iou)
    ax = _axes(ax, "recall", "precision")
    for curve, (colour, dash) in zip(found, cycle(STYLES)):
        marker = "o" if len(curve.confidence) <= FEW else None  # of one point alone there is no line
        style: dict[str, Any] = {"color": colour, "linestyle": dash, "marker": marker, "markersize": 4}
        # Marks on the edge are drawn whole; a line without points would take the place of the whole figure.
        ax.plot(curve.recall, curve.precision, label=_label(curve), clip_on=bool(_missing(curve)), **style)
    return _finished(ax, found, feature, iou)


def f1_curve(evaluation: Evaluation, feature: Features = None, *, iou: float = 0.5, ax: Axes | None = None) -> Axes:
    """Draw F1 over the least confidence of the predictions that count, one line per feature; a dot is its maximum.

    Parameters and errors are those of :func:`precision_recall`.

    Examples
    --------
    >>> import labelmetrics as lm
    >>> f1_curve(lm.evaluate([], [])).get_ylabel()
    'F1'
    """
    found = _curves(evaluation, feature, iou)
    ax = _axes(ax, "confidence at least", "F1")
    for curve, (colour, dash) in zip(found, cycle(STYLES)):
        # Between two points, what counts is what stands at the higher one; below the lowest, all predictions.
        lowest = curve.f1[-1:]
        x, y = np.append(curve.confidence, np.zeros_like(lowest)), np.append(curve.f1, lowest)
        ax.step(x[::-1], y[::-1], where="pre", color=colour, linestyle=dash, label=_label(curve))
        best = curve.best
        if best.confidence is not None and best.f1 is not None:
            ax.plot(best.confidence, best.f1, "o", color=colour, clip_on=False)
    return _finished(ax, found, feature, iou)


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
    MissingPackageError
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
    ax.plot([0, 1], [0, 1], "--", color=GREY, label="as promised")
    said = "no predictions" if np.isnan(found.ece) else f"calibration error {found.ece:.3f}"
    entitle(ax, _name(feature), match_rule(iou, "coco"), said)
    legend(ax)
    return ax


def confusion(evaluation: Evaluation, *, iou: float | None = None, most: int = 20, ax: Axes | None = None) -> Axes:
    """Draw what ground truths were predicted as: coloured by the share of the row, with counts where there is room.

    Parameters
    ----------
    evaluation : Evaluation
        What was found.
    iou : float, optional
        Overlap that a match must exceed; the lowest threshold of the evaluation unless given. At least 0.1.
    most : int, default 20
        Most features: of more, those that are confused most; the others are counted together, and the title says so.
    ax : matplotlib Axes, optional
        Where to draw; new axes unless given.

    Raises
    ------
    SettingError
        The threshold is below 0.1, or ``most`` is less than 1.
    MissingPackageError
        matplotlib is not installed.

    Examples
    --------
    >>> import labelmetrics as lm
    >>> confusion(lm.evaluate([], [])).get_ylabel()
    'ground truth'
    """
    _check_least("most", most)
    table = evaluation.confusion_table(iou=iou)
    n_features = len(table.features) - 1
    table = table.grouped(most)
    counts, n = table.counts, len(table.features)
    side = min(max(0.36 * n + 2.2, 4.2), 12.0)
    ax = axes_of(ax, (side + 0.8, side))
    ax.set(xlabel="predicted as", ylabel="ground truth")
    rule = f"IoU > {table.threshold:g}"
    entitle(ax, rule, f"the {most} of {n_features:,} features that are confused most" if n_features > most else "")
    if not n_features:
        note(ax, "no objects (answers are not compared class by class)")
        ax.set(xticks=[], yticks=[])
        return ax
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    ax.figure.colorbar(image, ax=ax, label="share of the row", fraction=0.046, pad=0.03)
    size = min(9.0, max(0.85 * cell_size(ax, n), 4.0))
    labels = [short(name) for name in table.features]
    ax.set_xticks(range(n), labels, rotation=90, fontsize=size, parse_math=False)
    ax.set_yticks(range(n), labels, fontsize=size, parse_math=False)
    write_counts(ax, counts, share > 0.5)
    return ax


def features(
    evaluation: Evaluation,
    *,
    iou: float | None = None,
    confidence: float | None = None,
    nearest: bool = False,
    most: int = 30,
    ax: Axes | None = None,
) -> Axes:
    """Draw F1 of each feature as a bar, and precision and recall as marks on it; behind names the ground truths.

    Parameters
    ----------
    evaluation : Evaluation
        What was found.
    iou : float, optional
        One of the thresholds of the evaluation; the lowest unless given.
    confidence : float, optional
        One of the confidence keys; all predictions count unless given.
    nearest : bool, default False
        Whether a confidence between two keys takes the lower one instead of being an error.
    most : int, default 30
        Most features: of more, those with the most ground truths; the title says so.
    ax : matplotlib Axes, optional
        Where to draw; new axes unless given.

    Raises
    ------
    SettingError
        A threshold or confidence that was not evaluated, or ``most`` is less than 1.
    MissingPackageError
        matplotlib is not installed.

    Examples
    --------
    >>> import labelmetrics as lm
    >>> features(lm.evaluate([], [])).get_title(loc="left")
    'IoU > 0.5'
    """
    _check_least("most", most)
    summary = evaluation.summary(iou=iou, confidence=confidence, nearest=nearest)
    rows = sorted(summary.features, key=lambda row: (-row.ground_truths, row.feature))[:most]
    n, n_features, overall = len(rows), len(summary.features), summary.overall
    ax = axes_of(ax, (6.4, max(0.27 * n + 1.5, 2.4)))
    few = f"the {n} of {n_features:,} features with the most ground truths" if n_features > n else ""
    least = "" if summary.confidence is None else f"confidence >= {summary.confidence:g}"
    entitle(ax, summary.iou, least, few, loc="left", pad=22)
    if not n:
        note(ax, "no features")
        ax.set(xticks=[], yticks=[])
        return ax
    place = np.arange(n)
    values = {
        name: np.array([getattr(row, name) for row in rows], np.float64) for name in ("f1", "precision", "recall")
    }
    ax.barh(place, values["f1"], height=0.62, color="#9cc9e5", label="F1")
    ax.plot(values["precision"], place, ">", color="black", markersize=5, label="precision", clip_on=False)
    ax.plot(values["recall"], place, "o", color=VERMILLION, fillstyle="none", mew=1.5, label="recall", clip_on=False)
    labels = [f"{short(row.feature)} ({row.ground_truths:,})" for row in rows]
    ax.set_yticks(place, labels, parse_math=False)
    ax.tick_params(axis="y", length=0, pad=6)
    together = ", ".join(f"{name} {shown(getattr(overall, name.lower()))}" for name in ("F1", "precision", "recall"))
    ax.set(xlim=(0, 1), ylim=(n - 0.4, -0.6), xlabel=f"all features: {together}")
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.grid(axis="x", alpha=0.3)
    ax.set_axisbelow(True)
    legend(ax, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0)
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
    MissingPackageError
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
    unsaid = guesses.any() and np.isnan(numbers(found.table.column("confidence"))[guesses]).all()
    ax.set(xlabel="confidence (none was given: each counts as 1)" if unsaid else "confidence", ylabel="predictions")
    entitle(ax, _name(feature), rule)
    if guesses.any():
        legend(ax)
    else:
        note(ax, "no predictions")
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
    entitle(ax, _name(feature), rule)
    if not matched.any():
        note(ax, "no matches")
    return ax


def _axes(ax: Axes | None, xlabel: str, ylabel: str) -> Axes:
    """Axes of two numbers from 0 to 1."""
    ax = axes_of(ax)
    ax.set(xlabel=xlabel, ylabel=ylabel, xlim=(0, 1), ylim=(0, 1.02))
    ax.grid(alpha=0.3)
    return ax


def _name(feature: str | None) -> str:
    return "all features" if feature is None else short(feature)


def _curves(evaluation: Evaluation, feature: Features, iou: float) -> list[ConfidenceCurve]:
    names = [feature] if feature is None or isinstance(feature, str) else feature
    return [curves.precision_recall(evaluation, name, iou=iou) for name in names]


def _missing(curve: ConfidenceCurve) -> str:
    """Why a curve is empty, where it is."""
    if not len(curve.confidence):
        return "no predictions"
    return "" if curve.ground_truths else "no ground truths"


def _label(curve: ConfidenceCurve) -> str:
    return ": ".join(filter(None, (short(curve.feature), _missing(curve))))


def _finished(ax: Axes, found: list[ConfidenceCurve], feature: Features, iou: float) -> Axes:
    rule = match_rule(iou, "coco")
    if feature is None or isinstance(feature, str):
        entitle(ax, _name(feature), rule)
        note(ax, _missing(found[0]))
    else:
        entitle(ax, rule)
        legend(ax)
    return ax


def _check_least(name: str, number: int) -> None:
    if number < 1:
        raise SettingError(f"{name} must be at least 1, got {number!r}")


def _objects(evaluation: Evaluation, feature: str | None, iou: float | None, bins: int) -> tuple[Outcomes, Bools, str]:
    """The objects of an evaluation, which of them are of a feature, and what a match is."""
    features = evaluation.results.features
    if feature is not None and feature not in features:
        raise SettingError(f"there is no feature {feature!r} in this evaluation{near(feature, features)}")
    _check_least("bins", bins)
    settings = evaluation.manifest.settings
    threshold = settings.iou[0] if iou is None else iou
    found = Outcomes.of(evaluation, iou=threshold, confidence=None)
    names = coded(found.table.column("feature"))
    own = np.ones(len(names.codes), bool)
    if feature is not None:
        own = np.append(np.array([name == feature for name in names.values], bool), False)[names.codes]
    return found, own, match_rule(threshold, settings.matching)


def _histogram(ax: Axes | None, values: list[Floats], names: list[str], colours: list[str], bins: int) -> Axes:
    """Stacked bars over [0, 1]; hatches tell them apart as colours do."""
    ax = axes_of(ax)
    edges = np.linspace(0, 1, bins + 1).tolist()
    hatches = ["", "////"][: len(values)]
    style: dict[str, Any] = {"color": colours, "hatch": hatches, "edgecolor": "white", "linewidth": 0, "rwidth": 0.92}
    ax.hist(values, edges, stacked=True, label=names, **style)
    ax.set(xlim=(0, 1), ylim=(0, max(ax.get_ylim()[1], 1)))
    whole_numbers(ax)
    ax.grid(axis="y", alpha=0.3)
    ax.set_axisbelow(True)
    return ax
