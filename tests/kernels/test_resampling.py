"""The bootstrap: against plain Python, scipy, and the laws that it keeps."""

from __future__ import annotations

import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from labelmetrics.kernels.resampling import (
    CHUNK,
    blocks_of,
    holm,
    percentile_interval,
    resampled_sums,
    streams,
    two_sided,
    weights,
)


def slow_sums(columns: np.ndarray, resamples: int, seed: int) -> list[list[float]]:
    """The same resamples, one by one."""
    drawn = [row for stream in streams(resamples, seed) for row in weights(len(columns), stream).tolist()][:resamples]
    return [
        [sum(n * value for n, value in zip(row, column, strict=True)) for column in columns.T.tolist()] for row in drawn
    ]


@given(
    st.integers(1, 12),
    st.integers(1, 4),
    st.integers(1, 2 * CHUNK + 3),
    st.integers(0, 2**32),
    st.sampled_from([1, 10**9]),
)
@settings(max_examples=30)
def test_sums_are_those_of_plain_python(n: int, k: int, resamples: int, seed: int, size: int) -> None:
    columns = np.random.default_rng(seed).integers(0, 5, (n, k)).astype(float) * size
    assert resampled_sums(columns, resamples=resamples, seed=seed).tolist() == slow_sums(columns, resamples, seed)


@given(st.integers(1, 50), st.integers(1, 500), st.integers(0, 99))
@settings(max_examples=30)
def test_every_resample_has_as_many_rows(n: int, resamples: int, seed: int) -> None:
    assert (resampled_sums(np.ones((n, 1)), resamples=resamples, seed=seed) == n).all()
    # The first resamples do not depend on how many there are.
    column = np.random.default_rng(seed).random((n, 1))
    many, few = (resampled_sums(column, resamples=size, seed=seed) for size in (resamples + 300, resamples))
    assert (many[:resamples] == few).all()


def test_columns_see_the_same_resamples() -> None:
    column = np.random.default_rng(0).random((40, 1))
    sums = resampled_sums(np.concatenate([column, 2 * column], axis=1), resamples=300, seed=1)
    np.testing.assert_allclose(sums[:, 1], 2 * sums[:, 0])
    assert (resampled_sums(column, resamples=300, seed=2) != sums[:, :1]).any()


@pytest.mark.parametrize("n", [0, 1, 20_000, 20_001, 70_003])
def test_blocks(n: int) -> None:
    block = blocks_of(n, 3)
    sizes = np.bincount(block, minlength=1)
    assert len(block) == n
    if n:
        assert len(sizes) == min(n, 20_000)
        assert sizes.max() - sizes.min() <= 1
    assert (block == blocks_of(n, 3)).all()


def test_agrees_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    draw = np.random.default_rng(5)
    tp, fp = draw.poisson(3, 300), draw.poisson(1, 300)
    sums = resampled_sums(np.stack([tp, fp], axis=1).astype(float), resamples=20_000, seed=0)
    found = percentile_interval(sums[:, 0] / sums.sum(axis=1), 0.95)
    theirs = stats.bootstrap(
        (tp, fp),
        lambda a, b, axis=-1: a.sum(axis) / (a.sum(axis) + b.sum(axis)),
        paired=True,
        method="percentile",
        n_resamples=20_000,
        rng=np.random.default_rng(1),
    ).confidence_interval
    width = theirs.high - theirs.low
    assert found[0] == pytest.approx(theirs.low, abs=width * 0.05)
    assert found[1] == pytest.approx(theirs.high, abs=width * 0.05)
    # scipy takes our resamples, too: then its interval is ours to the last digits.
    of_ours = stats.bootstrap(
        (tp, fp),
        lambda a, b, axis=-1: a.sum(axis) / (a.sum(axis) + b.sum(axis)),
        paired=True,
        method="percentile",
        n_resamples=0,
        bootstrap_result=SimpleNamespace(bootstrap_distribution=sums[:, 0] / sums.sum(axis=1)),
    ).confidence_interval
    assert found == pytest.approx(tuple(of_ours), abs=1e-12)


def test_grouping_keeps_the_spread() -> None:
    values = np.random.default_rng(6).exponential(size=2_000)
    block = blocks_of(len(values), 0, most=200)
    grouped = np.bincount(block, values)[:, None]
    spread = [resampled_sums(one, resamples=4_000, seed=0).std() for one in (values[:, None], grouped)]
    assert spread[1] == pytest.approx(spread[0], rel=0.15)


def test_percentiles_pass_over_what_is_not_defined() -> None:
    assert percentile_interval(np.array([np.nan, 1.0, 3.0]), 1.0) == (1.0, 3.0)
    assert np.isnan(percentile_interval(np.array([np.nan]), 0.9)).all()


def test_two_sided() -> None:
    assert two_sided(np.ones(10, bool)) == 0
    assert two_sided(np.array([True, False])) == 1
    assert two_sided(np.zeros(0, bool)) == 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.sampled_from([0.01, 0.05, 0.5]))
def test_holm(p: list[float], rate: float) -> None:
    adjusted, factor = holm(np.array(p), np.full(len(p), rate))
    highest = 0.0
    for rank, index in enumerate(np.argsort(p, kind="stable").tolist()):  # by the book
        highest = max(highest, (len(p) - rank) * p[index])
        assert adjusted[index] == min(1, highest)
        # The interval whose level has the factor says the same.
        scaled = p[index] * factor[index]
        assert (adjusted[index] <= rate) == (scaled <= rate) or scaled == pytest.approx(rate)


@pytest.mark.slow
def test_memory_stays_within_bounds() -> None:
    columns = np.random.default_rng(0).poisson(1, (20_000, 240)).astype(float)
    tracemalloc.start()
    resampled_sums(columns, resamples=1_000, seed=0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200 << 20
