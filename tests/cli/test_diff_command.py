"""``labelmetrics diff``: what it prints and writes."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import builders as b
import pytest
from commands import run, run_process
from datasets import label, table_of

import labelmetrics as lm
from labelmetrics.changes.markdown import to_markdown


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two evaluations of four data rows: cats are found, then dogs."""
    monkeypatch.chdir(tmp_path)
    truths = [label(name, [b.square(0), b.square(50, "dog")]) for name in "abcd"]
    table = [*table_of(truths[:1], width=900), *table_of(truths[1:], width=500)]
    asked: dict[str, Any] = {"data_rows": table, "iou": [0.5, 0.75], "confidences": [0.1, 0.5]}
    cats = [label(name, [b.square(0, confidence=0.4)]) for name in "abcd"]
    dogs = [label(name, [b.square(50, "dog", confidence=0.9), b.square(0, confidence=0.3)]) for name in "abc"]
    lm.evaluate(truths, cats, **asked).save(tmp_path / "cats.lmeval")
    lm.evaluate(truths, dogs, **asked).save(tmp_path / "dogs.lmeval")
    lm.evaluate(truths[:3], cats[:3], **asked).save(tmp_path / "fewer.lmeval")
    (tmp_path / "gate.toml").write_text(
        '[[check]]\nmetric = "f1"\nmin = 0\n[slices]\nwide = "width > 640"\nd = { match = "d" }\n'
    )
    return tmp_path


def test_table(folder: Path) -> None:
    printed = run("diff", "cats.lmeval", "dogs.lmeval", "--slices", "gate.toml")
    assert printed.exit_code == 0
    assert printed.stderr == ""
    lines = printed.stdout.splitlines()
    assert lines[:3] == [
        "diff: cats.lmeval -> dogs.lmeval, 4 data rows, IoU > 0.5",
        "3 fixed, 1 broken (net +2); false positives: 0 gone, 0 new (net 0)",
        "3 still right, 1 still missed, 0 false positives in both",
    ]
    assert [after for before, after in pairwise(lines) if not before] == [
        "all features",
        "features that changed: 2 of 2",
        "slices that changed: 2 of 2",
        "worse",
        "better",
        "still wrong",
    ]


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ((), {}),
        (("--feature", "dog", "--iou", "0.75"), {"feature": "dog", "iou": 0.75}),
        (("--confidence", "0.5"), {"confidence": 0.5}),
        (("--slice", "width > 640"), {"slice": "width > 640"}),
        (("--slices", "gate.toml", "--slice", "d"), {"slices": "gate.toml", "slice": "d"}),
    ],
)
def test_it_is_the_python_call(folder: Path, options: tuple[str, ...], settings: dict[str, Any]) -> None:
    printed = run("diff", "cats.lmeval", "dogs.lmeval", "--json", *options)
    found = lm.diff("cats.lmeval", "dogs.lmeval", **settings)
    assert json.loads(printed.stdout) == json.loads(json.dumps(found.to_dict()))
    assert found.overall.changed > 0


def test_outputs(folder: Path) -> None:
    done = run("diff", "cats.lmeval", "dogs.lmeval", "--markdown", "d.md", "-o", "changes.csv", "--limit", "2")
    assert done.stderr == "wrote d.md\nwrote changes.csv: 2 objects\n"
    found = lm.diff("cats.lmeval", "dogs.lmeval")
    assert Path("d.md").read_text("utf-8") == to_markdown(found, 2)
    assert len(Path("changes.csv").read_text().splitlines()) == 3
    assert run("diff", "cats.lmeval", "dogs.lmeval", "--markdown", "-").stdout == to_markdown(found)
    lines = run("diff", "cats.lmeval", "dogs.lmeval", "-o", "-").stdout.splitlines()
    assert len(lines) == len(found.objects)
    assert json.loads(lines[0])["dataRow"] == {"globalKey": "d"}
    limited = json.loads(run("diff", "cats.lmeval", "dogs.lmeval", "--json", "--limit", "1").stdout)
    assert {name: len(one) for name, one in limited["objects"].items()} == {"worse": 1, "better": 1, "still_wrong": 1}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("cats.lmeval", "fewer.lmeval"), "another ground truth"),
        (("cats.lmeval", "absent.lmeval"), "absent.lmeval"),
        (("cats.lmeval", "gate.toml"), "gate.toml"),
        (("cats.lmeval", "dogs.lmeval", "--feature", "cow"), "there is no feature 'cow'"),
        (("cats.lmeval", "dogs.lmeval", "--iou", "0.9"), "iou 0.9 was not evaluated"),
        (("cats.lmeval", "dogs.lmeval", "--confidence", "0.9"), "its keys are: 0.1, 0.5"),
        (("cats.lmeval", "dogs.lmeval", "--slices", "gate.toml", "--slice", "wdie"), "there is no slice 'wdie'"),
        (("cats.lmeval", "dogs.lmeval", "-o", "changes.txt"), "a list of changes ends in"),
        (("cats.lmeval", "dogs.lmeval", "-o", "x", "--markdown", "x"), "is named as an output twice"),
        (("cats.lmeval", "dogs.lmeval", "--json", "--markdown", "-"), "standard output"),
    ],
)
def test_refused(folder: Path, words: tuple[str, ...], message: str) -> None:
    done = run("diff", *words)
    assert done.exit_code == 2
    assert message in done.stderr


def test_from_the_shell(folder: Path) -> None:
    done = run_process("diff", "cats.lmeval", "dogs.lmeval", cwd=folder)
    assert done.returncode == 0
    assert done.stdout.startswith(b"diff: cats.lmeval -> dogs.lmeval")
    assert run_process("diff", "cats.lmeval", "fewer.lmeval", cwd=folder).returncode == 2
