"""``report``: an evaluation as one HTML file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from labelmetrics.comparing.likeness import check_comparable
from labelmetrics.comparing.sides import Side
from labelmetrics.errors import SettingError
from labelmetrics.evaluation import Evaluation, load
from labelmetrics.formats.output import write_chunks
from labelmetrics.frame import shown
from labelmetrics.kernels.thresholds import match_rule
from labelmetrics.reporting.figures import best_level, figures
from labelmetrics.reporting.gallery import LETTERS, gallery
from labelmetrics.reporting.levels import OTHER, Levels, positions
from labelmetrics.reporting.matrix import matrix
from labelmetrics.reporting.page import page
from labelmetrics.reporting.pictures import Pictures
from labelmetrics.words import counted

__all__ = ["HtmlReport", "report"]

FEATURES = 250
"""Most features that are told apart: those with fewest annotations are put together."""
REMEDY = "labelmetrics evaluate GROUND_TRUTHS PREDICTIONS_OF_THE_BASELINE"


class HtmlReport:
    """A page that shows an evaluation; notebooks show it in a frame.

    Parameters
    ----------
    html : str
        The page, which needs nothing else.
    title : str
        Its title.

    Examples
    --------
    >>> HtmlReport("<!doctype html><p>all is well", "Cats").title
    'Cats'
    """

    def __init__(self, html: str, title: str) -> None:
        self.html, self.title = html, title

    def save(self, path: str | Path) -> None:
        """Write the page to a file.

        Raises
        ------
        InputError
            The file cannot be written.
        """
        write_chunks(path, [self.html.encode("utf-8", "replace")])

    def __repr__(self) -> str:
        return f"<HtmlReport {self.title!r}, {len(self.html) / 1e6:.1f} MB>"

    def _repr_html_(self) -> str:
        return (
            f'<iframe title="{escape(self.title)}" srcdoc="{escape(self.html)}" sandbox="allow-scripts" '
            'style="width: 100%; height: 48rem; border: 1px solid #8888; border-radius: 6px"></iframe>'
        )


def report(
    evaluation: Evaluation | str | Path,
    *,
    baseline: Evaluation | str | Path | None = None,
    images: str | Path | None = None,
    title: str | None = None,
    iou: float | None = None,
    sample: int = 20_000,
    allow_unlike_settings: bool = False,
    seed: int = 0,
) -> HtmlReport:
    """Make a page that explores an evaluation, in one file that opens without a network.

    A slider sets the least confidence of the predictions that count, and all figures follow: precision, recall and F1
    with intervals, features, class by class, distributions, reasons for errors, the worst data rows and suspected label
    errors, and the change against a baseline.

    Parameters
    ----------
    evaluation : Evaluation or path
        What was found.
    baseline : Evaluation or path, optional
        Another run on the same ground truth, to compare with.
    images : path, optional
        Folder of the images of data rows, found by media path or key; small copies of those that are drawn are put into
        the page.
    title : str, optional
        Heading of the page.
    iou : float, optional
        One of the thresholds; the lowest unless given.
    sample : int, default 20000
        Most data rows; of more, so many are drawn at random, and the page says so.
    allow_unlike_settings : bool, default False
        Whether the baseline may have been made with other settings.
    seed : int, default 0
        Seed of the intervals and of the sample.

    Returns
    -------
    HtmlReport
        The page; ``save`` writes it.

    Raises
    ------
    InputError
        An evaluation cannot be read.
    SettingError
        A threshold that was not evaluated, no data rows, a sample of none, another ground truth, or a folder that is
        not there.
    SettingMismatchError
        The baseline was made with other settings.

    Notes
    -----
    Intervals are 95 % percentiles of the bootstrap over data rows, paired where there is a baseline (Efron and
    Tibshirani, An Introduction to the Bootstrap, 1993).

    Examples
    --------
    >>> import labelmetrics as lm
    >>> box = lm.ObjectAnnotation(name="cat", value=lm.Rectangle.from_xyhw(0, 0, 9, 9))
    >>> label = lm.Label(data=lm.ImageData(global_key="a"), annotations=[box])
    >>> report(lm.evaluate([label], [label]), title="Cats").html.count("<h1>Cats</h1>")
    1
    """
    if sample < 1:
        raise SettingError(f"sample must be at least 1, got {sample!r}")
    pictures = Pictures(images)
    run, name = _opened(evaluation)
    other, other_name = (None, None) if baseline is None else _opened(baseline)
    if not run.results.rows:
        raise SettingError("an evaluation without data rows has nothing to report")
    threshold = run.manifest.settings.iou[0] if iou is None else iou
    notes: list[str] = []
    if other is not None:
        sides = [Side.of(run, name=name or "the run"), Side.of(other, name=other_name or "the baseline")]
        notes = check_comparable(*sides, allow_unlike_settings=allow_unlike_settings, remedy=REMEDY) + _apart(*sides)
    heading, settings = title or name or "Evaluation", run.manifest.settings
    if len(run.results.rows) > sample:
        notes.insert(0, _sample_note(run, sample, threshold))
        run = _sampled(run, sample, seed)
    features = _features([run] if other is None else [run, other])
    if OTHER in features:
        notes.append(f"the {FEATURES} features with most annotations are told apart, all others are put together")
    said = _said(run, other, features, pictures, threshold, seed)
    if pictures.left_out:
        notes.append(f"{counted(pictures.left_out, 'image')} left out, to keep this file small")
    said |= {
        "title": heading,
        "baseline": None if other is None else other_name or "the baseline",
        "match": match_rule(threshold, settings.matching),
        "matching": settings.matching,
        "dataRows": len(run.results.rows),
        "notes": notes,
        "settings": {key: _shown(value) for key, value in settings.model_dump().items() if value is not None},
        "letters": LETTERS,
    }
    return HtmlReport(page(heading, said), heading)


def _opened(source: Evaluation | str | Path) -> tuple[Evaluation, str | None]:
    return (source, None) if isinstance(source, Evaluation) else (load(source), Path(source).stem)


def _apart(run: Side, other: Side) -> list[str]:
    """What to know about data rows that only one of two runs has."""
    only = [len({*one.rows} - {*another.rows}) for one, another in ((run, other), (other, run))]
    if not any(only):
        return []
    return [f"{counted(only[0], 'data row')} only in {run.name}, {only[1]:,} only in {other.name} and not looked at"]


def _sample_note(run: Evaluation, sample: int, iou: float) -> str:
    """That there is a sample, and what the numbers of all data rows are."""
    whole = run.summary(iou=iou).overall
    names = {"precision": whole.precision, "recall": whole.recall, "F1": whole.f1}
    numbers = ", ".join(f"{name} {shown(value)}" for name, value in names.items())
    return (
        f"all figures are of {sample:,} data rows drawn at random from {counted(len(run.results.rows), 'data row')}, "
        f"which have a {numbers} with all predictions"
    )


def _sampled(run: Evaluation, sample: int, seed: int) -> Evaluation:
    """A part of the evaluation that a page can hold."""
    rows = run.results.rows
    keep = np.sort(np.random.default_rng(seed).choice(len(rows), sample, replace=False))
    return run.slice([f"{run.key_kind}:{rows[one]}" for one in keep.tolist()])


def _features(evaluations: Sequence[Evaluation]) -> list[str]:
    """The features that are told apart, and ``OTHER`` for those that are not."""
    found: Counter[str] = Counter()
    for one in evaluations:
        groups = one.results.by_feature
        annotations = np.bincount(groups.feature, groups.n_truth + groups.n_guess[0], len(one.results.features))
        found.update(dict(zip(one.results.features, annotations.tolist(), strict=True)))
    if len(found) <= FEATURES:
        return sorted(found)
    return [*sorted(sorted(found, key=lambda name: (-found[name], name))[:FEATURES]), OTHER]


def _said(
    run: Evaluation, other: Evaluation | None, features: list[str], pictures: Pictures, iou: float, seed: int
) -> dict[str, Any]:
    both = [run] if other is None else [run, other]
    confidences, rows = positions(both), run.results.rows
    levels, *before = (Levels.of(one, iou=iou, confidences=confidences, features=features, rows=rows) for one in both)
    best = best_level(levels.counts())
    said: dict[str, Any] = {
        "levels": confidences,
        "best": best,
        "features": features,
        "figures": figures(run, levels, before[0] if before else None, iou=iou, seed=seed),
        "gallery": gallery(run, levels, best, pictures, iou=iou),
        "matrix": matrix(run, levels, confidences, iou),
    }
    if said["matrix"] is not None:  # what is left of the room for images is theirs
        described = dict(zip(rows, run.data_rows.to_pylist(), strict=True))
        for row in said["matrix"]["rows"]:
            key, _, width, height = row
            pictures.use(key, described[key])
            if not (width and height):
                row[2:] = pictures.sizes.get(key, (None, None))
    return said | {"images": pictures.used}


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value))
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
