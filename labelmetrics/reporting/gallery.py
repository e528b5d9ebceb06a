"""The pictures of data rows: of those with most errors, and of those with suspected label errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from labelmetrics.comparing.outcomes import FN, FP, OUTCOMES
from labelmetrics.explanation import told
from labelmetrics.formats.restored import coded
from labelmetrics.kernels.batch import Ints
from labelmetrics.reporting.levels import ERRORS, Levels
from labelmetrics.reporting.pictures import Pictures
from labelmetrics.reporting.shapes import paths
from labelmetrics.suspicion import suspects

if TYPE_CHECKING:
    import pyarrow as pa

    from labelmetrics.evaluation import Evaluation

WORST = 40
"""Most pictures with most errors, over all levels."""
OF_FEATURES = 40
"""Features with most errors that have at least one picture."""
SUSPECTS = 24
OBJECTS = 150
"""Most objects that are drawn in one picture."""
LETTERS = "".join({"TP": "T", "FP": "F", "FN": "N", "ignored": "i"}[one] for one in OUTCOMES) + "-"
"""What stands for an outcome in the text of an object; the last for a prediction that takes no part."""
SIDES = ("left", "top", "right", "bottom")


def gallery(evaluation: Evaluation, levels: Levels, best: int, pictures: Pictures, *, iou: float) -> dict[str, Any]:
    """Pictures with their objects, and suspicions that point to them.

    A picture is a data row, or a place in one: a frame, a page or a message.

    Parameters
    ----------
    evaluation : Evaluation
        The run.
    levels : Levels
        Its objects.
    best : int
        The level at which features with most errors are looked for.
    pictures : Pictures
        Images of data rows.
    iou : float
        Overlap of a match.
    """
    table = evaluation.objects
    picture = np.unique(_codes(table), return_inverse=True)[1]
    suspicions = suspects(evaluation, iou=iou, limit=SUSPECTS).table.to_pylist()
    numbers: Ints = table.column("object").to_numpy()
    suspected = np.searchsorted(numbers, np.array([one["object"] for one in suspicions], np.int64))
    errors = _errors(levels, picture)
    worst = [*_worst(errors), *_of_features(levels, picture, best)]
    chosen = {one: place for place, one in enumerate(dict.fromkeys([*worst, *picture[suspected].tolist()]))}
    members = np.argsort(picture, kind="stable")
    bounds = np.searchsorted(picture[members], [*chosen, *(one + 1 for one in chosen)]).reshape(2, -1)
    why = told(levels.found.table, evaluation.pairs, iou, evaluation.manifest.settings.matching)[1]
    sentences: dict[str, int] = {}
    rows = {row: place for place, row in enumerate(evaluation.results.rows)}
    found = []
    for one, (start, stop) in zip(chosen, bounds.T.tolist(), strict=True):
        own = members[start:stop]
        shown = own if len(own) <= OBJECTS else _most(own, levels, suspected)
        first = table.slice(int(own[0]), 1).select(["data_row", "place"]).to_pylist()[0]
        row = evaluation.data_rows.slice(rows[first["data_row"]], 1).to_pylist()[0]
        pictures.use(first["data_row"], row)
        objects = _objects(table, levels, shown, why, sentences)
        found.append(
            {
                "row": first["data_row"],
                "place": first["place"],
                "size": _size(row, pictures.sizes.get(first["data_row"]), objects),
                "objects": objects,
                "more": len(own) - len(shown),
                "errors": errors[:, :, one].tolist(),
            }
        )
    return {
        "pictures": found,
        "whys": list(sentences),
        "of": int(picture.max(initial=-1)) + 1,
        "suspects": [
            {
                "picture": chosen[place],
                **{name: one[name] for name in ("object", "suspicion", "why", "feature", "model")},
                "score": round(one["score"], 4),
            }
            for one, place in zip(suspicions, picture[suspected].tolist(), strict=True)
        ],
    }


def _codes(table: pa.Table) -> Ints:
    """A code of each data row and place."""
    rows, places = coded(table.column("data_row")), coded(table.column("place"))
    codes: Ints = rows.codes * (len(places.values) + 1) + places.codes + 1
    return codes


def _errors(levels: Levels, picture: Ints) -> Ints:
    """False positives and ground truths that were not found, by level and picture, shape (2, L, n)."""
    n = int(picture.max(initial=-1)) + 1
    return np.array(
        [
            [np.bincount(picture[outcome == OUTCOMES.index(kind)], minlength=n) for outcome in levels.outcome]
            for kind in (FP, FN)
        ]
    )


def _worst(errors: Ints) -> list[int]:
    """Pictures that are among those with most errors at any level, the ones that stand first somewhere first."""
    total = errors.sum(axis=0)
    order = np.argsort(-total, axis=1, kind="stable")[:, :WORST]
    has_any = np.take_along_axis(total, order, axis=1) > 0
    # Column by column: what stands first at some level, then what stands second.
    return list(dict.fromkeys(order.T[has_any.T].tolist()))[:WORST]


def _of_features(levels: Levels, picture: Ints, best: int) -> list[int]:
    """Of each of the features with most errors, the picture that has most of them."""
    at = np.flatnonzero(np.isin(levels.outcome[best], ERRORS))
    n = int(picture.max(initial=-1)) + 1
    code, count = np.unique(levels.feature[at] * n + picture[at], return_counts=True)
    feature, place = np.divmod(code, max(n, 1))
    order = np.lexsort((place, -count, feature))
    firsts = order[np.flatnonzero(np.diff(feature[order], prepend=-1))]
    most = np.bincount(levels.feature[at], minlength=len(levels.features))[feature[firsts]]
    found: list[int] = place[firsts[np.argsort(-most, kind="stable")[:OF_FEATURES]]].tolist()
    return found


def _most(own: Ints, levels: Levels, suspected: Ints) -> Ints:
    """As many of the objects of a picture as are drawn: those with errors first."""
    wrong = (levels.reason[:, own] >= 0).any(axis=0) | np.isin(own, suspected)
    return np.sort(own[np.argsort(~wrong, kind="stable")][:OBJECTS])


def _objects(table: pa.Table, levels: Levels, own: Ints, why: pa.Array, sentences: dict[str, int]) -> list[Any]:
    """Objects of a picture; ``why`` is the place of a sentence among all of them."""
    import pyarrow as pa

    at = pa.array(own)
    part = table.take(at)
    letters = np.array(list(LETTERS))[levels.outcome[:, own]].T.tolist()
    rows = zip(
        part.column("object").to_pylist(),
        levels.found.is_truth[own].tolist(),
        levels.feature[own].tolist(),
        part.column("confidence").to_pylist(),
        paths(part),
        map("".join, letters),
        why.take(at).to_pylist(),
        zip(*(part.column(side).to_pylist() for side in SIDES), strict=True),
        strict=True,
    )
    return [
        {
            "object": number,
            "truth": is_truth,
            "feature": feature,
            "confidence": None if confidence is None else round(confidence, 4),
            "path": path,
            "box": None if path is None or box[0] is None else [round(side, 1) for side in box],
            "outcome": outcome,
            "why": sentences.setdefault(sentence, len(sentences)),
        }
        for number, is_truth, feature, confidence, path, outcome, sentence, box in rows
    ]


def _size(row: dict[str, Any], image: tuple[int, int] | None, objects: list[dict[str, Any]]) -> list[float] | None:
    """Width and height of a data row: of its table, of its image, or as far as objects reach; ``None`` without any."""
    if row["width"] and row["height"]:
        return [row["width"], row["height"]]
    if image is not None:
        return list(image)
    boxes = [one["box"] for one in objects if one["box"] is not None]
    if not boxes:
        return None
    return [max(1.0, max(box[side] for box in boxes) * 1.04) for side in (2, 3)]
