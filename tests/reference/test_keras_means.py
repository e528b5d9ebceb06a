"""Weighted means equal those of Keras on generated batches: options, weights, ranks, dtypes, several batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from keras_numpy import close, compare, keras, weights

from labelmetrics import streaming

pytestmark = pytest.mark.reference

Batch = tuple[Any, ...]
seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def shape_of(rng: np.random.Generator, least: int = 2) -> tuple[int, ...]:
    return tuple(rng.integers(1, 6, rng.integers(least, 4)).tolist())


def scores(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Probabilities, some of them 0, 1 and one half, in a dtype."""
    drawn = np.where(rng.random(shape) < 0.3, rng.integers(0, 3, shape) / 2, rng.random(shape))
    return drawn.astype(rng.choice([np.float32, np.float64]))


def labels(rng: np.random.Generator, shape: tuple[int, ...], n: int = 2) -> Any:
    return rng.integers(0, n, shape).astype(rng.choice([np.int64, np.uint8, np.float32]))


def of_labels(rng: np.random.Generator, **options: Any) -> Batch:
    shape = shape_of(rng)
    return labels(rng, shape, 3), labels(rng, shape, 3), weights(rng, shape)


def of_scores(rng: np.random.Generator, **options: Any) -> Batch:
    shape = shape_of(rng)
    return labels(rng, shape), scores(rng, shape), weights(rng, shape)


def of_rows(rng: np.random.Generator, **options: Any) -> Batch:
    shape = shape_of(rng)
    if options.get("from_logits"):
        # Larger ones lose digits in Keras, which takes the logarithm of their sigmoid.
        return labels(rng, shape), rng.normal(size=shape), weights(rng, shape[:-1])
    guess = scores(rng, shape)
    if guess.dtype == np.float64:
        guess = guess.clip(0.01, 0.99)  # Keras computes in float32, which has another number nearest below 1
    return labels(rng, shape), guess, weights(rng, shape[:-1])


def one_hot(rng: np.random.Generator, **options: Any) -> Batch:
    shape = (*shape_of(rng, 1), 5)
    truth = np.eye(5)[rng.integers(0, 5, shape[:-1])]
    guess = rng.normal(size=shape) * 4 if options.get("from_logits") else rng.random(shape) + 0.01
    return truth, guess.astype(rng.choice([np.float32, np.float64])), weights(rng, shape[:-1])


def sparse(rng: np.random.Generator, **options: Any) -> Batch:
    truth, guess, weight = one_hot(rng, **options)
    truth = truth.argmax(-1)
    if options.get("from_sorted_ids"):
        guess = np.argsort(-guess, -1)
    if guess.ndim == 2 and rng.random() < 0.3:
        truth = truth[:, None]
    return truth, guess, weight


def of_numbers(rng: np.random.Generator, **options: Any) -> Batch:
    shape = shape_of(rng)
    made = [(rng.normal(size=shape) * 3).astype(rng.choice([np.float32, np.float64])) for _ in range(2)]
    return made[0], made[1], weights(rng, shape[:-1])


def of_positive_numbers(rng: np.random.Generator, **options: Any) -> Batch:
    truth, guess, weight = of_numbers(rng)
    return np.rint(np.abs(truth)), np.abs(guess), weight


def of_elements(rng: np.random.Generator, **options: Any) -> Batch:
    truth, guess, _ = of_numbers(rng)
    return truth, guess, weights(rng, truth.shape)


CASES: list[tuple[str, dict[str, Any], Any]] = [
    ("Accuracy", {}, of_labels),
    ("BinaryAccuracy", {}, of_scores),
    ("BinaryAccuracy", {"threshold": 0.25}, of_scores),
    ("CategoricalAccuracy", {}, one_hot),
    ("SparseCategoricalAccuracy", {}, sparse),
    *[
        (f"{kind}TopKCategoricalAccuracy", {"k": k}, make)
        for kind, make in (("", one_hot), ("Sparse", sparse))
        for k in (1, 3)
    ],
    ("SparseTopKCategoricalAccuracy", {"k": 2, "from_sorted_ids": True}, sparse),
    ("BinaryCrossentropy", {}, of_rows),
    ("BinaryCrossentropy", {"from_logits": True}, of_rows),
    ("BinaryCrossentropy", {"label_smoothing": 0.2}, of_rows),
    ("CategoricalCrossentropy", {}, one_hot),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, one_hot),
    ("SparseCategoricalCrossentropy", {}, sparse),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, sparse),
    ("KLDivergence", {}, of_rows),
    ("Poisson", {}, of_positive_numbers),
    ("MeanSquaredError", {}, of_numbers),
    ("RootMeanSquaredError", {}, of_elements),
    ("MeanAbsoluteError", {}, of_numbers),
    ("MeanAbsolutePercentageError", {}, of_positive_numbers),
    ("MeanSquaredLogarithmicError", {}, of_positive_numbers),
    ("LogCoshError", {}, of_numbers),
    ("CosineSimilarity", {}, of_numbers),
    ("Hinge", {}, of_rows),
    ("SquaredHinge", {}, of_rows),
    ("CategoricalHinge", {}, one_hot),
]


def ids(case: tuple[str, dict[str, Any], Any]) -> str:
    return "-".join([case[0], *(f"{name}={value}" for name, value in case[1].items())])


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_means_of_functions(case: tuple[str, dict[str, Any], Any]) -> None:
    name, options, make = case
    ours, theirs = getattr(streaming, name)(**options), getattr(keras.metrics, name)(**options)
    assert ours.name == theirs.name
    assert ours.result() == float(theirs.result()) == 0  # empty

    @settings(max_examples=7)
    @given(seeds)
    def equal(rng: np.random.Generator) -> None:
        ours, theirs = getattr(streaming, name)(**options), getattr(keras.metrics, name)(**options)
        # Keras computes in float32, where differences of nearly equal numbers lose digits.
        compare(ours, theirs, [make(rng, **options) for _ in range(3)], 2e-5)

    equal()


@pytest.mark.parametrize("name", ["Mean", "Sum"])
@settings(max_examples=8)
@given(seeds)
def test_means_and_sums_of_values(name: str, rng: np.random.Generator) -> None:
    batches = []
    for _ in range(3):
        shape = shape_of(rng, 1)
        batches.append((rng.normal(size=shape), weights(rng, shape)))
    compare(getattr(streaming, name)(), getattr(keras.metrics, name)(), batches)


@settings(max_examples=10)
@given(seeds)
def test_a_wrapped_function(rng: np.random.Generator) -> None:
    def spread(y_true: Any, y_pred: Any, power: float = 1) -> Any:
        return abs(y_true - y_pred) ** power

    make = [
        kind(spread, name="spread", power=3) for kind in (streaming.MeanMetricWrapper, keras.metrics.MeanMetricWrapper)
    ]
    compare(*make, [of_elements(rng) for _ in range(2)], 1e-5)


@settings(max_examples=8)
@given(seeds)
def test_functional_forms(rng: np.random.Generator) -> None:
    functions = {
        "binary_accuracy": of_scores,
        "categorical_accuracy": one_hot,
        "top_k_categorical_accuracy": one_hot,
        "sparse_categorical_accuracy": sparse,
        "sparse_top_k_categorical_accuracy": sparse,
        "binary_crossentropy": of_rows,
        "categorical_crossentropy": one_hot,
        "sparse_categorical_crossentropy": sparse,
        "kl_divergence": of_rows,
        "poisson": of_positive_numbers,
        "mean_squared_error": of_numbers,
        "mean_absolute_error": of_numbers,
        "mean_absolute_percentage_error": of_positive_numbers,
        "mean_squared_logarithmic_error": of_positive_numbers,
        "log_cosh": of_numbers,
        "hinge": of_rows,
        "squared_hinge": of_rows,
        "categorical_hinge": one_hot,
    }
    for name, make in functions.items():
        truth, guess, _ = make(rng)
        close(getattr(streaming.functional, name)(truth, guess), getattr(keras.metrics, name)(truth, guess), 3e-5)
