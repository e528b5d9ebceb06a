"""Files of a training: what is written can be read, also after a kill, and a training goes on where it was."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from labelmetrics import InputError, SettingError, streaming
from labelmetrics.streaming.recording.log_files import LogFiles

numbers = st.floats(allow_nan=False)


def train(directory: Path, epochs: int, **options: Any) -> streaming.History:
    metrics = ["accuracy", streaming.ConfusionMatrix(2), streaming.Loss()]
    with streaming.Recorder(metrics, directory=directory, epochs=epochs, show="none", **options) as recorder:
        for epoch in recorder.each_epoch():
            for step in range(3):
                recorder.update("train", [0, 1], [0, step % 2], loss=1 / epoch)
            recorder.update("valid", [0, 1], [0, int(epoch == 2)], loss=math.nan)
    return recorder.history


def told(history: streaming.History) -> Any:
    """All that a history knows."""
    steps = {
        (split, name, epoch): history.steps(name, split, epoch)
        for split in history.splits
        for name in history.names(split)
        for epoch in history.epochs
    }
    return repr((history.facts, history.finished, history.to_dict(), steps, history.notes(), history.summary()))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written = train(tmp_path / "run", 3)
    read = streaming.read_history(tmp_path / "run")
    assert told(read) == told(written)
    np.testing.assert_array_equal(read.results(2)["confusion_matrix"], [[1, 0], [0, 1]])
    assert read.best_epoch("accuracy") == 2
    log = tmp_path / "run" / "train" / "epoch-2" / "accuracy.log"
    assert log.read_text() == "0.5,0.5,2\n1.0,0.75,2\n0.5,0.6666666666666666,2\n"


@given(numbers, numbers, st.floats(0, 1e15))
def test_numbers_keep_every_digit(value: float, running: float, count: float) -> None:
    numeric = streaming.Numeric(value, running, count)
    assert streaming.Numeric.parse(numeric.serialized) == numeric


def test_logs_of_burn_are_read() -> None:
    assert streaming.Numeric.parse("0.5") == streaming.Numeric(0.5, 0.5)
    assert streaming.Numeric.parse("0.5,32") == streaming.Numeric(0.5, 0.5, 32)
    with pytest.raises(InputError, match=r"expected value,running_value,count, got 'half'"):
        streaming.Numeric.parse("half")


@pytest.mark.parametrize("name", ["top/5", "..", "50 % α", "a" * 40, "con:x", ".hidden"])
def test_any_name_is_a_file(tmp_path: Path, name: str) -> None:
    with streaming.Recorder([streaming.Loss(name)], directory=tmp_path, show="none") as recorder:
        recorder.update("train", loss=1)
    assert len(list((tmp_path / "train" / "epoch-1").iterdir())) == 1
    read = streaming.read_history(tmp_path)
    assert read.names() == [name]
    assert [numeric.value for numeric in read.steps(name)] == [1.0]


def test_other_trainings_are_not_written_over(tmp_path: Path) -> None:
    train(tmp_path, 1)
    with pytest.raises(SettingError, match="holds a training already: resume=True"):
        train(tmp_path, 1)
    assert told(train(tmp_path, 3, resume=True)) == told(streaming.read_history(tmp_path))
    assert streaming.read_history(tmp_path).finished == [1, 2, 3]


def test_resume_begins_where_there_is_nothing(tmp_path: Path) -> None:
    assert train(tmp_path, 2, resume=True).finished == [1, 2]


KILLED = """if True:
    import os, signal, sys
    from labelmetrics import streaming
    recorder = streaming.Recorder(["accuracy", streaming.Loss()], directory=sys.argv[1], epochs=9, show="none")
    for epoch in recorder.each_epoch():
        for step in range(5):
            if (epoch, step) == (3, 2):
                os.kill(os.getpid(), signal.SIGKILL)
            recorder.update("train", [0, 1], [0, step % 2], loss=1 / epoch)
        recorder.update("valid", [0, 1], [0, int(epoch == 1)])
"""


def test_a_kill_loses_nothing(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib").use("agg")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)])
    assert killed.returncode == -signal.SIGKILL
    history = streaming.read_history(tmp_path)
    assert (history.finished, history.epochs) == ([1, 2], [1, 2, 3])
    assert len(history.steps("loss", epoch=3)) == 2
    assert (history.best_epoch("accuracy"), history.best_epoch("loss")) == (1, 2)
    assert len(history.plot("accuracy").lines) == 3  # train, valid, and the mark of the best
    assert len(history.plot("loss", by="step").lines[0].get_xdata()) == 12

    with streaming.Recorder(
        ["accuracy", streaming.Loss()], directory=tmp_path, epochs=4, resume=True, show="none"
    ) as r:
        assert r.epoch == 3  # the epoch that was cut begins anew
        for epoch in r.each_epoch():
            r.update("train", [0, 1], [0, 1], loss=1 / epoch)
    again = streaming.read_history(tmp_path)
    assert again.finished == [1, 2, 3, 4]
    assert again.values("loss", "train") == {1: 1.0, 2: 0.5, 3: 1 / 3, 4: 0.25}
    assert len(again.steps("loss", epoch=3)) == 1
    aside = tmp_path / "train" / "cut-1-epoch-3" / "loss.log"
    assert len(aside.read_text().splitlines()) == 2  # which is kept


def test_a_line_that_was_cut_is_left_out(tmp_path: Path) -> None:
    train(tmp_path, 2)
    for name in ("train/epoch-2/loss.log", "epochs.ndjson"):
        path = tmp_path / name
        os.truncate(path, path.stat().st_size - 3)
    history = streaming.read_history(tmp_path)
    assert (history.finished, history.epochs) == ([1], [1, 2])
    assert len(history.steps("loss", epoch=2)) == 2


def test_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no training"):
        streaming.read_history(tmp_path)
    train(tmp_path, 1)
    log = tmp_path / "train" / "epoch-1" / "loss.log"
    log.write_text("0.5,0.5,1\nx\n")
    with pytest.raises(InputError, match=r"loss\.log:2: expected value"):
        streaming.read_history(tmp_path).steps("loss")
    (tmp_path / "epochs.ndjson").write_text("{}\n")
    with pytest.raises(InputError, match=r"epochs\.ndjson:1: is no line of an epoch"):
        streaming.read_history(tmp_path)
    (tmp_path / "run.json").write_text('{"format": 9, "metrics": {}}')
    with pytest.raises(InputError, match="has the format 9; this version reads 1"):
        streaming.read_history(tmp_path)
    (tmp_path / "run.json").write_text("[]")
    with pytest.raises(InputError, match=r"run\.json cannot be read"):
        streaming.read_history(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match="cannot be written"):
        LogFiles(tmp_path / "file" / "run")
