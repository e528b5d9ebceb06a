"""The data rows that are drawn: those with most errors, and those of suspected label errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from labelmetrics.comparing.outcomes import FN, FP, OUTCOMES
from labelmetrics.explanation import told
from labelmetrics.kernels.batch import Ints
from labelmetrics.reporting.levels import Levels
from labelmetrics.reporting.pictures import Pictures
from labelmetrics.reporting.shapes import paths
from labelmetrics.suspicion import suspects

if TYPE_CHECKING:
    from labelmetrics.evaluation import Evaluation

WORST = 16
"""Pictures with most errors at each of the levels that are looked at."""
SUSPECTS = 24
OBJECTS = 150
"""Most objects that are drawn in one picture."""
LETTERS = "".join({"TP": "T", "FP": "F", "FN": "N", "ignored": "i"}[one] for one in OUTCOMES) + "-"
"""What stands for an outcome in the text of an object; the last for a prediction that takes no part."""


def gallery(
    evaluation: Evaluation, levels: Levels, shown: list[int], pictures: Pictures, *, iou: float
) -> dict[str, Any]:
    """Pictures with their objects, and suspicions that point to them.

    Parameters
    ----------
    evaluation : Evaluation
        The run.
    levels : Levels
        Its objects.
    shown : list of int
        Levels whose worst pictures are kept.
    pictures : Pictures
        Images of data rows.
    iou : float
        Overlap of a match.
    """
    table = evaluation.objects
    place = np.unique(_codes(table), return_inverse=True)[1]
    number: Ints = table.column("object").to_numpy()
    suspicions = suspects(evaluation, iou=iou, limit=SUSPECTS).table.to_pylist()
    suspected = np.searchsorted(number, [one["object"] for one in suspicions]) if suspicions else np.empty(0, np.int64)
    chosen: dict[int, int] = {}
    for level in shown:
        errors = np.bincount(place[np.isin(levels.outcome[level], [OUTCOMES.index(FP), OUTCOMES.index(FN)])])
        order = np.argsort(-errors, kind="stable")[:WORST]
        for one in order[errors[order] > 0].tolist():
            chosen.setdefault(one, len(chosen))
    for one in place[suspected].tolist():
        chosen.setdefault(one, len(chosen))
    why = told(levels.found.table, evaluation.pairs, iou, evaluation.manifest.settings.matching)[1]
    members = np.argsort(place, kind="stable")
    bounds = np.searchsorted(place[members], [*chosen, *(one + 1 for one in chosen)]).reshape(2, -1)
    described = evaluation.data_rows
    keys = {key: row for row, key in enumerate(described.column(evaluation.key_kind).to_pylist())}
    found = []
    for start, stop in bounds.T.tolist():
        own = _most(members[start:stop], levels, suspected)
        one = _picture(evaluation, levels, own, why)
        row = described.slice(keys[one["row"]], 1).to_pylist()[0]
        found.append(
            one | {"more": stop - start - len(own), "size": _size(row, one["objects"]), "image": pictures.of(row)}
        )
    return {
        "pictures": found,
        "suspects": [
            {
                "picture": chosen[picture],
                "object": one["object"],
                "suspicion": one["suspicion"],
                "why": one["why"],
                "score": round(one["score"], 4),
                "feature": one["feature"],
            }
            for one, picture in zip(suspicions, place[suspected].tolist(), strict=True)
        ],
    }


def _codes(table: Any) -> Ints:
    """A code of each data row and place."""
    from labelmetrics.formats.restored import coded

    rows, places = coded(table.column("data_row")), coded(table.column("place"))
    codes: Ints = rows.codes * (len(places.values) + 1) + places.codes + 1
    return codes


def _most(members: Ints, levels: Levels, suspected: Ints) -> Ints:
    """The objects of a picture, or as many as are drawn: those with errors first."""
    if len(members) <= OBJECTS:
        return members
    wrong = (levels.reason[:, members] >= 0).any(axis=0) | np.isin(members, suspected)
    return np.sort(members[np.argsort(~wrong, kind="stable")][:OBJECTS])


def _picture(evaluation: Evaluation, levels: Levels, own: Ints, why: Any) -> dict[str, Any]:
    import pyarrow as pa

    at = pa.array(own)
    table = evaluation.objects.take(at)
    texts = np.array(list(LETTERS))[levels.outcome[:, own]].T
    rows = zip(
        table.column("object").to_pylist(),
        (levels.found.is_truth[own]).tolist(),
        levels.feature[own].tolist(),
        table.column("confidence").to_pylist(),
        paths(table),
        map("".join, texts.tolist()),
        why.take(at).to_pylist(),
        zip(*(table.column(side).to_pylist() for side in ("left", "top", "right", "bottom")), strict=True),
        strict=True,
    )
    first = table.slice(0, 1).select(["data_row", "place"]).to_pylist()[0]
    return {
        "row": first["data_row"],
        "place": first["place"],
        "objects": [
            {
                "object": number,
                "truth": is_truth,
                "feature": feature,
                "confidence": None if confidence is None else round(confidence, 4),
                "path": path,
                "box": None if path is None or box[0] is None else [round(side, 1) for side in box],
                "outcome": outcome,
                "why": reason,
            }
            for number, is_truth, feature, confidence, path, outcome, reason, box in rows
        ],
    }


def _size(row: dict[str, Any], objects: list[dict[str, Any]]) -> list[float] | None:
    """Width and height of a data row: as its table says, or as far as its objects reach; ``None`` without any."""
    if row["width"] and row["height"]:
        return [row["width"], row["height"]]
    boxes = [one["box"] for one in objects if one["box"] is not None]
    if not boxes:
        return None
    return [max(1.0, max(box[side] for box in boxes) * 1.04) for side in (2, 3)]
