"""The core: states, verbs of Keras and TorchMetrics, merging, configurations."""

from __future__ import annotations

import copy
import json
import math
import pickle
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from labelmetrics import streaming
from labelmetrics.errors import InputError, LabelmetricsWarning, SettingError, SettingMismatchError
from labelmetrics.streaming.state import State

finite = st.floats(-1e12, 1e12)


class BinaryTruePositives(streaming.Metric):
    """That of Keras' guide, computed with NumPy."""

    def __init__(self, name: str = "binary_true_positives", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.true_positives = self.add_weight(name="tp", initializer="zeros")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        values = (np.asarray(y_true, bool) & np.asarray(y_pred, bool)).astype(self.dtype)
        if sample_weight is not None:
            values = values * np.broadcast_to(np.asarray(sample_weight, self.dtype), values.shape)
        self.true_positives.assign_add(np.sum(values))

    def result(self) -> Any:
        return self.true_positives

    def reset_state(self) -> None:
        self.true_positives.assign(0)


class Agreement(streaming.Metric):
    """Written as for TorchMetrics."""

    higher_is_better = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("correct", default=np.array(0), dist_reduce_fx="sum")
        self.add_state("total", default=np.array(0), dist_reduce_fx="sum")

    def update(self, preds: Any, target: Any) -> None:
        assert not isinstance(target[0], float)
        self.correct += np.sum(np.rint(preds) == target)
        self.total = self.total + len(target)

    def compute(self) -> Any:
        return self.correct / self.total


class All(streaming.Metric):
    """A state of every kind."""

    def __init__(self, scale: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("total", 0.0)
        self.add_state("mean", 0.0, "mean")
        self.add_state("highest", -math.inf, "max")
        self.add_state("lowest", math.inf, "min")
        self.add_state("seen", [], "cat")
        self.add_state("widest", None, np.max)
        self.add_state("by_column", None)

    def update_state(self, values: Any) -> None:
        values = np.asarray(values, float)
        self.total += values.sum()
        self.mean = (self.mean * self.mean.writes + values.sum()) / (self.mean.writes + 1)
        self.highest = max(self.highest, values.max())
        self.lowest = min(self.lowest, values.min())
        self.seen.append(values)
        self.widest = max(self.widest, np.ptp(values))
        self.by_column += np.stack([values.sum(), 1.0])

    def result(self) -> Any:
        return {name: state.value for name, state in self._states.items()}


def test_a_metric_of_keras_guide() -> None:
    metric = BinaryTruePositives()
    assert metric.name == "binary_true_positives"
    assert metric([0, 1, 1, 1], [0, 1, 0, 1]) == 2
    metric.update_state([1, 1], [1, 0], sample_weight=[0.5, 9])
    value = metric.result()
    assert value == value.numpy() == 2.5
    assert [state.name for state in metric.variables] == ["tp"]
    metric.reset_state()
    assert metric.result() == 0


def test_a_metric_written_for_torchmetrics() -> None:
    metric = Agreement()
    metric.update(np.array([0.9, 0.2]), np.array([1, 1]))
    assert metric.compute() == 0.5
    assert metric.forward(np.array([0.9, 0.1, 0.1, 0.7]), np.array([1, 0, 0, 1])) == 1
    assert metric.compute() == pytest.approx(5 / 6)
    assert metric(np.array([1, 0]), np.array([0.9, 0.1])) == pytest.approx(7 / 8)  # called as in Keras
    metric.reset()
    assert metric.total == 0


def test_call_returns_all_and_forward_the_batch() -> None:
    metric = streaming.Mean()
    assert metric([1.0, 3.0]) == 2
    assert metric.forward([8.0]) == 8
    assert metric.result() == 4
    assert metric.compute() == 4
    metric.update([0.0], weight=[2])
    assert metric.result() == pytest.approx(12 / 5)
    with pytest.raises(InputError):
        metric.forward("nothing")
    assert metric.result() == pytest.approx(12 / 5)


def test_values() -> None:
    value = streaming.Mean()([1, 2])
    assert isinstance(value, float)
    assert type(value) is streaming.Value
    assert value.numpy().dtype == np.float64
    assert value.item() == 1.5
    with pytest.warns(LabelmetricsWarning, match="averages results"):
        streaming.Mean().update_state(value)


@given(st.lists(st.lists(finite, min_size=1, max_size=5), min_size=1, max_size=6), st.randoms())
@settings(max_examples=60)
def test_merging_states_of_every_kind(batches: list[list[float]], random: Any) -> None:
    whole, parts = All(), []
    for batch in batches:
        whole.update_state(batch)
        parts.append(All())
        parts[-1].update_state(batch)
    order = random.sample(range(len(parts)), len(parts))
    merged = All()
    merged.merge_state(parts[i] if random.random() < 0.5 else parts[i].state_dict() for i in order)
    one, two = whole.result(), merged.result()
    assert one["total"] == pytest.approx(two["total"], rel=1e-15, abs=1e-300)
    for name in ("highest", "lowest", "widest"):
        assert one[name] == two[name]
    assert one["mean"] == pytest.approx(two["mean"], rel=1e-9, abs=1e-3)
    assert sorted(one["seen"]) == sorted(two["seen"])
    np.testing.assert_allclose(one["by_column"], two["by_column"], rtol=1e-15)


@given(st.lists(finite, max_size=40), st.randoms())
def test_sums_are_exact_to_one_unit_in_the_last_place(values: list[float], random: Any) -> None:
    exact = float(sum(map(Fraction, values)))
    workers = [State("s", 0.0) for _ in range(4)]
    arrays = [State("a", None) for _ in range(4)]
    for value in values:
        random.choice(workers).add(value)
        random.choice(arrays).add(np.array([value, -value]))
    total, columns = State("s", 0.0), State("a", None)
    random.shuffle(workers)
    for one, two in zip(workers, arrays, strict=True):
        total.merge([one.parts()])
        columns.merge([two.parts()])
    near = math.ulp(exact)
    assert abs(total.value - exact) <= near
    if columns.is_built:
        assert np.all(np.abs(columns.value - [exact, -exact]) <= near)


def test_sums_of_what_is_not_finite() -> None:
    metric = streaming.Sum()
    assert metric([math.inf, 1]) == math.inf
    assert metric([1.0]) == math.inf
    assert math.isnan(metric([-math.inf]))
    state = State("a", None)
    state.add(np.array([math.inf, 1.0]))
    state.add(np.array([1.0, 1.0]))
    assert state.value.tolist() == [math.inf, 2.0]


def test_counts_stay_integers() -> None:
    metric = streaming.Sum()
    metric.update_state([2**53])
    metric.update_state([1])  # lost where counts are floats
    assert metric.total.dtype == np.int64
    assert metric.total.item() == 2**53 + 1
    metric.update_state([0.5])
    assert metric.total.dtype == np.float64


@pytest.mark.parametrize("metric", [All(), BinaryTruePositives(), streaming.MeanTensor()], ids=lambda one: one.name)
def test_copies_keep_everything(metric: streaming.Metric) -> None:
    metric.reset_state()
    batch = ([1, 0, 1], [1, 1, 1]) if isinstance(metric, BinaryTruePositives) else ([0.1, 0.2, 0.7],)
    metric.update_state(*batch)
    metric.update_state(*batch)
    loaded = type(metric)()
    loaded.load_state_dict(metric.state_dict())
    for other in (copy.deepcopy(metric), pickle.loads(pickle.dumps(metric)), loaded):
        assert repr(other.result()) == repr(metric.result())
        other.update_state(*batch)
        assert repr(other.state_dict()) != repr(metric.state_dict())
    config = json.loads(json.dumps(metric.get_config()))
    again = type(metric).from_config(config)
    assert again.get_config() == config
    again.merge_state(metric)
    assert repr(again.result()) == repr(metric.result())


def test_metrics_inside_metrics() -> None:
    class Spread(streaming.Metric):
        def __init__(self) -> None:
            super().__init__()
            self.mean, self.square = streaming.Mean(), streaming.Mean()

        def update_state(self, values: Any) -> None:
            self.mean.update_state(values)
            self.square.update_state(np.square(values))

        def result(self) -> Any:
            return self.square.result() - self.mean.result() ** 2

    one, two = Spread(), Spread()
    one.update_state([1, 2])
    two.update_state([3])
    one.merge_state(two)
    assert one.result() == pytest.approx(np.var([1, 2, 3]))
    assert len(one.variables) == 4
    assert "mean.total" in one.state_dict()
    one.reset_state()
    assert one.result() == 0


def test_merging_unlike_metrics() -> None:
    with pytest.raises(SettingMismatchError, match="a Sum cannot be merged into a Mean"):
        streaming.Mean().merge_state(streaming.Sum())
    with pytest.raises(SettingMismatchError, match=r"scale is 1\.0 here and 2\.0 there"):
        All().merge_state([All(), All(scale=2.0)])
    one, two = streaming.MeanTensor(), streaming.MeanTensor()
    one.update_state([1.0, 2.0])
    two.update_state([1.0, 2.0, 3.0])
    before = one.state_dict()
    with pytest.raises(SettingMismatchError, match="unlike shapes"):
        one.merge_state(two)
    assert repr(one.state_dict()) == repr(before)
    with pytest.raises(SettingMismatchError, match="has no state 'totl'; near it: total"):
        streaming.Sum().merge_state({"total": 1, "totl": 1})
    with pytest.raises(SettingMismatchError, match="no state 'total'"):
        streaming.Sum().load_state_dict({})
    with pytest.raises(SettingMismatchError, match="shape"):
        streaming.Sum().load_state_dict({"total": [1, 2]})
    streaming.Mean("a").merge_state(streaming.Mean("b"))  # names need not be equal


def test_merging_into_a_metric_without_a_shape() -> None:
    one, two = streaming.MeanTensor(), streaming.MeanTensor()
    two.update_state([1.0, 3.0])
    one.merge_state([streaming.MeanTensor(), two])
    assert one.result().tolist() == [1, 3]
    two.update_state([1.0, 3.0])
    assert one.count.value.tolist() == [1, 1]


def test_states_that_cannot_be() -> None:
    metric = streaming.Sum()
    with pytest.raises(SettingError, match="already"):
        metric.add_state("total")
    with pytest.raises(SettingError, match="already"):
        metric.add_state("result")
    with pytest.raises(SettingError, match="reduce must be one of"):
        metric.add_state("other", 0, "median")
    with pytest.raises(SettingError, match="initializer"):
        metric.add_weight(initializer="glorot")
    with pytest.raises(SettingError, match="dtype"):
        streaming.Sum(dtype="float33")
    with pytest.raises(NotImplementedError):
        streaming.Metric().result()


def test_states_as_in_keras() -> None:
    metric = streaming.Metric()
    matrix = metric.add_variable((2, 2), "ones", "int32", name="matrix")
    matrix.assign_add([[1, 0], [0, 0]])
    matrix.assign_sub(1)
    matrix += 2
    assert matrix.numpy().tolist() == [[3, 2], [2, 2]]
    assert (matrix.shape, matrix.dtype, matrix.ndim, len(matrix)) == ((2, 2), np.int64, 2, 2)
    assert (matrix[0] + matrix * 2 / 2).tolist() == [[6, 4], [5, 4]]
    assert np.sum(matrix) == 9
    matrix.assign(0.5)
    assert matrix.numpy().tolist() == [[0.5, 0.5]] * 2
    with pytest.raises(SettingMismatchError, match="shape"):
        matrix.assign([1, 2, 3])
    first, second = metric.add_weight(), metric.add_weight(initializer=lambda shape, dtype: np.full(shape, 7, dtype))
    assert float(first) == 0
    assert (int(second), bool(second), second.item()) == (7, True, 7.0)
    assert len(metric.variables) == 3


def test_names() -> None:
    @streaming.register_serializable(package="tests")
    class Odd(streaming.Sum):
        pass

    assert isinstance(streaming.get("odd"), Odd)
    assert isinstance(streaming.get("tests>Odd"), Odd)
    assert isinstance(streaming.deserialize(streaming.serialize(Odd("o"))), Odd)
    assert streaming.get(Odd).name == "sum"
    assert isinstance(streaming.get("Mean"), streaming.Mean)
    metric = streaming.Mean()
    assert streaming.get(metric) is metric
    assert streaming.get(np.subtract).update_state([1, 2], [0, 0]) is None
    with pytest.raises(SettingError, match=r"no metric 'mena'; near it: mean"):
        streaming.get("mena")
    with pytest.raises(SettingError, match="is no metric"):
        streaming.get(3)
    with pytest.raises(SettingError, match="registered already"):
        streaming.register_serializable(package="tests", name="Odd")(streaming.Mean)
    with pytest.raises(SettingError, match="cannot be found"):
        streaming.deserialize({"class_name": "tests.nowhere:Metric", "config": {}})
    with pytest.raises(SettingError, match="no configuration of Mean"):
        streaming.deserialize({"class_name": "Mean", "config": {"threshold": 1}})


def test_functions_in_configurations() -> None:
    metric = streaming.MeanMetricWrapper(math.dist, name="d")
    config = json.loads(json.dumps(streaming.serialize(metric)))
    assert streaming.deserialize(config)._fn is math.dist
    with pytest.raises(SettingError, match="register_serializable"):
        streaming.MeanMetricWrapper(lambda y_true, y_pred: y_true).get_config()
    with pytest.raises(SettingError, match="fn must be callable"):
        streaming.MeanMetricWrapper("mse")


@pytest.mark.parametrize("weights", [[-1, 1], [math.nan, 1], [1, 1, 1]])
def test_weights_that_cannot_be(weights: list[float]) -> None:
    with pytest.raises(InputError, match="sample_weight"):
        streaming.Mean().update_state([1, 2], weights)


def test_synchronisation_is_asked_for_once() -> None:
    calls = []

    def gather(state: Any, group: Any) -> list[Any]:
        calls.append(group)
        return [state, {"total": np.array(10.0), "count": np.array(2)}]

    metric = streaming.Mean(dist_sync_fn=gather, process_group="some")
    metric.update_state([1, 2])
    assert metric.result() == pytest.approx(13 / 4)
    assert calls == ["some"]
    assert metric.total == 3  # its own again
    assert metric.forward([7.0]) == 7
    metric.sync_on_compute = False
    assert metric.result() == pytest.approx(10 / 3)
    assert calls == ["some"]
