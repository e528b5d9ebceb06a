"""``labelmetrics suspects``: what it prints and writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import box_line, ndjson, run

import labelmetrics as lm


@pytest.fixture
def evaluation(tmp_path: Path) -> Path:
    truth, guess = tmp_path / "truth.ndjson", tmp_path / "guess.ndjson"
    truth.write_bytes(ndjson(box_line(), box_line(left=100), box_line("b", "dog")))
    guess.write_bytes(ndjson(box_line(confidence=0.9), box_line(left=300, confidence=0.7), box_line("b", "cat")))
    assert run("evaluate", truth, guess, "-o", tmp_path / "x.lmeval", "--quiet").exit_code == 0
    return tmp_path / "x.lmeval"


def test_table(evaluation: Path) -> None:
    printed = run("suspects", evaluation)
    assert printed.exit_code == 0
    lines = printed.stdout.splitlines()
    assert lines[0] == "suspected label errors at 50pct_iou"
    assert [" ".join(line.split()[:4]) for line in lines[2:]] == [
        "b dog wrong label",
        "a cat missing label",
        "a cat spurious label",
    ]
    assert "is predicted as 'cat' with confidence 1.000" in printed.stdout


def test_it_is_the_python_call(evaluation: Path) -> None:
    for options, settings in (
        ((), {}),
        (("--limit", "1"), {"limit": 1}),
        (("--feature", "dog", "--iou", "0.5"), {"feature": "dog", "iou": 0.5}),
    ):
        printed = json.loads(run("suspects", evaluation, "--json", *options).stdout)
        assert printed["suspects"] == lm.suspects(lm.load(evaluation), **settings).to_dicts()


def test_relabel_lists(evaluation: Path, tmp_path: Path) -> None:
    done = run("suspects", evaluation, "-o", tmp_path / "relabel.csv")
    assert done.stderr == f"wrote {tmp_path / 'relabel.csv'}: 3 suspected label errors\n"
    assert done.stdout == ""
    assert len((tmp_path / "relabel.csv").read_text().splitlines()) == 4
    done = run("suspects", evaluation, "-o", "-", "--limit", "1")
    assert json.loads(done.stdout)["dataRow"] == {"globalKey": "b"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--feature", "cow"), "there is no feature 'cow'"),
        (("--iou", "0.9"), "iou 0.9 was not evaluated"),
        (("-o", "relabel.txt"), "a relabel list ends in"),
        (("-o", "absent/relabel.csv"), "does not exist"),
    ],
)
def test_refused(evaluation: Path, options: tuple[str, ...], message: str) -> None:
    done = run("suspects", evaluation, *options)
    assert done.exit_code == 2
    assert message in done.stderr
