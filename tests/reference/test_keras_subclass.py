"""One class body with Keras' base class and with ours: written for Keras, it gives the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras_numpy import compare, keras, weights

from labelmetrics import streaming

pytestmark = pytest.mark.reference
ops = keras.ops


def counting(base: Any) -> Any:
    class BinaryTruePositives(base):  # type: ignore[misc]
        def __init__(self, name: str = "binary_true_positives", **kwargs: Any) -> None:
            super().__init__(name=name, **kwargs)
            self.true_positives = self.add_weight(name="tp", initializer="zeros")

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            both = ops.logical_and(ops.cast(y_true, "bool"), ops.cast(y_pred, "bool"))
            values = ops.cast(both, self.dtype)
            if sample_weight is not None:
                sample_weight = ops.broadcast_to(ops.cast(sample_weight, self.dtype), ops.shape(values))
                values = ops.multiply(values, sample_weight)
            self.true_positives.assign_add(ops.sum(values))

        def result(self) -> Any:
            return self.true_positives

        def reset_state(self) -> None:
            self.true_positives.assign(0)

    return BinaryTruePositives


def by_column(base: Any) -> Any:
    class MeanByColumn(base):  # type: ignore[misc]
        def __init__(self, width: int, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.width = width
            self.total = self.add_variable((width,), keras.initializers.Zeros(), name="total")
            self.count = self.add_weight(shape=(), initializer="ones", name="count")
            self.inner = (streaming if base is streaming.Metric else keras.metrics).Mean()

        def update_state(self, values: Any) -> None:
            self.total.assign(self.total + ops.sum(values, axis=0))
            self.count.assign_add(ops.shape(values)[0])
            self.inner.update_state(values)

        def result(self) -> Any:
            return ops.divide_no_nan(self.total, self.count) - self.inner.result()

        def get_config(self) -> Any:
            return {**super().get_config(), "width": self.width}

    return MeanByColumn


def test_counts() -> None:
    rng = np.random.default_rng(0)
    made = [counting(base)() for base in (streaming.Metric, keras.metrics.Metric)]
    assert made[0].name == made[1].name
    assert [one.shape for one in made[0].variables] == [one.shape for one in made[1].variables]
    batches = [(rng.integers(0, 2, 9), rng.integers(0, 2, 9), weights(rng, (9,), column=False)) for _ in range(4)]
    compare(*made, batches)
    assert made[0](*batches[0]).numpy() == float(made[1](*batches[0]).numpy())


def test_arithmetic_of_variables_and_inner_metrics() -> None:
    rng = np.random.default_rng(0)
    made = [by_column(base)(3, name="columns") for base in (streaming.Metric, keras.metrics.Metric)]
    for _ in range(3):
        values = rng.normal(size=(5, 3)).astype("f4")
        for one in made:
            one.update_state(values)
        np.testing.assert_allclose(made[0].result(), made[1].result(), atol=1e-6)
    assert len(made[0].variables) == len(made[1].variables) == 4
    again = type(made[0]).from_config(made[0].get_config())
    again.merge_state(made[0])
    assert again.width == 3
    np.testing.assert_allclose(again.result(), made[0].result(), rtol=1e-12)
    assert float(again.inner.result()) == float(made[0].inner.result())
    made[0].forward(np.ones((2, 3)))
    made[1].update_state(np.ones((2, 3)))
    np.testing.assert_allclose(made[0].result(), made[1].result(), atol=1e-6)
