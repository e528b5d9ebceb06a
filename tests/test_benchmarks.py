"""Each benchmark works on a tiny set, and its two sides find the same; no times are asserted."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import keras_numpy  # noqa: F401 (before anything else imports Keras)
import pytest

pytestmark = pytest.mark.reference
pytest.importorskip("labelbox")
pytest.importorskip("faster_coco_eval")
pytest.importorskip("sklearn")
pytest.importorskip("torchmetrics")

# The benchmarks stand beside the package and are not installed with it.
sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import (  # noqa: E402
    columns_to_counts,
    cost_model,
    files_to_lines,
    generate,
    measure,
    model_runs,
    objects_to_metrics,
    run,
    scale,
)


@pytest.mark.parametrize("name", sorted(run.COMPARISONS))
def test_both_sides_find_the_same(name):
    # The SDK takes seconds for each row of masks.
    slow = ("streaming-mean-iou", "masks", "polygons", "points", "lines", *objects_to_metrics.SETS)
    rows = 20 if name not in slow else 2 if name in ("polygons", "points", "lines") else 1
    smaller = {
        "masks": lambda rows: generate.masks(rows, per_row=4, side=256),
        "mask-objects": lambda rows: generate.masks(rows, per_row=3, side=256),
        "polygon-objects": lambda rows: generate.polygons(rows, per_row=10, features=2),
        "crowded-polygon-objects": lambda rows: generate.polygons(rows, per_row=8, features=1, crowded=True),
    }
    with pytest.MonkeyPatch.context() as patch:
        for sets in (files_to_lines.SETS, objects_to_metrics.SETS):
            if name in smaller and name in sets:
                patch.setitem(sets, name, sets[name]._replace(make=smaller[name]))
        report = run.COMPARISONS[name](rows=rows, repeat=1)
    assert report.rows
    assert report.title in report.markdown()
    json.dumps(report.as_dict())


def test_part_of_the_rows_is_scaled():
    report = files_to_lines.run("boxes", rows=12, repeat=1, sdk_rows=5)
    assert "5 of the data rows" in report.notes[0]


def test_no_ratio_of_different_results(monkeypatch, capsys):
    ours = {("row", "50pct_iou", "cat"): [1, 0, 0, 0]}
    for theirs in ({}, {("row", "50pct_iou", "cat"): [0, 1, 0, 1]}):
        with pytest.raises(measure.Disagreement):
            measure.check_equal(ours, theirs)
    monkeypatch.setattr(columns_to_counts, "THRESHOLD", 0.75)
    evaluate = columns_to_counts._evaluate

    def at_another_threshold(truth, guess):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(columns_to_counts, "THRESHOLD", 0.5)
            return evaluate(truth, guess)

    monkeypatch.setattr(columns_to_counts, "_evaluate", at_another_threshold)
    monkeypatch.setattr(sys, "argv", ["run", "--only", "counts", "--rows", "20", "--repeat", "1"])
    assert run.main() == 1
    printed = capsys.readouterr()
    assert "no ratio" in printed.err
    assert "counts" not in printed.out


def test_command(tmp_path, monkeypatch, capsys):
    files = tmp_path / "ratios.md", tmp_path / "ratios.json"
    arguments = ["--only", "keys", "--only", "parts", "--rows", "10", "--repeat", "1"]
    monkeypatch.setattr(sys, "argv", ["run", *arguments, "--markdown", str(files[0]), "--json", str(files[1])])
    assert run.main() == 0
    assert "| files to lines, 10 keys" in capsys.readouterr().out
    assert "| read " in files[0].read_text()
    numbers = json.loads(files[1].read_text())
    assert {"machine", "keys", "parts"} == numbers.keys()
    assert numbers["keys"]["rows"][0]["ratios"]["wall"] > 0


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="memory of processes is only known on Linux")
def test_scale(tmp_path, monkeypatch, capsys):
    table = tmp_path / "scale.md"
    arguments = ["scale", str(tmp_path), "--rows", "20", "--workers", "1", "--markdown", str(table)]
    monkeypatch.setattr(sys, "argv", arguments)
    scale.main()
    _, rows = table.read_text().split("| data rows", 1)
    cells = [cell.strip() for cell in rows.splitlines()[2].strip("|").split("|")]
    assert cells[0] == "20"
    assert int(cells[7].removesuffix(" MiB")) > 20
    monkeypatch.setattr(sys, "argv", [*arguments, "--steps"])
    scale.main()
    assert "| reading " in table.read_text()


@pytest.mark.parametrize("name", cost_model.GEOMETRIES)
def test_cost_model(name):
    # Tiny sets say nothing about costs, only that all is measured.
    cells = cost_model.row_of(name, 1, 0.005)
    assert len(cells) == len(cost_model.HEADER)
    annotation, pair = cost_model.costs(cost_model.Measured(10, 0, 1, 20.0), cost_model.Measured(10, 5, 1, 35.0))
    assert (annotation, pair) == (pytest.approx(2.0), pytest.approx(3.0))


def test_model_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(model_runs, "SETTLES", 0)
    file = model_runs.made_lines(tmp_path, 12)
    with model_runs.running(tmp_path / "home") as server:
        found = model_runs.measure(server, file, 3)
    assert [row[0].split()[0] for row in found] == ["lines", "memory", "other", "aggregating", "uploaders"]
    assert found[-1][1].startswith("3, 36 lines")
