"""Metrics of counts at thresholds equal those of Keras on generated batches."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from keras_numpy import compare, keras, weights

from labelmetrics import streaming
from labelmetrics.errors import LabelmetricsWarning

pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("ignore::labelmetrics.errors.LabelmetricsWarning")]

seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def batch(rng: np.random.Generator, shape: tuple[int, ...], weight_shape: tuple[int, ...] | None = None) -> Any:
    """Both labels, and scores of a grid and between its points."""
    guess = np.where(rng.random(shape) < 0.3, rng.integers(0, 17, shape) / 16, rng.random(shape))
    truth = rng.integers(0, 2, shape)
    truth.flat[:2] = 0, 1
    kind = rng.choice([np.int64, bool, np.float32])
    weight = weights(rng, weight_shape or shape, column=len(shape) > 1)
    return truth.astype(kind), guess.astype(np.float32), weight


THRESHOLDS = [None, 0.25, [0.5], [0.75, 0.25, 0.5], [0.0, 0.5, 1.0], list(np.linspace(0, 1, 13)), [0.1] * 3]
COUNTS = ["TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives", "Precision", "Recall"]


@pytest.mark.parametrize("name", COUNTS)
@settings(max_examples=10)
@given(seeds)
def test_counts_precision_and_recall(name: str, rng: np.random.Generator) -> None:
    thresholds = THRESHOLDS[rng.integers(len(THRESHOLDS))]
    ours, theirs = getattr(streaming, name)(thresholds), getattr(keras.metrics, name)(thresholds)
    shapes = [tuple(rng.integers(2, 5, rng.integers(1, 3)).tolist()) for _ in range(3)]
    compare(ours, theirs, [batch(rng, shape) for shape in shapes])


@pytest.mark.parametrize("name", ["Precision", "Recall"])
@settings(max_examples=15)
@given(seeds)
def test_top_k_and_class_id(name: str, rng: np.random.Generator) -> None:
    options = {
        "top_k": rng.choice([None, 1, 3]),
        "class_id": rng.choice([None, 0, 3]),
        "thresholds": THRESHOLDS[rng.integers(4)],
    }
    ours, theirs = getattr(streaming, name)(**options), getattr(keras.metrics, name)(**options)
    batches = []
    for _ in range(2):
        shape = (int(rng.integers(2, 6)), 5)
        truth, _, weight = batch(rng, shape, shape[:1])
        batches.append((truth, rng.permuted(np.linspace(0.01, 0.99, shape[0] * 5)).reshape(shape), weight))
    compare(ours, theirs, batches)


AREAS: list[dict[str, Any]] = [
    {},
    {"num_thresholds": 2},
    {"num_thresholds": 7},
    {"thresholds": [0.5, 0.1, 0.7]},
    {"thresholds": [0.5]},
    {"from_logits": True},
    {"label_weights": [1.0, 0.5, 2.0], "width": 3},
    {"multi_label": True, "width": 3},
    {"multi_label": True, "num_labels": 3, "label_weights": [1.0, 0.5, 2.0], "width": 3},
    {"multi_label": True, "thresholds": [0.2, 0.4], "from_logits": True, "width": 3},
]


@pytest.mark.parametrize("curve", ["ROC", "PR", "PRGAIN"])
@pytest.mark.parametrize("method", ["interpolation", "minoring", "majoring"])
@settings(max_examples=7)
@given(seeds)
def test_areas(curve: str, method: str, rng: np.random.Generator) -> None:
    options = dict(AREAS[rng.integers(len(AREAS))])
    width = options.pop("width", None)
    kinds = [kind.AUC(curve=curve, summation_method=method, **options) for kind in (streaming, keras.metrics)]
    batches = []
    for _ in range(3):
        n = int(rng.integers(4, 40))
        shape = (n, width) if width else (n,)
        truth, guess, weight = batch(rng, shape, shape[:1])
        truth[:2] = np.array([[0], [1]]) if width else [0, 1]  # both labels in each column
        if weight is not None:
            weight = weight + 1
        batches.append(
            (truth, np.log((guess + 0.001) / (1.001 - guess)) if options.get("from_logits") else guess, weight)
        )
    compare(*kinds, batches, 1e-5)


@pytest.mark.parametrize(
    "name", ["SensitivityAtSpecificity", "SpecificityAtSensitivity", "PrecisionAtRecall", "RecallAtPrecision"]
)
@settings(max_examples=10)
@given(seeds)
def test_best_under_a_constraint(name: str, rng: np.random.Generator) -> None:
    # Bounds that no share of few rows equals: Keras compares in float32.
    bound = rng.choice([0.0, 0.231, 0.519, 0.873])
    n = int(rng.choice([1, 2, 3, 50, 200]))
    options: dict[str, Any] = {"num_thresholds": n, "class_id": rng.choice([None, 1])}
    ours, theirs = getattr(streaming, name)(bound, **options), getattr(keras.metrics, name)(bound, **options)
    shape = (int(rng.integers(2, 30)), 3)
    compare(ours, theirs, [batch(rng, shape, shape[:1]) for _ in range(3)])


@pytest.mark.parametrize("name", [*COUNTS, "AUC"])
def test_without_batches(name: str) -> None:
    ours, theirs = getattr(streaming, name)(), getattr(keras.metrics, name)()
    assert ours.result() == float(theirs.result()) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error", LabelmetricsWarning)
        ours.update_state(np.empty(0), np.empty(0))
        assert ours.result() == 0
