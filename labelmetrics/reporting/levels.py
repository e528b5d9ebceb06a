"""What an evaluation says at each position of the confidence slider."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from labelmetrics.comparing.outcomes import FN, FP, OUTCOMES, TP, Outcomes, Rivals
from labelmetrics.formats.restored import coded
from labelmetrics.kernels.batch import Bools, Floats, Ints

if TYPE_CHECKING:
    import pyarrow as pa

    from labelmetrics.evaluation import Evaluation

STEPS = 20
"""Positions of the slider, beside the confidence keys of the evaluation."""
COUNTED = tuple(OUTCOMES.index(one) for one in (TP, FP, FN))


def positions(evaluations: list[Evaluation]) -> list[float]:
    """Confidences that the slider can have: even steps, and the confidence keys of the evaluations.

    Only 0 where no prediction has a confidence.
    """
    import pyarrow.compute as pc

    if not any(pc.any(pc.is_valid(one.objects.column("confidence"))).as_py() for one in evaluations):
        return [0.0]
    keys = {float(key) for one in evaluations for key in one.results.grid.keys or ()}
    # Keys beside a step by less than rounding are that step.
    steps = {step / STEPS for step in range(STEPS + 1)}
    return sorted(steps | {key for key in keys if all(abs(key - step) > 1e-9 for step in steps)})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Levels:
    """The ``n`` objects of an evaluation at ``L`` confidences.

    Parameters
    ----------
    found : Outcomes
        The objects with all predictions.
    features : list of str
        Features, as those of the evaluation's results.
    feature, row : ndarray of int64, shape (n,)
        Feature and data row of each object, as indices.
    outcome : ndarray of int8, shape (L, n)
        Index into ``OUTCOMES``; -1 where a prediction takes no part.
    overlap : ndarray of float32, shape (L, n)
        Overlap with what each is matched with; NaN for none.
    reasons : list of str
        Reasons that occur.
    reason : ndarray of int8, shape (L, n)
        Why each has no partner, as an index; -1 for none.
    """

    found: Outcomes
    features: list[str]
    feature: Ints
    row: Ints
    outcome: np.ndarray[tuple[int, int], np.dtype[np.int8]]
    overlap: np.ndarray[tuple[int, int], np.dtype[np.float32]]
    reasons: list[str]
    reason: np.ndarray[tuple[int, int], np.dtype[np.int8]]

    @classmethod
    def of(
        cls, evaluation: Evaluation, *, iou: float, confidences: list[float], features: list[str], rows: list[str]
    ) -> Levels:
        """Match the objects at each confidence; those of other data rows than ``rows`` are left out."""
        found = Outcomes.of(evaluation, iou=iou, confidence=None)
        rivals = Rivals.of(evaluation, found, iou)
        n = len(found.outcome)
        outcome = np.empty((len(confidences), n), np.int8)
        overlap = np.empty((len(confidences), n), np.float32)
        reason = np.full((len(confidences), n), -1, np.int8)
        names: dict[str, int] = {}
        for level, confidence in enumerate(confidences):
            takes_part = found.takes_part(confidence)
            partner, overlap[level] = rivals.matched(takes_part)
            outcome[level] = found.outcomes(partner, takes_part)
            texts = found.reasons(partner, takes_part)
            wrong = np.flatnonzero((outcome[level] == COUNTED[1]) | (outcome[level] == COUNTED[2]))
            reason[level, wrong] = [
                -1 if text is None else names.setdefault(text, len(names)) for text in texts[wrong].tolist()
            ]
        return cls(
            found=found,
            features=features,
            feature=_places(found.table.column("feature"), features),
            row=_places(found.table.column("data_row"), rows),
            outcome=outcome,
            overlap=overlap,
            reasons=list(names),
            reason=reason,
        )

    def are(self, outcome: str) -> Bools:
        """Which objects have an outcome at each level, shape (L, n); of matched pairs only the predictions."""
        counted: Bools = (self.outcome == OUTCOMES.index(outcome)) & (self.row >= 0)
        return counted & ~self.found.is_truth if outcome == TP else counted

    def counts(self) -> Ints:
        """TP, FP and FN by level and feature, shape (3, L, F)."""
        levels, width = len(self.outcome), len(self.features)
        found = np.zeros((3, levels, width), np.int64)
        for index, outcome in enumerate((TP, FP, FN)):
            level, at = np.nonzero(self.are(outcome))
            found[index] = np.bincount(level * width + self.feature[at], minlength=levels * width).reshape(
                levels, width
            )
        return found

    def by_row(self, level: int, n_rows: int) -> Floats:
        """TP, FP and FN by data row and feature at one level, shape (R, 3, F)."""
        width = len(self.features)
        found = np.zeros((3, n_rows * width))
        for index, outcome in enumerate((TP, FP, FN)):
            at = np.flatnonzero(self.are(outcome)[level])
            found[index] = np.bincount(self.row[at] * width + self.feature[at], minlength=n_rows * width)
        return np.moveaxis(found.reshape(3, n_rows, width), 0, 1)

    def histogram(self, outcome: str, values: NDArray[np.floating[Any]], bins: int) -> Ints:
        """How values in [0, 1] of objects with an outcome are distributed, shape (L, F, bins)."""
        levels, width = len(self.outcome), len(self.features)
        level, at = np.nonzero(self.are(outcome))
        shown = np.broadcast_to(values, self.outcome.shape)[level, at]
        place = np.clip((shown * bins).astype(np.int64), 0, bins - 1)
        code = (level * width + self.feature[at]) * bins + place
        return np.bincount(code, minlength=levels * width * bins).reshape(levels, width, bins)


def _places(column: pa.ChunkedArray, names: list[str]) -> Ints:
    """Index of each text of a column among names."""
    index = {name: place for place, name in enumerate(names)}
    texts = coded(column)
    return np.array([*(index.get(value, -1) for value in texts.values), -1], np.int64)[texts.codes]
