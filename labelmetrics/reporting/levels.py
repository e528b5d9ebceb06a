"""What an evaluation says at each position of the confidence slider."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from labelmetrics.comparing.outcomes import FN, FP, OUTCOMES, REASONS, TP, Outcomes, Rivals
from labelmetrics.formats.restored import coded, numbers
from labelmetrics.kernels.batch import Ints

if TYPE_CHECKING:
    import pyarrow as pa

    from labelmetrics.evaluation import Evaluation

OTHER = "(other features)"
"""What features are called that are not told apart."""
STEPS = 20
"""Even steps of the slider."""
QUANTILES = 24
"""Quantiles of the confidences among its positions, so that it is finer where most predictions are."""


def positions(evaluations: Sequence[Evaluation]) -> list[float]:
    """Confidences that the slider can have, rising.

    They are even steps, the confidence keys of the evaluations, and quantiles of the confidences that occur, rounded
    down to three decimals; only 0 where no prediction has a confidence. Where cells are so crowded that only those
    pairs are kept that decide matches at the keys, there are no other positions than these.
    """
    given = np.concatenate([numbers(one.objects.column("confidence")) for one in evaluations])
    given = given[~np.isnan(given)]
    if not len(given):
        return [0.0]
    keys = {0.0, *(float(key) for one in evaluations for key in one.results.grid.keys)}
    if any(one.detections.thinned.any() for one in evaluations):
        return sorted(keys)
    quantiles = np.floor(np.quantile(given, np.arange(1, QUANTILES) / QUANTILES, method="lower") * 1000) / 1000
    steps = [step / STEPS for step in range(STEPS + 1)] + quantiles.tolist()
    # At a step above all confidences nothing is left to show.
    return sorted(keys.union(round(step, 3) for step in steps if step <= given.max()))


ERRORS = (OUTCOMES.index(FP), OUTCOMES.index(FN))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Levels:
    """The ``n`` objects of an evaluation at ``L`` confidences.

    Parameters
    ----------
    found : Outcomes
        The objects with all predictions.
    features : list of str
        Features, with ``OTHER`` at the end where some are not told apart.
    feature, row : ndarray of int64, shape (n,)
        Feature and data row of each object, as indices.
    outcome : ndarray of int8, shape (L, n)
        Index into ``OUTCOMES``; -1 where a prediction takes no part.
    overlap : ndarray of float32, shape (L, n)
        Overlap with what each is matched with; NaN for none.
    reason : ndarray of int8, shape (L, n)
        Why each has no partner, as an index into ``REASONS``; -1 for what is no error.
    """

    found: Outcomes
    features: list[str]
    feature: Ints
    row: Ints
    outcome: np.ndarray[tuple[int, int], np.dtype[np.int8]]
    overlap: np.ndarray[tuple[int, int], np.dtype[np.float32]]
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
        reason = np.empty((len(confidences), n), np.int8)
        for level, confidence in enumerate(confidences):
            takes_part = found.takes_part(confidence)
            partner, overlap[level] = rivals.matched(takes_part)
            outcome[level] = found.outcomes(partner, takes_part)
            is_wrong = np.isin(outcome[level], ERRORS)
            reason[level] = np.where(is_wrong, found.reasons(partner, takes_part), -1)
        return cls(
            found=found,
            features=features,
            feature=_places(found.table.column("feature"), features, other=len(features) - 1),
            row=_places(found.table.column("data_row"), rows),
            outcome=outcome,
            overlap=overlap,
            reason=reason,
        )

    def counted(self, level: int) -> list[Ints]:
        """The objects that are TP (the predictions), FP and FN at a level."""
        outcome, inside = self.outcome[level], self.row >= 0
        found = [inside & (outcome == OUTCOMES.index(one)) for one in (TP, FP, FN)]
        found[0] &= ~self.found.is_truth
        return [np.flatnonzero(one) for one in found]

    def counts(self) -> Ints:
        """TP, FP and FN by level and feature, shape (3, L, F)."""
        place = np.zeros(len(self.feature), np.int64)
        return np.stack([self._distributed(outcome, place, 1)[..., 0] for outcome in (TP, FP, FN)])

    def ground_truths(self) -> Ints:
        """Number of ground truths of each feature, shape (F,)."""
        return np.bincount(self.feature[self.found.is_truth & (self.row >= 0)], minlength=len(self.features))

    def reasons(self, outcome: str) -> Ints:
        """How often each of ``REASONS`` is that of an error, shape (L, F, n_reasons)."""
        return self._distributed(outcome, self.reason, len(REASONS))

    def histogram(self, outcome: str, values: NDArray[np.floating[Any]], bins: int) -> Ints:
        """How values in [0, 1] of objects with an outcome are distributed, shape (L, F, bins)."""
        return self._distributed(outcome, np.clip((np.nan_to_num(values) * bins).astype(np.int64), 0, bins - 1), bins)

    def _distributed(self, outcome: str, place: NDArray[np.integer[Any]], n: int) -> Ints:
        """How many objects with an outcome there are in each of ``n`` places, shape (L, F, n)."""
        width, index = len(self.features), (TP, FP, FN).index(outcome)
        found = np.zeros((len(self.outcome), width * n), np.int64)
        for level, counts in enumerate(found):
            at = self.counted(level)[index]
            own = place[at] if place.ndim == 1 else place[level, at]
            at, own = at[own >= 0], own[own >= 0]
            counts += np.bincount(self.feature[at] * n + own, minlength=width * n)
        return found.reshape(len(self.outcome), width, n)


def _places(column: pa.ChunkedArray, names: list[str], other: int = -1) -> Ints:
    """Index of each text of a column among names."""
    index = {name: place for place, name in enumerate(names)}
    texts = coded(column)
    return np.array([*(index.get(value, other) for value in texts.values), other], np.int64)[texts.codes]
