"""Candidate pairs: which ground truths and predictions meet, expanded in bounded blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from labelmetrics.kernels.batch import Bools, Floats, Ints
from labelmetrics.kernels.matching import expand

BLOCK = 4_000_000
"""Most pairs that are expanded at a time."""


class Measure(Protocol):
    """Overlap of pairs, given by the positions of their ends, and where to look for it."""

    def of(self, first: Ints, second: Ints) -> Floats:
        """Overlap of each pair."""

    def extent(self, first: Ints, second: Ints) -> tuple[Floats, Floats]:
        """Left and right of annotations of both sides, shape (n, 2) each: where they are apart, nothing overlaps."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs with an overlap above 0, sorted by ground truth, then prediction.

    ``first`` and ``second`` are positions in the sides of the batch.
    """

    first: Ints
    second: Ints
    overlap: Floats

    def __len__(self) -> int:
        return len(self.overlap)

    @classmethod
    def concat(cls, parts: Sequence[Pairs]) -> Pairs:
        """All parts, one behind the other."""
        if not parts:
            return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
        columns = zip(*((part.first, part.second, part.overlap) for part in parts), strict=True)
        return cls(*map(np.concatenate, columns))

    def take(self, index: Ints | Bools) -> Pairs:
        """The pairs at ``index`` (integers or a boolean mask)."""
        return Pairs(self.first[index], self.second[index], self.overlap[index])


def meeting(first_code: Ints, second_code: Ints, block: int = BLOCK) -> Iterator[tuple[Ints, Ints]]:
    """Yield all pairs of equal codes, at most ``block`` at a time (more only where one annotation alone has more).

    ``second_code`` must be sorted; pairs come in the order of ``first_code``, then of ``second_code``.

    >>> list(meeting(np.array([1, 2]), np.array([1, 1, 3])))
    [(array([0, 0]), array([0, 1]))]
    """
    start = np.searchsorted(second_code, first_code, "left")
    count = np.searchsorted(second_code, first_code, "right") - start
    total = np.cumsum(count)
    position = 0
    while position < len(first_code):
        done = total[position - 1] if position else 0
        stop = max(int(np.searchsorted(total, done + block, "right")), position + 1)
        first, offset = expand(np.arange(position, stop), count[position:stop])
        if len(first):
            yield first, start[first] + offset
        position = stop


def overlapping(overlaps: Measure, first_code: Ints, second_code: Ints, floor: float = 0.0) -> Pairs:
    """Pairs of equal codes whose overlap is above ``floor``."""
    found = []
    for first, second in meeting(first_code, second_code):
        overlap = overlaps.of(first, second)
        keep = np.flatnonzero(overlap > floor)
        found.append(Pairs(first[keep], second[keep], overlap[keep]))
    return Pairs.concat(found)
