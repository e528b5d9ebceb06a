"""A recorder gives what the metrics give, epoch by epoch, and says what it did."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from labelmetrics import InputError, LabelmetricsWarning, SettingError, streaming

seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)
METRICS = ("accuracy", "auc", "precision", "mse")


def recorder(metrics: Any = METRICS, **options: Any) -> streaming.Recorder:
    return streaming.Recorder(list(metrics) if isinstance(metrics, tuple) else metrics, **{"show": "none", **options})


def batches(rng: np.random.Generator, n: int = 60) -> list[tuple[Any, Any]]:
    labels, scores = rng.integers(0, 2, n), rng.random(n)
    labels[:2] = 0, 1
    parts = np.split(np.arange(n), np.sort(rng.integers(2, n, 3)))
    return [(labels[part], scores[part]) for part in parts]


# ----------------------------------------------------------------------------------------------------------- results


@settings(max_examples=20)
@given(seeds)
def test_epochs_give_what_metrics_give(rng: np.random.Generator) -> None:
    """However rows are cut into steps; steps in between stand alone, and what runs is that of all so far."""
    with recorder() as training:
        for _ in range(2):
            alone = streaming.MetricCollection(list(METRICS))
            for batch in batches(rng):
                entries = {entry.name: entry.numeric for entry in training.update("valid", *batch)}
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", LabelmetricsWarning)
                    running = alone(*batch)
                    of_step = streaming.MetricCollection(list(METRICS))(*batch)
                for name in METRICS:
                    found = entries[name]
                    assert found is not None
                    assert found.count == len(batch[0])
                    np.testing.assert_allclose(found.value, of_step[name], rtol=1e-12)
                    np.testing.assert_allclose(found.running_value, running[name], rtol=1e-12)
            assert training.result("valid") == pytest.approx(alone.result(), rel=1e-12)
            assert training.end_epoch()["valid"] == pytest.approx(alone.result(), rel=1e-12)
        assert training.history.results(2)["auc"] == pytest.approx(alone.result()["auc"], rel=1e-12)


def test_means_of_steps_are_not_the_metric() -> None:
    """Weighted by rows they are the same for accuracy, and not for AUC."""
    with recorder() as training:
        for batch in batches(np.random.default_rng(3)):
            training.update("valid", *batch)
    history = training.history
    for name in ("accuracy", "mse"):
        assert history.values(name, aggregate="mean")[1] == pytest.approx(history.values(name)[1], rel=1e-12)
    assert history.values("auc", aggregate="mean")[1] != pytest.approx(history.values("auc")[1], rel=1e-3)


def test_each_split_has_metrics_of_its_own() -> None:
    mine = streaming.BinaryAccuracy()
    with recorder([mine]) as training:
        training.update("train", [1], [0.9])
        training.update("valid", [1], [0.1])
        assert (training.result("train"), training.result("valid")) == (
            {"binary_accuracy": 1.0},
            {"binary_accuracy": 0.0},
        )
        assert training.result("test") == {}
    assert mine.result() == 0  # copies were updated
    assert training.history.splits == ["train", "valid"]


def test_metrics_may_differ_by_split() -> None:
    with recorder({"train": [streaming.Loss()], "valid": ["auc"]}) as training:
        training.update("train", [0, 1], [0.2, 0.9], loss=0.5)
        training.update("valid", [0, 1], [0.2, 0.9], loss=0.5)
        with pytest.raises(SettingError, match="metrics for train, valid, none for test"):
            training.update("test", [0, 1], [0.2, 0.9])
    assert training.history.to_dict() == {"loss": [0.5], "val_auc": [1.0], "val_loss": [0.5]}


def test_weights_count() -> None:
    with recorder(["accuracy"]) as training:
        entry = training.update("train", [0, 1], [0.2, 0.4], sample_weight=[3, 1])[0]
        assert entry.numeric == streaming.Numeric(0.75, 0.75, 4)
        assert training.update("train", [0, 1], [0.2, 0.4], 0.5)[0].numeric.count == 1  # type: ignore[union-attr]
        assert training.update("train", y_true=[1], y_pred=[0.4], count=7)[0].numeric.count == 7  # type: ignore[union-attr]
    assert training.history.values("accuracy", aggregate="mean")[1] == pytest.approx((3 + 0.5) / (4 + 1 + 7))


def test_several_outputs() -> None:
    with recorder({"box": ["mse"], "label": ["accuracy"]}) as training:
        training.update("valid", {"box": [[1, 2]], "label": [1]}, {"box": [[1, 4]], "label": [[0.3, 0.7]]})
    assert training.history.results(1) == {"box_mse": 2.0, "label_accuracy": 1.0}


def test_results_that_are_no_numbers_are_kept_for_epochs() -> None:
    with recorder([streaming.ConfusionMatrix(2), streaming.Precision(thresholds=[0.2, 0.5])]) as training:
        assert training.update("valid", [0, 1, 1], [0, 1, 0]) == []
    np.testing.assert_array_equal(training.history.results(1)["confusion_matrix"], [[1, 0], [1, 1]])
    assert training.history.names() == []


def test_metrics_of_ones_own_are_never_merged() -> None:
    class Last(streaming.Metric):
        """Right when it is updated, wrong when it is added up."""

        def __init__(self, name: str = "last", **kwargs: Any) -> None:
            super().__init__(name=name, **kwargs)
            self.add_state("value")

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            self.value.assign(float(np.max(y_pred)))

        def result(self) -> Any:
            return self.value

    with recorder([Last()]) as training:
        training.update("train", [1], [0.4])
        training.update("train", [1], [0.3])
    assert training.history.values("last", "train") == {1: 0.3}


def test_torch_tensors_are_taken() -> None:
    torch = pytest.importorskip("torch")
    with recorder(["accuracy", streaming.Loss()]) as training:
        scores = torch.tensor([[0.2, 0.8], [0.6, 0.4]], requires_grad=True, dtype=torch.bfloat16)
        training.update("train", torch.tensor([1, 1]), scores, loss=(scores.sum() * 0.5))
    assert training.history.to_dict() == {"accuracy": [0.5], "loss": [pytest.approx(1.0, rel=0.01)]}


# ------------------------------------------------------------------------------------------------------------- steps


def test_loss_learning_rate_and_numbers() -> None:
    metrics = [streaming.Loss(), streaming.LearningRate()]
    with recorder(metrics, precision=2) as training:
        first = training.update("train", loss=[0.2, 0.4], learning_rate=0.1, values={"norm": 3})
        assert [entry.formatted for entry in first] == ["0.3 (step 0.3)", "0.1 (step 0.1)", "3 (step 3)"]
        training.update("train", loss=0.6, count=4, learning_rate=0.05, values={"norm": 4})
        assert training.update("valid") == []
    wanted = {"loss": [pytest.approx(0.5)], "learning_rate": [pytest.approx(0.075)], "norm": [pytest.approx(22 / 6)]}
    assert training.history.to_dict() == wanted
    assert training.history.higher_is_better("loss") is False
    assert training.history.higher_is_better("norm") is None
    with pytest.raises(SettingError, match="give higher_is_better"):
        training.history.best_epoch("norm")
    assert training.history.best_epoch("norm", higher_is_better=False) == 1


def test_what_is_given_is_recorded_unasked() -> None:
    with recorder(["accuracy"]) as training:
        training.update("train", [0, 1], [0.2, 0.9], loss=0.5, learning_rate=0.1, values={"norm": 2})
    assert training.history.to_dict() == {"accuracy": [1.0], "loss": [0.5], "learning_rate": [0.1], "norm": [2.0]}
    assert training.history.results(1, "train") == {"accuracy": 1.0, "loss": 0.5, "learning_rate": 0.1, "norm": 2.0}
    assert training.history.higher_is_better("loss") is False
    with recorder([streaming.Loss("mine")]) as training:
        training.update("train", loss=0.5)
    assert training.history.names() == ["mine"]


def test_metadata_reach_metrics() -> None:
    class Place(streaming.LearnerMetric):
        unit = "of epoch"

        def adapt(self, step: streaming.Step) -> tuple[Any, ...] | None:
            seen.append(step.metadata)
            return (step.metadata.progress.share or 0.0,)

    seen: list[streaming.MetricMetadata] = []
    with recorder([Place()], epochs=2) as training:
        for _ in training.each_epoch():
            for _ in training.each_batch(range(4)):
                entries = training.update("train", learning_rate=0.1)
    assert [(one.epoch, one.epochs, one.iteration) for one in seen[:5]] == [
        *((1, 2, n) for n in (1, 2, 3, 4)),
        (2, 2, 1),
    ]
    assert seen[0].learning_rate == 0.1
    assert entries[0].formatted == "0.625 of epoch (step 1 of epoch)"


def test_speed_is_of_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 1.0, 3.0, 100.0, 101.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    with recorder([streaming.IterationSpeed()]) as training:
        assert training.update("train") == []
        assert training.update("train")[0].numeric == streaming.Numeric(1.0, 1.0)
        assert training.update("train")[0].numeric == streaming.Numeric(0.5, 2 / 3)
        training.end_epoch()
        assert training.update("train") == []  # the time between epochs is no step
        assert training.update("train")[0].numeric == streaming.Numeric(1.0, 1.0)


def test_adaptor() -> None:
    adaptor = streaming.Adaptor(["mae"], lambda output: {"y_true": output["y"], "y_pred": output["p"]})
    with recorder([adaptor, streaming.Loss()]) as training:
        entries = training.update("train", {"y": [1.0], "p": [3.0]}, loss=2)
        assert [(entry.name, entry.serialized) for entry in entries] == [("mae", "2.0,2.0,1"), ("loss", "2.0,2.0,1")]
        with pytest.raises(SettingError, match="adapt must return"):
            recorder([streaming.Adaptor(["mae"], lambda output: output)]).update("train", [1])
    with pytest.raises(SettingError, match="must be a function"):
        streaming.Adaptor(["mae"], 3)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------------------ epochs


def test_loops_end_epochs() -> None:
    with recorder(["accuracy"], epochs=3) as training:
        for epoch in training.each_epoch():
            training.update("train", [1], [epoch / 4])
            if epoch == 2:
                training.end_epoch()  # by hand, once
        assert training.epoch == 4
        assert list(training.each_epoch()) == []
    assert training.history.values("accuracy", "train") == {1: 0.0, 2: 0.0, 3: 1.0}


def test_the_best_epoch() -> None:
    with recorder(["auc", streaming.Loss()]) as training:
        for scores, loss in (([0.9, 0.1], 0.4), ([0.1, 0.9], 0.2), ([0.1, 0.8], 0.2), ([0.5, 0.4], math.nan)):
            training.update("valid", [0, 1], scores, loss=loss)
            training.end_epoch()
    history = training.history
    assert (history.best_epoch("auc"), history.best_epoch("loss", "valid")) == (2, 2)
    assert history.best_epoch("auc", higher_is_better=False) == 1
    assert history.best_epoch("loss", aggregate="mean") == 2
    assert history.finished == [1, 2, 3, 4]
    assert "auc     valid     0    0      1    1      2           2" in history.summary()
    with pytest.raises(SettingError, match="no metric 'acu'; near it: auc"):
        history.best_epoch("acu")
    with pytest.raises(SettingError, match="no metric 'auc' in train"):
        history.values("auc", "train")
    with pytest.raises(SettingError, match="aggregate must be one of final, mean"):
        history.values("auc", aggregate="max")  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="epoch 9 has not ended"):
        history.results(9)


def test_an_exception_leaves_the_epoch_open() -> None:
    training = recorder(["accuracy"])
    with pytest.raises(RuntimeError), training:
        training.update("train", [1], [0.9])
        raise RuntimeError
    assert training.history.finished == []
    assert training.history.epochs == [1]
    assert len(training.history.steps("accuracy")) == 1
    assert training.history.summary() == "no epoch has ended"
    with pytest.raises(SettingError, match="no epoch has ended with a number"):
        training.history.best_epoch("accuracy")
    for use in (training.end_epoch, lambda: training.update("train", [1], [0.9])):
        with pytest.raises(SettingError, match="the recorder is closed"):
            use()
    training.close()


def test_curves_go_to_the_model_run() -> None:
    class Run:
        def update_config(self, config: Any) -> None:
            self.config = config

    run = Run()
    with recorder(["accuracy", streaming.Loss()], run=run) as training:
        training.update("train", loss=0.5)
        training.update("valid", [1], [0.9])
        training.end_epoch()
        training.update("train", loss=0.25)
    wanted = {"epochs": [1, 2], "metrics": {"loss": [0.5, 0.25], "val_accuracy": [1.0, None]}}
    assert run.config == {"training": wanted}


# ----------------------------------------------------------------------------------------------------------- balance


def test_classes_that_are_rare_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    with recorder(["accuracy"], show="lines", name="cats") as training:
        for _ in range(2):
            training.update("train", [0, 1] * 10, [0.2, 0.9] * 10)
            training.update("valid", [[0.0]] * 19 + [[1.0]], [[0.2]] * 20)
            training.end_epoch()
    note = "valid accuracy: 95 % of 20 labels are of class 0; always saying so has an accuracy of 0.95"
    assert training.history.notes() == [note]
    assert training.history.summary().endswith(f"\nnote: {note}")
    assert capsys.readouterr().out.splitlines() == [
        "cats: epoch 1 | train accuracy 1 | valid accuracy 0.95",
        f"note: {note}",
        "cats: epoch 2 | train accuracy 1 | valid accuracy 0.95",
    ]


def test_without_accuracy_classes_are_nobody_s_business() -> None:
    with recorder(["auc"]) as training:
        training.update("valid", [0] * 99 + [1], np.linspace(0, 1, 100))
    assert training.history.notes() == []


def test_one_hot_labels_have_classes() -> None:
    with recorder(["categorical_accuracy"]) as training:
        training.update("valid", np.eye(3)[[2, 2, 2, 2, 0]], np.full((5, 3), 0.3))
    assert training.history.notes()[0].startswith("valid categorical_accuracy: 80 % of 5 labels are of class 2")


# ---------------------------------------------------------------------------------------------------------- pitfalls


def test_a_forgotten_reset_is_told() -> None:
    mine, reset, once = streaming.Mean(), streaming.Mean(), streaming.Mean()
    with recorder(["accuracy"]) as training:
        once.update_state([1])
        for _ in range(2):
            mine.update_state([1])
            reset.reset_state()
            reset.update_state([1])
            reset.result()
            training.update("train", [1], [0.9])
            training.end_epoch()
        assert once.result() == 1
    with pytest.warns(LabelmetricsWarning, match=r"mean has seen batches of two epochs .* reset_state\(\)"):
        assert mine.result() == 1
    assert mine.result() == 1  # said once
    mine.reset_state()
    mine.update_state([3])
    assert mine.result() == 3


def test_recorders_do_not_disturb_each_other() -> None:
    with recorder(["accuracy"]) as long, recorder(["accuracy"]) as short:
        for _ in range(3):
            long.update("train", [1], [0.9], loss=0.5, values={"norm": 1})
            short.update("train", [1], [0.9])
            short.end_epoch()
    assert long.history.finished == [1]


def test_without_a_recorder_there_is_no_epoch() -> None:
    mine = streaming.Mean()
    for _ in range(3):
        assert mine([1]) == 1


# --------------------------------------------------------------------------------------------------------- bad input


def test_a_refused_step_counts_nowhere() -> None:
    with recorder([streaming.BinaryAccuracy(), streaming.Adaptor(["auc"], lambda y, p: (y, p)), streaming.Loss()]) as r:
        r.update("train", [0, 1], [0.2, 0.9], loss=1)
        before = r.result("train")
        with pytest.raises(InputError):
            r.update("train", [0, 1], [0.9, 2.0], loss=3)  # AUC refuses it, accuracy had it already
        assert r.result("train") == before
        assert r.update("train", [0, 1], [0.2, 0.9], loss=1)[0].numeric.running_value == 1  # type: ignore[union-attr]
    assert len(r.history.steps("loss")) == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: recorder([]), "at least one metric"),
        (lambda: recorder("accuracy"), "given as a list or a dict"),
        (lambda: recorder(["acuracy"]), "near it"),
        (lambda: recorder(["auc", streaming.AUC(curve="PR")]).keys, "has no attribute"),
        (lambda: recorder([streaming.Loss(), streaming.Loss()]), "two metrics 'loss'"),
        (lambda: recorder(epochs=0), "epochs must be a whole number"),
        (lambda: recorder(precision=0), "precision must be a whole number"),
        (lambda: recorder(show="window"), "show must be one of"),
        (lambda: recorder(resume=True), "resume needs the directory"),
        (lambda: recorder().update("validation", [1], [1]), "splits train, valid, test; got 'validation'"),
        (lambda: recorder().update("train", [1], [0.5], y_true=[1]), "by position or by name"),
        (lambda: recorder().update("train", [1]), "an Adaptor says"),
        (lambda: recorder().update("train", values={"auc": 1}), "there is a metric 'auc' already"),
        (lambda: recorder().update("train", values={"norm": "big"}), r"values\['norm'\] must be a number"),
        (lambda: next(recorder().each_epoch()), "how many epochs"),
        (lambda: recorder().history.plot(), "no metric with numbers"),
        (lambda: streaming.CpuUse(interval=-1), "interval must be seconds"),
    ],
)
def test_mistakes_are_told(make: Any, message: str) -> None:
    with pytest.raises((SettingError, InputError, AttributeError), match=message):
        make()
