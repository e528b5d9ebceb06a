"""Putting values together: means, sums, parents."""

from __future__ import annotations

import math
import statistics
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, strategies as st

from labelmetrics.errors import InputError
from labelmetrics.kernels.aggregation import (
    FEATURE,
    SUBCLASS,
    Method,
    Values,
    combine,
    exact_sums,
    exact_totals,
    grouped,
    parents,
    repeated,
    rounded,
)

KEY = [[0, 0, -1, -1]]
positive = st.floats(1e-300, 1e300)


def combined(values: list[float], method: Method) -> float:
    key = np.array(KEY * len(values), np.int64)
    made = combine(Values(key, np.array(values)), key, np.array([method]))
    (result,) = made.values.value.tolist()
    return result


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (Method.ARITHMETIC_MEAN, 3.5),
        (Method.GEOMETRIC_MEAN, 2 * math.sqrt(3)),
        (Method.HARMONIC_MEAN, 24 / 7),
        (Method.SUM, 7),
    ],
)
def test_three_and_four(method: Method, expected: float) -> None:
    assert combined([3.0, 4.0], method) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("method", [Method.GEOMETRIC_MEAN, Method.HARMONIC_MEAN])
def test_zero_makes_zero(method: Method) -> None:
    assert combined([3.0, 0.0, 5.0], method) == 0
    assert combined([0.0], method) == 0


@given(st.lists(positive, min_size=1, max_size=20))
def test_means_agree_with_statistics(values: list[float]) -> None:
    assert combined(values, Method.GEOMETRIC_MEAN) == pytest.approx(statistics.geometric_mean(values), rel=1e-10)
    exact = len(values) / sum(1 / Fraction(value) for value in values)
    assert combined(values, Method.HARMONIC_MEAN) == pytest.approx(float(exact), rel=1e-13)


@given(positive, st.integers(1, 9), st.sampled_from([Method.GEOMETRIC_MEAN, Method.HARMONIC_MEAN]))
def test_mean_of_equal_values_is_that_value(value: float, n: int, method: Method) -> None:
    assert combined([value] * n, method) == value


numbers = st.one_of(st.floats(-1e100, 1e100), st.floats(0, 1))


@given(st.lists(st.lists(numbers, min_size=1), min_size=1))
def test_exact_sums_are_fsum(stretches: list[list[float]]) -> None:
    starts = np.cumsum([0, *map(len, stretches[:-1])])
    assert exact_sums(np.concatenate(stretches), starts).tolist() == [math.fsum(values) for values in stretches]


@given(st.lists(st.tuples(st.integers(1, 99), st.integers(0, 2**32)), min_size=1, max_size=9))
def test_exact_sums_of_shares_are_fsum(sizes: list[tuple[int, int]]) -> None:
    # At several levels at once; most of them take the way of whole numbers, some are too small for it.
    stretches = [np.random.default_rng(seed).random((2, n)) ** 4 for n, seed in sizes]
    starts = np.cumsum([0, *(n for n, _ in sizes[:-1])])
    found = exact_sums(np.concatenate(stretches, axis=1), starts)
    assert found.tolist() == [[math.fsum(part[level]) for part in stretches] for level in (0, 1)]


def test_sums_beyond_any_number_are_errors() -> None:
    with pytest.raises(InputError, match="more than a number can hold"):
        combined([1.7e308, 1.7e308], Method.SUM)
    key = np.array(KEY * 4, np.int64)
    with pytest.raises(InputError, match="more than a number can hold"):
        combine(Values(key, np.full((4, 4), 2**61)), key, np.array([Method.CONFUSION_MATRIX]))


def test_methods_of_several_names() -> None:
    key = np.array([[0, 1, 0, -1], [0, 0, 0, -1], [0, 1, 1, -1], [0, 0, 1, -1]])
    parent = key.copy()
    parent[:, FEATURE] = -1
    made = combine(Values(key, np.array([1.0, 2.0, 3.0, 4.0])), parent, np.array([Method.SUM, Method.ARITHMETIC_MEAN]))
    assert made.values.key.tolist() == [[0, 0, -1, -1], [0, 1, -1, -1]]
    assert made.values.value.tolist() == [6, 2]
    assert made.sizes.tolist() == [2, 2]
    assert made.members(0).tolist() == [1, 3]
    assert made.members(1).tolist() == [0, 2]


def test_explicit_parents_win() -> None:
    children = Values(np.array([[0, 0, 0, 0], [0, 0, 0, 1], [1, 0, 0, 0]]), np.array([1.0, 2.0, 5.0]))
    explicit = Values(np.array([[0, 0, 0, -1], [2, 0, 0, -1]]), np.array([10.0, 7.0]))
    found = parents(children, explicit, SUBCLASS, np.array([Method.SUM]))
    assert found.values.value.tolist() == [10, 5, 7]
    assert found.source.tolist() == [-1, 1, -1]
    assert found.overruled.tolist() == [True, False, False]


def test_nothing_makes_nothing() -> None:
    none = Values(np.empty((0, 4), np.int64), np.empty(0))
    assert len(combine(none, none.key, np.array([Method.SUM])).values) == 0
    assert len(parents(none, none, FEATURE, np.array([], np.int64)).values) == 0
    assert repeated(none.key) == []


@given(st.lists(st.tuples(*[st.integers(-1, 2)] * 4)))
def test_grouped_sorts_and_repeated_finds_what_is_there_twice(keys: list[tuple[int, ...]]) -> None:
    key = np.array(keys, np.int64).reshape(-1, 4)
    order, starts = grouped(key)
    assert [keys[i] for i in order] == sorted(keys)
    assert [keys[order[i]] for i in starts] == sorted(set(keys))
    found = {keys[positions[0]]: positions.tolist() for positions in repeated(key)}
    assert found == {
        one: [i for i, other in enumerate(keys) if other == one] for one in set(keys) if keys.count(one) > 1
    }


@given(st.lists(st.tuples(st.integers(0, 2), st.floats(0, 1) | st.floats(-1e5, 1e5)), max_size=30), st.integers(0, 30))
def test_exact_totals_of_parts_are_those_of_the_whole(drawn, cut):
    group, values = np.array([g for g, _ in drawn], np.int64), np.array([v for _, v in drawn], np.float64)
    whole = exact_totals(values, group, 3)
    parts = [exact_totals(values[part], group[part], 3) for part in (slice(0, cut), slice(cut, None))]
    assert whole == [sum(pair) for pair in zip(*parts, strict=True)]
    assert [rounded(total) for total in whole] == [math.fsum(values[group == index]) for index in range(3)]
