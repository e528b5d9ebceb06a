"""Suspected label errors: where a model that is otherwise right disagrees with the labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from labelmetrics.errors import SettingError
from labelmetrics.frame import Frame
from labelmetrics.kernels.thresholds import threshold_name

if TYPE_CHECKING:
    from labelmetrics.evaluation import Evaluation

__all__ = ["Suspects", "suspects"]

MISSING, WRONG, SPURIOUS, LOOSE = "missing label", "wrong label", "spurious label", "loose label"


class Suspects(Frame):
    """Suspected label errors, most suspicious first.

    The columns are ``data_row``, ``place``, ``object``, ``side``, ``feature``, ``suspicion`` (what may be wrong),
    ``score`` in [0, 1], ``model`` (what the model says instead), ``confidence`` (of the model in it) and ``uuid``.
    """


def suspects(evaluation: Evaluation, *, iou: float | None = None, top: int | None = None) -> Suspects:
    """Rank labels and predictions by how likely a label is wrong, for people to look at again.

    - *wrong label*: a chosen answer, or an object that is predicted as another class;
    - *missing label*: a confident prediction where nothing is labelled;
    - *loose label*: a confident prediction whose label overlaps too little;
    - *spurious label*: an object that no prediction comes near, of a feature that the model mostly finds.

    The score of an answer is one minus the probability that the model gives it: the confidence of the prediction of
    that answer, 0 where there is none (its *self-confidence*, Northcutt et al., Confident Learning, 2021). The score
    of a prediction is its confidence, that of an object which was not found the recall of its feature.

    Parameters
    ----------
    evaluation : Evaluation
        What was found. Predictions of all answers of a question, each with its probability, tell more than the chosen
        one alone.
    iou : float, optional
        One of its thresholds; the lowest unless given.
    top : int, optional
        How many are kept.

    Returns
    -------
    Suspects
        One row per suspicion.

    Raises
    ------
    SettingError
        A threshold that was not evaluated, or a negative ``top``.

    Examples
    --------
    >>> import labelmetrics as lm
    >>> def weather(answer, confidence=None):
    ...     chosen = lm.ClassificationAnswer(name=answer, confidence=confidence)
    ...     return lm.ClassificationAnnotation(name="weather", value=lm.Radio(answer=chosen))
    >>> def label(row, *answers): return lm.Label(data=lm.ImageData(global_key=row), annotations=list(answers))
    >>> truth = [label("a", weather("rain")), label("b", weather("rain"))]
    >>> guess = [label("a", weather("rain", 0.9), weather("snow", 0.1)), label("b", weather("snow", 0.8))]
    >>> [(row["data_row"], row["score"], row["model"]) for row in suspects(lm.evaluate(truth, guess), top=1)]
    [('b', 1.0, 'snow')]
    """
    import pyarrow as pa

    if top is not None and top < 0:
        raise SettingError(f"top must not be negative, got {top}")
    matches = evaluation.matches_at(iou)
    name = threshold_name(evaluation.results.grid.thresholds[0] if iou is None else iou)
    table = matches.table
    found = [*_answers(table), *_objects(table)]
    found.sort(key=lambda row: (-row["score"], -(row["confidence"] or 0.0), row["object"]))
    columns = ("data_row", "place", "object", "side", "feature", "suspicion", "score", "model", "confidence", "uuid")
    types = [pa.string(), pa.string(), pa.int64(), pa.string(), pa.string(), pa.string()]
    types += [pa.float64(), pa.string(), pa.float64(), pa.string()]
    schema = pa.schema(zip(columns, types, strict=True))
    return Suspects(pa.Table.from_pylist(found[:top], schema=schema), f"suspected label errors at {name}")


def _text(table: Any, column: str) -> list[str | None]:
    import pyarrow as pa

    values: list[str | None] = table.column(column).cast(pa.string()).to_pylist()
    return values


def _row(table: Any, index: int, suspicion: str, score: float, model: str | None, confidence: float | None) -> Any:
    one = table.slice(index, 1).to_pylist()[0]
    kept = {name: one[name] for name in ("data_row", "place", "object", "side", "feature", "uuid")}
    return {**kept, "suspicion": suspicion, "score": score, "model": model, "confidence": confidence}


def _answers(table: Any) -> list[dict[str, Any]]:
    """Labelled answers by one minus the probability that the model gives them."""
    kind, side = np.array(_text(table, "kind"), object), np.array(_text(table, "side"), object)
    is_answer = kind == "answer"
    score = table.column("confidence").fill_null(1.0).to_numpy()
    question, row, place = (_text(table, name) for name in ("question", "data_row", "place"))
    partner, number = table.column("partner").to_pylist(), table.column("object").to_pylist()
    at = {value: index for index, value in enumerate(number)}
    feature = _text(table, "feature")
    # The answers that the model gives to each question, by falling confidence.
    given: dict[tuple[Any, ...], list[int]] = {}
    for index in np.flatnonzero(is_answer & (side == "prediction")).tolist():
        given.setdefault((row[index], place[index], question[index]), []).append(index)
    found = []
    for index in np.flatnonzero(is_answer & (side == "ground_truth")).tolist():
        answers = given.get((row[index], place[index], question[index]), [])
        other = max((a for a in answers if feature[a] != feature[index]), key=lambda a: score[a], default=None)
        if other is None:
            continue
        own = 0.0 if partner[index] is None else float(score[at[partner[index]]])
        found.append(_row(table, index, WRONG, 1.0 - own, feature[other], float(score[other])))
    return found


def _objects(table: Any) -> list[dict[str, Any]]:
    kind, side = np.array(_text(table, "kind"), object), np.array(_text(table, "side"), object)
    feature, reason = _text(table, "feature"), _text(table, "reason")
    confidence = table.column("confidence").fill_null(1.0).to_numpy()
    nearest, number = table.column("nearest").to_pylist(), table.column("object").to_pylist()
    at = {value: index for index, value in enumerate(number)}
    is_object = (kind != "answer") & (kind != "text")
    suspicions = {"no counterpart": MISSING, "wrong class": WRONG, "below threshold": LOOSE}
    found = []
    for index in np.flatnonzero(is_object & (side == "prediction")).tolist():
        suspicion = suspicions.get(reason[index] or "")
        if suspicion is None:
            continue
        score = float(confidence[index])
        # What may be wrong is the label, where there is one.
        label = index if suspicion == MISSING or nearest[index] is None else at[nearest[index]]
        found.append(_row(table, label, suspicion, score, feature[index], score))
    recall = _recall(table, feature, side, is_object)
    lonely = is_object & (side == "ground_truth") & (np.array(reason, object) == "no counterpart")
    return found + [
        _row(table, index, SPURIOUS, recall[feature[index]], None, None)
        for index in np.flatnonzero(lonely).tolist()
        if recall[feature[index]] > 0
    ]


def _recall(table: Any, feature: list[str | None], side: Any, is_object: Any) -> dict[str | None, float]:
    counts: dict[str | None, list[int]] = {}
    outcome = _text(table, "outcome")
    for index in np.flatnonzero(is_object & (side == "ground_truth")).tolist():
        one = counts.setdefault(feature[index], [0, 0])
        one[0] += outcome[index] == "TP"
        one[1] += 1
    return {name: right / n for name, (right, n) in counts.items()}
