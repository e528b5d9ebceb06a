"""Suspected label errors: where a model that is otherwise right disagrees with the labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from labelmetrics.errors import SettingError
from labelmetrics.formats.listing import write_listing
from labelmetrics.formats.restored import coded
from labelmetrics.frame import Frame
from labelmetrics.kernels.batch import Bools, Floats, Ints
from labelmetrics.kernels.thresholds import threshold_name
from labelmetrics.matches import rows_of
from labelmetrics.words import near

if TYPE_CHECKING:
    import pyarrow as pa

    from labelmetrics.evaluation import Evaluation

__all__ = ["Suspects", "suspects"]

MISSING, WRONG, SPURIOUS, LOOSE = SUSPICIONS = ("missing label", "wrong label", "spurious label", "loose label")
KEPT = ("data_row", "place", "object", "side", "feature", "left", "top", "right", "bottom", "uuid")
COLUMNS = (
    "data_row",
    "object",
    "side",
    "feature",
    "suspicion",
    "score",
    "why",
    "model",
    "confidence",
    "place",
    "left",
    "top",
    "right",
    "bottom",
    "uuid",
)


class Suspects(Frame):
    """Suspected label errors, most suspicious first.

    Made by :func:`suspects`. The columns are ``data_row``, ``object`` (its number in the evaluation), ``side``,
    ``feature``, ``suspicion`` (what may be wrong), ``score`` in [0, 1], ``why``, ``model`` (what the model says
    instead), ``confidence`` (of the model in it), ``place``, the box in pixels, and ``uuid``.

    Parameters
    ----------
    table : pyarrow.Table
        The rows.
    caption : str
        What they are.

    Examples
    --------
    >>> import labelmetrics as lm
    >>> box = lm.ObjectAnnotation(name="cat", value=lm.Rectangle.from_xyhw(0, 0, 9, 9), confidence=0.9)
    >>> sides = ([lm.Label(data=lm.ImageData(uid="a"), annotations=side)] for side in ([], [box]))
    >>> for row in suspects(lm.evaluate(*sides)):
    ...     print(row["data_row"], row["suspicion"], row["why"], sep=": ")
    a: missing label: 'cat' is predicted with confidence 0.900 where nothing is labelled
    """

    hidden = ("object", "side", "model", "confidence", "left", "top", "right", "bottom", "uuid")

    def write(self, path: str | Path) -> None:
        """Write a relabel list: a CSV table, or a JSON object a line.

        Parameters
        ----------
        path : path
            Ends in ``.csv``, ``.ndjson`` or ``.jsonl``, also with ``.gz`` or ``.zst`` behind; ``"-"`` is NDJSON on
            standard output.

        Raises
        ------
        SettingError
            The ending is another one.
        InputError
            The file cannot be written.
        """
        write_listing(path, self.table, "a relabel list")


def suspects(
    evaluation: Evaluation, *, iou: float | None = None, feature: str | None = None, limit: int | None = None
) -> Suspects:
    """Rank labels and predictions by how likely a label is wrong, for people to look at again.

    A *wrong label* is a chosen answer, or an object that was not found but is predicted as another class; a *missing
    label* a confident prediction where nothing is labelled; a *loose label* an object that was not found, with a
    prediction that overlaps it too little; a *spurious label* an object that no prediction comes near, of a feature
    that the model mostly finds.

    The score of an answer is one minus the probability that the model gives it: the confidence of the prediction of
    that answer, 0 where there is none (its *self-confidence*). The score of a prediction is its confidence, that of an
    object that no prediction comes near the recall of its feature. Each object is listed once.

    Parameters
    ----------
    evaluation : Evaluation
        What was found. Predictions of all answers of a question, each with its probability, tell more than the chosen
        one alone.
    iou : float, optional
        One of its thresholds; the lowest unless given.
    feature : str, optional
        Keep what is labelled or predicted as this feature.
    limit : int, optional
        How many are kept.

    Returns
    -------
    Suspects
        One row per suspicion.

    Raises
    ------
    SettingError
        A threshold that was not evaluated, an unknown feature, or a negative ``limit``.

    Notes
    -----
    Northcutt et al., Confident Learning: Estimating Uncertainty in Dataset Labels, 2021.

    Examples
    --------
    >>> import labelmetrics as lm
    >>> def weather(answer, confidence=None):
    ...     chosen = lm.ClassificationAnswer(name=answer, confidence=confidence)
    ...     return lm.ClassificationAnnotation(name="weather", value=lm.Radio(answer=chosen))
    >>> def label(row, *answers): return lm.Label(data=lm.ImageData(global_key=row), annotations=list(answers))
    >>> truth = [label("a", weather("rain")), label("b", weather("rain"))]
    >>> guess = [label("a", weather("rain", 0.9), weather("snow", 0.1)), label("b", weather("snow", 0.8))]
    >>> [(row["data_row"], row["score"], row["model"]) for row in suspects(lm.evaluate(truth, guess), limit=1)]
    [('b', 1.0, 'snow')]
    """
    if limit is not None and limit < 0:
        raise SettingError(f"limit must not be negative, got {limit}")
    features = evaluation.results.features
    if feature is not None and feature not in features:
        raise SettingError(f"there is no feature {feature!r} in this evaluation{near(feature, features)}")
    threshold = evaluation.results.grid.thresholds[0] if iou is None else iou
    found = _Objects(evaluation.matches_at(iou).table)
    wrong_class = _unlike(found, evaluation.pairs, threshold)
    parts = [_answers(found), *_predictions(found, wrong_class), _spurious(found)]
    suspicion = np.repeat(np.arange(len(parts)), [len(part.label) for part in parts])
    label, model, score, confidence, detail = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("label", "model", "score", "confidence", "detail")
    )
    number = found.number[label]
    order = np.lexsort((number, -np.nan_to_num(confidence), -score))
    # Of several suspicions of one object the strongest stays.
    order = order[np.sort(np.unique(number[order], return_index=True)[1])]
    if feature is not None:
        is_it = np.append(np.array(found.features, object) == feature, False)
        order = order[is_it[found.feature[label[order]]] | is_it[model[order]]]
    order = order[:limit]
    rows = zip(
        suspicion[order].tolist(),
        *(values[order].tolist() for values in (model, score, confidence, detail)),
        found.feature[label[order]].tolist(),
        strict=True,
    )
    names = [*found.features, None]
    told = [
        (
            parts[index].suspicion,
            parts[index].why.format(
                feature=names[own], model=names[other], score=score, detail=detail, confidence=confidence
            ),
        )
        for index, other, score, confidence, detail, own in rows
    ]
    return Suspects(
        _table(found, label[order], model[order], score[order], confidence[order], told).replace_schema_metadata(
            {"key_kind": evaluation.key_kind}
        ),
        f"suspected label errors at {threshold_name(threshold)}",
    )


def _table(
    found: _Objects, label: Ints, model: Ints, score: Floats, confidence: Floats, told: list[tuple[str, str]]
) -> pa.Table:
    import pyarrow as pa

    kept = found.table.select(KEPT).take(pa.array(label))
    names = pa.array([*found.features, None], pa.string())
    columns = {
        **{
            name: kept.column(name).cast(pa.string())
            if pa.types.is_dictionary(kept.column(name).type)
            else kept.column(name)
            for name in KEPT
        },
        "suspicion": pa.array([suspicion for suspicion, _ in told], pa.string()),
        "why": pa.array([why for _, why in told], pa.string()),
        "score": pa.array(score),
        "model": names.take(pa.array(np.where(model < 0, len(names) - 1, model))),
        "confidence": pa.array(confidence, mask=np.isnan(confidence)),
    }
    return pa.table({name: columns[name] for name in COLUMNS})


@dataclass(frozen=True, slots=True)
class _Part:
    """Suspicions of one kind.

    ``label`` is the row of the table that may be wrong, ``model`` the feature that the model says (-1: none),
    ``detail`` a number for the text.
    """

    suspicion: str
    why: str
    label: Ints
    model: Ints
    score: Floats
    confidence: Floats
    detail: Floats


class _Objects:
    """Columns of a table of matches."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self.number: Ints = table.column("object").to_numpy()
        self.feature, self.features = _codes(table, "feature")
        self.score: Floats = table.column("confidence").fill_null(1.0).to_numpy()
        kind, kinds = _codes(table, "kind")
        is_answer = np.array([name == "answer" for name in kinds], bool)[kind]
        is_object = np.array([name not in ("answer", "text") for name in kinds], bool)[kind]
        is_truth = self.equals("side", "ground_truth")
        self.truths, self.guesses = is_object & is_truth, is_object & ~is_truth
        # One more for the row -1, which is none.
        self.missed: Bools = np.append(self.equals("outcome", "FN"), False)
        self.answers, self.answered = is_answer & is_truth, is_answer & ~is_truth

    def equals(self, column: str, value: str) -> Bools:
        """Where a column of text has a value."""
        codes, values = _codes(self.table, column)
        return np.append(np.array([one == value for one in values], bool), False)[codes]

    def rows(self, number: Ints) -> Ints:
        """Row of each object, given by its number; -1 where there is none."""
        return rows_of(self.number, number)

    def named(self, column: str) -> Ints:
        """Row of the object that a column names in each row; -1 for null."""
        return self.rows(self.table.column(column).fill_null(-1).to_numpy())


def _codes(table: pa.Table, name: str) -> tuple[Ints, Sequence[str]]:
    """Codes of a column of text, -1 for null, and the distinct texts."""
    column = coded(table.column(name))
    return column.codes, column.values


def _answers(found: _Objects) -> _Part:
    """Labelled answers by one minus the probability that the model gives them."""
    (row, _), (place, places), (question, questions) = (
        _codes(found.table, name) for name in ("data_row", "place", "question")
    )
    asked = (row * (len(places) + 1) + place + 1) * (len(questions) + 1) + question + 1
    partner = found.named("partner")
    # Of the answers that nobody labelled, the most probable one of each question.
    others = np.flatnonzero(found.answered & (partner < 0))
    others = others[np.lexsort((others, -found.score[others], asked[others]))]
    others = others[np.flatnonzero(np.diff(asked[others], prepend=-1))]
    label = np.flatnonzero(found.answers)
    at = np.searchsorted(asked[others], asked[label])
    disputed = at < len(others)
    disputed[disputed] = asked[others[at[disputed]]] == asked[label[disputed]]
    label, other = label[disputed], others[at[disputed]]
    own = np.where(partner[label] < 0, 0.0, found.score[partner[label]])
    return _Part(
        WRONG,
        "the model gives {model!r} {confidence:.3f} and {feature!r} {detail:.3f}",
        label,
        found.feature[other],
        1.0 - own,
        found.score[other],
        own,
    )


def _unlike(found: _Objects, pairs: pa.Table, threshold: float) -> Ints:
    """For each object, the row of the ground truth of another class that it overlaps most, among those not found."""
    unlike = pairs.filter(~pairs.column("same_feature").to_numpy())
    overlap = unlike.column("overlap").to_numpy()
    first, second = (found.rows(unlike.column(name).to_numpy()) for name in ("ground_truth", "prediction"))
    near = np.flatnonzero((overlap >= threshold) & found.missed[first] & (second >= 0))
    near = near[np.argsort(overlap[near], kind="stable")]
    best = np.full(len(found.number), -1)
    best[second[near]] = first[near]
    return best


def _predictions(found: _Objects, wrong_class: Ints) -> Iterator[_Part]:
    """Confident predictions that no label agrees with."""
    nearest = found.named("nearest")
    overlap = found.table.column("nearest_overlap").cast("float64").fill_null(0.0).to_numpy()
    alone = np.flatnonzero(found.guesses & found.equals("reason", "no counterpart"))
    other = np.flatnonzero(found.guesses & found.equals("reason", "wrong class") & (wrong_class >= 0))
    loose = np.flatnonzero(found.guesses & found.equals("reason", "below threshold") & found.missed[nearest])
    for suspicion, why, guess, label in (
        (MISSING, "{feature!r} is predicted with confidence {confidence:.3f} where nothing is labelled", alone, alone),
        (WRONG, "is predicted as {model!r} with confidence {confidence:.3f}", other, wrong_class[other]),
        (LOOSE, "a prediction with confidence {confidence:.3f} overlaps by {detail:.3f} only", loose, nearest[loose]),
    ):
        score = found.score[guess]
        yield _Part(suspicion, why, label, found.feature[guess], score, score, overlap[guess])


def _spurious(found: _Objects) -> _Part:
    """Objects that no prediction comes near, by the recall of their feature."""
    n = len(found.features)
    right = np.bincount(found.feature[found.truths & found.equals("outcome", "TP")], minlength=n)
    recall = right / np.maximum(np.bincount(found.feature[found.truths], minlength=n), 1)
    lonely = np.flatnonzero(found.truths & found.equals("reason", "no counterpart"))
    lonely = lonely[right[found.feature[lonely]] > 0]
    own = recall[found.feature[lonely]]
    unknown = np.full(len(lonely), np.nan)
    return _Part(
        SPURIOUS,
        "no prediction comes near, though the model finds {score:.0%} of what is labelled {feature!r}",
        lonely,
        np.full(len(lonely), -1),
        own,
        unknown,
        own,
    )
