"""Class by class at each confidence, with examples of what stands behind the cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from labelmetrics.confusion import ClassPairs
from labelmetrics.errors import SettingError
from labelmetrics.kernels.batch import Bools, Floats, Ints
from labelmetrics.reporting.levels import Levels

if TYPE_CHECKING:
    from labelmetrics.evaluation import Evaluation

EXAMPLES = 2_500
"""Most examples of all cells together, unless there are more cells."""
OF_CELL, RIGHT = 40, 6
"""Most examples of a cell, and of one where classes agree."""
SIDES = ("left", "top", "right", "bottom")


def matrix(evaluation: Evaluation, levels: Levels, confidences: list[float], iou: float) -> dict[str, Any] | None:
    """Counts by level, and examples; ``None`` where there are no objects, or pairs are not kept.

    Parameters
    ----------
    evaluation : Evaluation
        The run.
    levels : Levels
        Its objects.
    confidences : list of float
        The levels.
    iou : float
        Overlap of a match.

    Returns
    -------
    dict
        ``names`` of the classes, the background last; ``counts``, by level cells each with its count behind it;
        ``examples`` by cell, each the objects of its ends and the stretches of levels at which it is there; ``objects``
        and ``rows`` that these are about.
    """
    try:
        found = ClassPairs.of(evaluation.objects, evaluation.pairs, iou)
    except SettingError:
        return None
    n = len(found.features)
    if n == 1:
        return None
    counts, codes = [], []
    for confidence in confidences:
        partner, cell = found.matched(levels.found.takes_part(confidence))
        count = np.bincount(cell[cell >= 0], minlength=n * n)
        filled = np.flatnonzero(count)
        counts.append(np.column_stack([filled, count[filled]]).ravel().tolist())
        at = np.flatnonzero(cell >= 0)
        codes.append(at * (len(cell) + 1) + partner[at] + 1)
    behind = _Behind.of(codes, found)
    behind = behind.take(_chosen(behind, levels.found.score, n))
    used = np.unique(behind.ends[behind.ends >= 0])
    ends = np.where(behind.ends < 0, -1, np.searchsorted(used, behind.ends))
    examples: dict[int, list[Any]] = {}
    for cell, pair, there in zip(behind.cell.tolist(), ends.tolist(), behind.there, strict=True):
        examples.setdefault(cell, []).append([*pair, _stretches(there)])
    return {"names": found.features, "counts": counts, "examples": examples, **_objects(evaluation, levels, used)}


@dataclass(frozen=True, slots=True, eq=False)
class _Behind:
    """What stands behind cells, and at which levels.

    ``ends`` are rows of a ground truth and a prediction (-1 for none), shape (n, 2); ``cell`` is where they are
    counted, shape (n,); ``there`` says at which levels, shape (n, L).
    """

    ends: Ints
    cell: Ints
    there: Bools

    @classmethod
    def of(cls, codes: Sequence[Ints], found: ClassPairs) -> _Behind:
        """What there is at each level: codes of an object and of what it is matched with, rising."""
        width, n = len(found.place) + 1, len(found.features)
        distinct = reduce(np.union1d, codes)
        there = np.zeros((len(distinct), len(codes)), bool)
        for level, own in enumerate(codes):
            there[np.searchsorted(distinct, own), level] = True
        one, other = np.divmod(distinct, width)
        is_truth = found.is_truth[one]
        ends = np.column_stack([np.where(is_truth, one, -1), np.where(is_truth, other - 1, one)])
        # The last one is what stands for none.
        row, column = np.append(found.place, n - 1)[ends].T
        return cls(ends, row * n + column, there)

    def take(self, at: Ints) -> _Behind:
        return _Behind(self.ends[at], self.cell[at], self.there[at])


def _chosen(behind: _Behind, score: Floats, n: int) -> Ints:
    """Examples of each of ``n * n`` cells, as many of each as there is room for.

    Those of the most confident predictions come first, and ground truths that are missed at the lowest levels: these
    are there at the others too.
    """
    guess = behind.ends[:, 1]
    confidence = np.where(guess < 0, 0.0, score[guess])
    order = np.lexsort((behind.ends[:, 0], -behind.there.sum(axis=1), -confidence, behind.cell))
    cell = behind.cell[order]
    nth = np.arange(len(cell)) - np.searchsorted(cell, cell)
    is_right = cell // n == cell % n
    most = np.where(is_right, RIGHT, OF_CELL)
    room = next((room for room in range(OF_CELL, 1, -1) if (nth < np.minimum(most, room)).sum() <= EXAMPLES), 1)
    return order[nth < np.minimum(most, room)]


def _stretches(there: Bools) -> list[int]:
    """First level of each stretch, and the one behind it.

    >>> _stretches(np.array([True, True, False, True]))
    [0, 2, 3, 4]
    """
    return np.flatnonzero(np.diff(np.pad(there, 1).astype(np.int8))).tolist()


def _objects(evaluation: Evaluation, levels: Levels, used: Ints) -> dict[str, Any]:
    """Objects as ``[row, feature, confidence, left, top, right, bottom]``, and the data rows and places they are on."""
    import pyarrow as pa

    table = evaluation.objects.select(["data_row", "place", "confidence", *SIDES]).take(pa.array(used)).to_pylist()
    rows: dict[tuple[str, str | None], int] = {}
    objects = []
    for one, feature in zip(table, levels.feature[used].tolist(), strict=True):
        row = rows.setdefault((one["data_row"], one["place"]), len(rows))
        confidence = None if one["confidence"] is None else round(one["confidence"], 4)
        box = [] if one["left"] is None else [round(one[side], 1) for side in SIDES]
        objects.append([row, feature, confidence, *box])
    described = evaluation.data_rows
    sizes = dict(
        zip(
            described.column(evaluation.key_kind).to_pylist(),
            zip(described.column("width").to_pylist(), described.column("height").to_pylist(), strict=True),
            strict=True,
        )
    )
    return {"objects": objects, "rows": [[key, place, *sizes[key]] for key, place in rows]}
