from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings, strategies as st

from labelmetrics.kernels import pairs
from labelmetrics.kernels.pairs import Pairs, meeting, overlapping

codes = st.lists(st.integers(0, 4), max_size=12).map(lambda values: np.array(values, np.int64))


@settings(max_examples=150)
@given(codes, codes.map(np.sort), st.integers(1, 6))
def test_all_pairs_of_equal_codes_in_blocks(first: Any, second: Any, block: int) -> None:
    found = list(meeting(first, second, block))
    together = [pair for one, two in found for pair in zip(one.tolist(), two.tolist(), strict=True)]
    assert together == [(i, j) for i in range(len(first)) for j in range(len(second)) if first[i] == second[j]]
    # A block is larger only where one annotation alone has more pairs.
    assert all(len(one) <= block or len(set(one.tolist())) == 1 for one, _ in found)


class Distance:
    """An overlap that falls with the distance of two positions."""

    calls = 0

    def of(self, first: Any, second: Any) -> Any:
        self.calls += 1
        return np.maximum(1 - np.abs(first - second) / 2, 0.0)


def test_pairs_above_a_floor(monkeypatch: Any) -> None:
    same = np.zeros(4, np.int64)
    found = overlapping(Distance(), same, same)
    assert list(zip(found.first.tolist(), found.second.tolist(), found.overlap.tolist(), strict=True)) == [
        (i, j, 1 - abs(i - j) / 2) for i in range(4) for j in range(4) if abs(i - j) < 2
    ]
    assert len(overlapping(Distance(), same, same, floor=0.5)) == 4
    monkeypatch.setattr(pairs.meeting, "__defaults__", (3,))
    measure = Distance()
    assert len(overlapping(measure, same, same)) == len(found)
    assert measure.calls == 4


def test_nothing_meets() -> None:
    found = overlapping(Distance(), np.array([1, 2]), np.array([3]))
    assert (len(found), found.overlap.dtype) == (0, np.float64)


def test_take() -> None:
    found = Pairs(np.array([0, 1]), np.array([2, 3]), np.array([0.5, 0.6])).take(np.array([1]))
    assert (found.first.tolist(), found.second.tolist(), found.overlap.tolist()) == ([1], [3], [0.6])
