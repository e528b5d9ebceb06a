"""``labelmetrics report``: what it writes and refuses."""

from __future__ import annotations

from pathlib import Path

import builders as b
import pytest
from commands import run
from datasets import label

import labelmetrics as lm


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two evaluations of three data rows."""
    monkeypatch.chdir(tmp_path)
    truths = [label(name, [b.square(0)]) for name in "abc"]
    lm.evaluate(truths, truths, iou=[0.5, 0.75]).save("new.lmeval")
    lm.evaluate(truths, [label("a", [b.square(1)])], iou=[0.5, 0.75]).save("old.lmeval")
    return tmp_path


def test_it_is_the_python_call(folder: Path) -> None:
    for options, settings in (
        ((), {}),
        (("--baseline", "old.lmeval"), {"baseline": "old.lmeval"}),
        (
            ("--title", "<b>", "--iou", "0.75", "--sample", "2", "--seed", "3"),
            {"title": "<b>", "iou": 0.75, "sample": 2, "seed": 3},
        ),
        (("--images", "."), {"images": "."}),
    ):
        done = run("report", "new.lmeval", "-o", "page.html", *options)
        assert done.exit_code == 0, done.output
        assert (folder / "page.html").read_text("utf-8") == lm.report("new.lmeval", **settings).html
        assert done.stderr.startswith("wrote page.html: ")


def test_standard_output(folder: Path) -> None:
    done = run("report", "new.lmeval", "-o", "-")
    assert done.stdout.strip() == lm.report("new.lmeval").html.strip()
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--iou", "0.6"), "iou 0.6 was not evaluated"),
        (("--sample", "0"), "Invalid value for '--sample'"),
        (("--images", "nowhere"), "does not exist"),
        (("--baseline", "nowhere.lmeval"), "does not exist"),
        (("-o", "nowhere/page.html"), "does not exist"),
    ],
)
def test_refused(folder: Path, options: tuple[str, ...], message: str) -> None:
    done = run("report", "new.lmeval", *options)
    assert done.exit_code == 2
    assert message in done.stderr
    assert not (folder / "report.html").exists()
