"""Input and settings that cannot be: one error each, which says where and what to do."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from streaming_examples import CASES, Case

from labelmetrics import streaming
from labelmetrics.errors import InputError, LabelmetricsError, LabelmetricsWarning, SettingError

LABELS, SCORES = np.array([0, 1, 1, 0]), np.array([0.2, 0.9, 0.4, 0.1])
NUMBERS, TABLE = np.array([0, 2, 1, 1]), np.array([[0.1, 0.2, 0.7]] * 4)
ONE_HOT = np.eye(3)[NUMBERS]


# Those of labels and predictions; what a function of somebody else refuses is its own affair.
COMPARING = [
    case for case in CASES if case.name != "MeanMetricWrapper" and "y_true" in case.draw(np.random.default_rng(0), 2)
]


def refused(metric: str, truth: Any, guess: Any, message: str, weight: Any = None, **options: Any) -> None:
    made = getattr(streaming, metric)(**options)
    before = made.state_dict()
    with pytest.raises(InputError, match=message):
        made.update_state(truth, guess, weight)
    assert repr(made.state_dict()) == repr(before)


@pytest.mark.parametrize("case", COMPARING, ids=str)
def test_every_metric_refuses(case: Case) -> None:
    batch = case.draw(np.random.default_rng(0), 5)
    metric = case.make()
    if batch["y_pred"].dtype.kind == "f":
        guess = batch["y_pred"].copy()
        guess.flat[3] = np.nan
        with pytest.raises(InputError, match="NaN"):
            metric.update_state(batch["y_true"], guess)
    with pytest.raises(InputError, match=r"shape|class numbers"):
        metric.update_state(batch["y_true"][:3], batch["y_pred"])
    for weight in ([-1, 1, 1, 1, 1], [np.nan] * 5, [1, 1]):
        with pytest.raises(InputError, match="sample_weight"):
            metric.update_state(batch["y_true"], batch["y_pred"], weight)
    with pytest.raises(InputError, match=r"cannot be read|expected numbers"):
        metric.update_state("labels", batch["y_pred"])
    assert not np.any(metric.result())


@pytest.mark.parametrize("metric", ["AUC", "Precision", "TruePositives", "BinaryAccuracy", "BinaryIoU"])
def test_swapped_sides(metric: str) -> None:
    refused(metric, SCORES, LABELS, "labels must be 0 or 1, got 0.2; .*swapped")
    refused(metric, LABELS + 1, SCORES, r"labels must be 0 or 1, got 2$")


def test_probabilities() -> None:
    for metric, options in (("AUC", {}), ("Recall", {}), ("PrecisionAtRecall", {"recall": 0.5})):
        refused(metric, LABELS, SCORES * 9 - 1, r"y_pred must lie in \[0, 1\], got .*sigmoid", **options)
    refused("BinaryCrossentropy", LABELS, SCORES * 9, "from_logits=True")
    refused("CategoricalCrossentropy", ONE_HOT, TABLE - 1, "must not be negative.*from_logits=True")
    refused("CategoricalCrossentropy", ONE_HOT, TABLE * 0, "all 0")
    refused("KLDivergence", TABLE, TABLE * 2, r"must lie in \[0, 1\]")
    refused("Poisson", LABELS, -SCORES, "must not be negative")


def test_labels_of_the_other_kind() -> None:
    refused("Accuracy", NUMBERS, TABLE, "take SparseCategoricalAccuracy")
    refused("Accuracy", LABELS, SCORES, "scores.*take BinaryAccuracy, CategoricalAccuracy")
    refused("CategoricalAccuracy", NUMBERS, TABLE, "begins with Sparse")
    refused("TopKCategoricalAccuracy", NUMBERS[:, None], TABLE, "begins with Sparse")
    refused("SparseCategoricalAccuracy", ONE_HOT, TABLE, "one-hot.*lacks Sparse")
    refused("SparseCategoricalCrossentropy", ONE_HOT, TABLE, "take CategoricalCrossentropy")
    refused("CategoricalCrossentropy", NUMBERS, TABLE, "take SparseCategoricalCrossentropy")
    refused("CategoricalAccuracy", LABELS[:, None], SCORES[:, None], "take BinaryAccuracy")
    refused("MeanIoU", NUMBERS, TABLE, "12; they must be as many|class numbers.*sparse_y_pred=False", num_classes=3)
    refused("OneHotMeanIoU", NUMBERS, TABLE, "sparse_y_true=True", num_classes=3)
    refused("F1Score", NUMBERS, NUMBERS, "class numbers need num_classes")
    refused("Hinge", [[0.5, 1]], [[1, 1]], "labels must be -1 and 1")


def test_labels_out_of_range() -> None:
    wrong = NUMBERS + 1
    refused("SparseCategoricalAccuracy", wrong, TABLE, "from 0 to 2, got 3")
    refused("SparseTopKCategoricalAccuracy", -wrong, TABLE, "from 0 to 2, got -1")
    refused("SparseCategoricalCrossentropy", wrong, TABLE, "from 0 to 2, got 3")
    refused("SparseCategoricalCrossentropy", NUMBERS + 0.5, TABLE, "got 0.5; are these scores")
    refused("F1Score", wrong, TABLE, "got 3")
    refused("F1Score", NUMBERS, wrong, "y_pred holds class numbers from 0 to 2, got 3", num_classes=3)
    refused("MeanIoU", wrong, NUMBERS, "y_true holds 3, classes are 0 to 2; ignore_class", num_classes=3)
    refused("MeanIoU", NUMBERS, -wrong, 'y_pred holds -1, classes are 0 to 2; on_invalid="ignore"', num_classes=3)
    metric = streaming.MeanIoU(3, on_invalid="ignore")
    metric.update_state(wrong, NUMBERS)
    assert int(metric.invalid) == 1
    assert int(metric.matrix.value.sum()) == 3


def test_batches_that_do_not_fit_those_before() -> None:
    for metric in (streaming.AUC(multi_label=True), streaming.F1Score(), streaming.R2Score()):
        metric.update_state(ONE_HOT, ONE_HOT)
        with pytest.raises(InputError, match="had 3 before"):
            metric.update_state(ONE_HOT[:, :2], ONE_HOT[:, :2])
    refused("AUC", LABELS, SCORES, r"shape \(n, labels\)", multi_label=True)
    refused("Precision", LABELS, SCORES, "class_id is 3", class_id=3)
    refused("Precision", ONE_HOT, TABLE, "top_k is 4", top_k=4)
    refused("R2Score", np.zeros((2, 2, 2)), np.zeros((2, 2, 2)), r"\(n, outputs\)")
    with pytest.raises(SettingError, match="3 labels and 2 label_weights"):
        streaming.AUC(multi_label=True, label_weights=[1, 2])(np.array([[0, 1, 0], [1, 0, 1]]), TABLE[:2])


@pytest.mark.parametrize(
    ("metric", "options"),
    [
        ("AUC", {"num_thresholds": 1}),
        ("AUC", {"curve": "RCO"}),
        ("AUC", {"summation_method": "mean"}),
        ("AUC", {"num_labels": 3}),
        ("AUC", {"thresholds": [0.5, 1.5]}),
        ("AUC", {"exact": True, "thresholds": [0.5]}),
        ("Precision", {"thresholds": []}),
        ("Precision", {"thresholds": [True]}),
        ("Precision", {"top_k": 0}),
        ("Recall", {"class_id": -1}),
        ("PrecisionAtRecall", {"recall": 1.5}),
        ("PrecisionAtRecall", {"recall": 0.5, "num_thresholds": 0}),
        ("FBetaScore", {"beta": 0}),
        ("FBetaScore", {"average": "mean"}),
        ("FBetaScore", {"threshold": 0.0}),
        ("F1Score", {"num_classes": 0}),
        ("R2Score", {"class_aggregation": "mean"}),
        ("R2Score", {"num_regressors": -1}),
        ("MeanIoU", {"num_classes": 2.5}),
        ("MeanIoU", {"num_classes": 2, "on_invalid": "drop"}),
        ("IoU", {"num_classes": 2, "target_class_ids": [2]}),
        ("IoU", {"num_classes": 2, "target_class_ids": []}),
        ("ConfusionMatrix", {"num_classes": 2, "normalize": "rows"}),
    ],
)
def test_settings_that_cannot_be(metric: str, options: dict[str, Any]) -> None:
    with pytest.raises(SettingError):
        getattr(streaming, metric)(**options)


def test_settings_that_fail_with_the_first_batch() -> None:
    with pytest.raises(SettingError, match="k must be a whole number"):
        streaming.TopKCategoricalAccuracy(k=0)(ONE_HOT, TABLE)
    with pytest.raises(SettingError, match="label_smoothing"):
        streaming.BinaryCrossentropy(label_smoothing=2)(LABELS, SCORES)


def test_areas_that_are_not_defined() -> None:
    with pytest.warns(LabelmetricsWarning, match="auc has seen labels of one kind only"):
        assert np.isnan(streaming.AUC()(np.ones(3), SCORES[:3]))
    truth = np.array([[0, 1], [1, 1]])
    with pytest.warns(LabelmetricsWarning, match=r"\(columns 1\)"):
        assert streaming.AUC(multi_label=True)(truth, np.array([[0.1, 0.2], [0.9, 0.3]])) == 1
    with pytest.warns(LabelmetricsWarning, match="too few for 3 regressors"):
        streaming.R2Score(num_regressors=3)(SCORES, SCORES)


def test_areas_of_crowded_scores() -> None:
    rng = np.random.default_rng(0)
    scores = rng.beta(1, 400, 4000)
    labels = rng.random(4000) < scores * 100
    with pytest.warns(LabelmetricsWarning, match=r"AUC\(exact=True\)"):
        rough = streaming.AUC()(labels, scores)
    with warnings.catch_warnings():
        warnings.simplefilter("error", LabelmetricsWarning)
        exact = streaming.AUC(exact=True)(labels, scores)
        streaming.AUC()(labels, np.where(labels, 1.0, 0.0))  # hard predictions are no crowd
        streaming.AUC()(rng.integers(0, 2, 4000), rng.random(4000))
    assert exact > rough + 0.01


def test_no_raw_error_of_any_metric() -> None:
    """Whatever stands in for a batch, what comes out is an error of this package, or nothing."""
    strange = [
        np.empty(0),
        np.empty((0, 3)),
        np.zeros((2, 3)),
        np.ones(3),
        0.5,
        1,
        [[]],
        np.inf * np.ones(3),
        [True],
        np.zeros((2, 2, 2)),
    ]
    for case in COMPARING:
        for one in strange:
            for two in strange:
                metric = case.make()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    try:
                        metric.update_state(one, two)
                        metric.result()
                        metric.update_state(one, two, two)
                    except LabelmetricsError:
                        continue
