"""What became of the objects of an evaluation at one threshold and one confidence key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from labelmetrics.evaluation import Evaluation
from labelmetrics.formats import evaluation_tables
from labelmetrics.formats.restored import coded, numbers
from labelmetrics.kernels.batch import Bools, Coded, Floats, Ints
from labelmetrics.kernels.matching import greedy
from labelmetrics.kernels.thresholds import nearest_key
from labelmetrics.matches import rows_of

if TYPE_CHECKING:
    import pyarrow as pa

TP: Final = "TP"
FP: Final = "FP"
FN: Final = "FN"
IGNORED: Final = "ignored"
OUTCOMES: tuple[str, ...] = (TP, FP, FN, IGNORED)
LOW_CONFIDENCE = "low confidence"
"""Reason of a ground truth whose match lies below the key."""
REASONS: tuple[str, ...] = (*evaluation_tables.REASONS, LOW_CONFIDENCE)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcomes:
    """The objects of one evaluation.

    Parameters
    ----------
    table : pyarrow.Table
        The columns of matches, with ``crowd`` and ``area``; the outcome of predictions below the key is null.
    outcome : ndarray of int64, shape (n,)
        Index into ``OUTCOMES``; -1 below the key.
    is_truth : ndarray of bool, shape (n,)
        Whether each is a ground truth.
    score : ndarray of float64, shape (n,)
        Confidence; absent counts as 1.
    partner : ndarray of int64, shape (n,)
        Row that each is matched with, -1 for none.
    """

    table: pa.Table
    outcome: Ints
    is_truth: Bools
    score: Floats
    partner: Ints

    @classmethod
    def of(cls, evaluation: Evaluation, *, iou: float, confidence: float | None) -> Outcomes:
        """The objects at a threshold and a confidence key."""
        objects = evaluation.objects
        table = evaluation.matches_at(iou).table
        for name in ("area", "crowd"):
            table = table.append_column(name, objects.column(name))
        side = coded(table.column("side"))
        found = cls(
            table=table,
            outcome=_indices(coded(table.column("outcome"))),
            is_truth=_indices(side, ("ground_truth",)) == 0,
            score=np.nan_to_num(numbers(table.column("confidence")), nan=1.0),
            partner=rows_of(table.column("object").to_numpy(), table.column("partner").fill_null(-1).to_numpy()),
        )
        return found if confidence is None else found._at(evaluation, iou, confidence)

    def _at(self, evaluation: Evaluation, iou: float, confidence: float) -> Outcomes:
        """The same at a confidence key: predictions below it take no part."""
        import pyarrow as pa

        keys = evaluation.results.grid.keys
        takes_part = self.takes_part(keys[nearest_key(keys, confidence)])
        partner, overlap = Rivals.of(evaluation, self, iou).matched(takes_part)
        outcome = self.outcomes(partner, takes_part)
        reason = self.reasons(partner, takes_part)
        # What was matched and is not any more sees what it was matched with.
        was, number = self.partner, self.table.column("object").to_numpy()
        lost = (partner < 0) & (was >= 0)
        nearest = np.where(lost, number[was], self.table.column("nearest").fill_null(-1).to_numpy())
        nearest_overlap = np.where(
            lost, numbers(self.table.column("overlap")), numbers(self.table.column("nearest_overlap"))
        )
        columns = {
            "outcome": pa.array(np.array([*OUTCOMES, None], object)[outcome], pa.string()),
            "partner": pa.array(number[partner], mask=partner < 0) if len(number) else pa.array(partner),
            "overlap": pa.array(overlap, mask=np.isnan(overlap)),
            "reason": pa.array(np.array([*REASONS, None], object)[reason], pa.string()),
            "nearest": pa.array(nearest, mask=nearest < 0),
            "nearest_overlap": pa.array(nearest_overlap, mask=np.isnan(nearest_overlap)),
        }
        table = self.table
        for name, column in columns.items():
            table = table.set_column(table.column_names.index(name), name, column)
        return Outcomes(table=table, outcome=outcome, is_truth=self.is_truth, score=self.score, partner=partner)

    def takes_part(self, confidence: float) -> Bools:
        """Whether each object takes part where predictions need a confidence."""
        return self.is_truth | (self.score >= confidence)

    def outcomes(self, partner: Ints, takes_part: Bools) -> Ints:
        """Outcome of each object, given what it is matched with."""
        outcome = np.where(self.is_truth, OUTCOMES.index(FN), OUTCOMES.index(FP))
        outcome[partner >= 0] = OUTCOMES.index(TP)
        outcome[self.outcome == OUTCOMES.index(IGNORED)] = OUTCOMES.index(IGNORED)
        outcome[~takes_part] = -1
        return outcome

    def reasons(self, partner: Ints, takes_part: Bools) -> Ints:
        """Why each object has no partner, as an index into ``REASONS``, -1 for those that have one.

        It is the reason among all predictions, unless the object had a partner there.
        """
        reason = _indices(coded(self.table.column("reason")), REASONS)
        reason[partner >= 0] = -1
        lost = (partner < 0) & (self.partner >= 0)
        reason[lost] = np.where(self.is_truth[lost], REASONS.index("prediction taken"), REASONS.index("duplicate"))
        reason[lost & self.is_truth & ~np.append(takes_part, False)[self.partner]] = REASONS.index(LOW_CONFIDENCE)
        return reason


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rivals:
    """The pairs of an evaluation that may be matches at a threshold, to match some of its objects anew.

    Parameters
    ----------
    all : Outcomes
        The objects with all predictions.
    first, second : ndarray of int64, shape (n_pairs,)
        Rows of the ground truth and the prediction.
    overlap : ndarray of float64, shape (n_pairs,)
        Overlap of each pair.
    in_turns : bool
        Whether predictions choose in falling confidence, as COCO's do.
    """

    all: Outcomes
    first: Ints
    second: Ints
    overlap: Floats
    in_turns: bool

    @classmethod
    def of(cls, evaluation: Evaluation, found: Outcomes, iou: float) -> Rivals:
        """The pairs above a threshold; ``found`` are the objects at the same one."""
        import pyarrow.compute as pc

        pairs, number = evaluation.pairs, found.table.column("object").to_numpy()
        overlap = pairs.column("overlap").to_numpy()
        settings = evaluation.manifest.settings
        first, second = (rows_of(number, pairs.column(name).to_numpy()) for name in ("ground_truth", "prediction"))
        possible = pairs.column("same_feature").to_numpy() & (overlap > iou)
        if settings.include_subclasses:
            nested = coded(pc.binary_join(found.table.column("nested"), "\n")).codes
            is_answer = _indices(coded(found.table.column("kind")), ("answer", "text")) >= 0
            possible &= (nested[first] == nested[second]) | is_answer[first]
        in_turns = settings.matching == "coco"
        return cls(
            all=found, first=first[possible], second=second[possible], overlap=overlap[possible], in_turns=in_turns
        )

    def matched(self, takes_part: Bools) -> tuple[Ints, Floats]:
        """Partner of each object (-1 for none) and its overlap, among those that take part."""
        before = self.all.partner
        if self.in_turns:
            # Predictions of lower confidence choose later, so leaving them out only leaves matches out.
            partner = np.where(takes_part & np.append(takes_part, False)[before], before, -1)
            return partner, np.where(partner < 0, np.nan, numbers(self.all.table.column("overlap")))
        at = np.flatnonzero(takes_part[self.second])
        at = at[greedy(self.first[at], self.second[at], self.overlap[at])]
        partner, shared = np.full(len(before), -1), np.full(len(before), np.nan)
        for one, other in ((self.first, self.second), (self.second, self.first)):
            partner[one[at]], shared[one[at]] = other[at], self.overlap[at]
        return partner, shared


def _indices(column: Coded, values: tuple[str, ...] = OUTCOMES) -> Ints:
    """Index of each text among some; -1 for others."""
    known = [values.index(value) if value in values else -1 for value in column.values]
    return np.array([*known, -1], np.int64)[column.codes]
