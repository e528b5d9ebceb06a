from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from labelmetrics.kernels import matching
from labelmetrics.kernels.matching import (
    expand,
    float_codes,
    greedy,
    greedy_at_keys,
    in_turns,
    stable_order,
    ties_decide,
)


def one_by_one(pairs: list[tuple[int, int, float]]) -> list[bool]:
    """The rule as it is written: highest overlap first, ties to the lower first, then the lower second."""
    order = sorted(range(len(pairs)), key=lambda i: (-pairs[i][2], pairs[i][0], pairs[i][1]))
    firsts, seconds, matched = set(), set(), [False] * len(pairs)
    for index in order:
        first, second, _ = pairs[index]
        if first not in firsts and second not in seconds:
            firsts.add(first)
            seconds.add(second)
            matched[index] = True
    return matched


def columns(pairs: list[tuple[int, int, float]]) -> tuple[Any, Any, Any]:
    first, second, overlap = zip(*pairs, strict=True) if pairs else ((), (), ())
    return np.array(first, np.int64), np.array(second, np.int64), np.array(overlap, np.float64)


@st.composite
def graphs(draw: Any) -> list[tuple[int, int, float]]:
    """Pairs with overlaps that are often equal, in any order."""
    ends = draw(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), unique=True, max_size=40))
    ties = draw(st.booleans())
    overlap = st.sampled_from((0.25, 0.5, 0.75, 1.0)) if ties else st.floats(0.01, 1)
    return [(*pair, draw(overlap)) for pair in ends]


@settings(max_examples=300)
@given(graphs())
def test_greedy_is_the_sequential_rule(pairs: list[tuple[int, int, float]]) -> None:
    assert greedy(*columns(pairs)).tolist() == one_by_one(pairs)


@settings(max_examples=200)
@given(graphs())
def test_greedy_without_any_round(pairs: list[tuple[int, int, float]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "ROUNDS", 0)
        assert greedy(*columns(pairs)).tolist() == one_by_one(pairs)
        patch.setattr(matching, "ROUNDS", 1)
        assert greedy(*columns(pairs)).tolist() == one_by_one(pairs)


@settings(max_examples=300)
@given(graphs(), st.sampled_from((0.0, 0.25, 0.4, 0.5)))
def test_where_no_tie_decides_one_matching_says_it_all(pairs: list[tuple[int, int, float]], threshold: float) -> None:
    """Whichever side ties go to first, and whether pairs below a threshold take part or not."""
    first, second, overlap = columns(pairs)
    if not ties_decide(first, second, overlap):
        whole = greedy(second, first, overlap) & (overlap > threshold)
        above = overlap > threshold
        assert whole[above].tolist() == greedy(first[above], second[above], overlap[above]).tolist()
        assert not whole[~above].any()


def test_ties_that_decide() -> None:
    assert ties_decide(*columns([(0, 0, 0.5), (0, 1, 0.5)]))
    assert ties_decide(*columns([(0, 0, 0.5), (1, 0, 0.5)]))
    assert not ties_decide(*columns([(0, 0, 0.5), (0, 1, 0.6), (1, 1, 0.5)]))
    assert not ties_decide(*columns([]))


def test_a_chain_that_lets_one_match_per_round() -> None:
    # 0-0 < 0-1 < 1-1 < 1-2 < ...: only the last pair is the best of both its ends.
    n = 20_000
    first = np.arange(n) // 2
    second = (np.arange(n) + 1) // 2
    overlap = np.linspace(0.5, 0.9, n)
    started = time.perf_counter()
    found = greedy(first, second, overlap)
    assert time.perf_counter() - started < 10
    expected = np.zeros(n, bool)
    expected[n - 1 :: -2] = True
    np.testing.assert_array_equal(found, expected)


@settings(max_examples=200)
@given(graphs(), st.data(), st.booleans())
def test_keys_match_like_the_filtered_pairs(pairs: list[tuple[int, int, float]], data: Any, at_once: bool) -> None:
    n_levels = 3
    of_second = data.draw(st.lists(st.integers(0, n_levels), min_size=9, max_size=9))
    first, second, overlap = columns(pairs)
    level = np.array(of_second, np.int64)[second]
    with pytest.MonkeyPatch.context() as patch:
        if not at_once:
            patch.setattr(matching, "LAYOUT", 0)
        key, pair = greedy_at_keys(first, second, overlap, level, n_levels)
    for k in range(n_levels):
        takes_part = [index for index in range(len(pairs)) if level[index] > k]
        expected = one_by_one([pairs[index] for index in takes_part])
        assert sorted(pair[key == k].tolist()) == [i for i, found in zip(takes_part, expected, strict=True) if found]


def test_no_pairs() -> None:
    none = columns([])
    assert len(greedy(*none)) == 0
    assert [len(part) for part in greedy_at_keys(*none, np.empty(0, np.int64), 2)] == [0, 0]
    nothing = {"turn": np.empty(0, np.int64), "ignored": np.empty(0, bool)}
    assert len(in_turns(*none, **nothing, threshold=0.5)) == 0


def test_expand() -> None:
    items, copy = expand(np.array([7, 8, 9]), np.array([1, 0, 2]))
    assert (items.tolist(), copy.tolist()) == ([7, 9, 9], [0, 0, 1])
    assert [len(part) for part in expand(np.empty(0, np.int64), np.empty(0, np.int64))] == [0, 0]


def coco_by_hand(overlaps: Any, crowd: list[bool], threshold: float) -> set[tuple[int, int]]:
    """COCO's rule for one image and class, as its authors describe it; predictions are already in order."""
    truths = sorted(range(len(crowd)), key=lambda truth: crowd[truth])
    free, matches = set(range(len(crowd))), set()
    for guess in range(overlaps.shape[1]):
        best, at_least = None, min(threshold, 1 - 1e-10)
        for truth in truths:
            if truth not in free and not crowd[truth]:
                continue
            if best is not None and not crowd[best] and crowd[truth]:
                break
            if overlaps[truth, guess] >= at_least:
                best, at_least = truth, overlaps[truth, guess]
        if best is not None:
            matches.add((best, guess))
            free.discard(best)
    return matches


@st.composite
def scenes(draw: Any) -> tuple[Any, list[bool], float]:
    n_truth, n_guess = draw(st.integers(0, 5)), draw(st.integers(0, 6))
    overlap = st.sampled_from((0.0, 0.25, 0.5, 0.75, 1.0))
    table = [[draw(overlap) for _ in range(n_guess)] for _ in range(n_truth)]
    crowd = [draw(st.integers(0, 3)) == 0 for _ in range(n_truth)]
    return np.array(table).reshape(n_truth, n_guess), crowd, draw(st.sampled_from((0.25, 0.4, 0.5, 0.75)))


@settings(max_examples=300)
@given(st.lists(scenes(), min_size=1, max_size=3))
def test_in_turns_is_cocos_rule(groups: list[tuple[Any, list[bool], float]]) -> None:
    threshold = groups[0][2]
    parts, expected = [], []
    n_first = n_second = 0
    for overlaps, crowd, _ in groups:
        first, second = np.nonzero(overlaps > 0)
        ignored = np.array(crowd, bool)[first]
        parts.append((first + n_first, second + n_second, overlaps[first, second], second, ignored))
        expected += [(a + n_first, b + n_second) for a, b in coco_by_hand(overlaps, crowd, threshold)]
        n_first, n_second = n_first + overlaps.shape[0], n_second + overlaps.shape[1]
    first, second, overlap, turn, ignored = (np.concatenate(column) for column in zip(*parts, strict=True))
    matched = in_turns(first, second, overlap, turn=turn, ignored=ignored, threshold=threshold)
    assert sorted(zip(first[matched].tolist(), second[matched].tolist(), strict=True)) == sorted(expected)


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3) | st.sampled_from([2**16, 2**32, 2**48])))
def test_stable_order(values: list[int]) -> None:
    codes = np.array(values, np.int64)
    assert stable_order(codes).tolist() == np.argsort(codes, kind="stable").tolist()


@given(st.lists(st.floats(allow_nan=False, width=32) | st.sampled_from([0.0, -0.0, 0.5, -0.5])), st.booleans())
def test_float_codes(values: list[float], is_half: bool) -> None:
    numbers = np.array(values, np.float32 if is_half else np.float64)
    assert stable_order(float_codes(numbers)).tolist() == np.argsort(numbers, kind="stable").tolist()
    assert stable_order(-float_codes(numbers)).tolist() == np.argsort(-numbers, kind="stable").tolist()
