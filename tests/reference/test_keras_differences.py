"""Each difference from Keras in ``docs/differences.md``: what Keras does, and what this package does."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from keras_numpy import close, keras
from sklearn.metrics import r2_score

from labelmetrics import streaming
from labelmetrics.errors import InputError, LabelmetricsWarning

pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("ignore::RuntimeWarning")]


def both(name: str, *batch: Any, **options: Any) -> tuple[Any, Any]:
    """Results of Keras and of this package."""
    batch = tuple(np.asarray(one) for one in batch)
    theirs, ours = getattr(keras.metrics, name)(**options), getattr(streaming, name)(**options)
    return np.asarray(theirs(*batch)).tolist(), np.asarray(ours(*batch)).tolist()


def test_batches_of_one_axis() -> None:
    for name, wanted in (
        ("MeanSquaredError", 3.0),
        ("MeanAbsoluteError", 1.5),
        ("Hinge", None),
        ("BinaryCrossentropy", None),
    ):
        theirs, ours = getattr(keras.metrics, name)(), getattr(streaming, name)()
        column = getattr(streaming, name)()
        for truth, guess in ((np.zeros(3), np.ones(3) / 2), (np.zeros(1), np.ones(1))):
            if name.startswith("Mean"):
                guess = guess * 2 + (len(guess) == 1)
            for metric in (theirs, ours):
                metric.update_state(truth, guess)
            column.update_state(truth[:, None], guess[:, None])
        assert float(theirs.result()) > ours.result() + 0.05
        assert ours.result() == pytest.approx(column.result())
        assert wanted is None or ours.result() == wanted
    with pytest.raises(ValueError):
        keras.metrics.MeanSquaredError().update_state(np.zeros(3), np.ones(3), np.ones(3))
    assert streaming.MeanSquaredError()(np.zeros(3), np.arange(3), [1, 1, 0]) == 0.5


def test_samples_of_an_ignored_class() -> None:
    batch = [1, -1, 0], [[0.5, 0.5], [0.5, 0.5], [0.2, 0.8]]
    theirs, ours = both("SparseCategoricalCrossentropy", *batch, ignore_class=-1)
    mean = (np.log(2) - np.log(0.2)) / 2
    close([theirs, ours], [mean * 2 / 3, mean])
    weighted = streaming.SparseCategoricalCrossentropy(ignore_class=-1)(*batch, [1, 5, 3])
    close(weighted, (np.log(2) - 3 * np.log(0.2)) / 4)


def test_large_logits() -> None:
    theirs, ours = both("BinaryCrossentropy", [[0.0]], [[40.0]], from_logits=True)
    assert theirs < 16.2
    assert ours == 40


def test_class_numbers_out_of_range() -> None:
    batch = np.array([0, 1, 5]), np.array([0, 1, 1])
    assert float(keras.metrics.MeanIoU(2)(*batch)) == pytest.approx(1)
    with pytest.raises(InputError, match="y_true holds 5"):
        streaming.MeanIoU(2)(*batch)
    assert streaming.MeanIoU(2, on_invalid="ignore")(*batch) == 1
    labels, scores = np.array([1, 7]), np.array([[0.1, 0.9]] * 2)
    assert float(keras.metrics.SparseCategoricalAccuracy()(labels, scores)) == 0.5
    with pytest.raises(InputError, match="from 0 to 1, got 7"):
        streaming.SparseCategoricalAccuracy()(labels, scores)


def test_labels_other_than_0_and_1() -> None:
    labels, scores = np.array([0.0, 1]), np.array([0.2, 0.7])
    for name in ("AUC", "Precision", "BinaryAccuracy"):
        getattr(keras.metrics, name)().update_state(scores, labels)
        with pytest.raises(InputError, match="swapped"):
            getattr(streaming, name)().update_state(scores, labels)
    assert float(keras.metrics.Recall()([2, 0], [0.9, 0.1])) == 1
    keras.metrics.Hinge().update_state(np.array([[3.0, 0.5]]), np.array([[1.0, 1.0]]))
    with pytest.raises(InputError, match="-1 and 1"):
        streaming.Hinge().update_state([[3, 0.5]], [[1, 1]])


def test_scores_that_are_nan_or_no_probabilities() -> None:
    for scores in ([0.5, 3.0], [0.5, -1.0]):
        keras.metrics.AUC().update_state(np.array([0, 1]), np.array(scores))
        with pytest.raises(InputError, match=r"must lie in \[0, 1\]"):
            streaming.AUC().update_state([0, 1], scores)
    assert np.isnan(float(keras.metrics.MeanSquaredError()(np.zeros((2, 1)), np.array([[np.nan], [1]]))))
    with pytest.raises(InputError, match="y_pred holds 1 NaN, the first at"):
        streaming.MeanSquaredError()(np.zeros((2, 1)), [[np.nan], [1]])


def test_areas_that_are_not_defined() -> None:
    with pytest.warns(LabelmetricsWarning, match="labels of one kind"):
        theirs, ours = both("AUC", [1, 1], [0.2, 0.7])
    assert theirs == 0
    assert np.isnan(ours)
    with pytest.warns(LabelmetricsWarning, match="columns 1"):
        theirs, ours = both("AUC", [[0, 1], [1, 1]], [[0.1, 0.2], [0.9, 0.3]], multi_label=True)
    close([theirs, ours], [0.5, 1])


def test_scores_of_one_class() -> None:
    batch = np.array([[0.0], [1.0]]), np.array([[0.9], [0.1]])
    assert float(keras.metrics.CategoricalAccuracy()(*batch)) == 1
    with pytest.raises(InputError, match="take BinaryAccuracy"):
        streaming.CategoricalAccuracy()(*batch)


def test_weights_of_confusion_matrices() -> None:
    truth, guess, weight = np.array([0, 1, 1]), np.array([0, 1, 0]), np.array([0.5, 0.5, 2])
    theirs, ours = keras.metrics.MeanIoU(2), streaming.MeanIoU(2)
    with pytest.warns(UserWarning, match="incorrect weight"):
        theirs.update_state(truth, guess, weight)
    ours.update_state(truth, guess, weight)
    assert np.asarray(theirs.total_cm).tolist() == [[0, 0], [2, 0]]
    assert ours.matrix.value.tolist() == [[0.5, 0], [2, 0.5]]
    keras.metrics.Mean().update_state([1.0], [-1.0])
    with pytest.raises(InputError, match="negative"):
        streaming.Mean().update_state([1.0], [-1.0])


def test_nothing_is_added_to_denominators() -> None:
    batch = [[1, 0]], np.array([[0.9, 0.1]], "f4"), [1e-7]
    theirs, ours = both("F1Score", *batch, average="micro", threshold=0.5)
    assert ours == 1
    assert theirs < 0.6


def test_equal_highest_scores() -> None:
    theirs, ours = both("F1Score", [[1, 0], [0, 1]], [[0.5, 0.5], [0.0, 1]])
    close(theirs, [1, 2 / 3])
    close(ours, [1, 1])


def test_determination() -> None:
    far = np.array([[1e4], [1e4 + 1], [1e4 + 2]])
    theirs, ours = both("R2Score", far, far + 0.5)
    assert ours == pytest.approx(r2_score(far, far + 0.5))
    assert abs(theirs - ours) > 0.01
    constant = np.array([[2.0], [2.0]])
    theirs, ours = both("R2Score", constant, constant)
    assert np.isnan(theirs)
    assert ours == r2_score(constant, constant) == 1
    with pytest.raises(AttributeError):
        keras.metrics.R2Score().result()
    assert streaming.R2Score().result() == 0
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(10, 2))
    guess = truth + rng.normal(size=(10, 2)) / 3
    plain = r2_score(truth, guess)
    theirs, ours = both("R2Score", truth, guess, num_regressors=2)
    assert ours == pytest.approx(1 - (1 - plain) * 9 / 7)
    assert theirs == pytest.approx(1 - (1 - plain) * 19 / 17, abs=1e-5)


def test_large_sums_and_counts() -> None:
    theirs, ours = keras.metrics.Sum(), streaming.Sum()
    for metric in (theirs, ours):
        metric.update_state([2.0**24])
        metric.update_state([1.0])
    assert float(theirs.result()) == 2**24
    assert ours.result() == 2**24 + 1
    theirs, ours = keras.metrics.MeanIoU(2), streaming.MeanIoU(2)
    for metric in (theirs, ours):
        for _ in range(2):
            metric.update_state(np.array([1]), np.array([1]), np.array([2**30]))
    assert np.asarray(theirs.total_cm)[1, 1] == -(2**31)
    assert ours.matrix.value[1, 1] == 2**31


def test_scores_with_many_digits() -> None:
    for name in ("BinaryAccuracy", "TruePositives"):
        assert both(name, [1], [0.5 + 1e-12]) == (0, 1)


def test_cosines_along_the_first_axis() -> None:
    rng = np.random.default_rng(0)
    truth, guess = rng.normal(size=(2, 4, 4))
    theirs, ours = both("CosineSimilarity", truth, guess, axis=0)
    columns = streaming.CosineSimilarity()(truth.T, guess.T)
    assert ours == pytest.approx(columns)
    assert abs(theirs - ours) > 1e-3


def test_names_of_metrics() -> None:
    keras.backend.clear_session()
    theirs = [getattr(keras.metrics, name)(**options).name for name, options in NAMED]
    assert theirs == ["auc", "auc_1", "mean_io_u"]
    assert [getattr(streaming, name)(**options).name for name, options in NAMED] == ["auc", "auc", "mean_iou"]
    loaded = streaming.deserialize({"class_name": "mean_io_u", "config": {"num_classes": 2}})
    assert isinstance(loaded, streaming.MeanIoU)


NAMED: list[tuple[str, dict[str, Any]]] = [("AUC", {}), ("AUC", {}), ("MeanIoU", {"num_classes": 2})]


def test_copies_of_metrics() -> None:
    theirs, ours = keras.metrics.Mean(), streaming.Mean()
    for metric in (theirs, ours):
        metric.update_state([2.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert float(copy.deepcopy(theirs).result()) == float(pickle.loads(pickle.dumps(theirs)).result()) == 0
    assert copy.deepcopy(ours).result() == pickle.loads(pickle.dumps(ours)).result() == 2
