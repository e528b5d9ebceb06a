"""Array objects of other libraries, and what is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from labelmetrics import streaming
from labelmetrics.errors import InputError
from labelmetrics.streaming.arrays import as_array

TRUTH, GUESS = np.array([0, 1, 1, 0]), np.array([0.25, 0.75, 0.5, 0.625])  # exact in bfloat16, too
METRICS = [streaming.AUC, streaming.BinaryAccuracy, streaming.BinaryCrossentropy, streaming.MeanSquaredError]


def same_as_numpy(truth: Any, guess: Any, weight: Any = None, tolerance: float = 1e-6) -> None:
    for kind in METRICS:
        wanted = kind()(TRUTH, GUESS, None if weight is None else np.array([1, 2, 0, 1]))
        assert kind()(truth, guess, weight) == pytest.approx(wanted, rel=tolerance), kind


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_torch(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    guess = torch.tensor(GUESS, dtype=getattr(torch, dtype), requires_grad=True)
    same_as_numpy(torch.tensor(TRUTH), guess, torch.tensor([1, 2, 0, 1]), 1e-2 if "16" in dtype else 1e-6)
    same_as_numpy(torch.tensor(TRUTH, dtype=torch.bool), guess * 1.0, tolerance=1e-2 if "16" in dtype else 1e-6)
    total = streaming.Metric().add_weight()
    total += guess.sum()
    assert float(total) == GUESS.sum()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_jax(dtype: str) -> None:
    jnp = pytest.importorskip("jax.numpy")
    same_as_numpy(
        jnp.array(TRUTH), jnp.array(GUESS, dtype=dtype), jnp.array([1, 2, 0, 1]), 1e-2 if "16" in dtype else 1e-6
    )


def test_inside_a_traced_function() -> None:
    jax = pytest.importorskip("jax")
    with pytest.raises(InputError, match=r"streaming\.keras\.Recorder"):
        jax.jit(lambda guess: streaming.Mean()(guess))(GUESS)


def test_inside_a_model_of_keras() -> None:
    from keras_numpy import keras

    inputs = keras.Input((3,))
    with pytest.raises(
        InputError, match=r"not inside model\.compile; give them to labelmetrics\.streaming\.keras\.Recorder"
    ):
        streaming.MeanSquaredError()(np.zeros((1, 3)), keras.layers.Dense(3)(inputs))


def test_dlpack_and_the_array_protocol() -> None:
    class Capsule:
        def __init__(self, array: Any) -> None:
            self.array = array

        def __dlpack__(self, **options: Any) -> Any:
            return self.array.__dlpack__(**options)

        def __dlpack_device__(self) -> Any:
            return self.array.__dlpack_device__()

    class Lazy:
        def __init__(self, array: Any) -> None:
            self.array = array

        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            return self.array

    pandas = pytest.importorskip("pandas")
    for kind in (Capsule, Lazy, list, tuple, pandas.Series):
        same_as_numpy(kind(TRUTH), kind(GUESS), kind(np.array([1, 2, 0, 1])))


@pytest.mark.parametrize(
    "values", ["abc", ["a", "b"], [None, 1], object(), np.array([1j]), [[1], [1, 2]], np.zeros(2, "i4,f4")]
)
def test_what_is_no_array_of_numbers(values: Any) -> None:
    with pytest.raises(InputError, match=r"expected numbers|cannot be read as an array"):
        as_array(values)
