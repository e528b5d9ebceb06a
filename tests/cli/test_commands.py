"""Every command: what it prints and writes, and how it ends."""

from __future__ import annotations

import gzip
import inspect
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, get_args

import click
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from commands import box_line, ndjson, run, run_process
from servers import serving

import labelmetrics as lm
from labelmetrics.cli import COMMANDS, _messages as messages, labelmetrics
from labelmetrics.formats.metric_columns import LEVELS, OverLimit as OverLimitNames

HEAVY = ("numpy", "pyarrow", "pydantic", "shapely", "rich", "orjson", "PIL")
HEAVY += ("sqlalchemy", "starlette", "uvicorn", "ariadne", "jinja2", "requests")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sample data and its evaluation, with keys and two thresholds."""
    folder = tmp_path_factory.mktemp("demo")
    assert run("sample", folder, "--rows", "30").exit_code == 0
    assert evaluate(folder, "-o", folder / "results.lmeval", "--iou", "0.5,0.75", "--confidences", "4").exit_code == 0
    return folder


def evaluate(folder: Path, *options: str | Path) -> Result:
    files = [folder / "ground_truth.ndjson", folder / "predictions.ndjson"]
    return run("evaluate", *files, "--data-rows", folder / "data_rows.ndjson", *options)


# -------------------------------------------------------------------------------------------------------------- help


def commands() -> dict[str, Any]:
    context = click.Context(labelmetrics)
    return {name: labelmetrics.get_command(context, name) for name in labelmetrics.list_commands(context)}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_help(name: str) -> None:
    command = commands()[name]
    result = run(name, "--help")
    assert result.exit_code == 0
    assert command.help
    assert command.examples.startswith("labelmetrics ")
    assert "In Python" in result.output
    assert command.python in result.output
    assert all(isinstance(one, click.Argument) or one.help for one in command.params)


def documented(option: click.Option, command: click.Command) -> str:
    """The row of a table of options."""
    is_plain = option.is_flag or option.secondary_opts
    value = "" if is_plain else f" {option.make_metavar(click.Context(command))}".replace("|", "\\|")
    names = [*option.opts[:-1], option.opts[-1] + value]
    default = f" [default: {option.default}]" if option.show_default and option.default is not None else ""
    return f"| {', '.join(f'`{one}`' for one in names)} | {option.help}{default} |"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_documented(name: str) -> None:
    text = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
    command = commands()[name]
    section = text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    assert section, f"docs/cli.md has no section on {name}"
    assert command.python in section
    common = text.partition("\n## Options of all commands\n")[2].partition("\n## ")[0]
    for option in command.params:
        if isinstance(option, click.Option):
            assert documented(option, command) in section + common
        else:
            assert option.make_metavar(click.Context(command)) in section


def test_help_names_all_commands_and_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom labelmetrics.cli import labelmetrics\n"
        "try:\n    labelmetrics(['--help'])\n"
        f"finally:\n    print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(f"\n  {name} " in done.stdout for name in COMMANDS)
    assert done.stderr.strip() == "[]"


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = f"import sys, labelmetrics\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_loads_nothing_heavy(name: str) -> None:
    code = (
        "import sys\nfrom labelmetrics.cli import labelmetrics\n"
        f"try:\n    labelmetrics([{name!r}, '--help'])\n"
        f"finally:\n    print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_version() -> None:
    assert run("--version").output == f"labelmetrics {lm.__version__}\n"


def test_evaluate_has_an_option_for_every_parameter() -> None:
    options = {option.name for option in commands()["evaluate"].params}
    assert set(inspect.signature(lm.evaluate).parameters) - {"progress"} <= options
    assert set(inspect.signature(lm.evaluate_files).parameters) - {"progress", "limits", "ranges", "runner"} <= options


def test_choices_are_those_of_the_calls() -> None:
    from labelmetrics import evaluation, rollup
    from labelmetrics.cli import _options
    from labelmetrics.formats import inputs

    assert get_args(OverLimitNames) == _options.OVER_LIMIT
    assert _options.LEVELS == LEVELS
    literal = {
        "matching": evaluation.Matching,
        "masks": evaluation.Masks,
        "answer_names": evaluation.AnswerNames,
        "missing_ground_truth": evaluation.Missing,
        "missing_predictions": evaluation.Missing,
        "format": inputs.Format,
        "geometry": inputs.Geometry,
        "on_bad_line": evaluation.OnBadLine,
    }
    options = {option.name: option for option in commands()["evaluate"].params}
    for name, kind in literal.items():
        assert set(options[name].type.choices) == set(get_args(kind)), name
    by = next(option for option in commands()["aggregate"].params if option.name == "by")
    assert set(by.type.choices) == set(get_args(rollup.By))


def test_examples_are_true(tmp_path: Path, ready: Path) -> None:
    """All of them, in the order of the commands."""
    script = "set -euo pipefail\n"
    for command in commands().values():
        script += command.examples.replace("| head", "| cat") + "\n"
    script = script.replace(" --rows 1000", " --rows 40").replace("sample demo\n", "sample demo --rows 40\n")
    # What the later examples need of the earlier ones.
    with serving(tmp_path / "home"):
        path = os.pathsep.join([str(ready), os.environ["PATH"]])
        env = {**os.environ, "LABELMETRICS_HOME": str(tmp_path / "home"), "PATH": path}
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False, env=env
        )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "demo" / "metrics.ndjson").exists()
    assert (tmp_path / "schemas" / "metric_line.schema.json").exists()


# ---------------------------------------------------------------------------------------------------- sample, evaluate


def test_sample(tmp_path: Path) -> None:
    result = run("sample", tmp_path / "a", "--rows", "3", "--seed", "5")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "wrote" in result.stderr
    again = run("sample", tmp_path / "a")
    assert again.exit_code == 2
    assert "already holds ground_truth.ndjson" in again.stderr
    assert "--overwrite" in again.stderr
    assert run("sample", tmp_path / "a", "--overwrite", "--rows", "3", "--seed", "5", "--quiet").stderr == ""
    assert len((tmp_path / "a" / "data_rows.ndjson").read_text().splitlines()) == 3


def test_evaluate_prints_a_summary(demo: Path) -> None:
    result = evaluate(demo, "--iou", "0.5,0.75", "--iou", "0.9")
    assert result.exit_code == 0
    for threshold in ("0.5", "0.75", "0.9"):
        assert f"IoU > {threshold}" in result.stdout
    assert "traffic light" in result.stdout
    assert "IoU >= 0.5" in evaluate(demo, "--matching", "coco").stdout
    assert evaluate(demo, "--quiet").output == ""


def test_evaluate_is_the_python_call(demo: Path, tmp_path: Path) -> None:
    """Every parameter reaches the call."""
    (tmp_path / "own.py").write_text(
        "import labelmetrics as lm\n"
        "def count(ground_truths, predictions):\n"
        "    return [lm.ScalarMetric(metric_name='n', value=len(predictions), aggregation='SUM')]\n"
    )
    sys.path.insert(0, str(tmp_path))
    try:
        result = evaluate(
            demo,
            *("--iou", "0.4,0.6", "--confidences", "0.2,0.8", "--include-subclasses", "--matching", "coco"),
            *(
                "--masks",
                "instance",
                "--buffer",
                "kerb=5",
                "--buffer",
                "corner=2%",
                "--answer-names",
                "question/answer",
            ),
            *("--missing-ground-truth", "empty", "--missing-predictions", "skip", "--custom", "own:count"),
            *("--format", "ndjson", "--geometry", "segm", "-o", tmp_path / "x.lmeval"),
        )
    finally:
        sys.path.remove(str(tmp_path))
    assert result.exit_code == 0, result.output
    loaded = lm.load(tmp_path / "x.lmeval")
    settings = loaded.manifest.settings.model_dump()
    assert settings == {
        "iou": [0.4, 0.6],
        "confidences": [0.2, 0.8],
        "include_subclasses": True,
        "matching": "coco",
        "masks": "instance",
        "buffer": {"kerb": 5.0, "corner": "2%"},
        "answer_names": "question/answer",
        "missing_ground_truth": "empty",
        "missing_predictions": "skip",
        "geometry": "segm",
        "format": "ndjson",
    }
    assert {metric.metric_name for _, metric in loaded.custom} == {"n"}


def test_evaluate_writes_all_that_is_asked_for(demo: Path, tmp_path: Path) -> None:
    names = ("a.lmeval", "a.ndjson", "a.ndjson.gz", "a.jsonl.zst", "a.parquet")
    outputs = [part for name in names for part in ("-o", tmp_path / name)]
    result = evaluate(demo, *outputs, "--metrics", "miou", "--level", "data_row,feature", "--over-limit", "keep")
    assert result.exit_code == 0, result.output
    lines = (tmp_path / "a.ndjson").read_bytes()
    assert gzip.decompress((tmp_path / "a.ndjson.gz").read_bytes()) == lines
    assert {json.loads(line)["metricName"] for line in lines.splitlines()} == {"custom_iou"}
    assert pq.read_table(tmp_path / "a.parquet").num_rows == len(lines.splitlines())
    options = ("--metrics", "miou", "--level", "data_row", "--level", "feature", "--over-limit", "keep")
    assert run("lines", tmp_path / "a.lmeval", *options).stdout_bytes == lines


def test_evaluate_to_standard_output(demo: Path) -> None:
    result = evaluate(demo, "-o", "-", "--over-limit", "fit")
    assert result.exit_code == 0
    assert all("metricName" in json.loads(line) for line in result.stdout.splitlines())
    assert "IoU > 0.5" in result.stderr


def test_evaluate_from_standard_input(demo: Path) -> None:
    predictions = (demo / "predictions.ndjson").read_bytes()
    options = ("--data-rows", demo / "data_rows.ndjson", "--json")
    piped = run("evaluate", demo / "ground_truth.ndjson", "-", *options, stdin=predictions)
    assert piped.stdout == evaluate(demo, "--json").stdout
    both = run("evaluate", "-", "-", stdin=predictions)
    assert (both.exit_code, "only one input" in both.stderr) == (2, True)


def test_evaluate_json_has_a_line_for_each_threshold(demo: Path) -> None:
    result = evaluate(demo, "--json", "--iou", "0.5,0.75")
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["match"] for one in found] == ["IoU > 0.5", "IoU > 0.75"]
    assert found[0]["overall"]["tp"] >= found[1]["overall"]["tp"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param(("--iou", "1.5"), "iou must lie between 0 and 1", id="iou"),
        pytest.param(("--iou", "half"), "is not a list of numbers", id="iou-text"),
        pytest.param(("--confidences", "0.1"), "2 to 15 different confidence keys", id="one-key"),
        pytest.param(("--confidences", "many"), "is not a list of numbers", id="keys-text"),
        pytest.param(("--buffer", "wide"), "neither a number of pixels nor a share", id="buffer"),
        pytest.param(("--buffer", "5", "--buffer", "kerb=6"), "one width for all features", id="buffer-mixed"),
        pytest.param(("--level", "image"), "is not a list of levels (data_row, feature, subclass)", id="level"),
        pytest.param(("--metrics", "recall", "-o", "-"), "unknown metrics recall", id="metrics"),
        pytest.param(("--custom", "os"), "module:function", id="custom-form"),
        pytest.param(("--custom", "no_such_module:f"), "ModuleNotFoundError", id="custom-module"),
        pytest.param(("--custom", "os:no_such"), "AttributeError", id="custom-function"),
        pytest.param(("--custom", "os:sep"), "is no function", id="custom-no-function"),
        pytest.param(("-o", "x.txt"), "an output ends in .lmeval", id="ending"),
        pytest.param(("-o", "no_such_folder/x.ndjson"), "does not exist", id="folder"),
        pytest.param(("-o", "-", "-o", "-"), "named as an output twice", id="twice"),
        pytest.param(("--level", "feature"), "are about metric lines: write some (-o x.ndjson)", id="no-lines"),
        pytest.param(("-o", "-", "--json"), "both need standard output", id="json-and-lines"),
        pytest.param(("--matching", "greedy"), "greedy", id="choice"),
        pytest.param(("--workers", "0"), "workers", id="workers"),
        pytest.param(("--no-such-option",), "No such option", id="unknown-option"),
    ],
)
def test_settings_that_cannot_be_used(demo: Path, options: tuple[str, ...], expected: str) -> None:
    result = evaluate(demo, *options)
    assert result.exit_code == 2
    assert expected in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_coco_from_standard_input(tmp_path: Path) -> None:
    box = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 4, 4]}
    truth = {
        "images": [{"id": 1, "width": 9, "height": 9}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"id": 1, "area": 16, "iscrowd": 0, **box}],
    }
    (tmp_path / "gt.json").write_text(json.dumps(truth))
    results = json.dumps([{**box, "score": 0.5}]).encode()
    done = run_process("evaluate", tmp_path / "gt.json", "-", "--json", stdin=results)
    assert json.loads(done.stdout)["overall"]["tp"] == 1
    (tmp_path / "pr.json").write_bytes(results)
    done = run_process("evaluate", "-", tmp_path / "pr.json", "--json", stdin=json.dumps(truth).encode())
    assert json.loads(done.stdout)["overall"]["tp"] == 1


def test_files_that_hold_something_else_are_told(tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.ndjson" for name in ("boxes", "metrics", "empty")}
    files["boxes"].write_bytes(ndjson(box_line()))
    files["metrics"].write_bytes(ndjson({"dataRow": {"globalKey": "a"}, "metricName": "m", "metricValue": 1}))
    files["empty"].touch()
    for command, expected in (
        (("evaluate", files["boxes"], files["metrics"]), "metrics.ndjson: holds no annotations, only metric lines"),
        (("evaluate", files["boxes"], files["empty"]), "empty.ndjson: holds no annotations"),
        (("evaluate", files["boxes"], files["boxes"]), "boxes.ndjson: is given as ground truth and as predictions"),
        (("aggregate", files["boxes"]), "boxes.ndjson: holds no metric lines"),
        (("validate", files["empty"]), "there are no lines to check"),
    ):
        result = run(*command)
        assert result.exit_code == 0
        (line,) = result.stderr.splitlines()
        assert line.startswith("Warning: ")
        assert line.endswith(expected)
    (tmp_path / "other.ndjson").write_bytes(ndjson(box_line()))
    told = run("evaluate", files["boxes"], tmp_path / "other.ndjson", "--geometry", "segm")
    assert told.stderr == "Warning: geometry (--geometry) is about COCO files only\n"


def test_custom_metrics_that_print(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "print('loaded')\ndef noisy(truths, guesses):\n    print('called')\n    yield from ()\n"
    (tmp_path / "noisy.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    result = evaluate(demo, "--custom", "noisy:noisy", "--json")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 1
    assert result.stderr.startswith("loaded\ncalled\n")


def test_inputs_are_not_written_over(demo: Path) -> None:
    before = (demo / "predictions.ndjson").read_bytes()
    result = evaluate(demo, "-o", demo / "predictions.ndjson")
    assert result.exit_code == 2
    assert "is an input" in result.stderr
    assert (demo / "predictions.ndjson").read_bytes() == before


def test_nothing_is_written_where_one_output_cannot_be(tmp_path: Path) -> None:
    side = ndjson(*(box_line(name=f"class {n}") for n in range(30)))
    files = [tmp_path / "gt.ndjson", tmp_path / "pr.ndjson"]
    for file in files:
        file.write_bytes(side)
    (tmp_path / "old.ndjson").write_bytes(b"before\n")
    result = run("evaluate", *files, "-o", tmp_path / "x.lmeval", "-o", tmp_path / "old.ndjson")
    assert result.exit_code == 2
    assert "--over-limit fit" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gt.ndjson", "old.ndjson", "pr.ndjson"]
    assert (tmp_path / "old.ndjson").read_bytes() == b"before\n"
    (tmp_path / "x.lmeval").mkdir()
    in_the_way = run("evaluate", *files, "-o", tmp_path / "x.lmeval")
    assert in_the_way.exit_code == 2
    assert "is no evaluation file" in in_the_way.stderr


# ------------------------------------------------------------------------------------- lines, verify, validate, explain


def test_lines(demo: Path, tmp_path: Path) -> None:
    result = run("lines", demo / "results.lmeval", "-o", tmp_path / "m.ndjson", "--over-limit", "fit")
    assert result.exit_code == 0
    assert (tmp_path / "m.ndjson.provenance.json").exists()
    printed = run("lines", demo / "results.lmeval", "--over-limit", "fit")
    assert printed.stdout_bytes == (tmp_path / "m.ndjson").read_bytes()
    assert printed.stderr == ""
    for options, expected in (
        (("-o", tmp_path / "y.lmeval"), "y.lmeval: an output ends in .parquet (metric table), .ndjson or .jsonl"),
        (("-o", demo / "results.lmeval" / "counts.parquet"), "lies within the evaluation file results.lmeval"),
        (("--metrics", "nonsense"), "unknown metrics"),
    ):
        refused = run("lines", demo / "results.lmeval", *options)
        assert refused.exit_code == 2
        assert expected in refused.stderr
    assert run("lines", tmp_path).exit_code == 2  # no evaluation file
    assert run("lines", tmp_path / "none").exit_code == 2


def verify(demo: Path, *options: str | Path, predictions: str = "predictions.ndjson") -> Result:
    inputs = (demo / "ground_truth.ndjson", demo / predictions, "--data-rows", demo / "data_rows.ndjson")
    return run("verify", demo / "results.lmeval", *inputs, *options)


def test_verify(demo: Path) -> None:
    result = verify(demo)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "as recomputed" in result.stderr
    assert json.loads(verify(demo, "--json").stdout) == {"ok": True, "differences": [], "unchecked": []}


def test_verify_without_the_table(demo: Path) -> None:
    inputs = (demo / "ground_truth.ndjson", demo / "predictions.ndjson")
    result = run("verify", demo / "results.lmeval", *inputs)
    assert result.exit_code == 1
    assert "not checked: the table of data rows, since it was not given (data_rows=, --data-rows)" in result.stderr
    table = {"id": "x", "globalKey": "a"}
    (demo / "table.ndjson").write_bytes(ndjson(table, {"id": "y", "globalKey": "b"}))
    (demo / "gt").write_bytes(ndjson(box_line()))
    (demo / "pr").write_bytes(ndjson({**box_line(), "dataRow": {"id": "x"}}))
    made = run("evaluate", demo / "gt", demo / "pr", "--data-rows", demo / "table.ndjson", "-o", demo / "t.lmeval")
    assert made.exit_code == 0
    refused = run("verify", demo / "t.lmeval", demo / "gt", demo / "pr")
    assert refused.exit_code == 2
    assert "was made with a table of data rows: give it too (data_rows=, --data-rows)" in refused.stderr


def test_verify_other_inputs(demo: Path) -> None:
    result = verify(demo, predictions="ground_truth.ndjson")
    assert result.exit_code == 1
    assert "predictions: are not the predictions that were evaluated" in result.stdout
    found = json.loads(verify(demo, "--json", predictions="ground_truth.ndjson").stdout)
    assert found["ok"] is False
    assert "ground truth" not in {one["what"] for one in found["differences"]}


@pytest.mark.parametrize(
    ("table", "name"),
    [
        *(("counts", "tp"), ("counts", "iou"), ("iou", "miou"), ("objects", "confidence"), ("pairs", "overlap")),
        ("data_rows", "width"),
    ],
)
def test_verify_a_changed_table(demo: Path, tmp_path: Path, table: str, name: str) -> None:
    """A single number that somebody changed is found."""

    import pyarrow as pa

    changed = tmp_path / "changed.lmeval"
    shutil.copytree(demo / "results.lmeval", changed)
    file = changed / f"{table}.parquet"
    content = pq.read_table(file)
    kind = content.schema.field(name).type
    values = content.column(name).to_pylist()
    position = next(i for i, value in enumerate(values) if value is not None)
    values[position] = values[position] + 1 if pa.types.is_integer(kind) else values[position] / 2 + 0.1
    content = content.set_column(content.column_names.index(name), name, pa.array(values, kind))
    pq.write_table(content, file)
    inputs = (demo / "ground_truth.ndjson", demo / "predictions.ndjson", "--data-rows", demo / "data_rows.ndjson")
    result = run("verify", changed, *inputs)
    assert result.exit_code == 1
    assert f"{table}.{name}: 1 of" in result.stdout


def test_verify_custom_metrics(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(
        "import labelmetrics as lm\n"
        "def count(truths, guesses): return [lm.ScalarMetric(metric_name='n', value=len(guesses))]\n"
        "def other(truths, guesses): return [lm.ScalarMetric(metric_name='n', value=len(truths))]\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert evaluate(demo, "-o", "x.lmeval", "--custom", "mine:count").exit_code == 0
    inputs = (demo / "ground_truth.ndjson", demo / "predictions.ndjson", "--data-rows", demo / "data_rows.ndjson")
    without = run("verify", "x.lmeval", *inputs)
    assert without.exit_code == 0
    assert "not checked: custom metrics" in without.stderr
    assert run("verify", "x.lmeval", *inputs, "--custom", "mine:count").exit_code == 0
    other = run("verify", "x.lmeval", *inputs, "--custom", "mine:other")
    assert (other.exit_code, other.stdout) == (1, "custom metrics: differ\n")


def test_validate(demo: Path, tmp_path: Path) -> None:
    lines = run("lines", demo / "results.lmeval", "--over-limit", "fit").stdout_bytes
    (tmp_path / "m.ndjson").write_bytes(lines)
    good = run("validate", tmp_path / "m.ndjson", "--ground-truth", demo / "ground_truth.ndjson")
    assert good.exit_code == 0, good.output
    assert good.stdout.startswith("no faults in ")
    assert run("validate", tmp_path / "m.ndjson", "--quiet").output == ""
    piped = run("validate", "-", "--json", stdin=lines)
    found = json.loads(piped.stdout)
    assert found["ok"] is True
    assert found["metrics"] == found["lines"] == len(lines.splitlines())


def test_validate_faults(tmp_path: Path) -> None:
    metric = {"dataRow": {"globalKey": "a"}, "metricName": "m", "metricValue": 7, "aggregation": "SUM"}
    file = tmp_path / "bad.ndjson"
    file.write_bytes(ndjson(metric, metric | {"metricValue": "x"}, metric, b"{"))
    result = run("validate", file)
    assert result.exit_code == 1
    for expected in ("bad.ndjson:2: ", "$.metricValue", "bad.ndjson:3: ", "the same metric key as line 1", "[syntax]"):
        assert expected in result.stdout
    found = json.loads(run("validate", file, "--json").stdout)
    assert found["ok"] is False
    assert sum(found["rules"].values()) == len(found["faults"]) == 3
    (tmp_path / "one.ndjson").write_bytes(ndjson(metric))
    one = (tmp_path / "one.ndjson",)
    assert run("validate", *one).exit_code == 0
    for options in (
        ("--scalar-max", "6"),
        ("--data-rows-per-run", "1", "--known-feature", "x", "--ground-truth", tmp_path / "gt"),
    ):
        (tmp_path / "gt").write_bytes(ndjson(box_line("b")))
        assert run("validate", *one, *options).exit_code == 1, options
    assert run("validate", *one, "--confidence-keys", "2").exit_code == 2
    assert run("validate", tmp_path / "none").exit_code == 2
    assert run("validate").exit_code == 2


def test_explain(demo: Path) -> None:
    result = run("explain", demo / "results.lmeval", "sample-000001")
    assert result.exit_code == 0
    assert result.stdout.startswith("data row sample-000001, IoU > 0.5\n")
    found = json.loads(run("explain", demo / "results.lmeval", "globalKey:sample-000001", "--json").stdout)
    assert found["data_row"] == "sample-000001"
    assert {one["outcome"] for one in found["findings"]} <= {"TP", "FP", "FN", "ignored"}
    assert run("explain", demo / "results.lmeval", "sample-000001", "--iou", "0.75").exit_code == 0
    for row, *options in (("sample-1",), ("sample-000001", "--iou", "0.6")):
        refused = run("explain", demo / "results.lmeval", row, *options)
        assert refused.exit_code == 2
        assert "sample-0" in refused.stderr or "there is 0.5, 0.75" in refused.stderr


def test_explain_by_a_kind_of_key_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "gt").write_bytes(ndjson(box_line()))
    assert run("evaluate", tmp_path / "gt", tmp_path / "gt", "-o", tmp_path / "r.lmeval").exit_code == 0
    refused = run("explain", tmp_path / "r.lmeval", "id:a")
    assert "its data rows have no id, name them by globalKey, such as globalKey:a" in refused.stderr


# --------------------------------------------------------------------------------------------------- aggregate, schema


def test_aggregate(demo: Path, tmp_path: Path) -> None:
    plain = run("aggregate", demo / "results.lmeval", "--metric", "50pct_iou")
    assert plain.exit_code == 0, plain.output
    summary = lm.load(demo / "results.lmeval").summary()
    found = json.loads(run("aggregate", demo / "results.lmeval", "--feature", "car", "--json").stdout)
    (matrix,) = (row for row in found if row["metric_name"] == "50pct_iou" and row["subclass_name"] is None)
    car = next(row for row in summary.features if row.feature == "car")
    assert (matrix["tp"], matrix["fp"], matrix["fn"]) == (car.tp, car.fp, car.fn)
    by_split = run("aggregate", demo / "results.lmeval", "--by", "split", "--confidence", "0.5", "--explain")
    assert by_split.exit_code == 0
    assert "by split, confidence 0.5" in by_split.stdout
    assert ": from " in by_split.stdout
    slices = tmp_path / "slices.json"
    slices.write_text('{"first": ["sample-000001", "sample-000003"]}')
    sliced = run("aggregate", demo / "results.lmeval", "--by", "slice", "--slices", slices, "--json")
    assert {row["group"] for row in json.loads(sliced.stdout)} == {"first"}


def test_aggregate_lines_from_standard_input() -> None:
    lines = ndjson(
        *(
            {"dataRow": {"id": row}, "metricName": "n", "metricValue": value, "featureName": name, "aggregation": "SUM"}
            for row, name, value in (("a", "cat", 3), ("a", "dog", 4))
        )
    )
    found = json.loads(run("aggregate", "-", "--json", stdin=lines).stdout)
    assert found[0]["value"] == 7
    table = run("aggregate", "-", stdin=lines).stdout
    assert "precision" not in table  # columns that say nothing are left out


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--confidence", "0.3"), "its keys are: 0, 0.25, 0.5, 0.75"),
        (("--by", "slice"), "(--slices and --by slice) belong together"),
        (("--feature", "cars"), "there is no feature 'cars'; near it: car"),
        (("--metric", "50pct"), "there is no metric 50pct; near it: 50pct_iou"),
        (("--by", "slice", "--slices", "{folder}/ground_truth.ndjson"), "is not JSON"),
        (("--by", "slice", "--slices", "{folder}/list.json"), "slices are an object of lists"),
    ],
)
def test_aggregate_refuses(demo: Path, options: tuple[str, ...], expected: str) -> None:
    (demo / "list.json").write_text("[1]")
    result = run("aggregate", demo / "results.lmeval", *(one.format(folder=demo) for one in options))
    assert result.exit_code == 2
    assert expected in result.stderr
    assert run("aggregate", demo / "results.lmeval", "--confidence", "0.3", "--nearest").exit_code == 0


def test_schema(tmp_path: Path) -> None:
    names = run("schema").stdout.split()
    assert "metric_line" in names
    for name in names:
        assert json.loads(run("schema", name).stdout)["$schema"]
    assert run("schema", "-o", tmp_path / "s").exit_code == 0
    assert len(list((tmp_path / "s").iterdir())) == len(names)
    for options in (("nonsense",), ("metric_line", "-o", tmp_path / "s")):
        assert run("schema", *options).exit_code == 2


# ------------------------------------------------------------------------------------------------- messages and endings


def test_messages_as_json(demo: Path, tmp_path: Path) -> None:
    result = evaluate(demo, "--log-format", "json", "-o", tmp_path / "x.lmeval")
    (line,) = map(json.loads, result.stderr.splitlines())
    assert (line["level"], line["message"]) == ("info", f"wrote {tmp_path / 'x.lmeval'}")
    bad = tmp_path / "bad"
    bad.write_bytes(b"x\ny\n")
    (tmp_path / "worse").write_bytes(b"x\ny\n")
    refused = run("evaluate", bad, tmp_path / "worse", "--log-format", "json")
    (line,) = map(json.loads, refused.stderr.splitlines())
    assert line["level"] == "error"
    assert [fault["line"] for fault in line["faults"]] == [1, 2, 1, 2]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("evaluate", "absent", "absent", "--log-format", "json"), "absent: No such file"),
        (("evaluate", "--colour", "--log-format=json"), "No such option"),
        (("evalute", "--log-format", "json"), "there is no command 'evalute'; near it: evaluate"),
    ],
)
def test_wrong_usage_as_json(command: tuple[str, ...], expected: str) -> None:
    result = run(*command)
    assert result.exit_code == 2
    (line,) = map(json.loads, result.stderr.splitlines())
    assert line["level"] == "error"
    assert expected in line["message"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_an_output_that_is_full(demo: Path) -> None:
    command = [sys.executable, "-m", "labelmetrics", "lines", str(demo / "results.lmeval"), "--over-limit", "keep"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "Error: the output cannot be written: No space left on device\n"


def test_warnings_are_lines(tmp_path: Path) -> None:
    point = ndjson({"dataRow": {"id": "a"}, "name": "nose", "point": {"x": 1, "y": 1}})
    (tmp_path / "p").write_bytes(point)
    result = run("evaluate", tmp_path / "p", tmp_path / "p", "--quiet")
    assert result.exit_code == 0
    same, wide = result.stderr.splitlines()
    assert same == f"Warning: {tmp_path / 'p'}: is given as ground truth and as predictions"
    assert wide.startswith("Warning: points and lines are widened by 70 pixels")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), "there is not enough memory"),
        (ImportError("pandas is not installed: pip install 'labelmetrics[pandas]'"), "pip install"),
        (OSError(28, "No space left on device", "/x"), "/x: No space left on device"),
        (KeyError("k"), "unexpected KeyError: 'k' (--debug shows where"),
    ],
)
def test_what_nobody_thought_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception, expected: str
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("labelmetrics.sample.write_sample", fail)
    result = run("sample", tmp_path / "s")
    assert result.exit_code == 2
    assert expected in result.stderr
    assert "Traceback" not in result.stderr
    assert "Traceback" in run("sample", tmp_path / "s", "--debug").stderr


def test_interrupted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("labelmetrics.sample.write_sample", interrupt)
    result = run("sample", tmp_path / "s")
    assert (result.exit_code, result.stderr) == (130, "Error: interrupted\n")


def test_interrupted_by_a_signal(demo: Path, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import time\ndef wait(truths, guesses):\n    time.sleep(60)\n    return []\n")
    files = (demo / "ground_truth.ndjson", demo / "predictions.ndjson", "--data-rows", demo / "data_rows.ndjson")
    command = [sys.executable, "-m", "labelmetrics", "evaluate", *files, "--custom", "slow:wait", "-o", "x.lmeval"]
    process = subprocess.Popen(
        list(map(str, command)), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    time.sleep(4)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "Error: interrupted\n")
    assert [path.name for path in tmp_path.iterdir() if path.name != "__pycache__"] == ["slow.py"]


def test_a_reader_that_has_seen_enough(demo: Path) -> None:
    """As in ``labelmetrics lines x.lmeval | head -1``: no complaint."""
    command = f"{shlex.quote(sys.executable)} -m labelmetrics lines {demo}/results.lmeval --over-limit keep"
    level = "--level data_row,feature,subclass"
    script = f"{command} {level} {level} | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    first, status = done.stdout.splitlines()
    assert json.loads(first)["dataRow"] == {"globalKey": "sample-000000"}
    assert done.stderr == ""
    assert status in ("0", "141")  # what is written may fit into the pipe


def test_a_closed_pipe_ends_quietly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def closed(*_: Any, **__: Any) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("labelmetrics.sample.write_sample", closed)
    monkeypatch.setattr(messages.os, "dup2", lambda *_: None)
    result = run("sample", tmp_path / "s")
    assert (result.exit_code, result.output) == (141, "")


def test_as_a_module(demo: Path) -> None:
    done = run_process("explain", "results.lmeval", "sample-000001", cwd=demo)
    assert done.returncode == 0
    assert done.stdout.startswith(b"data row sample-000001")
    assert run_process("explain", "nothing.lmeval", "x", cwd=demo).returncode == 2


def test_a_terminal_that_knows_few_characters(demo: Path) -> None:
    done = run_process(
        "explain", "results.lmeval", "sample-000001", cwd=demo, env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    )
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr


def test_a_line_a_minute_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(messages, "INTERVAL", 0.01)
    with messages.Messages().progress() as progress:
        progress("comparing", 0.4)
        time.sleep(0.2)
    assert "comparing: 40% after 0 s\n" in capsys.readouterr().err
    with messages.Messages(quiet=True).progress() as progress:
        progress("comparing", 0.4)
        time.sleep(0.05)
    assert capsys.readouterr().err == ""


def test_the_rest_takes_as_long_as_the_last_minute_says(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    now = [0.0]
    monkeypatch.setattr(messages.time, "monotonic", lambda: now[0])
    pace = messages.Pace()
    for at, share, expected in (
        (5, 0.0, None),
        (5.5, 0.3, None),  # at once: this was done before a kill
        (15.5, 0.4, 60),
        (25.5, 0.6, 40 * 20 / 30),
        (85.5, 0.8, 20 * 70 / 40),  # the first report is out of date now
        (86.5, 1.0, None),
    ):
        now[0] = at
        pace.report("comparing", share)
        assert pace.left() == (expected and pytest.approx(expected)), at
    now[0] = 15.5
    pace = messages.Pace()
    pace.report("reading", 0.0)
    now[0] = 25.5
    pace.report("reading", 0.5)
    now[0] = 29.5
    assert pace.left() == pytest.approx(6)
    now[0] = 99
    assert pace.left() is None


def test_a_line_says_what_is_left(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(messages, "INTERVAL", 0.01)
    monkeypatch.setattr(messages.Pace, "elapsed", lambda self: 75.0)
    monkeypatch.setattr(messages.Pace, "left", lambda self: 44.05)
    with messages.Messages().progress() as progress:
        progress("comparing (12,345 data rows a second)", 0.63)
        time.sleep(0.2)
    assert "comparing (12,345 data rows a second): 63% after 75 s, 44 s left\n" in capsys.readouterr().err


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with messages.Messages().progress() as progress:
        progress("comparing", 0.4)
    assert capsys.readouterr().out == ""


# ------------------------------------------------------------------------------------------------------------- tables


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_no_name_and_no_number_is_cut_on_a_terminal(columns: int, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    from rich.console import Console

    from labelmetrics.cli._tables import print_table
    from labelmetrics.summary import HEADINGS

    monkeypatch.setattr(Console, "is_terminal", property(lambda self: True))
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    name = "a feature with a name that is longer than the terminal is wide, by far"
    print_table(HEADINGS, [[name, 1_234_567, 89, 1, 2, 3, 0.5, 0.25, None, 1.0], ["(all)", *[0] * 9]], "caption")
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert lines[0] == "caption"
    assert "…" not in out
    assert all(text in out for text in ("1,234,567", "0.500", "0.250", *HEADINGS))
    # Put together, the folded pieces of the first column are the name.
    width = lines[1].index("GT") - len("1,234,567") + len("GT")
    pieces = "".join(line[:width].strip() for line in lines[2:-1])
    assert pieces.replace(" ", "") == name.replace(" ", "")
    if columns >= 80:
        assert max(map(len, lines)) <= columns


# ------------------------------------------------------------------------------------------- damaged evaluation files


def _fewer_rows(folder: Path) -> None:
    table = pq.read_table(folder / "counts.parquet")
    pq.write_table(table.slice(1), folder / "counts.parquet")


def _another_column(folder: Path) -> None:
    table = pq.read_table(folder / "iou.parquet")
    pq.write_table(table.rename_columns([*table.column_names[:-1], "overlap"]), folder / "iou.parquet")


def _no_table(folder: Path) -> None:
    (folder / "counts.parquet").unlink()


def _garbage(folder: Path) -> None:
    (folder / "data_rows.parquet").write_bytes(b"garbage")


def _manifest(change: dict[str, Any]) -> Any:
    def damage(folder: Path) -> None:
        manifest = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps(manifest | change))

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        _fewer_rows,
        _another_column,
        _no_table,
        _garbage,
        pytest.param(_manifest({"format": 99}), id="another-format"),
        pytest.param(_manifest({"features": ["car"], "classifications": []}), id="fewer-features"),
        pytest.param(_manifest({"confidence_keys": []}), id="no-keys"),
        pytest.param(lambda folder: (folder / "manifest.json").write_text("{"), id="no-json"),
    ],
)
def test_a_damaged_evaluation_file(demo: Path, tmp_path: Path, damage: Any) -> None:
    shutil.copytree(demo / "results.lmeval", tmp_path / "x.lmeval")
    damage(tmp_path / "x.lmeval")
    result = run("lines", tmp_path / "x.lmeval")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "x.lmeval" in result.stderr
    assert "unexpected" not in result.stderr
