"""IoU and F-scores equal those of Keras on generated batches; macro F1 and R2 those of scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from keras_numpy import close, compare, keras
from sklearn import metrics as sklearn_metrics

from labelmetrics import streaming

pytestmark = pytest.mark.reference

seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def whole_weights(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Keras rounds the weights of confusion matrices down, so that only whole ones compare."""
    return [None, rng.integers(0, 3, shape), np.int64(2)][rng.integers(3)]


def numbers(rng: np.random.Generator, shape: tuple[int, ...], n: int) -> Any:
    return rng.integers(0, n, shape).astype(rng.choice([np.int64, np.uint8, np.float32]))


SPARSE: list[dict[str, Any]] = [
    {},
    {"ignore_class": 1},
    {"ignore_class": -1},
    {"sparse_y_pred": False},
    {"sparse_y_true": False, "sparse_y_pred": False},
    {"sparse_y_pred": False, "axis": 0},
]


@pytest.mark.parametrize("name", ["IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"])
@settings(max_examples=12)
@given(seeds)
def test_iou(name: str, rng: np.random.Generator) -> None:
    n = int(rng.integers(2, 5))
    one_hot = name.startswith("OneHot")
    options = dict(SPARSE[rng.integers(len(SPARSE))])
    if one_hot:
        options.pop("sparse_y_true", None)
        options = {"sparse_y_pred": rng.random() < 0.5, **options}
    settings_ = {"num_classes": n, **({} if "Mean" in name else {"target_class_ids": [0, n - 1]}), **options}
    ours, theirs = getattr(streaming, name)(**settings_), getattr(keras.metrics, name)(**settings_)
    sparse = options.get("sparse_y_true", not one_hot), options.get("sparse_y_pred", not one_hot)
    batches = []
    for _ in range(3):
        shape = (int(rng.integers(1, 6)), 3)
        axis = options.get("axis", -1)
        sides = [
            numbers(rng, shape, n) if is_sparse else np.moveaxis(rng.random((*shape, n)), -1, axis)
            for is_sparse in sparse
        ]
        if options.get("ignore_class") == -1 and sparse[0]:
            sides[0] = np.where(rng.random(shape) < 0.2, -1, sides[0].astype(np.int64))
        batches.append((*sides, whole_weights(rng, shape)))
    if options.get("axis") == 0:  # Keras takes the axis for its result, too
        theirs.axis = 0
    compare(ours, theirs, batches, 1e-5)
    np.testing.assert_array_equal(ours.matrix, theirs.total_cm)


@settings(max_examples=12)
@given(seeds)
def test_binary_iou(rng: np.random.Generator) -> None:
    options = {"target_class_ids": [[0, 1], [0], [1]][rng.integers(3)], "threshold": float(rng.choice([0.25, 0.5]))}
    ours, theirs = streaming.BinaryIoU(**options), keras.metrics.BinaryIoU(**options)
    shapes = [tuple(rng.integers(1, 5, 2).tolist()) for _ in range(3)]
    batches = [
        (rng.integers(0, 2, shape), (rng.integers(0, 9, shape) / 8).astype("f4"), whole_weights(rng, shape))
        for shape in shapes
    ]
    compare(ours, theirs, batches, 1e-5)


def rows(rng: np.random.Generator, n: int) -> tuple[Any, Any, Any]:
    k = int(rng.integers(1, 12))
    truth = rng.integers(0, 2, (k, n)) if rng.random() < 0.5 else np.eye(n)[rng.integers(0, n, k)]
    guess = rng.random((k, n))
    guess[rng.random(k) < 0.2] = 0  # nothing is predicted there
    return truth, guess.astype("f4"), rng.choice([None, 1]) and rng.integers(0, 3, k)


@pytest.mark.parametrize("average", [None, "micro", "macro", "weighted"])
@settings(max_examples=12)
@given(seeds)
def test_f_scores(average: Any, rng: np.random.Generator) -> None:
    n, threshold = int(rng.integers(2, 6)), rng.choice([None, 0.5, 0.25])
    beta = float(rng.choice([0.5, 1, 2]))
    batches = [rows(rng, n) for _ in range(3)]
    options = {"average": average, "threshold": None if threshold is None else float(threshold)}
    compare(streaming.FBetaScore(beta=beta, **options), keras.metrics.FBetaScore(beta=beta, **options), batches, 1e-5)
    compare(streaming.F1Score(**options), keras.metrics.F1Score(**options), batches, 1e-5)


@settings(max_examples=12)
@given(seeds)
def test_f_scores_of_class_numbers(rng: np.random.Generator) -> None:
    n = int(rng.integers(2, 6))
    scores, labels = rng.random((20, n)), rng.integers(0, n, 20)
    labels[:n] = range(n)
    weight = rng.choice([None, 1]) and rng.random(20)
    for average in ("micro", "macro", "weighted", None):
        wanted = sklearn_metrics.f1_score(labels, scores.argmax(1), average=average, sample_weight=weight)
        for truth, guess in ((labels, scores), (labels[:, None], scores), (np.eye(n)[labels], scores)):
            close(streaming.F1Score(average)(truth, guess, weight), wanted, 1e-12)
        close(streaming.F1Score(average, num_classes=n)(labels, scores.argmax(1), weight), wanted, 1e-12)
        of_numbers, one_hot = (streaming.F1Score(average, 0.5)(truth, scores) for truth in (labels, np.eye(n)[labels]))
        close(of_numbers, one_hot, 0)


@settings(max_examples=12)
@given(seeds)
def test_confusion_matrix(rng: np.random.Generator) -> None:
    n = int(rng.integers(1, 5))
    truth, guess = rng.integers(0, n, (2, 9))
    weight = rng.choice([None, 1]) and rng.random(9)
    for normalize in (None, "true", "pred", "all"):
        wanted = sklearn_metrics.confusion_matrix(
            truth, guess, labels=range(n), sample_weight=weight, normalize=normalize
        )
        close(streaming.ConfusionMatrix(n, normalize=normalize)(truth, guess, weight), wanted, 1e-12)


@pytest.mark.parametrize("aggregation", [None, "uniform_average", "variance_weighted_average"])
@settings(max_examples=10)
@given(seeds)
def test_r2(aggregation: Any, rng: np.random.Generator) -> None:
    width = int(rng.integers(1, 4))
    batches = []
    for _ in range(3):
        truth = rng.normal(size=(int(rng.integers(3, 9)), width)) + 1
        weight = rng.choice([None, 1]) and rng.random(len(truth)) + 0.1
        batches.append((truth, truth + rng.normal(size=truth.shape) / 2, weight))
    options = {"class_aggregation": aggregation, "num_regressors": int(rng.integers(2)) if width == 1 else 0}
    ours = streaming.R2Score(**options)
    compare(ours, keras.metrics.R2Score(**options), batches, 1e-4)
    shift = float(rng.choice([0, 1e4, 1e8]))
    truth, guess = (np.concatenate([batch[side] for batch in batches]) for side in (0, 1))
    far = streaming.R2Score(aggregation)
    for part in np.array_split(np.arange(len(truth)), 4):
        far.update_state(truth[part] + shift, guess[part] + shift)
    multi = {None: "raw_values", "uniform_average": "uniform_average"}.get(aggregation, "variance_weighted")
    close(far.result(), sklearn_metrics.r2_score(truth + shift, guess + shift, multioutput=multi), 1e-7)


def test_r2_of_outputs_that_do_not_vary() -> None:
    truth, guess = np.array([[1.0, 1, 1], [1, 1, 2]]), np.array([[1.0, 2, 1], [1, 1, 2]])
    for multi in ("raw_values", "uniform_average", "variance_weighted"):
        aggregation = {"raw_values": None, "variance_weighted": "variance_weighted_average"}.get(multi, multi)
        wanted = sklearn_metrics.r2_score(truth, guess, multioutput=multi)
        close(streaming.R2Score(aggregation)(truth, guess), wanted, 0)


@settings(max_examples=15)
@given(seeds)
def test_exact_area(rng: np.random.Generator) -> None:
    n = 3000
    scores = rng.beta(0.3, 5, n).astype(rng.choice([np.float32, np.float64]))
    labels = rng.random(n) < scores * 2
    weight = rng.choice([None, 1]) and rng.random(n)
    metric = streaming.AUC(exact=True)
    for part in np.array_split(np.arange(n), 3):
        metric.update_state(labels[part], scores[part], None if weight is None else weight[part])
    wanted = sklearn_metrics.roc_auc_score(labels, scores, sample_weight=weight)
    assert metric.result() == pytest.approx(wanted, abs=1e-3)
    logits = np.log(scores / (1 - scores))
    close(streaming.AUC(exact=True, from_logits=True)(labels, logits, weight), metric.result(), 1e-4)
    ties = np.round(scores.astype(float) * 20) / 20
    close(streaming.AUC(exact=True)(labels, ties), sklearn_metrics.roc_auc_score(labels, ties), 1e-12)
