"""The same set of lines gives the same bytes: in any order, with any number of workers, under any hash seed."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from commands import ndjson, run_process
from samples import more_lines

from labelmetrics.formats.lmeval import TABLES
from labelmetrics.sample import write_sample

SEEDS = ("0", "1", "4242")
FILES = {"metrics.ndjson", "metrics.ndjson.provenance.json", "metrics.parquet", "manifest.json"} | {
    f"{name}.parquet" for name in TABLES
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[bytes]]:
    files = write_sample(tmp_path_factory.mktemp("sample"), rows=60, seed=3)
    lines = {name: path.read_bytes().splitlines() for name, path in files.items()}
    lines["ground_truth"] += ndjson(*more_lines(8, 0, scored=False)).splitlines()
    lines["predictions"] += ndjson(*more_lines(8, 1, scored=True)).splitlines()
    lines["data_rows"] += ndjson(*({"id": f"m{i}", "globalKey": f"more-{i}"} for i in range(8))).splitlines()
    return lines


def outputs(folder: Path, dataset: dict[str, list[bytes]], workers: int | None, hash_seed: str, *options: str) -> dict:
    """Bytes of everything that is written, by name."""
    for name, lines in dataset.items():
        (folder / f"{name}.ndjson").write_bytes(b"".join(line + b"\n" for line in lines))
    done = run_process(
        *("evaluate", "ground_truth.ndjson", "predictions.ndjson", "--data-rows", "data_rows.ndjson"),
        *("-o", "metrics.ndjson", "-o", "metrics.parquet", "-o", "results.lmeval", "--over-limit", "fit"),
        *("--level", "data_row,feature,subclass", "--buffer", "5", *options),
        *(() if workers is None else ("--workers", str(workers))),
        cwd=folder,
        env={"PYTHONHASHSEED": hash_seed},
    )
    assert done.returncode == 0, done.stderr.decode()
    found = {path.name: path.read_bytes() for path in [*folder.glob("metrics.*"), *folder.glob("results.lmeval/*")]}
    assert set(found) == FILES
    return found | {"summary": done.stdout}


def shuffled(dataset: dict[str, list[bytes]], seed: int) -> dict[str, list[bytes]]:
    return {name: random.Random(f"{seed}{name}").sample(lines, len(lines)) for name, lines in dataset.items()}


@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), id="plain"),
        pytest.param(("--confidences", "5", "--iou", "0.3,0.5", "--include-subclasses"), id="keys-and-subclasses"),
        pytest.param(("--confidences", "auto", "--matching", "coco", "--masks", "instance"), id="coco-matching"),
    ],
)
def test_same_bytes(tmp_path: Path, dataset: dict[str, list[bytes]], options: tuple[str, ...]) -> None:
    runs = []
    for index, (hash_seed, workers) in enumerate(zip(SEEDS, (None, 1, 2), strict=True)):
        folder = tmp_path / str(index)
        folder.mkdir()
        lines = shuffled(dataset, index) if index else dataset
        runs.append(outputs(folder, lines, workers, hash_seed, *options))
    first, *others = runs
    assert len(first["metrics.ndjson"].splitlines()) > 500
    for other in others:
        assert [name for name in first if first[name] != other[name]] == []


def test_kinds_of_the_dataset(tmp_path: Path, dataset: dict[str, list[bytes]]) -> None:
    """What is above would say little if a kind of annotation were not in it."""
    import pyarrow.parquet as pq

    outputs(tmp_path, dataset, None, "0")
    objects = pq.read_table(tmp_path / "results.lmeval" / "objects.parquet")
    kinds = set(objects.column("kind").to_pylist())
    assert kinds == {"box", "polygon", "mask", "point", "line", "span", "tokens", "answer", "text"}
    assert {"frame", "page", "message"} <= {
        str(place).partition("=")[0] for place in objects.column("place").to_pylist()
    }
    assert json.loads((tmp_path / "results.lmeval" / "manifest.json").read_text())["subclasses"]
