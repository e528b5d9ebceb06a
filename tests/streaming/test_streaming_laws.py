"""Laws that every streaming metric obeys; a metric that is not declared in ``examples`` fails here."""

from __future__ import annotations

import copy
import inspect
import json
import math
import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from streaming_examples import ABSTRACT, CASES, Batch, Case

from labelmetrics import streaming
from labelmetrics.errors import LabelmetricsWarning

seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)
each = pytest.mark.parametrize("case", CASES, ids=str)
few = settings(max_examples=5)


@pytest.fixture(autouse=True)
def quiet() -> Any:
    """Areas of few rows are often not defined; that is said in tests of their own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LabelmetricsWarning)
        yield


def test_every_metric_is_declared() -> None:
    public = {name for name in streaming.__all__ if inspect.isclass(getattr(streaming, name))}
    metrics = {name for name in public if issubclass(getattr(streaming, name), streaming.Metric)}
    assert metrics - ABSTRACT == {case.name for case in CASES}


def part(batch: Batch, rows: Any) -> Batch:
    return {name: value[rows] for name, value in batch.items()}


def updated(metric: Any, *batches: Batch) -> Any:
    for batch in batches:
        metric.update_state(**batch)
    return metric


def flat(result: Any) -> Any:
    return list(result.values()) if isinstance(result, dict) else result


def close(one: Any, two: Any, **tolerance: float) -> None:
    np.testing.assert_allclose(flat(one), flat(two), **tolerance)


def equal(one: Any, two: Any) -> None:
    np.testing.assert_array_equal(flat(one), flat(two))


def same(one: Any, two: Any) -> None:
    """Counts are equal; what was summed as floats is to the last few digits."""
    for name, state in one._named_states():
        other = dict(two._named_states())[name]
        if state.dtype == other.dtype == np.int64:
            np.testing.assert_array_equal(state, other)
        np.testing.assert_allclose(np.asarray(state), np.asarray(other), rtol=1e-12, atol=1e-12)
    close(one.result(), two.result(), rtol=1e-11, atol=1e-11)


def identical(one: Any, two: Any) -> None:
    assert repr(one.state_dict()) == repr(two.state_dict())
    equal(one.result(), two.result())


def splits(rng: np.random.Generator, n: int) -> list[Any]:
    """Rows in random order, in up to four parts, of which some are empty."""
    return np.split(rng.permutation(n), np.sort(rng.integers(0, n + 1, 3)))


@each
@few
@given(seeds)
def test_batches_may_be_split_and_ordered_freely(case: Case, rng: np.random.Generator) -> None:
    n = int(rng.integers(1, 20))
    batch = case.draw(rng, n)
    whole = updated(case.make(), batch)
    if case.rows_are_free:
        same(whole, updated(case.make(), *(part(batch, rows) for rows in splits(rng, n))))
    first, second = case.draw(rng, n), case.draw(rng, n)
    same(updated(case.make(), first, second), updated(case.make(), second, first))


@each
@few
@given(seeds)
def test_merged_states_are_one_state(case: Case, rng: np.random.Generator) -> None:
    batches = [case.draw(rng, int(rng.integers(1, 9))) for _ in range(4)]
    whole = updated(case.make(), *batches)
    workers = [updated(case.make(name="worker"), batch) for batch in batches]
    for order in (range(4), rng.permutation(4)):
        merged = case.make()
        merged.merge_state([workers[n] for n in order])
        same(merged, whole)
        late = updated(case.make(), batches[order[0]])
        for n in order[1:]:
            late.merge_state(workers[n].state_dict())
        late.merge_state([case.make(), case.make().state_dict()])
        same(late, whole)


@each
@few
@given(seeds)
def test_copies_keep_state_and_result(case: Case, rng: np.random.Generator) -> None:
    batch = case.draw(rng, 7)
    metric = updated(case.make(name="mine", dtype="float32"), batch)
    loaded = case.make()
    loaded.load_state_dict({name: array.tolist() for name, array in metric.state_dict().items()})
    again = streaming.deserialize(json.loads(json.dumps(streaming.serialize(metric))))
    assert again.get_config() == metric.get_config() != case.make().get_config()
    again.load_state_dict(metric.state_dict())
    for copied in (copy.deepcopy(metric), pickle.loads(pickle.dumps(metric)), again):
        identical(copied, metric)
        assert copied.name == "mine"
        assert copied.dtype == "float32"
        identical(updated(copied, batch), updated(copy.deepcopy(metric), batch))
    close(loaded.result(), metric.result(), rtol=1e-6)


@each
@few
@given(seeds)
def test_asking_changes_nothing_and_a_reset_everything(case: Case, rng: np.random.Generator) -> None:
    metric, new = case.make(), case.make()
    empty = metric.result()
    assert not np.any(empty)
    batch = case.draw(rng, 6)
    value = metric(**batch)
    before = metric.state_dict()
    equal(metric.result(), value)
    equal(metric.compute(), value)
    assert repr(metric.state_dict()) == repr(before)
    returned = metric.result()
    if isinstance(returned, np.ndarray):
        returned += 1
        equal(metric.result(), value)  # what is returned is nobody's state
    metric.reset_state()
    identical(metric, new)
    identical(updated(metric, batch), updated(new, batch))
    assert isinstance(value, np.ndarray | streaming.Value | dict)


@each
@few
@given(seeds)
def test_input_is_not_changed(case: Case, rng: np.random.Generator) -> None:
    batch = case.draw(rng, 6)
    kept = copy.deepcopy(batch)
    metric = updated(case.make(), batch)
    state = metric.state_dict()
    for name, value in batch.items():
        np.testing.assert_array_equal(value, kept[name])
        value[...] = 0  # nor looked at later
    assert repr(metric.state_dict()) == repr(state)


@each
@few
@given(seeds)
def test_a_weight_of_two_is_a_row_twice(case: Case, rng: np.random.Generator) -> None:
    batch = case.draw(rng, 8)
    del batch["sample_weight"]
    weights = rng.integers(0, 3, 8)
    if not case.rows_are_free:
        twice = updated(case.make(), {**batch, "sample_weight": np.float64(2)})
        close(twice.result(), updated(case.make(), batch, batch).result())
        return
    weighted = updated(case.make(), {**batch, "sample_weight": weights})
    repeated = updated(case.make(), part(batch, np.repeat(np.arange(8), weights)))
    if case.weight_repeats:
        close(weighted.result(), repeated.result(), rtol=1e-11, atol=1e-11)
    ones = updated(case.make(), {**batch, "sample_weight": np.ones(8)})
    close(ones.result(), updated(case.make(), batch).result(), rtol=1e-11, atol=1e-11)


@each
@few
@given(seeds)
def test_forward_gives_the_batch_and_keeps_all(case: Case, rng: np.random.Generator) -> None:
    first, second = case.draw(rng, 6), case.draw(rng, 5)
    metric = updated(case.make(), first)
    names = [name for name in ("y_pred", "y_true", "values") if name in second]
    value = metric.forward(*(second[name] for name in names), second["sample_weight"])
    equal(value, updated(case.make(), second).result())
    same(metric, updated(case.make(), first, second))
    by_name = updated(case.make(), first)
    by_name.update(*(second[name] for name in names), second["sample_weight"])
    same(by_name, metric)


@each
def test_dtypes_and_kinds_of_input(case: Case) -> None:
    batch = case.draw(np.random.default_rng(1), 6)
    wanted = updated(case.make(), batch).result()
    listed = {name: value.tolist() for name, value in batch.items()}
    close(updated(case.make(), listed).result(), wanted, rtol=1e-12)
    strided = {name: np.repeat(value, 2, axis=0)[::2] for name, value in batch.items()}
    close(updated(case.make(), strided).result(), wanted, rtol=1e-12)
    single = {name: value.astype(np.float32) for name, value in batch.items()}
    close(updated(case.make(), single).result(), wanted, rtol=1e-4)
    assert math.isfinite(np.sum(flat(wanted)))
