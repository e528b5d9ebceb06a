"""Crowded cells: so many pairs of one data row and feature that they are not kept, but what they decide is.

A cell of 10,000 ground truths and 10,000 predictions that all overlap has 100 million pairs. Matching by falling
overlap needs few of them: the pairs are seen in *bands* of falling overlap, each small enough to be matched at once,
and annotations that are used up leave before the next band. What is kept are the matches at every confidence key and,
for each annotation, its nearest partner. Matching the kept pairs again gives the same matches: each pair that is not
one was kept from it by a match, and all matches are there.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from labelmetrics.kernels.batch import Bools, Floats, Ints
from labelmetrics.kernels.matching import greedy
from labelmetrics.kernels.pairs import BLOCK, Measure, Pairs, overlapping

BAND = 1 << 18
"""Most pairs of one cell that are kept and matched at once."""


def candidate_pairs(
    measure: Measure, first_code: Ints, second_code: Ints, level: Ints, n_levels: int, floor: float = 0.0
) -> Pairs:
    """Pairs of equal codes with an overlap above ``floor``, of crowded cells those that decide matches.

    Parameters
    ----------
    measure : Measure
        Overlap of pairs.
    first_code, second_code : ndarray of int64
        Cell of each ground truth and prediction, both sorted.
    level, n_levels, floor
        As in :func:`pairs_of_cell`; ``level`` has one entry per prediction.
    """
    cells, start, n_first = np.unique(first_code, return_index=True, return_counts=True)
    begin = np.searchsorted(second_code, cells, "left")
    n_second = np.searchsorted(second_code, cells, "right") - begin
    crowded = np.flatnonzero(n_first * n_second > BAND)
    if not len(crowded):
        return overlapping(measure, first_code, second_code, floor)
    # Others are compared as always; a code of their own takes crowded cells out of it.
    rest = np.where(np.isin(first_code, cells[crowded]), -1, first_code)
    found = [overlapping(measure, rest, second_code, floor)]
    for cell in crowded.tolist():
        first = start[cell] + np.arange(n_first[cell])
        second = begin[cell] + np.arange(n_second[cell])
        found.append(pairs_of_cell(measure, first, second, level[second], n_levels, floor))
    return _union(found)


def pairs_of_cell(measure: Measure, first: Ints, second: Ints, level: Ints, n_levels: int, floor: float = 0.0) -> Pairs:
    """Pairs of one cell with an overlap above ``floor``: all of them, or those that decide matches if they are many.

    Parameters
    ----------
    measure : Measure
        Overlap of pairs.
    first, second : ndarray of int64
        Positions of the cell's ground truths and predictions, rising.
    level : ndarray of int64
        Number of levels of the grid at which each of ``second`` takes part.
    n_levels : int
        Number of levels; with 0, only nearest partners are kept of many pairs.
    floor : float, default 0.0
        Least overlap, excluded.
    """
    band = _Band(floor)
    nearest = _Nearest(len(first), len(second), floor)
    for rows, columns, overlap in _blocks(measure, first, second):
        band.add(first[rows], second[columns], overlap)
        nearest.add(rows, columns, overlap)
    if band.floor == floor:
        return _union([band.pairs()])
    found = [nearest.pairs(first, second)]
    # Without equal overlaps, both ways to settle ties lead to the same matches.
    for level_ in range(n_levels):
        taking_part = second[level > level_]
        matches, tied = _match(measure, first, taking_part, floor, swapped=False)
        found.append(matches)
        if tied:
            found.append(_match(measure, first, taking_part, floor, swapped=True)[0])
    return _union(found)


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
    return _union(found), tied


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


def _union(parts: list[Pairs]) -> Pairs:
    """Pairs of all parts, each once, sorted by first, then second."""
    whole = Pairs.concat(parts)
    whole = whole.take(np.lexsort((whole.second, whole.first)))
    new = np.ones(len(whole), bool)
    new[1:] = (whole.first[1:] != whole.first[:-1]) | (whole.second[1:] != whole.second[:-1])
    return whole.take(new)
