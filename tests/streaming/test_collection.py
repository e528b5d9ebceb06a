"""Collections: forms of input, names in results, shared statistics, merging."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import numpy as np
import pytest
from keras_numpy import keras

from labelmetrics import streaming
from labelmetrics.errors import InputError, SettingError, SettingMismatchError

TRUTH = np.array([[0.0], [1], [1], [0]])
GUESS = np.array([[0.2], [0.8], [0.4], [0.6]])
WEIGHT = np.array([1, 2, 3, 4])


def test_forms_of_one_output() -> None:
    found = streaming.MetricCollection(["auc", streaming.Precision(), "mse", abs_error])(TRUTH, GUESS)
    assert list(found) == ["auc", "precision", "mse", "abs_error"]
    named = streaming.MetricCollection({"a": streaming.Precision(), "b": "recall"}, prefix="val_")(TRUTH, GUESS)
    assert named == {"val_a": 0.5, "val_b": 0.5}
    twice = streaming.MetricCollection([streaming.Precision(0.5), streaming.Precision(0.7)])(TRUTH, GUESS)
    assert twice == {"precision": 0.5, "precision_1": 1.0}
    weighted = streaming.MetricCollection(["mae"])(TRUTH, GUESS, WEIGHT)
    assert weighted == {"mae": pytest.approx(np.average(np.abs(TRUTH - GUESS)[:, 0], weights=WEIGHT))}


def abs_error(y_true: Any, y_pred: Any) -> Any:
    return np.abs(y_true - y_pred)


SPARSE = np.array([2, 0]), np.array([[0.1, 0.2, 0.7], [0.2, 0.5, 0.3]])
SHAPES = {
    "BinaryAccuracy": (TRUTH, GUESS),
    "SparseCategoricalAccuracy": SPARSE,
    "CategoricalAccuracy": (np.eye(3)[SPARSE[0]], SPARSE[1]),
}


@pytest.mark.parametrize("kind", SHAPES)
def test_short_names_by_shape(kind: str) -> None:
    batch = SHAPES[kind]
    metrics = streaming.MetricCollection(["accuracy", "acc", "ce"])
    assert metrics.keys() == ["accuracy", "acc", "ce"]
    assert metrics.result() == {}
    with pytest.raises(KeyError, match="waits for the shapes"):
        metrics["acc"]
    found = metrics(*batch)
    assert [type(metric).__name__ for metric in metrics.values()] == [
        kind,
        kind,
        kind.replace("Accuracy", "Crossentropy"),
    ]
    assert found["accuracy"] == found["acc"] == getattr(streaming, kind)()(*batch)
    theirs = keras.src.trainers.compile_utils.CompileMetrics(["accuracy", "acc"], None)
    theirs.update_state(*batch)
    assert {name: float(value) for name, value in theirs.result().items()} == {
        "accuracy": found["acc"],
        "acc": found["acc"],
    }


OUTPUTS = {"label": SPARSE, "score": (TRUTH[:2], GUESS[:2])}
BY_NAME = [{name: pair[side] for name, pair in OUTPUTS.items()} for side in (0, 1)]
IN_ORDER = [[pair[side] for pair in OUTPUTS.values()] for side in (0, 1)]


@pytest.mark.parametrize(
    ("metrics", "names"),
    [
        ({"label": ["accuracy"], "score": ["auc", "mse"]}, ["label_accuracy", "score_auc", "score_mse"]),
        ({"label": "accuracy", "score": "mse"}, ["label_accuracy", "score_mse"]),
        ([["accuracy"], ["auc", "mse"]], ["label_accuracy", "score_auc", "score_mse"]),
        ([None, ["mse"]], ["score_mse"]),
        ({"score": ["mse", "mse"]}, ["score_mse", "score_mse_1"]),
    ],
)
def test_forms_of_several_outputs(metrics: Any, names: list[str]) -> None:
    ours = streaming.MetricCollection(metrics, output_names=list(OUTPUTS))
    found = ours(*BY_NAME)
    assert list(found) == names
    theirs = keras.src.trainers.compile_utils.CompileMetrics(copy.deepcopy(metrics), None, output_names=list(OUTPUTS))
    theirs.update_state(*BY_NAME)
    assert found == {name: pytest.approx(float(value), abs=1e-6) for name, value in theirs.result().items()}
    if isinstance(metrics, list):
        assert streaming.MetricCollection(metrics, output_names=list(OUTPUTS))(*IN_ORDER) == found


def test_weights_by_output() -> None:
    metrics = streaming.MetricCollection([["mse"], ["mse"]])
    assert metrics.keys() == ["output_1_mse", "output_2_mse"]
    truth, guess = [np.zeros((2, 1))] * 2, [np.array([[1.0], [3]])] * 2
    found = metrics(truth, guess, [np.array([1, 0]), np.array([0, 1])])
    assert found == {"output_1_mse": 1.0, "output_2_mse": 9.0}
    metrics.reset_state()
    assert metrics(truth, guess, np.array([0, 1])) == {"output_1_mse": 9.0, "output_2_mse": 9.0}


def threshold_metrics() -> list[streaming.Metric]:
    kinds = ["TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives", "Precision", "Recall"]
    even = [streaming.AUC(), streaming.PrecisionAtRecall(0.5), streaming.AUC(curve="PR", name="pr")]
    return [*(getattr(streaming, kind)() for kind in kinds), *even]


def test_equal_configurations_share_one_statistic() -> None:
    metrics = streaming.MetricCollection(threshold_metrics())
    assert len(metrics._leaders) == 2
    alone = {metric.name: metric(TRUTH, GUESS, WEIGHT) for metric in threshold_metrics()}
    assert metrics(TRUTH, GUESS, WEIGHT) == alone
    assert metrics["recall"].result() == alone["recall"]
    for copied in (copy.deepcopy(metrics), pickle.loads(pickle.dumps(metrics))):
        copied.update_state(TRUTH, GUESS, WEIGHT)
        assert copied.result()["true_positives"] == 2 * alone["true_positives"]
        assert copied.state_dict().keys() == metrics.state_dict().keys()
        assert len(copied._leaders) == 2
    assert metrics.result() == alone
    metrics.reset_state()
    assert set(metrics.result().values()) == {0.0}


def test_unlike_configurations_share_nothing() -> None:
    class Shifted(streaming.Mean):
        def update_state(self, values: Any, sample_weight: Any = None) -> None:
            super().update_state(np.asarray(values) + 1, sample_weight)

    seen = streaming.Recall()
    seen.update_state(TRUTH, GUESS)
    metrics = streaming.MetricCollection(
        [
            streaming.Precision(),
            streaming.Precision(0.4),
            streaming.Precision(class_id=0),
            seen,
            streaming.MeanSquaredError(),
            streaming.RootMeanSquaredError(),
            streaming.BinaryAccuracy(threshold=0.1),
            streaming.BinaryAccuracy(),
            streaming.BinaryAccuracy(name="again"),
        ]
    )
    assert len(metrics._leaders) == 8
    assert metrics(TRUTH, GUESS)["recall"] == 0.5
    assert Shifted()([1.0]) == 2
    assert metrics["binary_accuracy_1"]._states is metrics["again"]._states


def test_a_subclass_gets_every_batch_itself() -> None:
    class Turned(streaming.Recall):
        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            super().update_state(1 - y_true, 1 - y_pred, sample_weight)

    metrics = streaming.MetricCollection([streaming.Recall(), Turned(name="turned"), streaming.AUC()])
    found = metrics(TRUTH[:3], GUESS[:3])
    assert found["turned"] == 1
    assert found["recall"] == 0.5


def test_metrics_without_weights() -> None:
    class Agreement(streaming.Metric):
        def __init__(self) -> None:
            super().__init__()
            self.add_state("right", 0)

        def update(self, preds: Any, target: Any) -> None:
            self.right += np.sum(np.rint(preds) == target)

        def compute(self) -> Any:
            return self.right

    metrics = streaming.MetricCollection([Agreement(), "mse"])
    assert metrics(TRUTH, GUESS)["agreement"] == 2


def test_merging_and_copies() -> None:
    batches = [(TRUTH, GUESS), (TRUTH[:3], GUESS[1:])]
    whole = make()
    workers = []
    for batch in batches:
        whole.update_state(*batch)
        workers.append(make())
        workers[-1].update_state(*batch)
    merged = make()
    merged.merge_state(pickle.loads(pickle.dumps(workers)))  # which learns what "accuracy" is there
    assert merged.result() == whole.result()
    other = make()
    other.update_state(*batches[0])
    other.merge_state(workers[1].state_dict())
    assert other.result() == whole.result()
    again = streaming.MetricCollection.from_config(json.loads(json.dumps(whole.get_config())))
    again.merge_state(whole)
    assert again.result() == whole.result()
    named = streaming.deserialize(json.loads(json.dumps(streaming.serialize(whole))))
    named.merge_state(whole)
    assert named.result() == whole.result()
    loaded = make()
    loaded.update_state(*batches[1])
    loaded.load_state_dict(whole.state_dict())
    assert loaded.result() == whole.result()


def make() -> streaming.MetricCollection:
    return streaming.MetricCollection(
        ["accuracy", streaming.AUC(num_thresholds=5), streaming.PrecisionAtRecall(0.5, 5)]
    )


def test_forward_and_names_of_torchmetrics() -> None:
    metrics = make()
    metrics.update(GUESS, TRUTH)
    batch = metrics.forward(GUESS[1:], TRUTH[:3])
    alone = make()
    assert batch == alone(TRUTH[:3], GUESS[1:])
    alone.update(GUESS, TRUTH)
    assert metrics.compute() == alone.compute()
    with pytest.raises(InputError):
        metrics.forward(GUESS, GUESS)
    assert metrics.compute() == alone.compute()
    metrics.reset()
    assert metrics.compute() == make()(TRUTH[:0], GUESS[:0])


def test_synchronisation_comes_once_for_each_statistic() -> None:
    calls = []

    def gather(state: Any, group: Any) -> list[Any]:
        calls.append(sorted(state))
        return [state, state]

    metrics = streaming.MetricCollection(
        [streaming.TruePositives(dist_sync_fn=gather), streaming.Recall(dist_sync_fn=gather)]
    )
    assert metrics(TRUTH, GUESS) == {"true_positives": 2.0, "recall": 0.5}
    assert calls == [["histogram"]]


def test_what_cannot_be() -> None:
    for identifier in ("mean", streaming.Sum()):
        with pytest.raises(SettingError, match="takes values"):
            streaming.MetricCollection(["auc", identifier])
    with pytest.raises(SettingError, match="is no metric"):
        streaming.MetricCollection([make()])
    with pytest.raises(SettingError, match="at least one"):
        streaming.MetricCollection([])
    with pytest.raises(SettingError, match="list or a dict"):
        streaming.MetricCollection("auc")
    with pytest.raises(SettingError, match="no metric 'acuracy'; near it"):
        streaming.MetricCollection(["acuracy"])
    with pytest.raises(SettingError, match="2 outputs, and 1 output_names"):
        streaming.MetricCollection([["mse"], ["mse"]], output_names=["a"])
    metrics = streaming.MetricCollection({"box": ["mse"], "label": ["mse"]})
    with pytest.raises(SettingMismatchError, match="no output 'label'"):
        metrics.update_state({"box": [1.0]}, {"box": [1.0]})
    with pytest.raises(SettingMismatchError, match="1 outputs, and metrics of 2"):
        metrics.update_state([[1.0]], [[1.0]])
    with pytest.raises(SettingMismatchError, match="cannot be merged"):
        metrics.merge_state(make())
    with pytest.raises(SettingMismatchError, match="no metric has the state"):
        metrics.merge_state({"other.total": 1})
    with pytest.raises(SettingMismatchError, match=r"unlike configurations: num_thresholds is 7 here"):
        streaming.MetricCollection([streaming.AUC(7)]).merge_state(streaming.MetricCollection([streaming.AUC(9)]))
    with pytest.raises(KeyError, match="near it: box_mse"):
        metrics["bx_mse"]
    assert repr(metrics) == "<MetricCollection box_mse, label_mse>"
    assert len(metrics) == 2
