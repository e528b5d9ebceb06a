"""What a terminal shows while a training runs."""

from __future__ import annotations

import io
import math

import pytest
from rich.console import Console

from labelmetrics import streaming
from labelmetrics.streaming.recording import recorder as recorders
from labelmetrics.streaming.recording.dashboard import Dashboard, picture, sparkline
from labelmetrics.streaming.recording.display import display_for


def drawn(recorder: streaming.Recorder, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(picture(recorder._shown("train"), width))
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def training(**options: object) -> streaming.Recorder:
    metrics = ["accuracy", streaming.Loss(), streaming.LearningRate()]
    recorder = streaming.Recorder(metrics, epochs=3, name="[b]cats[/b]", show="none", **options)  # type: ignore[arg-type]
    for epoch in (1, 2):
        recorder.expect("train", 4)
        for _ in range(2):
            recorder.update("train", [0, 1] * 10, [0.1, 0.9] * 10, loss=1 / epoch, learning_rate=1e-5)
        if epoch == 1:
            recorder.update("valid", [0] * 19 + [1], [0.1] * 20)
            recorder.end_epoch()
    return recorder


def test_a_wide_terminal_shows_all() -> None:
    text = drawn(training(), 110)
    lines = text.splitlines()
    assert "[b]cats[/b]  epoch 2 of 3" in text  # names are no markup
    assert "left" in lines[1]
    assert "step 2 of 4" in text
    assert "metric          train    step   valid       best   by epoch" in text
    assert "accuracy            1       1    0.95   0.95 (1)   ▄" in text
    assert "learning_rate   1e-05   1e-05" in text
    assert "note: valid accuracy: 95 % of 20 labels are of class 0" in text
    assert max(map(len, lines)) <= 110


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_narrow_terminal_shows_less(width: int) -> None:
    text = drawn(training(), width)
    assert max(map(len, text.splitlines())) <= width
    assert "accuracy" in text
    assert ("by epoch" in text) == (width >= 70)


def test_sparkline() -> None:
    assert sparkline(list(range(100)), 8) == "▁▂▃▄▅▆▇█"
    assert sparkline([math.nan, 1.0, math.inf, 2.0]) == " ▁ █"
    assert sparkline([math.nan]) == " "
    assert sparkline([]) == ""


def test_it_is_drawn_now_and_then_and_left_there(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    monkeypatch.setattr(recorders, "display_for", lambda show: Dashboard(console))
    with training() as recorder:
        pass
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "epoch 2 of 3" in text.rpartition("╭")[2]
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1  # the cursor comes back
    assert recorder.history.finished == [1, 2]


def test_terminals_get_a_dashboard_and_files_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(display_for("auto")).__name__ == "_Lines"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert isinstance(display_for("auto"), Dashboard)
