"""Matches, counts and overlaps of every (data row, feature), at every threshold and confidence key at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from labelmetrics.kernels.batch import Bools, Floats, Ints, Kind
from labelmetrics.kernels.join import Batch, Side
from labelmetrics.kernels.matching import alone, expand, greedy_at_keys, in_turns, ties_decide
from labelmetrics.kernels.pairs import Pairs
from labelmetrics.kernels.thresholds import Grid
from labelmetrics.kernels.vocabulary import nested_agreement

Matching = Literal["platform", "coco"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """What takes part on one side: annotations, or (annotation, nested answer) for the metrics of subclasses.

    Parameters
    ----------
    group : ndarray of int64, shape (n,)
        Code of what a metric is about: (data row, feature) or (data row, feature, subclass).
    cell : ndarray of int64, shape (n,)
        Code of where members may be compared: the group and the place.
    level : ndarray of int64, shape (n,)
        Number of levels of the grid at which the member takes part.
    rank : ndarray of float64, shape (n,)
        Confidence, by which COCO's matching goes; absent counts as 1.
    crowd : ndarray of bool, shape (n,)
        COCO's ``iscrowd``.
    annotation : ndarray of int64, shape (n,)
        Position of the member's annotation in its side.
    """

    group: Ints
    cell: Ints
    level: Ints
    rank: Floats
    crowd: Bools
    annotation: Ints

    def take(self, index: Ints) -> Members:
        """The members at ``index``."""
        return Members(
            group=self.group[index],
            cell=self.cell[index],
            level=self.level[index],
            rank=self.rank[index],
            crowd=self.crowd[index],
            annotation=self.annotation[index],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Counts of ``G`` groups at ``T`` thresholds and ``L`` levels.

    Parameters
    ----------
    group : ndarray of int64, shape (G,)
        Codes of the groups, rising.
    n_truth, n_guess : ndarray of int64, shapes (G,) and (L, G)
        Ground truths and predictions.
    tp, fp, fn : ndarray of int64, shape (T, L, G)
        Matched pairs, unmatched predictions, unmatched ground truths.
    iou : ndarray of float64, shape (L, G)
        Mean overlap; NaN where both sides are empty.
    """

    group: Ints
    n_truth: Ints
    n_guess: Ints
    tp: Ints
    fp: Ints
    fn: Ints
    iou: Floats


def members_of(batch: Batch, side: Side, grid: Grid) -> Members:
    """Members of the feature metrics: every annotation."""
    return Members(
        group=batch.group(side),
        cell=batch.cell(side),
        level=grid.level(side.confidence) if side is batch.prediction else np.full(len(side), grid.n_levels),
        rank=np.where(np.isnan(side.confidence), 1.0, side.confidence),
        crowd=side.crowd,
        annotation=np.arange(len(side)),
    )


def candidates(batch: Batch, pairs: Pairs, *, threshold: float, include_subclasses: bool) -> Ints:
    """Indices of the pairs that may be matches: overlap above the threshold and, if asked, equal nested answers."""
    possible = pairs.overlap > threshold
    if include_subclasses and len(batch.nested) > 1:
        truth, guess = batch.ground_truth, batch.prediction
        same = truth.nested[pairs.first] == guess.nested[pairs.second]
        possible &= same | (truth.kind[pairs.first] >= Kind.ANSWER)
    return np.flatnonzero(possible)


def match(first: Members, second: Members, pairs: Pairs, grid: Grid, matching: Matching) -> list[tuple[Ints, Ints]]:
    """Matches at every threshold: (level, index of the pair); ``pairs`` holds candidates only."""
    level = second.level[pairs.second]
    if matching == "coco":
        turn = _turns(second, pairs)
        found = []
        for threshold in grid.thresholds:
            matched = np.flatnonzero(
                in_turns(
                    pairs.first,
                    pairs.second,
                    pairs.overlap,
                    turn=turn,
                    ignored=first.crowd[pairs.first],
                    threshold=threshold,
                )
            )
            # Predictions of lower confidence choose later, so a key only leaves matches out.
            pair, key = expand(matched, level[matched])
            found.append((key, pair))
        return found
    return _above(*greedy_at_keys(pairs.first, pairs.second, pairs.overlap, level, grid.n_levels), pairs.overlap, grid)


def _above(key: Ints, pair: Ints, overlap: Floats, grid: Grid) -> list[tuple[Ints, Ints]]:
    """Matches at every threshold: matching goes from the highest overlap down, so a threshold only cuts it short."""
    chosen = (overlap[pair] > threshold for threshold in grid.thresholds)
    return [(key[keep], pair[keep]) for keep in chosen]


def _turns(second: Members, pairs: Pairs) -> Ints:
    """When the prediction of each pair chooses: in its cell by falling rank; ties keep their order.

    Only predictions that compete for a ground truth are numbered; the others may choose at any time.
    """
    competes = np.zeros(len(second.cell), bool)
    competes[pairs.second[~alone(pairs.first, pairs.second)]] = True
    members = np.flatnonzero(competes)
    order = members[np.lexsort((-second.rank[members], second.cell[members]))]
    cell = second.cell[order]
    starts = np.flatnonzero(np.diff(cell, prepend=-1))
    turn = np.zeros(len(competes), np.int64)
    turn[order] = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    return turn[pairs.second]


def _numbered(first: Ints, second: Ints) -> tuple[Ints, Ints, Ints]:
    """Distinct codes of both sides, sorted, and the index of each code among them."""
    codes = np.concatenate([first, second])
    order = np.argsort(codes, kind="stable")  # merges the two where both are sorted, as they mostly are
    ordered = codes[order]
    is_new = np.diff(ordered, prepend=-1) != 0
    index = np.empty(len(codes), np.int64)
    index[order] = np.cumsum(is_new) - 1
    return ordered[is_new], index[: len(first)], index[len(first) :]


def tally(
    first: Members,
    second: Members,
    *,
    counted: Pairs | None,
    measured: Pairs,
    value: Floats,
    grid: Grid,
    matching: Matching,
) -> Tally:
    """Count matches and average overlaps of every group.

    Parameters
    ----------
    first, second : Members
        Ground truths and predictions.
    counted : Pairs or None
        Candidates of the confusion matrix; ``None`` where they are those of the mean overlap, above the threshold, and
        both are matched by overlap.
    measured : Pairs
        Candidates of the mean overlap.
    value : ndarray of float64
        What each of the ``measured`` pairs contributes when it is matched.
    grid : Grid
        Thresholds and confidence keys.
    matching : {"platform", "coco"}
        Rule of the confusion matrix; the mean overlap is always matched by overlap.
    """
    coco = matching == "coco"
    groups, first_group, second_group = _numbered(first.group, second.group)
    n, levels = len(groups), grid.n_levels
    n_truth = np.bincount(first_group, minlength=n)
    n_guess = _count_levels(second_group, second.level, n, levels)
    n_positive = np.bincount(first_group[~first.crowd], minlength=n) if coco else n_truth
    shape = (len(grid.thresholds), levels, n)
    tp, fp = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    # Ties go to the earlier prediction first in the mean overlap, as in the platform's SDK.
    level = second.level[measured.second]
    overlapping = greedy_at_keys(measured.second, measured.first, measured.overlap, level, levels)
    if counted is not None:
        matches = match(first, second, counted, grid, matching)
    elif ties_decide(measured.first, measured.second, measured.overlap):
        counted = measured.take(measured.overlap > min(grid.thresholds))
        matches = match(first, second, counted, grid, matching)
    else:
        counted, matches = measured, _above(*overlapping, measured.overlap, grid)
    for index, (key, pair) in enumerate(matches):
        truth = counted.first[pair]
        group = key * n + first_group[truth]
        tp[index] = np.bincount(group, minlength=levels * n).reshape(levels, n)
        fp[index] = n_guess - tp[index]
        if coco:  # what matches a crowd is neither
            tp[index] -= np.bincount(group[first.crowd[truth]], minlength=levels * n).reshape(levels, n)
    return Tally(
        group=groups,
        n_truth=n_truth,
        n_guess=n_guess,
        tp=tp,
        fp=fp,
        fn=n_positive - tp,
        iou=_mean_overlap(first, second, measured, overlapping, value, first_group, second_group, n_truth, n_guess),
    )


def _count_levels(group: Ints, level: Ints, n: int, levels: int) -> Ints:
    """How many members take part at each level, shape (L, n)."""
    exactly = np.bincount((level - 1) * n + group, minlength=levels * n).reshape(levels, n)
    return exactly[::-1].cumsum(axis=0)[::-1]


def _mean_overlap(
    first: Members,
    second: Members,
    pairs: Pairs,
    matches: tuple[Ints, Ints],
    value: Floats,
    first_group: Ints,
    second_group: Ints,
    n_first: Ints,
    n_second: Ints,
) -> Floats:
    levels, n = n_second.shape
    key, pair = matches
    group = key * n + first_group[pairs.first[pair]]
    total = np.bincount(group, value[pair], minlength=levels * n).reshape(levels, n)
    if np.array_equal(first.cell, first.group) and np.array_equal(second.cell, second.group):
        most = np.maximum(n_first, n_second)
    else:
        cells, first_cell, second_cell = _numbered(first.cell, second.cell)
        in_cell = _count_levels(second_cell, second.level, len(cells), levels)
        most_of_cell = np.maximum(np.bincount(first_cell, minlength=len(cells)), in_cell)
        cell_group = np.empty(len(cells), np.int64)
        cell_group[first_cell] = first_group
        cell_group[second_cell] = second_group
        most = np.stack([np.bincount(cell_group, row, minlength=n) for row in most_of_cell])
    with np.errstate(invalid="ignore"):
        return total / most  # 0 / 0 is NaN: both sides are empty


def pair_value(batch: Batch, pairs: Pairs, *, include_subclasses: bool) -> Floats:
    """What a matched pair adds to the mean overlap: its overlap, averaged with the agreement of nested answers."""
    if not include_subclasses or len(batch.nested) == 1:
        return pairs.overlap
    truth, guess = batch.ground_truth, batch.prediction
    one, two = truth.nested[pairs.first], guess.nested[pairs.second]
    nested = np.flatnonzero(((one > 0) | (two > 0)) & (truth.kind[pairs.first] < Kind.ANSWER))
    combined = one[nested] * len(batch.nested) + two[nested]
    distinct, inverse = np.unique(combined, return_inverse=True)
    agreement = np.array(
        [nested_agreement(*(batch.nested[c] for c in divmod(code, len(batch.nested)))) for code in distinct.tolist()]
    )
    value = pairs.overlap.copy()
    if len(nested):
        value[nested] = (value[nested] + agreement[inverse]) / 2
    return value


@dataclass(frozen=True, slots=True)
class Subclasses:
    """Members of the subclass metrics: one per annotation and nested answer that it carries.

    Parameters
    ----------
    names : list of str
        Written names of the nested answers, sorted.
    first, second : Members
        Ground truths and predictions; ``group`` is the feature's group times ``len(names)`` plus the subclass.
    """

    names: list[str]
    first: Members
    second: Members
    _position: Ints
    _member: tuple[Ints, Ints]
    _nested: tuple[Ints, Ints]

    @classmethod
    def of(cls, batch: Batch, members: tuple[Members, Members]) -> Subclasses:
        """All nested answers of a batch, from the members of its feature metrics; free texts are no subclasses."""
        names, code = batch.vocabulary.subclasses, batch.vocabulary.subclass_of
        # position[s, c]: where subclass c stands among those of the nested set s, -1 where it has none of it.
        position = np.full((len(batch.nested), len(names)), -1, np.int64)
        listed = [sorted(code[item] for item in items if item in code) for items in batch.nested]
        for index, codes in enumerate(listed):
            position[index, codes] = np.arange(len(codes))
        lengths = np.array([len(codes) for codes in listed], np.int64)
        flat = np.array([c for codes in listed for c in codes], np.int64)
        starts = np.cumsum(lengths) - lengths

        def carriers(side: Side, base: Members) -> tuple[Members, Ints]:
            count = lengths[side.nested]
            parent, nth = expand(np.arange(len(side)), count)
            subclass = flat[starts[side.nested[parent]] + nth]
            group = base.group[parent] * len(names) + subclass
            return Members(
                group=group,
                cell=group * len(batch.places) + side.place[parent],
                level=base.level[parent],
                rank=base.rank[parent],
                crowd=base.crowd[parent],
                annotation=parent,
            ), np.cumsum(count) - count

        first, first_start = carriers(batch.ground_truth, members[0])
        second, second_start = carriers(batch.prediction, members[1])
        return cls(
            names,
            first,
            second,
            position,
            (first_start, second_start),
            (batch.ground_truth.nested, batch.prediction.nested),
        )

    def pairs(self, pairs: Pairs) -> Pairs:
        """Pairs of members from pairs of annotations: one per nested answer that both carry."""
        one, two = self._nested[0][pairs.first], self._nested[1][pairs.second]
        shared = (self._position[one] >= 0) & (self._position[two] >= 0)
        pair, subclass = np.nonzero(shared)
        return Pairs(
            self._member[0][pairs.first[pair]] + self._position[one[pair], subclass],
            self._member[1][pairs.second[pair]] + self._position[two[pair], subclass],
            pairs.overlap[pair],
        )
