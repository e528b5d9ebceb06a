"""``labelmetrics evaluate`` of large input: what is read in ranges, and what an interrupt and a kill leave behind."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq
import pytest
from commands import box_line, ndjson, run, run_process

import labelmetrics as lm
from labelmetrics import ranged

OUTPUTS = ("results.lmeval", "metrics.ndjson", "metrics.ndjson.gz", "metrics.parquet")
OPTIONS = ("--over-limit", "fit", "--iou", "0.5,0.75", "--confidences", "auto", "--json")

MANY_RANGES = """
from labelmetrics import ranged
from labelmetrics.cli import main
from labelmetrics.formats import buckets
buckets.SOURCE_BYTES, ranged.BUCKET_BYTES = 20_000, 40_000
main()
"""

WAITING = """
import os, pathlib, signal, time

n = 0

def metric(truths, guesses):
    global n
    n += 1
    with open("calls", "ab") as file:
        file.write(b".")
    if n > 20 and os.path.exists("wait"):
        pathlib.Path("waits").touch()
        time.sleep(600)
    if n > 20 and os.path.exists("die"):
        os.kill(os.getpid(), signal.SIGKILL)
    return []
"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Sample data."""
    return lm.write_sample(tmp_path_factory.mktemp("demo"), rows=120)


@pytest.fixture
def ranges(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Sides that were evaluated in ranges."""
    found: list[str] = []
    evaluate_files = ranged.evaluate_files

    def noting(truths: str, guesses: str, **settings: object) -> object:
        found.extend((truths, guesses))
        return evaluate_files(truths, guesses, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(ranged, "evaluate_files", noting)
    return found


def written(folder: Path) -> dict[str, bytes]:
    """Content of every file of a folder."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def evaluate(folder: Path, truths: str | Path, guesses: str | Path, demo: dict[str, Path], *options: str | Path) -> str:
    folder.mkdir()
    outputs = [part for name in OUTPUTS for part in ("-o", folder / name)]
    result = run("evaluate", truths, guesses, "--data-rows", demo["data_rows"], *OPTIONS, *outputs, *options)
    assert result.exit_code == 0, result.output
    assert result.stderr.splitlines() == [f"wrote {folder / name}" for name in OUTPUTS]
    return result.stdout


def test_both_ways_are_alike(demo: dict[str, Path], tmp_path: Path, ranges: list[str]) -> None:
    truths, guesses = demo["ground_truth"], demo["predictions"]
    expected = evaluate(tmp_path / "memory", truths, guesses, demo)
    assert ranges == []
    shards = tmp_path / "shards"
    shards.mkdir()
    lines = truths.read_bytes().splitlines(keepends=True)
    (shards / "a.ndjson").write_bytes(b"".join(lines[:300]))
    (shards / "b.ndjson.gz").write_bytes(gzip.compress(b"".join(lines[300:])))
    (tmp_path / "tmp").mkdir()
    for index, (side, options) in enumerate(
        (
            (truths, ("--tmp", tmp_path / "tmp")),
            (truths, ("--workers", "2")),
            (shards, ()),
            (shards / "[ab].*", ()),
        )
    ):
        assert evaluate(tmp_path / str(index), side, guesses, demo, *options) == expected
        assert ranges[-2:] == [str(side), str(guesses)]
        assert written(tmp_path / str(index)) == written(tmp_path / "memory")
        assert len(ranges) == 2 * index + 2
    assert list((tmp_path / "tmp").iterdir()) == []


def test_large_files_are_evaluated_in_ranges(
    demo: dict[str, Path], tmp_path: Path, ranges: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sides = demo["ground_truth"], demo["predictions"]
    command = ("evaluate", *sides, "--data-rows", demo["data_rows"], "--json")
    size = sum(file.stat().st_size for file in sides)
    monkeypatch.setattr(ranged, "LARGE", size)
    expected = run(*command).stdout
    assert ranges == []
    monkeypatch.setattr(ranged, "LARGE", size - 1)
    monkeypatch.chdir(tmp_path)
    assert run(*command).stdout == expected
    assert ranges == [str(side) for side in sides]
    # What can only be read as a whole is, however large it is.
    assert run(*command, "--format", "ndjson").stdout == expected
    assert run("evaluate", sides[0], "-", *command[3:], stdin=sides[1].read_bytes()).stdout == expected
    coco = {"images": [{"id": 1}], "categories": [{"id": 1, "name": "cat"}], "annotations": []}
    (tmp_path / "coco.json").write_text(json.dumps(coco) + " " * size)
    (tmp_path / "results.json").write_text('[{"image_id": 1, "category_id": 1, "bbox": [0, 0, 4, 4], "score": 0.5}]')
    assert run("evaluate", "coco.json", "results.json").exit_code == 0
    assert len(ranges) == 2


def test_parquet_is_evaluated_in_ranges(tmp_path: Path) -> None:
    lines = ndjson(*({key: value for key, value in box_line(row).items() if key != "uuid"} for row in "abc"))
    (tmp_path / "lines.ndjson").write_bytes(lines)
    pq.write_table(pyarrow.json.read_json(pa.BufferReader(lines)), tmp_path / "lines.parquet")
    result = run("evaluate", tmp_path / "lines.parquet", tmp_path / "lines.ndjson", "--json")
    assert json.loads(result.stdout)["overall"]["tp"] == 3


def test_what_can_only_be_read_as_a_whole(
    demo: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines, other = demo["ground_truth"], demo["predictions"]
    (tmp_path / "empty").mkdir()
    (tmp_path / "shards").mkdir()
    for name in ("coco.json", "shards/coco.json"):
        (tmp_path / name).write_text('{"images": [], "categories": [], "annotations": []}')
    (tmp_path / "export.ndjson").write_text('{"data_row": {"id": "a"}, "projects": {}}\n')
    whole = "can only be read into memory as a whole, which does not go with"
    for command, expected in (
        ((lines, "-", "--tmp", "."), f"standard input {whole} --tmp"),
        ((lines, "-", "--resume", "--workers", "1"), f"standard input {whole} --workers and --resume"),
        (("coco.json", lines, "--workers", "2"), f"coco.json: a COCO file {whole} --workers"),
        (("export.ndjson", lines, "--resume"), f"export.ndjson: an export of the platform {whole} --resume"),
        (("shards", lines), f"shards/coco.json: a COCO file {whole} several files (shards)"),
        (("shards/*.json", "-"), f"shards/coco.json: a COCO file {whole} several files (shards/*.json)"),
        (
            (lines, other, "--format", "ndjson", "--tmp", "."),
            "--format is about files that are read into memory",
        ),
        ((lines, other, "--geometry", "bbox", "--workers", "2"), "--geometry is about files that are read into memory"),
        (("empty", lines), "empty: there are no files of ground truth"),
        (("*.none", lines), "*.none: there are no files of ground truth"),
        ((lines, other, "--resume"), ".evaluation.ranges: there is nothing to resume"),
        ((lines, other, "--tmp", "x"), "Directory 'x' does not exist"),
    ):
        result = run("evaluate", *command, stdin=b"")
        assert result.exit_code == 2, command
        assert expected in result.stderr
        assert result.stdout == ""


def test_a_pipe_is_read_once(demo: dict[str, Path]) -> None:
    """As of ``<(zcat predictions.ndjson.gz)``."""
    truths, guesses = demo["ground_truth"], demo["predictions"].read_bytes()
    command = ("evaluate", truths, "/dev/stdin", "--data-rows", demo["data_rows"], "--json")
    done = run_process(*command, "--format", "ndjson", stdin=guesses)
    assert json.loads(done.stdout)["data_rows"] == 120
    refused = run_process(*command, "--workers", "2", stdin=guesses)
    assert b"/dev/stdin can only be read into memory as a whole" in refused.stderr


def test_nothing_is_written_that_is_refused(demo: dict[str, Path], tmp_path: Path) -> None:
    truths = tmp_path / "truths.ndjson"
    crowded = ndjson(*(box_line("a", f"n{n}") for n in range(30)))
    truths.write_bytes(crowded)
    (tmp_path / "guesses.ndjson").write_bytes(crowded)
    found = []
    for options in ((), ("--workers", "2")):
        outputs = ("-o", tmp_path / "x.lmeval", "-o", tmp_path / "x.ndjson")
        result = run("evaluate", truths, tmp_path / "guesses.ndjson", *outputs, *options)
        found.append((result.exit_code, result.output))
        assert sorted(file.name for file in tmp_path.iterdir()) == ["guesses.ndjson", "truths.ndjson"]
    assert found[0] == found[1]
    assert found[0][0] == 2
    assert "--over-limit" in found[0][1]
    result = run("evaluate", tmp_path / "t*.ndjson", tmp_path / "guesses.ndjson", "-o", truths)
    assert (result.exit_code, "is an input, so it is not written over" in result.stderr) == (2, True)
    assert truths.read_bytes() == crowded


# --------------------------------------------------------------------------------------------------- interrupt and kill


def start(folder: Path, demo: dict[str, Path], *options: str) -> subprocess.Popen[str]:
    """A command with many ranges and a custom metric that waits after a while where there is a file ``wait``."""
    (folder / "waiting.py").write_text(WAITING)
    sides = (demo["ground_truth"], demo["predictions"], "--data-rows", demo["data_rows"], "--over-limit", "fit")
    command = ["evaluate", *sides, "--custom", "waiting:metric", "-o", "x.ndjson", "-o", "x.lmeval", *options]
    return subprocess.Popen(
        [sys.executable, "-c", MANY_RANGES, *map(str, command)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)


def left(folder: Path) -> set[str]:
    """Files and folders, those of the custom metric aside."""
    return {file.name for file in folder.iterdir()} - {"waiting.py", "wait", "waits", "die", "calls", "__pycache__"}


STARTING = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to see processes start")


def has_workers(process: subprocess.Popen[str]) -> bool:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return any(b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes() for child in children)


@pytest.mark.parametrize(
    ("when", "workers"),
    [
        ("begun", "1"),
        ("begun", "2"),
        pytest.param("starting", "2", marks=STARTING),
        ("comparing", "1"),
        ("comparing", "2"),
    ],
)
def test_an_interrupt_leaves_nothing(demo: dict[str, Path], tmp_path: Path, when: str, workers: str) -> None:
    (tmp_path / "wait").touch()
    process = start(tmp_path, demo, "--workers", workers)
    signs = {"begun": (tmp_path / ".x.ndjson.ranges").exists, "comparing": (tmp_path / "waits").exists}
    wait_for(signs.get(when, lambda: has_workers(process)), process)
    os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to all processes
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "Error: interrupted\n")
    assert left(tmp_path) == set()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_after_a_kill_it_goes_on(demo: dict[str, Path], tmp_path: Path, workers: str) -> None:
    expected = tmp_path / "memory"
    expected.mkdir()
    evaluation = lm.evaluate(demo["ground_truth"], demo["predictions"], data_rows=demo["data_rows"])
    evaluation.save(expected / "x.lmeval")
    evaluation.write_ndjson(expected / "x.ndjson", over_limit="fit")

    folder = tmp_path / "ranges"
    folder.mkdir()
    (folder / "wait").touch()
    for resume in ((), ("--resume",)):
        process = start(folder, demo, "--workers", workers, *resume)
        wait_for((folder / "waits").exists, process)
        process.kill()
        # Its workers have the same streams, which end when all of them have ended.
        process.communicate(timeout=60)
        (folder / "waits").unlink()
        assert left(folder) == {".x.ndjson.ranges"}
    calls = len((folder / "calls").read_bytes())
    (folder / "wait").unlink()
    (folder / "calls").unlink()
    process = start(folder, demo, "--workers", workers, "--resume")
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "wrote x.ndjson\nwrote x.lmeval\n")
    assert out.startswith("120 data rows")
    assert left(folder) == {"x.ndjson", "x.ndjson.provenance.json", "x.lmeval"}
    found = written(folder)
    assert {name: found[name] for name in written(expected)} == written(expected)
    assert calls > 0
    assert 0 < len((folder / "calls").read_bytes()) < 120


def test_a_killed_worker_is_as_a_kill(demo: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "die").touch()
    process = start(tmp_path, demo, "--workers", "2")
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out, err.count("\n")) == (2, "", 1)
    assert "cannot be evaluated: BrokenProcessPool: " in err
    assert left(tmp_path) == {".x.ndjson.ranges"}
    (tmp_path / "die").unlink()
    (tmp_path / "calls").unlink()
    process = start(tmp_path, demo, "--workers", "1", "--resume")
    _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "wrote x.ndjson\nwrote x.lmeval\n")
    assert left(tmp_path) == {"x.ndjson", "x.ndjson.provenance.json", "x.lmeval"}
    assert 0 < len((tmp_path / "calls").read_bytes()) < 120


def test_after_a_kill_it_begins_anew(demo: dict[str, Path], tmp_path: Path) -> None:
    """Without ``--resume`` what is left of the killed one is thrown away."""
    (tmp_path / "wait").touch()
    (tmp_path / "tmp").mkdir()
    process = start(tmp_path, demo, "--workers", "1", "--tmp", "tmp")
    wait_for((tmp_path / "waits").exists, process)
    process.kill()
    process.communicate(timeout=60)
    assert [file.name for file in (tmp_path / "tmp").iterdir()] == ["labelmetrics-ranges"]
    (tmp_path / "wait").unlink()
    (tmp_path / "calls").unlink()
    process = start(tmp_path, demo, "--workers", "1", "--tmp", "tmp")
    _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "wrote x.ndjson\nwrote x.lmeval\n")
    assert len((tmp_path / "calls").read_bytes()) == 120
    assert list((tmp_path / "tmp").iterdir()) == []
