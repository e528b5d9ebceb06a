"""Recorders for torch and Keras, and event files."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelmetrics import MissingPackageError, SettingError, streaming

# ----------------------------------------------------------------------------------------------------------- torch


def small_training() -> tuple[Any, Any, Any]:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    inputs = torch.randn(40, 4)
    labels = (inputs[:, 0] > 0).long() + (inputs[:, 1] > 1).long()
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Dropout(0.5))
    batches = list(zip(inputs.split(8), labels.split(8), strict=True))
    return torch, model, batches


def test_torch_trains() -> None:
    torch, model, batches = small_training()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    metrics = ["accuracy", streaming.Loss(), streaming.LearningRate()]
    loss_of = torch.nn.CrossEntropyLoss()
    with streaming.torch.Recorder(metrics, optimizer=optimizer, epochs=3, show="none") as recorder:
        for _ in recorder.each_epoch():
            for inputs, labels in recorder.each_batch(batches):
                scores = model(inputs)
                loss = loss_of(scores, labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                recorder.update("train", labels, scores.softmax(-1), loss=loss)
            found = recorder.validate(model, batches, loss=loss_of, predict=lambda scores: scores.softmax(-1))
            optimizer.param_groups[0]["lr"] /= 2
    assert model.training
    model.eval()
    with torch.no_grad():
        scores = model(torch.cat([inputs for inputs, _ in batches]))
        labels = torch.cat([labels for _, labels in batches])
        wanted = {
            "accuracy": float((scores.argmax(-1) == labels).double().mean()),
            "loss": float(loss_of(scores, labels)),
        }
    assert found == pytest.approx(wanted, rel=1e-5)
    history = recorder.history
    assert history.values("learning_rate", "train") == {1: 0.5, 2: 0.25, 3: 0.125}
    losses = list(history.values("loss", "train").values())
    assert losses[2] < losses[0]


def test_torch_takes_pairs_and_triples() -> None:
    torch, model, batches = small_training()
    recorder = streaming.torch.Recorder(["accuracy"], show="none")
    weighted = [(inputs, labels, torch.ones(len(labels))) for inputs, labels in batches]
    assert recorder.validate(model, weighted, device="cpu") == recorder.validate(model, batches, "test")
    with pytest.raises(SettingError, match=r"a batch must be \(inputs, labels\)"):
        recorder.validate(model, [inputs for inputs, _ in batches])


DISTRIBUTED = """if True:
    import sys, json, torch
    from labelmetrics import streaming
    rank, port, directory, epochs = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
    torch.distributed.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    metrics = ["accuracy", streaming.Loss()]
    with streaming.torch.Recorder(metrics, directory=directory, epochs=epochs, resume=True, show="lines") as recorder:
        for epoch in recorder.each_epoch():
            for step in range(2 + rank):  # unlike numbers of steps do not wait for each other
                recorder.update("train", torch.tensor([1, 1]), torch.tensor([.9, .1 + .8 * rank]), loss=1. + rank)
    print(json.dumps(recorder.history.to_dict()))
    torch.distributed.destroy_process_group()
"""


def in_two_processes(directory: Path, epochs: int) -> list[list[str]]:
    """Lines that two processes print which train together."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", DISTRIBUTED]
    more = [str(port), str(directory), str(epochs)]
    processes = [subprocess.Popen([*command, str(rank), *more], stdout=subprocess.PIPE, text=True) for rank in range(2)]
    found = [process.communicate(timeout=120)[0].splitlines() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    return found


def test_torch_in_two_processes(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    first, second = in_two_processes(tmp_path / "run", 2)
    told = json.loads(first[-1])
    assert told == json.loads(second[-1])
    wanted = {"accuracy": [0.8, 0.8], "loss": [1.6, 1.6]}  # 4 rows of one process, 6 of the other
    assert {name: pytest.approx(values) for name, values in told.items()} == wanted
    assert first[0].startswith("epoch 1 of 2 | train accuracy 0.8 loss 1.6")
    assert len(second) == 1  # process 0 alone shows, and writes
    assert streaming.read_history(tmp_path / "run").to_dict() == told
    # All of them go on in the epoch in which process 0 does.
    first, second = in_two_processes(tmp_path / "run", 3)
    assert first[0].startswith("epoch 3 of 3 | train accuracy 0.8 loss 1.6")
    assert len(json.loads(first[-1])["loss"]) == 3
    assert json.loads(first[-1]) == json.loads(second[-1])
    assert streaming.read_history(tmp_path / "run").finished == [1, 2, 3]


# ----------------------------------------------------------------------------------------------------------- Keras

KERAS = """if True:
    import json, sys
    import keras, numpy as np
    from labelmetrics import InputError, streaming
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 4))
    y = (x[:, 0] > 0).astype(int) + (x[:, 1] > 1)
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    recorder = streaming.keras.Recorder(
        ["accuracy", streaming.F1Score(average="macro"), streaming.LearningRate(), "loss"],
        validation_data=(x, y), directory=sys.argv[1],
    )
    seen = []
    after = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(sorted(logs)))
    stop = keras.callbacks.EarlyStopping("val_f1_score", mode="max", patience=0, min_delta=2.0)
    history = model.fit(
        x, y, epochs=5, batch_size=16, verbose=0, callbacks=[recorder, after, stop], validation_data=(x, y)
    )
    scores = model.predict(x, verbose=0)
    wanted = streaming.F1Score(average="macro")(y, scores)
    model.fit(x, y, epochs=1, verbose=0, callbacks=[recorder])
    loader = [(x[:10], y[:10]), (x[10:], y[10:], np.ones(54))]
    other = streaming.keras.Recorder(["accuracy"], validation_data=loader)
    model.fit(x, y, epochs=1, verbose=0, callbacks=[other])
    alone = streaming.keras.Recorder()
    model.fit(x, y, epochs=1, verbose=0, callbacks=[alone])
    try:
        once = streaming.keras.Recorder(["accuracy"], validation_data=iter(loader))
        model.fit(x, y, epochs=2, verbose=0, callbacks=[once])
    except InputError as error:
        exhausted = str(error)
    try:
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=[streaming.SparseCategoricalAccuracy()])
        model.fit(x, y, epochs=1, verbose=0)
    except Exception as error:
        refused = f"{type(error).__name__}: {error}"
    print(json.dumps({
        "history": history.history, "seen": seen, "wanted": wanted, "refused": refused, "exhausted": exhausted,
        "recorded": recorder.history.to_dict(), "finished": recorder.history.finished,
        "other": other.history.to_dict(), "alone": sorted(alone.history.to_dict()),
    }))
"""


def test_keras_trains(tmp_path: Path) -> None:
    pytest.importorskip("keras")
    pytest.importorskip("torch")
    command = [sys.executable, "-c", KERAS, str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "KERAS_BACKEND": "torch"})
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    history = found["history"]
    names = ["accuracy", "loss", "val_accuracy", "val_f1_score", "val_loss"]
    assert found["seen"] == [names, names]  # early stopping saw the metric, and stopped
    assert sorted(history) == names
    assert history["val_f1_score"][-1] == pytest.approx(found["wanted"], rel=1e-6)
    read = streaming.read_history(tmp_path / "run")
    assert read.finished == found["finished"] == [1, 2, 3]  # a second fit went on
    recorded = read.to_dict()
    np.testing.assert_equal(recorded, found["recorded"])
    for name in names:
        assert recorded[name][:2] == pytest.approx(history[name])
    assert recorded["learning_rate"] == pytest.approx([0.01] * 3)
    assert len(read.steps("loss", "train", 1)) == 4
    assert read.higher_is_better("loss") is False
    assert sorted(found["other"]) == ["accuracy", "loss", "val_accuracy"]
    assert found["alone"] == ["accuracy", "loss"]
    assert "streaming.keras.Recorder" in found["refused"]
    assert found["exhausted"].startswith("validation_data gave no batch in epoch 2")


def test_keras_does_not_hand_on_predictions() -> None:
    pytest.importorskip("keras")
    with pytest.raises(SettingError, match="give validation_data"):
        streaming.keras.Recorder(["accuracy"])
    with pytest.raises(SettingError, match="batch_size must be a whole number"):
        streaming.keras.Recorder(batch_size=0)


@pytest.mark.parametrize("name", ["keras", "torch"])
def test_missing_frameworks_are_named(name: str) -> None:
    code = f"import sys; sys.modules[{name!r}] = None; from labelmetrics import streaming; streaming.{name}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert f"MissingPackageError: {name} is not installed: pip install {name}\n" in done.stderr


# ----------------------------------------------------------------------------------------------------- event files


def events(path: Path) -> list[tuple[str, int, float]]:
    """Scalars of an event file: records of a length, its checksum, the event, and its checksum."""
    from tensorboardX.proto.event_pb2 import Event

    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        event = Event.FromString(data[at + 12 : at + 12 + length])
        found += [(value.tag, event.step, value.simple_value) for value in event.summary.value]
        at += length + 16
    return found


def test_event_files(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    board = streaming.TensorBoard(tmp_path)
    with streaming.Recorder(["accuracy", streaming.Loss()], writers=[board], show="none") as recorder:
        for epoch in (1, 2):
            recorder.update("train", [0, 1], [0.2, 0.4 * epoch], loss=float("nan"))
            recorder.update("valid", [0, 1], [0.2, 0.9], loss=0.5)
            recorder.end_epoch()
    (train,), (valid,) = ((list((tmp_path / split).iterdir())) for split in ("train", "valid"))
    assert events(train) == [
        ("accuracy/step", 1, 0.5),
        ("accuracy/epoch", 1, 0.5),
        ("accuracy/step", 2, 1.0),
        ("accuracy/epoch", 2, 1.0),
    ]
    assert ("loss/epoch", 2, 0.5) in events(valid)
    assert np.isfinite([value for _, _, value in events(valid)]).all()


def test_event_files_need_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(MissingPackageError, match=r"labelmetrics\[tensorboard\]"):
        streaming.TensorBoard("board")
