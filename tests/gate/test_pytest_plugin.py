"""Checks as tests of pytest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import builders as b
import pytest
from datasets import label

import labelmetrics as lm

TESTS = """
def test_own(labelmetrics_evaluation):
    assert labelmetrics_evaluation.manifest.counts.data_rows == 2
"""
CHECKS = """
[[check]]
metric = "recall"
min = 0.4
[[check]]
metric = "precision"
feature = "cat"
min = 1.5
reason = "as agreed"
[[check]]
metric = "f1"
max_drop = 0.1
[[check]]
metric = "miou"
min = 2
severity = "warn"
[[check]]
metric = "recall"
min = 0.5
significance = 0.05
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    truths = [label(name, [b.square(0)]) for name in "ab"]
    lm.evaluate(truths, truths[:1]).save(tmp_path / "x.lmeval")
    (tmp_path / "gate.toml").write_text(CHECKS)
    (tmp_path / "test_own.py").write_text(TESTS)
    return tmp_path


def run_pytest(folder: Path, *options: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", "-q", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stdout + done.stderr


GATE = ("--labelmetrics-gate", "gate.toml", "--labelmetrics-evaluation", "x.lmeval")


def test_checks_are_tests(folder: Path) -> None:
    code, out = run_pytest(folder, *GATE, "--labelmetrics-allow-missing-baseline")
    assert code == 1
    assert "1 failed, 3 passed, 2 skipped, 1 warning" in out
    assert "precision of cat, min 1.5: 1.0000 is less than 1.5 (as agreed)" in out
    assert "miou, min 2: 0.5000 is less than 2" in out
    assert "Traceback" not in out
    assert "gate.py" not in out


def test_a_baseline_and_strictness(folder: Path) -> None:
    more = ("--labelmetrics-baseline", "x.lmeval", "--labelmetrics-inconclusive", "fail")
    code, out = run_pytest(folder, *GATE, *more)
    assert code == 1
    assert "2 failed, 4 passed, 1 warning" in out


def test_a_choice(folder: Path) -> None:
    code, out = run_pytest(folder, *GATE, "--labelmetrics-allow-missing-baseline", "-k", "recall")
    assert code == 0
    assert "1 passed, 1 skipped, 4 deselected" in out


def test_without_the_options_nothing_happens(folder: Path) -> None:
    code, out = run_pytest(folder)
    assert code == 0
    assert "names no evaluation" in out


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (GATE[:2], "--labelmetrics-gate needs --labelmetrics-evaluation"),
        (GATE, "1 check against a baseline, and there is none"),
        ((*GATE[:1], "absent.toml", *GATE[2:]), "absent.toml: cannot be read"),
        ((*GATE[:3], "absent.lmeval"), "absent.lmeval"),
    ],
)
def test_wrong_usage(folder: Path, options: tuple[str, ...], expected: str) -> None:
    code, out = run_pytest(folder, *options)
    assert code == 4
    assert expected in out
    assert "Traceback" not in out
