"""``diff``: what changed from one evaluation to another."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from labelmetrics.changes.figures import Counted, Part, figures
from labelmetrics.changes.lining_up import Lines, same_false_positives, same_truths
from labelmetrics.changes.objects import changes
from labelmetrics.changes.result import Diff
from labelmetrics.comparing.likeness import check_comparable
from labelmetrics.comparing.outcomes import Outcomes
from labelmetrics.comparing.population import Population
from labelmetrics.comparing.sides import Side
from labelmetrics.errors import SettingError
from labelmetrics.evaluation import Evaluation, load
from labelmetrics.formats.data_rows import diagonals
from labelmetrics.formats.gate_config import Slice, read_slices
from labelmetrics.kernels.batch import Bools, Floats, Ints
from labelmetrics.kernels.thresholds import match_rule, nearest_key
from labelmetrics.summary import OVERALL
from labelmetrics.words import counted, near

__all__ = ["diff"]

REMEDY = "evaluate(ground_truths, predictions_of_the_first), labelmetrics evaluate GROUND_TRUTHS PREDICTIONS"


def diff(
    before: Evaluation | str | Path,
    after: Evaluation | str | Path,
    *,
    iou: float | None = None,
    confidence: float | None = None,
    feature: str | None = None,
    slice: str | Collection[str] | None = None,
    slices: Mapping[str, Any] | str | Path | None = None,
    allow_unlike_settings: bool = False,
    resamples: int = 10_000,
    seed: int = 0,
) -> Diff:
    """Tell what changed from one evaluation to another of the same ground truth.

    Ground truths are lined up one by one: *fixed* was missed and is found, *broken* was found and is missed. A false
    positive that would match one of the other evaluation is the same one; else it is *new* or *gone*.

    Parameters
    ----------
    before, after : Evaluation or path
        The two.
    iou : float, optional
        One of their thresholds; the lowest unless given.
    confidence : float, optional
        One of the confidence keys of both; all predictions count unless given.
    feature : str, optional
        Only this feature.
    slice : str or collection of str, optional
        Only these data rows: the name of one of ``slices``, an expression over the table of data rows, or keys.
    slices : mapping or path, optional
        Slices whose changes are told, by name: an expression, a list of keys, or ``{"match": "a regular expression"}``;
        or a file with the configuration of a gate, which has them in ``[slices]``.
    allow_unlike_settings : bool, default False
        Whether the two may have been made with other settings.
    resamples : int, default 10000
        Number of resamples of the paired bootstrap over data rows, which makes the intervals.
    seed : int, default 0
        Its seed.

    Returns
    -------
    Diff
        Numbers of all features together, of each feature and of each slice, and the objects.

    Raises
    ------
    InputError
        An evaluation or the slices cannot be read.
    SettingMismatchError
        The two were made with other settings.
    SettingError
        The ground truth is not the same; or a threshold, confidence key, feature or slice does not exist.

    Notes
    -----
    Intervals are percentiles of the paired bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, 1993).

    Examples
    --------
    >>> import labelmetrics as lm
    >>> def label(*lefts):
    ...     boxes = [lm.ObjectAnnotation(name="cat", value=lm.Rectangle.from_xyhw(x, 0, 9, 9)) for x in lefts]
    ...     return [lm.Label(data=lm.ImageData(global_key="a"), annotations=boxes)]
    >>> found = diff(lm.evaluate(label(0, 20, 40), label(0, 20)), lm.evaluate(label(0, 20, 40), label(20, 40, 60)))
    >>> found.headline
    '1 fixed, 1 broken (net 0); false positives: 0 gone, 1 new (net +1)'
    """
    evaluations = _opened(before), _opened(after)
    sides = [
        Side.of(evaluation, name=name) for evaluation, name in zip(evaluations, _names(before, after), strict=True)
    ]
    notes = check_comparable(sides[1], sides[0], allow_unlike_settings=allow_unlike_settings, remedy=REMEDY)
    threshold = evaluations[1].manifest.settings.iou[0] if iou is None else iou
    population = Population.of([sides[1], sides[0]])
    places = population.places[::-1]
    only = [int(np.count_nonzero(~population.has(side))) for side in (1, 0)]
    if any(only):
        notes.append(f"{counted(only[0], 'data row')} only in {sides[1].name}, {only[1]:,} only in {sides[0].name}")
    features = sorted({name for one in evaluations for name in one.results.features})
    if feature is not None and feature not in features:
        raise SettingError(f"there is no feature {feature!r} in these evaluations{near(feature, features)}")
    outcomes = tuple(Outcomes.of(one, iou=threshold, confidence=confidence) for one in evaluations)
    known = {} if slices is None else read_slices(slices)
    keep = _members(population, known, slice)
    rows = [row.partition(":")[2] for row in population.rows]
    lines = _lines(evaluations, outcomes, threshold, rows, features, _diagonals(evaluations, places, len(rows)))
    counts = [
        _counted(one, threshold, confidence, place, features) for one, place in zip(evaluations, places, strict=True)
    ]
    code = None if feature is None else features.index(feature)
    whole = Part(name=OVERALL, members=keep, feature=code)
    lines = lines.take(whole.holds(lines.row, lines.feature))
    used = np.unique(np.concatenate([one.feature[whole.holds(one.row, one.feature)] for one in counts]))
    tables = [
        [whole],
        [Part(name=features[one], members=keep, feature=one) for one in used.tolist()],
        [Part(name=name, members=keep & population.members(one, None), feature=code) for name, one in known.items()],
    ]
    (overall,), by_feature, by_slice = figures(tables, counts[0], counts[1], lines, resamples=resamples, seed=seed)
    settings = evaluations[1].manifest.settings
    rule = match_rule(threshold, settings.matching)
    return Diff(
        before=sides[0].name,
        after=sides[1].name,
        match=rule,
        confidence=confidence,
        overall=overall,
        features=by_feature,
        slices=by_slice,
        objects=changes(lines, evaluations, threshold, f"changes, {rule}"),
        notes=notes,
    )


def _opened(source: Evaluation | str | Path) -> Evaluation:
    if isinstance(source, Evaluation):
        return source
    if not isinstance(source, str | Path):
        raise SettingError(f"evaluations, or paths of evaluation files, are compared, got {type(source).__name__}")
    return load(source)


def _names(before: Any, after: Any) -> list[str]:
    """What the evaluations are called: their files without the folder, unless that is the same."""
    if not isinstance(before, str | Path) or not isinstance(after, str | Path):
        return [
            Path(one).name if isinstance(one, str | Path) else what
            for one, what in ((before, "before"), (after, "after"))
        ]
    short = [Path(before).name, Path(after).name]
    return [str(before), str(after)] if short[0] == short[1] else short


def _members(population: Population, known: Mapping[str, Slice], slice: str | Collection[str] | None) -> Bools:
    """The data rows that the diff is about."""
    if slice is None:
        return np.ones(len(population.rows), bool)
    if isinstance(slice, str):
        if known and slice.isidentifier() and slice not in known:
            raise SettingError(f"there is no slice {slice!r}{near(slice, known)}")
        return population.members(known.get(slice, slice), None)
    return population.members([str(one) for one in slice], None)


def _lines(
    evaluations: tuple[Evaluation, ...],
    outcomes: tuple[Outcomes, ...],
    iou: float,
    rows: list[str],
    features: list[str],
    diagonals: Floats,
) -> Lines:
    """What happened to each object."""
    # Where overlaps are equal, the side that is named first chooses. The digests say which it is, so that it does not
    # matter which evaluation is called the first.
    by_digest = sorted((0, 1), key=lambda index: evaluations[index].manifest.digests.prediction)
    falses = same_false_positives(
        *(outcomes[index] for index in by_digest),
        iou=iou,
        settings=evaluations[1].manifest.settings,
        rows=rows,
        diagonals=diagonals,
    )
    before, after = outcomes
    shared = (falses[by_digest.index(0)], falses[by_digest.index(1)])
    return Lines.of((before, after), same_truths(before, after), shared, rows, features)


def _diagonals(evaluations: tuple[Evaluation, ...], places: list[Ints], n: int) -> Floats:
    """Diagonal of the image of each data row, by either evaluation."""
    found = np.full(n, np.nan)
    for evaluation, place in zip(evaluations, places, strict=True):
        found[place] = np.fmax(found[place], diagonals(evaluation.data_rows))
    return found


def _counted(evaluation: Evaluation, iou: float, confidence: float | None, place: Ints, features: list[str]) -> Counted:
    """Counts of an evaluation, by the data rows and features of both."""
    results = evaluation.results
    level = 0 if confidence is None else 1 + nearest_key(results.grid.keys, confidence)
    groups = results.by_feature
    counts = groups.counts(results.grid.thresholds.index(iou))[level][:, [0, 1, 3]]
    lookup = np.searchsorted(np.array(features, object), np.array(results.features, object))
    return Counted(row=place[groups.row], feature=lookup[groups.feature], counts=counts.astype(np.float64))
