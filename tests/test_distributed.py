"""Evaluations on a cluster: what is written is what one process writes, whatever happens to the workers."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commands import ndjson, run
from distributed import Client

import labelmetrics as lm
from labelmetrics import distributed
from labelmetrics.formats import buckets
from labelmetrics.formats.manifest import PartsManifest
from labelmetrics.formats.storage import path_of
from labelmetrics.ranged import evaluate_files

OUTPUTS = ("results.lmeval", "metrics.ndjson", "metrics.parquet")
ROWS = 40


def count(truths: list[Any], guesses: list[Any]) -> list[Any]:
    """A custom metric."""
    return [lm.ScalarMetric(metric_name="n", value=len(guesses))]


def held(gate: Path, truths: list[Any], guesses: list[Any]) -> list[Any]:
    """The same metric; whoever is the first to compute it says who it is, and waits to be killed."""
    if first(gate, str(os.getpid())):
        time.sleep(600)
    return count(truths, guesses)


def deadly(truths: list[Any], guesses: list[Any]) -> list[Any]:
    """The same metric, at which a process dies where there is a certain object."""
    if any(one.name == "poison" for one in truths):
        os.kill(os.getpid(), signal.SIGKILL)
    return count(truths, guesses)


def first(gate: Path, text: str = "") -> bool:
    """Whether nobody else has come by a file."""
    made = gate.with_name(f"{gate.name}.{os.getpid()}")
    made.write_text(text)
    try:
        os.link(made, gate)
    except FileExistsError:
        return False
    return True


def dying(gate: Path, function: Callable[..., Any], file: Path, step: Any, *task: Any) -> Any:
    """A task; the first of each kind is the last that its worker does."""
    result = function(file, step, *task)
    if first(gate.with_name(f"{gate.name}-{file.name.partition('-')[0]}")):
        os.kill(os.getpid(), signal.SIGKILL)
    return result


class Dying(distributed.Cluster):
    """A cluster where a worker dies at the end of the first task of each kind."""

    def __init__(self, client: Client, gate: Path) -> None:
        super().__init__(client)
        self.gate = gate

    def run(self, function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        return super().run(partial(dying, self.gate, function), tasks)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Two workers."""
    with distributed._connected(None, 2) as connected:
        connected.cluster.scheduler.allowed_failures = 1
        yield connected


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Settings of all evaluations here: files, and how they are cut."""
    files = lm.write_sample(tmp_path_factory.mktemp("inputs"), rows=ROWS)
    return {
        "ground_truths": files["ground_truth"],
        "predictions": files["predictions"],
        "data_rows": files["data_rows"],
        "over_limit": "fit",
        "ranges": 6,
    }


def written(folder: Path) -> dict[str, bytes]:
    """Content of every file of a folder."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def outputs(folder: Path) -> list[Path]:
    folder.mkdir()
    return [folder / name for name in OUTPUTS]


@pytest.fixture(scope="module")
def expected(inputs: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one process writes."""
    folder = tmp_path_factory.mktemp("expected") / "one"
    evaluate_files(**inputs, outputs=outputs(folder), custom=[count])
    return written(folder)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_workers_change_nothing(
    inputs: dict[str, Any], expected: dict[str, bytes], tmp_path: Path, client: Client, workers: int
) -> None:
    given = {"client": client} if workers == 2 else {"workers": workers}
    found = distributed.evaluate(**inputs, outputs=outputs(tmp_path / "many"), custom=[count], **given)
    assert written(tmp_path / "many") == expected
    assert found.summary() == lm.load(tmp_path / "many" / OUTPUTS[0]).summary()


def test_a_worker_killed_midway_changes_nothing(
    inputs: dict[str, Any], expected: dict[str, bytes], tmp_path: Path, client: Client
) -> None:
    gate = tmp_path / "gate"

    def kill() -> None:
        while not gate.exists():
            time.sleep(0.01)
        os.kill(int(gate.read_text()), signal.SIGKILL)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    distributed.evaluate(
        **inputs, outputs=outputs(tmp_path / "killed"), custom=[partial(held, gate)], client=client.scheduler.address
    )
    killer.join()
    assert written(tmp_path / "killed") == expected


def test_tasks_may_be_done_again(
    inputs: dict[str, Any],
    expected: dict[str, bytes],
    tmp_path: Path,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A worker dies when it has written everything, and before it has said so."""
    monkeypatch.setattr(buckets, "SOURCE_BYTES", 40_000)
    evaluate_files(
        **inputs,
        outputs=outputs(tmp_path / "again"),
        custom=[count],
        missing_predictions="skip",
        missing_ground_truth="skip",
        runner=Dying(client, tmp_path / "gate"),
    )
    assert {file.name for file in tmp_path.glob("gate-*") if "." not in file.name} == {
        "gate-split",
        "gate-survey",
        "gate-range",
    }
    evaluate_files(
        **inputs,
        outputs=outputs(tmp_path / "one"),
        custom=[count],
        missing_predictions="skip",
        missing_ground_truth="skip",
    )
    assert written(tmp_path / "again") == written(tmp_path / "one")


@pytest.mark.parametrize("how", ["cluster", "processes"])
def test_a_task_that_kills_all_workers_is_named_by_its_rows(
    inputs: dict[str, Any], tmp_path: Path, client: Client, how: str
) -> None:
    keys = sorted(json.loads(line)["globalKey"] for line in inputs["data_rows"].read_bytes().splitlines())
    box = {"top": 0, "left": 0, "height": 9, "width": 9}
    poison = {"dataRow": {"globalKey": keys[22]}, "name": "poison", "bbox": box}
    (tmp_path / "poisoned.ndjson").write_bytes(inputs["ground_truths"].read_bytes() + ndjson(poison))
    settings = {**inputs, "ground_truths": tmp_path / "poisoned.ndjson", "outputs": outputs(tmp_path / "none")}
    call = partial(distributed.evaluate, client=client) if how == "cluster" else partial(evaluate_files, workers=2)
    with pytest.raises(lm.LabelmetricsError) as caught:
        call(**settings, custom=[deadly])
    cause = "KilledWorker" if how == "cluster" else "BrokenProcessPool"
    # Rows 20 to 25 of 40 are the fourth of six ranges.
    rows = f"6 data rows from globalKey:{keys[20]} to globalKey:{keys[25]}"
    assert str(caught.value).startswith(f"{rows} cannot be evaluated: {cause}: ")
    assert [file.name for file in (tmp_path / "none").iterdir()] == [".results.lmeval.ranges"]  # to be resumed


@pytest.mark.parametrize("where", ["memory", "file"])
def test_everything_may_be_on_shared_storage(
    inputs: dict[str, Any], expected: dict[str, bytes], tmp_path: Path, client: Client, where: str
) -> None:
    """Files, outputs and intermediate files; ``file://`` takes the same way as ``s3://``."""
    base = f"file://{tmp_path}" if where == "file" else f"memory://{uuid4().hex}"
    files = {}
    for name in ("ground_truths", "predictions", "data_rows"):
        files[name] = f"{base}/in/{inputs[name].name}"
        path_of(base).joinpath("in").mkdir(parents=True, exist_ok=True)
        path_of(files[name]).write_bytes(inputs[name].read_bytes())
    files["predictions"] = f"{base}/in/pred*.ndjson"
    call = evaluate_files if where == "memory" else partial(distributed.evaluate, client=client)
    for more in ({}, {"tmp": f"{base}/tmp"}):
        targets = [f"{base}/out/{name}" for name in OUTPUTS]
        found = call(**{**inputs, **files, **more}, outputs=targets, custom=[count])
        content = {
            file.relative_to(path_of(f"{base}/out")).as_posix(): file.read_bytes()
            for file in path_of(f"{base}/out").rglob("*")
            if file.is_file()
        }
        assert content == expected
        assert found.summary() == lm.load(targets[0]).summary()
        assert {one.name for one in path_of(base).iterdir()} - {"tmp"} == {"in", "out"}
        assert not path_of(f"{base}/tmp/labelmetrics-ranges").exists()
    with pytest.raises(lm.InputError, match=r"none\.ndjson: No such file"):
        call(**{**inputs, **files, "predictions": f"{base}/none.ndjson"})


@pytest.mark.parametrize("kept", [True, False], ids=["fit", "keep"])
def test_part_files_are_the_single_file(
    inputs: dict[str, Any], tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    settings = {**inputs, "over_limit": "fit" if kept else "keep", "limits": lm.Limits(metrics_per_data_row=9)}
    monkeypatch.chdir(tmp_path)
    evaluate_files(**settings, outputs=["one.ndjson", "one.parquet"])
    outputs = ["many.ndjson/", "many.ndjson.gz/", "many.parquet/", f"file://{tmp_path}/remote.ndjson/"]
    for ranges in (6, 3):  # the second time there are fewer parts
        found = distributed.evaluate(**{**settings, "ranges": ranges}, outputs=outputs, client=client)
    assert [path.name for path in found.outputs] == ["many.ndjson", "many.ndjson.gz", "many.parquet", "remote.ndjson"]
    lines = Path("one.ndjson").read_bytes()
    contents = {}
    for path in found.outputs:
        folder = tmp_path / path.name
        manifest = PartsManifest.model_validate_json((folder / "manifest.json").read_bytes())
        contents[path.name] = [(folder / part.name).read_bytes() for part in manifest.parts]
        assert {file.name for file in folder.iterdir()} == {"manifest.json", *(part.name for part in manifest.parts)}
        for part, content in zip(manifest.parts, contents[path.name], strict=True):
            assert (len(content), hashlib.sha256(content).hexdigest()) == (part.bytes, part.sha256)
        assert len(manifest.parts) == 3
        assert sum(part.lines for part in manifest.parts) == manifest.lines == lines.count(b"\n")
        assert manifest.digests == found.manifest.digests
        assert manifest.fitted == kept
    assert b"".join(contents["many.ndjson"]) == b"".join(contents["remote.ndjson"]) == lines
    assert gzip.decompress(b"".join(contents["many.ndjson.gz"])) == lines
    tables = [pq.read_table(io.BytesIO(part)) for part in contents["many.parquet"]]
    assert pa.concat_tables(tables).equals(pq.read_table("one.parquet"))


def test_part_files_are_written_where_nothing_else_is(inputs: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").touch()
    (tmp_path / "b.ndjson").mkdir()
    (tmp_path / "b.ndjson" / "diary.txt").touch()
    with pytest.raises(lm.InputError, match=r"a\.ndjson: is a file"):
        evaluate_files(**inputs, outputs=[f"{tmp_path}/a.ndjson/"])
    with pytest.raises(lm.InputError, match=r"b\.ndjson: also holds diary\.txt"):
        evaluate_files(**inputs, outputs=[f"{tmp_path}/b.ndjson/"])
    evaluate_files(**inputs, outputs=[f"{tmp_path}/c.lmeval/"])  # is a folder anyway
    assert lm.load(tmp_path / "c.lmeval").summary().data_rows == ROWS


def test_the_command_uses_a_cluster(
    inputs: dict[str, Any], tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = [str(inputs["ground_truths"]), f"file://{inputs['predictions']}"]
    options = [*files, "--data-rows", f"file://{inputs['data_rows']}", "--over-limit", "fit", "--json"]
    evaluate_files(**{**inputs, "outputs": ["one.ndjson"]})
    outputs = ("-o", "many.ndjson", "-o", "parts.ndjson/")
    cluster = ("--engine", "dask", "--address", client.scheduler.address)
    found = run("evaluate", *options, *outputs, *cluster, "--tmp", f"file://{tmp_path}/tmp")
    assert found.exit_code == 0, found.stderr
    assert json.loads(found.stdout)["data_rows"] == ROWS
    assert Path("many.ndjson").read_bytes() == Path("one.ndjson").read_bytes()
    assert b"".join(file.read_bytes() for file in sorted(Path("parts.ndjson").glob("part-*"))) == (
        Path("one.ndjson").read_bytes()
    )
    # A folder of part files needs no cluster.
    found = run("evaluate", *options, "-o", "here.ndjson/")
    assert Path("here.ndjson/part-0000.ndjson").read_bytes() == Path("one.ndjson").read_bytes()
    for wrong, message in (
        (cluster[2:], "--address is about --engine dask"),
        ((*cluster, "--workers", "2"), "--workers is about this machine"),
        ((*cluster, "--format", "ndjson"), "which does not go with --engine dask"),
    ):
        found = run("evaluate", *options, *outputs, *wrong)
        assert found.exit_code == 2
        assert message in found.stderr


def test_bad_input_is_told_as_ever(tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    box = {"top": 0, "left": 0, "height": 9, "width": 9}
    good = [{"dataRow": {"id": f"r{n:02d}"}, "name": "cat", "bbox": box} for n in range(20)]
    monkeypatch.chdir(tmp_path)
    Path("good.ndjson").write_bytes(ndjson(*good))
    Path("bad.ndjson").write_bytes(ndjson(*good[:13]) + b"{\n")
    Path("few.ndjson").write_bytes(ndjson(*good[:13]))
    with pytest.raises(lm.InputError, match=r"bad\.ndjson:14: ") as caught:
        distributed.evaluate("good.ndjson", ["bad.ndjson"], client=client, ranges=3)
    assert len(caught.value.faults) == 1
    with pytest.raises(lm.MissingRowsError, match="no ground truth for 7 data rows"):
        distributed.evaluate("few.ndjson", "good.ndjson", client=client, ranges=3)
    assert {file.name for file in tmp_path.iterdir()} == {"good.ndjson", "bad.ndjson", "few.ndjson"}


def test_without_dask_it_is_said_what_to_install(inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r"pip install 'labelmetrics\[dask\]'"):
        distributed.evaluate(inputs["ground_truths"], inputs["predictions"])


def test_a_wrong_address_is_told(inputs: dict[str, Any]) -> None:
    with pytest.raises(lm.SettingError, match="no scheduler that answers"):
        distributed.evaluate(inputs["ground_truths"], inputs["predictions"], client="nothing://nowhere")
