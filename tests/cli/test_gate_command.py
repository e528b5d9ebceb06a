"""``labelmetrics gate``: exit codes, and what it writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import builders as b
import pytest
from commands import ndjson, run, run_process
from datasets import label, lines_of

import labelmetrics as lm

FIRM = '[[check]]\nmetric = "recall"\nmin = {least}\n'
CHANCE = '[[check]]\nmetric = "recall"\nmin = 0.5\nsignificance = 0.05\n'
CHANGE = '[[check]]\nmetric = "recall"\nfeature = "*"\nmax_drop = "10%"\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two evaluations of four data rows: in one everything is found, in the other half of it."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    truths = [label(name, [b.square(0), b.square(50, "dog")]) for name in "abcd"]
    half = [label(name, [b.square(0)]) for name in "abcd"]
    (tmp_path / "gt.ndjson").write_bytes(ndjson(*lines_of(truths)))
    (tmp_path / "good.ndjson").write_bytes(ndjson(*lines_of(truths)))
    lm.evaluate(truths, truths).save(tmp_path / "good.lmeval")
    lm.evaluate(truths, half).save(tmp_path / "half.lmeval")
    return tmp_path


def write(text: str, **values: Any) -> None:
    Path("gate.toml").write_text(text.format(**values))


def test_exit_codes(folder: Path) -> None:
    write(FIRM, least=0.5)
    assert run("gate", "half.lmeval").exit_code == 0
    write(FIRM, least=0.6)
    assert run("gate", "half.lmeval").exit_code == 1
    write(CHANCE)
    truths = [label(name, [b.square(0)]) for name in "abcd"]
    lm.evaluate(truths, truths[:2]).save("even.lmeval")
    for policy, code in (("pass", 0), ("fail", 1), ("exit-3", 3)):
        result = run("gate", "even.lmeval", "--inconclusive", policy)
        assert result.exit_code == code
        assert "gate: INCONCLUSIVE" in result.stdout
        assert ("some checks are inconclusive" in result.stderr) is (policy == "pass")


def test_from_the_shell(folder: Path) -> None:
    """Every exit code and every output, of the command as a process of its own."""
    truths = [label(name, [b.square(0)]) for name in "abcd"]
    lm.evaluate(truths, truths[:2]).save("even.lmeval")
    for name, text in (("low", FIRM.format(least=0.5)), ("high", FIRM.format(least=0.6)), ("chance", CHANCE)):
        Path(f"{name}.toml").write_text(text)
    for words, code in (
        (("half.lmeval", "--config", "low.toml"), 0),
        (("half.lmeval", "--config", "high.toml"), 1),
        (("half.lmeval", "--config", "absent.toml"), 2),
        (("even.lmeval", "--config", "chance.toml"), 0),
        (("even.lmeval", "--config", "chance.toml", "--inconclusive", "fail"), 1),
        (("even.lmeval", "--config", "chance.toml", "--inconclusive", "exit-3"), 3),
    ):
        assert run_process("gate", *words, cwd=folder).returncode == code, words
    outputs = ("--markdown", "g.md", "--junit", "g.xml", "--json", "g.json")
    github = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(folder / "summary.md")}
    done = run_process("gate", "half.lmeval", "--config", "high.toml", *outputs, cwd=folder, env=github)
    assert done.stdout.startswith(b"gate: FAIL - half.lmeval, 4 data rows; checks: 1 fail\n")
    assert b"::error title=recall%2C min 0.6::0.5000 is less than 0.6\n" in done.stderr
    assert Path("g.md").read_bytes() == Path("summary.md").read_bytes()
    assert json.loads(Path("g.json").read_bytes())["status"] == "fail"
    assert ElementTree.parse("g.xml").getroot().get("failures") == "1"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("absent.lmeval",), "absent.lmeval: there is no such evaluation"),
        (("good.lmeval", "half.lmeval"), "one evaluation is checked at a time"),
        (("good.lmeval", "--config", "absent.toml"), "absent.toml"),
        (("good.lmeval", "--baseline", "absent.lmeval"), "absent.lmeval: is not there; --allow-missing-baseline"),
        (("good.lmeval",), "1 check against a baseline, and there is none"),
        (("good.lmeval", "-o", "x"), "-o is for gate init"),
        (("good.lmeval", "--json", "x", "--junit", "x"), "is named as an output twice"),
        (("good.lmeval", "--inconclusive", "maybe"), "is not one of"),
        (("init", "good.lmeval", "-o", "gate.toml"), "gate.toml: is there already"),
        (("gt.ndjson",), "1 check against a baseline"),
    ],
)
def test_wrong_usage(folder: Path, command: tuple[str, ...], expected: str) -> None:
    write(CHANGE)
    result = run("gate", *command)
    assert result.exit_code == 2
    assert expected in result.stderr


def test_no_configuration(folder: Path) -> None:
    assert "there is no gate.toml" in run("gate", "good.lmeval").stderr
    Path("pyproject.toml").write_text('[[tool.labelmetrics.gate.check]]\nmetric = "f1"\nmin = 1\n')
    assert run("gate", "good.lmeval").exit_code == 0


def test_outputs(folder: Path) -> None:
    write(CHANGE)
    options = ("--baseline", "good.lmeval", "--markdown", "g.md", "--junit", "g.xml", "--json", "g.json")
    result = run("gate", "half.lmeval", *options)
    assert result.exit_code == 1
    assert "worst data rows, by errors more than in the baseline:\nglobalKey:a: 1 errors (0 in" in result.stdout
    assert "FN dog: no prediction overlaps with it" in result.stdout
    found = json.loads(Path("g.json").read_text())
    verdict = lm.run_gate("half.lmeval", "gate.toml", baseline="good.lmeval")
    assert found == json.loads(json.dumps(verdict.to_dict()))
    assert [(one["feature"], one["status"]) for one in found["outcomes"]] == [("cat", "pass"), ("dog", "fail")]
    assert ElementTree.parse("g.xml").getroot().get("failures") == "1"
    assert Path("g.md").read_text("utf-8").startswith("## ❌ Gate: fail\n")
    printed = run("gate", "half.lmeval", "--baseline", "good.lmeval", "--json", "-")
    assert json.loads(printed.stdout) == found
    assert "gate: FAIL" in printed.stderr


def test_on_github(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(FIRM, least=0.6)
    Path("summary.md").write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    result = run("gate", "half.lmeval")
    assert "::error title=recall%2C min 0.6::0.5000 is less than 0.6" in result.stderr.splitlines()
    assert Path("summary.md").read_text("utf-8").startswith("before\n## ❌ Gate: fail\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "")
    assert "::error" not in run("gate", "half.lmeval").output


def test_first_run_and_baseline_predictions(folder: Path) -> None:
    write(CHANGE)
    first = run("gate", "half.lmeval", "--baseline", "main.lmeval", "--allow-missing-baseline")
    assert first.exit_code == 0
    assert "main.lmeval: is not there, so nothing is compared with it" in first.stderr
    assert "skipped" in first.stdout
    again = run(
        "gate", "half.lmeval", "--baseline-predictions", "good.ndjson", "--ground-truths", "gt.ndjson", "--worst", "0"
    )
    assert again.exit_code == 1
    assert "worst data rows" not in again.stdout


def test_init(folder: Path) -> None:
    assert run("gate", "init", "half.lmeval").exit_code == 0
    assert run("gate", "half.lmeval").exit_code == 0
    printed = run("gate", "init", "half.lmeval", "-o", "-").stdout
    assert printed == Path("gate.toml").read_text()


def test_many_passed_checks_are_not_all_shown(folder: Path) -> None:
    write(FIRM * 25, least=0.5)
    lines = run("gate", "half.lmeval").stdout.splitlines()
    assert lines[-1] == "... and 5 more passed"
    assert len(lines) == 20 + 3
