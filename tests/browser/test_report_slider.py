"""What measures the slider moves it through all its positions; no times are asserted."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# The benchmarks stand beside the package and are not installed with it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks import report_slider


def test_every_position_is_measured_twice(look: Callable[..., Any], tmp_path: Path) -> None:
    with look(report_slider.made(tmp_path, rows=20)) as opened:
        positions = opened.page.evaluate("levels.length")
        # One that stands for all positions: each move waits for a pause.
        opened.page.evaluate("levels.splice(2)")
        assert positions > 2
        assert {"s-summary", "s-features", "s-change", "s-worst"} <= set(report_slider.sections(opened.page))
        run = report_slider.one_run(opened.page, "s-worst")
        assert len(run.answers) == len(run.wholes) == 4
        assert all(0 < answer <= whole for answer, whole in zip(*run, strict=True))
        assert report_slider.best_of([run, run]).cells("Rows")[:2] == ["Rows", "4"]
        assert opened.said == []
