from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import shapely

from labelmetrics.errors import SettingError
from labelmetrics.kernels import rle
from labelmetrics.sample import write_sample


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> dict[str, list[dict]]:
    files = write_sample(tmp_path_factory.mktemp("sample"), rows=300, seed=3)
    return {name: lines(path) for name, path in files.items()}


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    program = "import sys; from labelmetrics.sample import write_sample as w; w(sys.argv[1], 40, 7)"
    first = write_sample(tmp_path / "a", 40, 7)
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "b")], check=True)
    other = write_sample(tmp_path / "c", 40, 8)
    for name, path in first.items():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
        assert path.read_bytes() != other[name].read_bytes()


def test_a_smaller_sample_is_the_start_of_a_larger_one(tmp_path):
    small, large = write_sample(tmp_path / "a", 10), write_sample(tmp_path / "b", 20)
    for name, path in small.items():
        assert large[name].read_bytes().startswith(path.read_bytes())


def test_nothing_is_overwritten_unless_asked(tmp_path):
    files = write_sample(tmp_path, 5)
    before = files["predictions"].read_bytes()
    files["data_rows"].unlink()
    with pytest.raises(SettingError, match=r"ground_truth\.ndjson, predictions\.ndjson"):
        write_sample(tmp_path, 5, 1)
    assert files["predictions"].read_bytes() == before
    assert not files["data_rows"].exists()
    write_sample(tmp_path, 5, 1, overwrite=True)
    assert files["predictions"].read_bytes() != before
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in files.values())


def test_wrong_settings(tmp_path):
    with pytest.raises(SettingError, match="negative"):
        write_sample(tmp_path, -1)
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match="cannot be written"):
        write_sample(tmp_path / "file" / "folder", 1)


def test_no_rows(tmp_path):
    assert {path.read_bytes() for path in write_sample(tmp_path, 0).values()} == {b""}


def test_every_kind_is_there(sample):
    for side in ("ground_truth", "predictions"):
        kinds = Counter(
            key
            for line in sample[side]
            for key in ("bbox", "polygon", "mask", "location", "answer", "classifications")
            if key in line
        )
        assert min(kinds.values()) > 20
        assert len(kinds) == 6
        answers = {type(line["answer"]) for line in sample[side] if "answer" in line}
        assert answers == {dict, list, str}


def test_data_rows(sample):
    rows = {row["globalKey"]: row for row in sample["data_rows"]}
    assert len(rows) == 300
    assert set(next(iter(rows.values()))) == {"id", "globalKey", "mediaPath", "width", "height", "split", "metadata"}
    assert {row["split"] for row in rows.values()} == {"TRAINING", "VALIDATION", "TEST"}
    used = {line["dataRow"]["globalKey"] for line in sample["ground_truth"] + sample["predictions"]}
    assert used < set(rows)
    objects = {line["dataRow"]["globalKey"] for line in sample["ground_truth"] if "answer" not in line}
    assert len(used - objects) > 5


def test_geometries_are_sound(sample):
    for line in sample["ground_truth"] + sample["predictions"]:
        if "bbox" in line:
            box = line["bbox"]
            assert box["width"] > 0
            assert box["height"] > 0
            assert 0 <= box["left"] <= box["left"] + box["width"] <= 640.2
            assert 0 <= box["top"] <= box["top"] + box["height"] <= 480.2
        if "polygon" in line:
            assert shapely.Polygon([(corner["x"], corner["y"]) for corner in line["polygon"]]).is_valid
        if "location" in line:
            assert 0 <= line["location"]["start"] < line["location"]["end"]
    masks = [line["mask"] for side in ("ground_truth", "predictions") for line in sample[side] if "mask" in line]
    checked = rle.check([mask["counts"] for mask in masks], np.array([mask["size"] for mask in masks]))
    assert checked.problems == {}
    assert (checked.area > 0).all()


def test_predictions_have_confidences_and_ground_truths_have_none(sample):
    assert not any("confidence" in json.dumps(line) for line in sample["ground_truth"])
    for line in sample["predictions"]:
        answers = line["answer"] if isinstance(line.get("answer"), list) else [line.get("answer")]
        given = [one["confidence"] for one in answers if isinstance(one, dict)] or [line["confidence"]]
        assert all(0 <= one <= 1 for one in given)


def test_identities_are_unique(sample):
    everything = sample["ground_truth"] + sample["predictions"]
    assert len({line["uuid"] for line in everything}) == len(everything)


def test_confident_predictions_are_more_often_right(sample):
    truth: dict[tuple[str, str], list] = {}
    for line in sample["ground_truth"]:
        if "bbox" in line:
            truth.setdefault((line["dataRow"]["globalKey"], line["name"]), []).append(corners(line["bbox"]))
    right: dict[bool, list[bool]] = {True: [], False: []}
    for line in sample["predictions"]:
        if "bbox" in line:
            boxes = truth.get((line["dataRow"]["globalKey"], line["name"]), [])
            found = any(overlap(corners(line["bbox"]), box) > 0.5 for box in boxes)
            right[line["confidence"] > 0.6].append(found)
    assert np.mean(right[True]) > 0.85
    assert np.mean(right[False]) < 0.6


def corners(box: dict) -> tuple[float, float, float, float]:
    return box["left"], box["top"], box["left"] + box["width"], box["top"] + box["height"]


def overlap(one: tuple, other: tuple) -> float:
    return shapely.box(*one).intersection(shapely.box(*other)).area / shapely.box(*one).union(shapely.box(*other)).area


def test_progress_is_told(tmp_path):
    told: list[tuple[str, float]] = []
    write_sample(tmp_path, rows=250, progress=lambda *step: told.append(step))
    assert told == [("drawing", 0.0), ("drawing", 0.4), ("drawing", 0.8)]
