"""A page stays small enough to be sent."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import labelmetrics as lm

# The generated data stand beside the package and are not installed with it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.generate import coco_like


def test_of_5000_data_rows_and_80_features_with_a_baseline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # How many resamples there are changes no size.
    monkeypatch.setattr("labelmetrics.reporting.intervals.RESAMPLES", 10)
    generated = coco_like()
    truths, guesses = generated.write(tmp_path)
    fewer = tmp_path / "fewer.ndjson"
    fewer.write_text("".join(guesses.read_text("utf-8").splitlines(keepends=True)[::2]), "utf-8")
    run, before = (lm.evaluate(truths, side) for side in (guesses, fewer))
    assert (len(run.results.rows), len(run.results.features)) == (5_000, 80)
    size = len(lm.report(run, baseline=before).html.encode())
    assert 1_000_000 < size < 5_000_000
