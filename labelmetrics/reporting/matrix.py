"""Class by class at each confidence, with examples of what stands behind the cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from labelmetrics.confusion import ClassPairs
from labelmetrics.errors import SettingError
from labelmetrics.kernels.batch import Ints
from labelmetrics.reporting.levels import Levels

if TYPE_CHECKING:
    from labelmetrics.evaluation import Evaluation

CELLS = 300
"""Most cells that have examples at a level."""
EXAMPLES = 3
"""Examples of a cell."""


def matrix(evaluation: Evaluation, levels: Levels, confidences: list[float], shown: list[int], iou: float) -> Any:
    """Counts by level, and examples at some levels; ``None`` where there are no objects, or pairs are not kept.

    Parameters
    ----------
    evaluation : Evaluation
        The run.
    levels : Levels
        Its objects.
    confidences : list of float
        The levels.
    shown : list of int
        Levels that have examples.
    iou : float
        Overlap of a match.
    """
    try:
        found = ClassPairs.of(evaluation.objects, evaluation.pairs, iou)
    except SettingError:
        return None
    if len(found.features) == 1:
        return None
    n = len(found.features)
    counts, examples = [], {}
    for level, confidence in enumerate(confidences):
        partner, cell = found.matched(levels.found.takes_part(confidence))
        count = np.bincount(cell[cell >= 0], minlength=n * n)
        filled = np.flatnonzero(count)
        counts.append(np.column_stack([filled, count[filled]]).ravel().tolist())
        if level in shown:
            examples[level] = _examples(evaluation, levels, partner, cell, count)
    return {"names": found.features, "counts": counts, "examples": examples}


def _examples(evaluation: Evaluation, levels: Levels, partner: Ints, cell: Ints, count: Ints) -> dict[int, Any]:
    """Some objects of the fullest cells, the most confident predictions first."""
    n = round(len(count) ** 0.5)
    off_diagonal = np.flatnonzero((count > 0) & (np.arange(n * n) // n != np.arange(n * n) % n))
    kept = off_diagonal[np.argsort(-count[off_diagonal], kind="stable")][:CELLS]
    wanted = np.zeros(n * n, bool)
    wanted[kept] = True
    score = levels.found.score
    at = np.flatnonzero((cell >= 0) & np.append(wanted, False)[cell])
    confidence = np.where(levels.found.is_truth, np.where(partner < 0, 0.0, score[partner]), score)
    at = at[np.lexsort((at, -confidence[at], cell[at]))]
    nth = np.arange(len(at)) - np.searchsorted(cell[at], cell[at])
    at = at[nth < EXAMPLES]
    found: dict[int, Any] = {}
    for row in at.tolist():
        truth, guess = (row, int(partner[row])) if levels.found.is_truth[row] else (-1, row)
        found.setdefault(int(cell[row]), []).append([truth, guess])
    ends = sorted({one for pairs in found.values() for pair in pairs for one in pair if one >= 0})
    said = dict(zip(ends, _objects(evaluation, ends), strict=True))
    return {
        code: [{"row": said[max(pair)]["row"], "ends": [said.get(one) for one in pair]} for pair in pairs]
        for code, pairs in found.items()
    }


def _objects(evaluation: Evaluation, rows: list[int]) -> list[dict[str, Any]]:
    import pyarrow as pa

    columns = ["data_row", "place", "feature", "confidence", "left", "top", "right", "bottom"]
    taken = evaluation.objects.select(columns).take(pa.array(rows, pa.int64())).to_pylist()
    return [
        {
            "row": one["data_row"] if one["place"] is None else f"{one['data_row']}, {one['place']}",
            "feature": one["feature"],
            "confidence": one["confidence"],
            "box": None
            if one["left"] is None
            else [round(one[side], 1) for side in ("left", "top", "right", "bottom")],
        }
        for one in taken
    ]
