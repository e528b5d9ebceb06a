"""Crowded cells: so many pairs of one data row and feature that they are not kept, but what they decide is.

A cell of 10,000 ground truths and 10,000 predictions that all overlap has 100 million pairs. Matching by falling
overlap needs few of them: the pairs are seen in *bands* of falling overlap, each small enough to be matched at once,
and annotations that are used up leave before the next band. Where predictions choose in turns, they do so one after the
other. What is kept are the matches of every rule, the nearest partner of each annotation, and all that the most
confident predictions overlap with, so that COCO's average precision can be told. Matching the kept pairs again gives
the same matches: each pair that is not one was kept from it by a match, and all matches are there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from labelmetrics.kernels.batch import Bools, Floats, Ints
from labelmetrics.kernels.matching import greedy
from labelmetrics.kernels.pairs import BLOCK, Measure, Pairs, overlapping

BAND = 1 << 18
"""Most pairs of one cell that are kept and matched at once."""

MOST_CONFIDENT = 100
"""Predictions of a crowded cell that keep all their pairs: as many as count for COCO's average precision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How pairs are matched: by falling overlap at each level, and in turns where there are ``thresholds``.

    Parameters
    ----------
    level : ndarray of int64
        Number of levels at which each prediction takes part.
    n_levels : int
        Number of levels.
    rank : ndarray of float64
        Confidence of each prediction.
    crowd : ndarray of bool
        Ground truths that are never used up where predictions choose in turns, and chosen last.
    thresholds : tuple of float
        Overlaps that matches must reach where predictions choose in turns.
    """

    level: Ints
    n_levels: int
    rank: Floats
    crowd: Bools
    thresholds: tuple[float, ...] = ()

    def take(self, first: Ints, second: Ints) -> Rules:
        """The rules for some ground truths and predictions."""
        return Rules(
            level=self.level[second],
            n_levels=self.n_levels,
            rank=self.rank[second],
            crowd=self.crowd[first],
            thresholds=self.thresholds,
        )


def crowded_cells(first_code: Ints, second_code: Ints) -> Ints:
    """Codes of the cells that have more pairs than are kept; both sides sorted.

    >>> crowded_cells(np.repeat([3, 4], [1000, 2]), np.repeat([3, 4], [1000, 2])).tolist()
    [3]
    """
    starts = np.flatnonzero(np.diff(first_code, prepend=-1))
    cells, n_first = first_code[starts], np.diff(starts, append=len(first_code))
    longest = np.diff(np.flatnonzero(np.diff(second_code, prepend=-1)), append=len(second_code)).max(initial=0)
    cells, n_first = cells[n_first * longest > BAND], n_first[n_first * longest > BAND]
    n_second = np.searchsorted(second_code, cells, "right") - np.searchsorted(second_code, cells, "left")
    crowded: Ints = cells[n_first * n_second > BAND]
    return crowded


def candidate_pairs(measure: Measure, first_code: Ints, second_code: Ints, rules: Rules, floor: float = 0.0) -> Pairs:
    """Pairs of equal codes with an overlap above ``floor``, of crowded cells those that decide matches.

    Parameters
    ----------
    measure : Measure
        Overlap of pairs.
    first_code, second_code : ndarray of int64
        Cell of each ground truth and prediction, both sorted.
    rules : Rules
        Which matches must be among the pairs.
    floor : float, default 0.0
        Least overlap, excluded.
    """
    crowded = crowded_cells(first_code, second_code)
    if not len(crowded):
        return overlapping(measure, first_code, second_code, floor)
    # Others are compared as always; a code of their own takes crowded cells out of it.
    rest = np.where(np.isin(first_code, crowded), -1, first_code)
    found = [overlapping(measure, rest, second_code, floor)]
    for cell in crowded.tolist():
        first, second = (
            np.arange(*np.searchsorted(code, [cell, cell + 1], "left")) for code in (first_code, second_code)
        )
        found.append(pairs_of_cell(measure, first, second, rules.take(first, second), floor))
    return union(found)


def pairs_of_cell(measure: Measure, first: Ints, second: Ints, rules: Rules, floor: float = 0.0) -> Pairs:
    """Pairs of one cell with an overlap above ``floor``: all of them, or those that decide matches if they are many.

    Parameters
    ----------
    measure : Measure
        Overlap of pairs.
    first, second : ndarray of int64
        Positions of the cell's ground truths and predictions, rising.
    rules : Rules
        Which matches must be among the pairs.
    floor : float, default 0.0
        Least overlap, excluded.
    """
    band = _Band(floor)
    nearest = _Nearest(len(first), len(second), floor)
    for rows, columns, overlap in _blocks(measure, first, second):
        band.add(first[rows], second[columns], overlap)
        nearest.add(rows, columns, overlap)
    if band.floor == floor:
        return union([band.pairs()])
    leaders = second[np.sort(np.argsort(-rules.rank, kind="stable")[:MOST_CONFIDENT])]
    lead = Selected(measure, first, leaders)
    led = overlapping(lead, np.zeros(len(first), np.int64), np.zeros(len(leaders), np.int64), floor)
    found = [nearest.pairs(first, second), lead.back(led)]
    # Without equal overlaps, both ways to settle ties lead to the same matches.
    for level in range(rules.n_levels):
        taking_part = second[rules.level > level]
        matches, tied = _match(measure, first, taking_part, floor, swapped=False)
        found.append(matches)
        if tied:
            found.append(_match(measure, first, taking_part, floor, swapped=True)[0])
    if rules.thresholds:
        found.append(_match_in_turns(measure, first, second, rules))
    return union(found)


def _blocks(measure: Measure, first: Ints, second: Ints) -> Iterator[tuple[Ints, Ints, Floats]]:
    """Overlaps of pairs: indices into ``first`` and ``second``, both rising, and the table of their overlaps.

    Both sides are swept from left to right, so that pairs that lie far apart are left out.
    """
    if not len(first) or not len(second):
        return
    one, two = measure.extent(first, second)
    by_left, others = (np.argsort(side[:, 0], kind="stable") for side in (one, two))
    lefts, rights = two[others, 0], np.maximum.accumulate(two[others, 1])
    height = max(BLOCK // len(second), 1)
    for start in range(0, len(first), height):
        rows = by_left[start : start + height]
        begin = np.searchsorted(rights, one[rows[0], 0], "left")
        end = np.searchsorted(lefts, one[rows, 1].max(), "right")
        if begin < end:
            rows, columns = np.sort(rows), np.sort(others[begin:end])
            overlap = measure.of(np.repeat(first[rows], len(columns)), np.tile(second[columns], len(rows)))
            yield rows, columns, overlap.reshape(len(rows), len(columns))


class _Band:
    """The pairs of highest overlap, at most ``BAND`` of them; pairs at or below ``floor`` are left to later bands."""

    def __init__(self, floor: float) -> None:
        self.floor = floor
        self.highest = floor
        self._parts: list[Pairs] = []
        self._n = 0

    def add(self, first: Ints, second: Ints, overlap: Floats) -> None:
        """Take in a block of overlaps."""
        row, column = np.nonzero(overlap > self.floor)
        part = Pairs(first[row], second[column], overlap[row, column])
        self.highest = max(self.highest, part.overlap.max(initial=self.floor))
        self._parts.append(part)
        self._n += len(part)
        if self._n > BAND:
            whole = self.pairs()
            # Pairs that tie with the last one that has room leave together.
            self.floor = float(np.partition(whole.overlap, len(whole) - BAND - 1)[len(whole) - BAND - 1])
            self._parts = [whole.take(whole.overlap > self.floor)]
            self._n = len(self._parts[0])

    def pairs(self) -> Pairs:
        """The pairs, in any order."""
        return self._parts[0] if len(self._parts) == 1 else Pairs.concat(self._parts)


class _Nearest:
    """The partner of highest overlap of every annotation of a cell."""

    def __init__(self, n_first: int, n_second: int, floor: float) -> None:
        self.first = (np.zeros(n_first, np.int64), np.full(n_first, floor))
        self.second = (np.zeros(n_second, np.int64), np.full(n_second, floor))
        self.floor = floor

    def add(self, rows: Ints, columns: Ints, overlap: Floats) -> None:
        """Take in a block of overlaps; it holds all that its rows overlap with."""
        partner, best = self.first
        partner[rows] = columns[overlap.argmax(axis=1)]
        best[rows] = overlap.max(axis=1)
        partner, best = self.second
        at, highest = rows[overlap.argmax(axis=0)], overlap.max(axis=0)
        before = best[columns]
        better = (highest > before) | ((highest == before) & (at < partner[columns]))
        partner[columns[better]], best[columns[better]] = at[better], highest[better]

    def pairs(self, first: Ints, second: Ints) -> Pairs:
        """One pair per annotation that overlaps with any other."""
        one = np.concatenate([np.arange(len(first)), self.second[0]])
        two = np.concatenate([self.first[0], np.arange(len(second))])
        overlap = np.concatenate([self.first[1], self.second[1]])
        meet = overlap > self.floor
        return Pairs(first[one[meet]], second[two[meet]], overlap[meet])


def _match(measure: Measure, first: Ints, second: Ints, floor: float, *, swapped: bool) -> tuple[Pairs, bool]:
    """Matches of one cell, band after band, and whether any overlaps were equal.

    Ties go to the lower first, or, ``swapped``, to the lower second.
    """
    found: list[Pairs] = []
    tied = False
    while len(first) and len(second):
        band = _Band(floor)
        for rows, columns, overlap in _blocks(measure, first, second):
            band.add(first[rows], second[columns], overlap)
        pairs = band.pairs()
        tied = tied or len(np.unique(pairs.overlap)) < len(pairs)
        if len(pairs):
            matches = pairs.take(_greedy(pairs, swapped=swapped))
        elif band.floor > floor:
            # More pairs than a band holds tie at the highest overlap.
            matches, tied = _match_ties(measure, first, second, band.highest, swapped=swapped), True
        else:
            break
        found.append(matches)
        first = first[~np.isin(first, matches.first)]
        second = second[~np.isin(second, matches.second)]
        if band.floor == floor:
            break
    return union(found), tied


def _greedy(pairs: Pairs, *, swapped: bool) -> Bools:
    ends = (pairs.second, pairs.first) if swapped else (pairs.first, pairs.second)
    return greedy(*ends, pairs.overlap)


def _match_ties(measure: Measure, first: Ints, second: Ints, value: float, *, swapped: bool) -> Pairs:
    """Matches among the pairs whose overlap is ``value``: in order of the side that ties go to."""
    found = []
    lead, other = (second, first) if swapped else (first, second)
    for one in lead:
        if not len(other):
            break
        same = np.full(len(other), one)
        overlap = measure.of(other, same) if swapped else measure.of(same, other)
        equal = np.flatnonzero(overlap == value)
        if len(equal):
            pair = (other[equal[0]], one) if swapped else (one, other[equal[0]])
            found.append(pair)
            other = np.delete(other, equal[0])
    ends = np.array(found, np.int64).reshape(-1, 2)
    return Pairs(ends[:, 0], ends[:, 1], np.full(len(ends), value))


def _match_in_turns(measure: Measure, first: Ints, second: Ints, rules: Rules) -> Pairs:
    """Matches of one cell where predictions choose in falling confidence, at every threshold."""
    limits = np.array(rules.thresholds)
    free = np.ones((len(limits), len(first)), bool)
    order = np.argsort(-rules.rank, kind="stable")
    height = max(BLOCK // max(len(first), 1), 1)
    found: list[tuple[int, int, float]] = []
    for start in range(0, len(second), height):
        block = second[order[start : start + height]]
        table = measure.of(np.tile(first, len(block)), np.repeat(block, len(first))).reshape(len(block), -1)
        for one, overlap in zip(block.tolist(), table, strict=True):
            # Best first: what is used up before crowds, then the highest overlap, then the later one.
            near = np.flatnonzero(overlap >= limits.min())
            near = near[np.lexsort((-near, -overlap[near], rules.crowd[near]))]
            open_ = (free[:, near] | rules.crowd[near]) & (overlap[near] >= limits[:, None])
            for at in np.flatnonzero(open_.any(axis=1)).tolist():
                taken = near[open_[at].argmax()]
                free[at, taken] = False
                found.append((int(first[taken]), one, float(overlap[taken])))
    ends = [np.array(column) for column in zip(*found, strict=True)] or [np.empty(0, np.int64)] * 2 + [np.empty(0)]
    return Pairs(*ends)


@dataclass(frozen=True, slots=True)
class Selected:
    """Overlaps of a selection of annotations, by position in the selection."""

    measure: Measure
    first: Ints
    second: Ints

    def of(self, first: Ints, second: Ints) -> Floats:
        """Overlap of each pair."""
        return self.measure.of(self.first[first], self.second[second])

    def extent(self, first: Ints, second: Ints) -> tuple[Floats, Floats]:
        """Left and right of annotations of both sides."""
        return self.measure.extent(self.first[first], self.second[second])

    def back(self, pairs: Pairs) -> Pairs:
        """Pairs of the selection as pairs of the whole."""
        return Pairs(self.first[pairs.first], self.second[pairs.second], pairs.overlap)


def union(parts: list[Pairs]) -> Pairs:
    """Pairs of all parts, each once, sorted by first, then second."""
    whole = Pairs.concat(parts)
    whole = whole.take(np.lexsort((whole.second, whole.first)))
    new = np.ones(len(whole), bool)
    new[1:] = (whole.first[1:] != whole.first[:-1]) | (whole.second[1:] != whole.second[:-1])
    return whole.take(new)
