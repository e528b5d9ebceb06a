"""Files of any size: the outputs are those of an evaluation in memory, byte by byte."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commands import ndjson
from samples import more_lines

import labelmetrics as lm
from labelmetrics.formats import buckets
from labelmetrics.ranged import evaluate_files

KINDS = ("box", "polygon", "mask", "span", "tokens", "page", "message", "radio", "checklist", "text")
OUTPUTS = ("results.lmeval", "metrics.ndjson", "metrics.parquet")


def count(truths: list[Any], guesses: list[Any]) -> list[Any]:
    """A custom metric."""
    return [
        lm.ScalarMetric(metric_name="n", value=len(guesses)),
        lm.ScalarMetric(metric_name="n", value=1, feature_name="x"),
    ]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files with annotations of every kind, and a table of data rows."""
    folder = tmp_path_factory.mktemp("inputs")
    truths, guesses = datasets.dataset(3, KINDS, rows=18, scored=True)
    sides = {"truths": datasets.lines_of(truths), "guesses": datasets.lines_of(guesses)}
    files = {}
    for shift, (name, lines) in enumerate(sides.items()):
        lines = lines + more_lines(9, shift, scored=name == "guesses")
        random.Random(0).shuffle(lines)
        files[name] = folder / f"{name}.ndjson"
        files[name].write_bytes(ndjson(*lines))
    keys = {
        json.loads(line)["dataRow"]["globalKey"] for file in files.values() for line in file.read_bytes().splitlines()
    }
    rows = [{"globalKey": key, "split": "TEST"} for key in [*keys, "row -1", "row 99"]]
    files["rows"] = folder / "rows.ndjson"
    files["rows"].write_bytes(ndjson(*rows))
    return files


SETTINGS: list[dict[str, Any]] = [
    {},
    {"include_subclasses": True, "iou": [0.3, 0.7], "confidences": [0.2, 0.5]},
    {"matching": "coco", "confidences": "auto", "masks": "instance"},
]


def written(folder: Path) -> dict[str, bytes]:
    """Content of every file of a folder."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def in_memory(
    folder: Path, files: dict[str, Path], *, metrics: Any = None, over_limit: Any = "fit", **settings: Any
) -> Any:
    evaluation = lm.evaluate(files["truths"], files["guesses"], **settings)
    evaluation.save(folder / OUTPUTS[0])
    evaluation.write_ndjson(folder / OUTPUTS[1], metrics=metrics, over_limit=over_limit)
    evaluation.write_parquet(folder / OUTPUTS[2], metrics=metrics, over_limit=over_limit)
    return evaluation


def in_ranges(folder: Path, truths: Any, guesses: Any, *, over_limit: Any = "fit", **settings: Any) -> Any:
    outputs = [folder / name for name in OUTPUTS]
    return evaluate_files(truths, guesses, outputs=outputs, over_limit=over_limit, **settings)


@pytest.mark.filterwarnings("ignore:.*predictions have no confidence")
@pytest.mark.parametrize("settings", SETTINGS, ids=["plain", "keys-and-subclasses", "coco"])
def test_outputs_are_those_of_an_evaluation_in_memory(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    monkeypatch.setattr(buckets, "SOURCE_BYTES", 3000)
    monkeypatch.setattr(buckets, "BLOCK_BYTES", 700)
    settings = {"buffer": 5.0, "data_rows": inputs["rows"], "custom": [count], **settings}
    (tmp_path / "memory").mkdir()
    evaluation = in_memory(tmp_path / "memory", inputs, **settings)
    expected = written(tmp_path / "memory")
    for ranges in (1, 3, 40):
        folder = tmp_path / f"ranges-{ranges}"
        folder.mkdir()
        found = in_ranges(folder, inputs["truths"], inputs["guesses"], ranges=ranges, **settings)
        assert found.manifest == evaluation.manifest
        for threshold in evaluation.manifest.settings.iou:
            assert found.summary(iou=threshold) == evaluation.summary(iou=threshold)
        content = written(folder)
        assert content.keys() == expected.keys()
        assert [name for name in content if content[name] != expected[name]] == []


@pytest.mark.parametrize(("workers", "data_rows"), [(2, True), (3, False)])
def test_workers_change_nothing(inputs: dict[str, Path], tmp_path: Path, workers: int, data_rows: bool) -> None:
    settings: dict[str, Any] = {"buffer": 5.0, "missing_ground_truth": "empty", "iou": 0.4}
    settings |= {"data_rows": inputs["rows"]} if data_rows else {}
    for name in ("memory", "ranges"):
        (tmp_path / name).mkdir()
    in_memory(tmp_path / "memory", inputs, **settings)
    in_ranges(tmp_path / "ranges", inputs["truths"], inputs["guesses"], ranges=4, workers=workers, **settings)
    assert written(tmp_path / "ranges") == written(tmp_path / "memory")


def test_files_may_be_many_and_packed(inputs: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    in_memory(tmp_path / "memory", inputs, buffer=5.0)
    expected = written(tmp_path / "memory")
    lines = inputs["truths"].read_bytes().splitlines()
    shards = tmp_path / "shards"
    shards.mkdir()
    (shards / "a.ndjson").write_bytes(b"\n".join(lines[:50]))
    (shards / "b.ndjson.gz").write_bytes(gzip.compress(b"\r\n".join(lines[50:70])))
    with pa.CompressedOutputStream(str(shards / "c.jsonl.zst"), "zstd") as stream:
        stream.write(b"\n\n".join(lines[70:120]))
    (shards / "d.json").write_bytes(b"[" + b",\n".join(lines[120:]) + b"]")
    (shards / "notes.txt").write_text("no annotations")
    for truths in (shards, str(shards / "?.*"), [shards / "d.json", shards / "a.ndjson", shards / "[bc].*"]):
        folder = tmp_path / "found"
        folder.mkdir()
        in_ranges(folder, truths, inputs["guesses"], ranges=5, buffer=5.0)
        assert written(folder) == expected
        for file in sorted(folder.rglob("*"), reverse=True):
            file.rmdir() if file.is_dir() else file.unlink()
        folder.rmdir()
    with pytest.raises(lm.InputError, match="there are no files of ground truth"):
        evaluate_files(tmp_path / "*.none", inputs["guesses"])
    with pytest.raises(lm.InputError, match="No such file"):
        evaluate_files(tmp_path / "none", inputs["guesses"])


@pytest.mark.filterwarnings("ignore:.*is given as ground truth and as predictions")
def test_parquet_is_read(tmp_path: Path) -> None:
    rows = [
        {
            "dataRow": {"globalKey": f"row {n % 7}"},
            "name": "cat",
            "bbox": {"top": 0.0, "left": float(n), "height": 9.0, "width": 9.0},
        }
        for n in range(50)
    ]
    (tmp_path / "lines.ndjson").write_bytes(ndjson(*rows))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "lines.parquet")
    of_lines, of_table = (
        evaluate_files(tmp_path / name, tmp_path / name, ranges=3) for name in ("lines.ndjson", "lines.parquet")
    )
    assert of_lines.summary() == of_table.summary()
    assert of_lines.manifest == of_table.manifest


@pytest.mark.parametrize("missing", [("skip", "empty"), ("empty", "skip"), ("skip", "skip")])
def test_rows_of_one_side_are_left_out(tmp_path: Path, missing: tuple[str, str]) -> None:
    def line(row: int, name: str, **more: Any) -> dict[str, Any]:
        box = {"top": 0, "left": 0, "height": 9, "width": 9}
        return {"dataRow": {"id": f"r{row}"}, "name": name, "bbox": box, **more}

    files = {"truths": tmp_path / "truths.ndjson", "guesses": tmp_path / "guesses.ndjson"}
    files["truths"].write_bytes(ndjson(line(1, "a"), line(2, "b")))
    files["guesses"].write_bytes(ndjson(line(2, "b", confidence=0.5), line(3, "c", confidence=0.9)))
    settings: dict[str, Any] = dict(zip(("missing_ground_truth", "missing_predictions"), missing, strict=True))
    settings["confidences"] = "auto"
    for name in ("memory", "ranges"):
        (tmp_path / name).mkdir()
    in_memory(tmp_path / "memory", files, **settings)
    in_ranges(tmp_path / "ranges", files["truths"], files["guesses"], ranges=3, **settings)
    assert written(tmp_path / "ranges") == written(tmp_path / "memory")


def test_what_is_wrong_is_told_as_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "SOURCE_BYTES", 300)
    box = {"top": 0, "left": 0, "height": 9, "width": 9}

    def line(row: int, **more: Any) -> dict[str, Any]:
        return {"dataRow": {"id": f"r{row:02d}"}, "name": "cat", "bbox": box, **more}

    truths, guesses = tmp_path / "truths.ndjson", tmp_path / "guesses.ndjson"
    good = [line(n) for n in range(20)]
    truths.write_bytes(ndjson(*good))

    def both(content: bytes, **settings: Any) -> tuple[str, str]:
        guesses.write_bytes(content)
        output = tmp_path / "metrics.ndjson"
        found = []
        for call in (
            lambda: lm.evaluate(truths, guesses, **settings).write_ndjson(output),
            lambda: evaluate_files(truths, guesses, outputs=[output], ranges=4, **settings),
        ):
            with pytest.raises(lm.LabelmetricsError) as caught:
                call()
            found.append(str(caught.value))
            assert {file.name for file in tmp_path.iterdir()} <= {"truths.ndjson", "guesses.ndjson", "refused.ndjson"}
        return found[0], found[1]

    for content, settings in (
        (ndjson(*good[:13], b"{", *good[13:], line(7, name=3)), {}),
        (ndjson(*good, line(33), line(21), line(21)), {}),
        (ndjson(*good[3:8]), {"missing_predictions": "error"}),
        (ndjson(*good, {"dataRow": {"id": "r01"}, "name": "cat", "answer": "miaow"}), {}),
        (ndjson(*good), {"confidences": "auto"}),
        (ndjson(*(line(0, name=f"n{n}") for n in range(30))), {}),
        (ndjson(*good), {"custom": [lambda t, g: 1 / 0]}),
        (ndjson(*good), {"iou": 7}),
    ):
        expected, found = both(content, **settings)
        assert found == expected
    bad = ndjson(*good[:13], b"{", *good[13:], line(7, name=3))
    guesses.write_bytes(bad)
    with pytest.warns(lm.LabelmetricsWarning, match="2 lines passed over, the first: .*guesses.ndjson:14"):
        evaluate_files(truths, guesses, ranges=4, on_bad_line="skip", bad_lines=tmp_path / "refused.ndjson")
    assert [json.loads(one)["line"] for one in (tmp_path / "refused.ndjson").read_bytes().splitlines()] == [14, 22]


def test_sides_that_look_mistaken_are_told_as_in_memory(tmp_path: Path) -> None:
    box = {"top": 0, "left": 0, "height": 9, "width": 9}
    line = {"dataRow": {"id": "a"}, "name": "cat", "bbox": box}
    contents = {
        "plain": ndjson(line),
        "scored": ndjson({**line, "confidence": 0.5}),
        "metrics": ndjson({"dataRow": {"id": "a"}, "metricName": "m", "metricValue": 1}),
        "empty": b"",
    }
    files = {name: tmp_path / f"{name}.ndjson" for name in contents}
    for name, content in contents.items():
        files[name].write_bytes(content)
    for sides, expected in (
        (("scored", "plain"), "are the two sides swapped"),
        (("plain", "metrics"), "metrics.ndjson: holds no annotations, only metric lines"),
        (("empty", "empty"), "empty.ndjson: is given as ground truth and as predictions"),
    ):
        told = []
        for call in (lm.evaluate, evaluate_files):
            with pytest.warns(lm.LabelmetricsWarning) as caught:
                call(*(files[side] for side in sides))
            told.append([str(one.message) for one in caught])
            assert {one.filename for one in caught} == {__file__}
        assert told[0] == told[1]
        assert expected in told[0][0]


def test_files_of_other_formats_are_refused(tmp_path: Path) -> None:
    lines, coco, export = (tmp_path / name for name in ("lines.ndjson", "coco.json", "export.ndjson"))
    lines.write_bytes(ndjson({"dataRow": {"id": "a"}, "name": "nose", "point": {"x": 0, "y": 0}}))
    coco.write_text('{"images": [], "categories": [], "annotations": []}')
    export.write_text('{"data_row": {"id": "a"}, "projects": {}}')
    (tmp_path / "x.lmeval").mkdir()
    for side, expected in (
        (coco, "coco.json: a COCO file can only be read into memory as a whole"),
        ([lines, export], "export.ndjson: an export of the platform can only be read into memory"),
        (tmp_path / "x.lmeval", "x.lmeval: is an evaluation file, not a folder of predictions"),
    ):
        with pytest.raises(lm.InputError, match=expected):
            evaluate_files(lines, side)


def test_outputs_that_cannot_be_written_are_told_at_once(inputs: dict[str, Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy.ndjson"
    copy.write_bytes(inputs["truths"].read_bytes())
    (tmp_path / "x.lmeval").mkdir()
    for output, expected in (
        (copy, "is an input, so it is not written over"),
        (tmp_path / "none" / "x.ndjson", "none does not exist"),
        (tmp_path / "x.lmeval" / "y.ndjson", "lies within the evaluation file"),
        (tmp_path / "x.txt", "an output ends in"),
    ):
        with pytest.raises(lm.LabelmetricsError, match=expected):
            evaluate_files(tmp_path / "c*.ndjson", inputs["guesses"], outputs=[output])
        assert sorted(file.name for file in tmp_path.iterdir()) == ["copy.ndjson", "x.lmeval"]


def test_warnings_are_told_once(tmp_path: Path) -> None:
    points = [{"dataRow": {"id": f"r{n}"}, "name": "nose", "point": {"x": n, "y": 0}} for n in range(9)]
    file = tmp_path / "points.ndjson"
    file.write_bytes(ndjson(*points))
    (tmp_path / "same.ndjson").write_bytes(file.read_bytes())
    with pytest.warns(lm.LabelmetricsWarning, match="widened by 70 pixels") as caught:
        evaluate_files(file, tmp_path / "same.ndjson", ranges=4)
    assert len(caught) == 1


@pytest.mark.parametrize("name", ["x.arrow", None])
def test_files_that_fail_are_named(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str | None
) -> None:
    """Not the output that is written meanwhile."""
    from labelmetrics import ranged

    def failing(job: Any, bucket: int) -> Any:
        raise OSError(28, "No space left on device", name)

    monkeypatch.setattr(ranged, "evaluate_range", failing)
    wanted = "^x.arrow: No space" if name else "^[0-9]+ data rows? from .*: No space"
    with pytest.raises(lm.InputError, match=wanted):
        in_ranges(tmp_path, inputs["truths"], inputs["guesses"], buffer=5.0, ranges=2)
    assert list(tmp_path.iterdir()) == []


def test_killed_it_goes_on(inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was done is not done again, and the result is the same."""
    from labelmetrics import ranged, workspace

    for name in ("memory", "ranges"):
        (tmp_path / name).mkdir()
    settings: dict[str, Any] = {"buffer": 5.0, "ranges": 5}
    in_memory(tmp_path / "memory", inputs, buffer=5.0)
    done: list[int] = []
    evaluate_range = ranged.evaluate_range

    def dying(job: Any, bucket: int) -> Any:
        done.append(bucket)
        if len(done) == 3:
            raise KeyboardInterrupt
        return evaluate_range(job, bucket)

    monkeypatch.setattr(ranged, "evaluate_range", dying)
    sides = inputs["truths"], inputs["guesses"]
    # Nothing is left behind by an interrupt. A kill cannot tidy up.
    with pytest.raises(KeyboardInterrupt):
        in_ranges(tmp_path / "ranges", *sides, **settings)
    assert written(tmp_path / "ranges") == {}
    assert list((tmp_path / "ranges").iterdir()) == []
    done.clear()
    with monkeypatch.context() as patch:
        patch.setattr(workspace, "remove", lambda folder: None)
        with pytest.raises(KeyboardInterrupt):
            in_ranges(tmp_path / "ranges", *sides, **settings)
    for other in ({"iou": 0.9}, {"data_rows": inputs["rows"]}, {"bad_lines": tmp_path / "refused.ndjson"}):
        with pytest.raises(lm.SettingError, match="other files or other settings"):
            in_ranges(tmp_path / "ranges", *sides, resume=True, **{**settings, **other})
    # Refusing to go on must not have thrown away what was done.
    done[:] = [-1] * 9
    in_ranges(tmp_path / "ranges", *sides, resume=True, **settings)
    assert done[9:] == [2, 3, 4]
    assert written(tmp_path / "ranges") == written(tmp_path / "memory")
    with pytest.raises(lm.SettingError, match="nothing to resume"):
        in_ranges(tmp_path / "ranges", *sides, resume=True, **settings)


def test_foreign_folders_are_not_touched(inputs: dict[str, Path], tmp_path: Path) -> None:
    mine = tmp_path / "labelmetrics-ranges"
    mine.mkdir()
    (mine / "diary.txt").write_text("dear diary")
    with pytest.raises(lm.InputError, match="holds no intermediate files"):
        evaluate_files(inputs["truths"], inputs["guesses"], tmp=tmp_path)
    assert (mine / "diary.txt").read_text() == "dear diary"
