from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelmetrics.errors import InputError, SettingError
from labelmetrics.formats.coco import read_ground_truth, read_results
from labelmetrics.kernels.batch import DataRowKey, Kind

coco_mask = pytest.importorskip("pycocotools.mask")


def ground_truth(**changes: Any) -> dict[str, Any]:
    return {
        "images": [
            {"id": 1, "file_name": "a.jpg", "width": 3, "height": 2, "weather": "rain"},
            {"id": 2, "file_name": "b.jpg", "width": 10, "height": 10},
            {"id": 3},
        ],
        "categories": [{"id": 7, "name": "cat"}, {"id": 9, "name": "dog"}],
        "annotations": [
            {
                "id": 1,
                "image_id": 1,
                "category_id": 9,
                "bbox": [1, 0, 2, 2],
                "area": 4,
                "iscrowd": 1,
                "segmentation": {"size": [2, 3], "counts": [2, 4]},
            },
            {
                "id": 2,
                "image_id": 2,
                "category_id": 7,
                "bbox": [1.5, 2, 4, 3.25],
                "segmentation": [[1, 1, 5, 1, 5, 5, 1, 5], [6, 6, 9, 6, 9, 9, 6, 9]],
            },
        ],
    } | changes


def detections() -> list[dict[str, Any]]:
    return [
        {"image_id": 1, "category_id": 7, "bbox": [0, 0, 1, 1], "score": 0.25},
        {"image_id": 2, "category_id": 9, "bbox": [1, 1, 1, 1], "score": 1},
    ]


@pytest.fixture
def write(tmp_path: Path):
    def write(content: Any, name: str = "file.json") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    return write


def faults(call, *args: Any, **settings: Any) -> dict[str | None, str]:
    with pytest.raises(InputError) as caught:
        call(*args, **settings)
    assert all(fault.file for fault in caught.value.faults)
    return {fault.path: fault.rule for fault in caught.value.faults}


def annotation_faults(write, *annotations: dict[str, Any], geometry: str = "bbox") -> dict[str | None, str]:
    sound = {"image_id": 2, "category_id": 7, "bbox": [0, 0, 1, 1]}
    document = ground_truth(annotations=[sound | one for one in annotations])
    return faults(read_ground_truth, write(document), geometry)


# ------------------------------------------------------------------------------------------------------ what is read


def test_boxes_of_ground_truth(write):
    columns, data_rows = read_ground_truth(write(ground_truth()))
    assert columns.data_row.decode() == [DataRowKey("globalKey", "1"), DataRowKey("globalKey", "2")]
    assert columns.name.decode() == ["dog", "cat"]
    assert columns.box.tolist() == [[1, 0, 3, 2], [1.5, 2, 5.5, 5.25]]
    assert columns.kind.tolist() == [Kind.BOX, Kind.BOX]
    assert columns.area.tolist()[0] == 4
    assert np.isnan(columns.area[1])
    assert columns.crowd.tolist() == [True, False]
    assert np.isnan(columns.confidence).all()
    assert [key.value for key in columns.listed] == ["1", "2", "3"]
    rows = data_rows.to_pylist()
    assert rows[0] == {
        "id": None,
        "globalKey": "1",
        "media_path": "a.jpg",
        "width": 3,
        "height": 2,
        "split": None,
        "metadata": '{"weather":"rain"}',
    }
    assert rows[2]["width"] is None
    assert rows[2]["metadata"] is None


def test_masks_of_ground_truth(write):
    columns, _ = read_ground_truth(write(ground_truth()), "segm")
    assert columns.kind.tolist() == [Kind.MASK, Kind.MASK]
    assert columns.shape.tolist() == [0, 1]
    assert columns.shapes.masks[0] == {"size": [2, 3], "counts": b"24"}
    assert columns.box.tolist() == [[1, 0, 3, 2], [1, 1, 9, 9]]
    drawn = coco_mask.decode(columns.shapes.masks[1])
    assert drawn.shape == (10, 10)
    assert drawn.sum() == 4 * 4 + 3 * 3


def test_results(write):
    _, data_rows = read_ground_truth(write(ground_truth()))
    columns = read_results(write(detections()), data_rows)
    assert columns.name.decode() == ["cat", "dog"]
    assert columns.confidence.tolist() == [0.25, 1.0]
    assert columns.box.tolist() == [[0, 0, 1, 1], [1, 1, 2, 2]]
    assert columns.listed == []
    assert len(read_results(write([]), data_rows)) == 0
    assert len(read_results(write([]), data_rows, "segm")) == 0


def test_a_box_comes_from_the_mask_where_only_that_is_given(write):
    _, data_rows = read_ground_truth(write(ground_truth()))
    encoded = {"size": [2, 3], "counts": "24"}
    only_mask = {"image_id": 1, "category_id": 7, "segmentation": encoded, "score": 0.5}
    unsized = only_mask | {"image_id": 3}
    columns = read_results(write([*detections(), only_mask, unsized]), data_rows)
    assert columns.box.tolist()[2:] == [[1, 0, 3, 2]] * 2
    assert (columns.kind == Kind.BOX).all()


def test_ids_may_be_text(write):
    document = ground_truth(
        images=[{"id": "one"}], annotations=[{"image_id": "one", "category_id": "7", "bbox": [0, 0, 1, 1]}]
    )
    columns, _ = read_ground_truth(write(document))
    assert columns.data_row.decode() == [DataRowKey("globalKey", "one")]
    assert columns.name.decode() == ["cat"]


@pytest.mark.parametrize("packed", ["gzip", "zstd", "bom"])
def test_compressed_files_and_byte_order_mark(write, packed):
    import pyarrow as pa

    data = json.dumps(ground_truth()).encode()
    data = {
        "gzip": gzip.compress(data[:100]) + gzip.compress(data[100:]),
        "zstd": pa.compress(data, "zstd", asbytes=True),
        "bom": b"\xef\xbb\xbf" + data,
    }[packed]
    columns, _ = read_ground_truth(write(data))
    assert len(columns) == 2


def test_standard_input(write):
    program = "from labelmetrics.formats.coco import read_ground_truth as r; print(len(r('-')[0]))"
    data = json.dumps(ground_truth()).encode()
    done = subprocess.run([sys.executable, "-c", program], input=data, capture_output=True, check=True)
    assert done.stdout.strip() == b"2"


def test_an_empty_ground_truth_lists_its_images(write):
    for geometry in ("bbox", "segm"):
        columns, _ = read_ground_truth(write(ground_truth(annotations=[])), geometry)
        assert len(columns) == 0
        assert len(columns.listed) == 3


# --------------------------------------------------------------------------------------------------------- bad input


def test_unreadable_files(write, tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_ground_truth(tmp_path / "absent.json")
    assert faults(read_ground_truth, write(b"")) == {None: "empty"}
    assert faults(read_ground_truth, write(b" \r\n")) == {None: "empty"}
    assert faults(read_ground_truth, write(b'{"images": [}')) == {None: "syntax"}
    assert faults(read_ground_truth, write(b'{"images": "\xff"}')) == {None: "syntax"}
    assert faults(read_ground_truth, write(b'{"images": NaN}')) == {None: "syntax"}
    packed = gzip.compress(json.dumps(ground_truth()).encode())
    assert faults(read_ground_truth, write(packed[:20] + b"garbage")) == {None: "decompression"}


def test_a_decompression_bomb_is_refused(write, monkeypatch):
    from labelmetrics.formats import _source

    monkeypatch.setattr(_source, "_BOMB_SIZE", 1 << 20)
    assert faults(read_ground_truth, write(gzip.compress(bytes(1 << 25)))) == {None: "decompression"}


def test_ground_truth_and_results_are_told_apart(write):
    _, data_rows = read_ground_truth(write(ground_truth()))
    with pytest.raises(InputError, match="a list is a COCO results file"):
        read_ground_truth(write(detections()))
    with pytest.raises(InputError, match=r"annotations\[0\].score: missing"):
        read_results(write(ground_truth()), data_rows)
    with pytest.raises(InputError, match="nothing of COCO is"):
        read_ground_truth(write(b'"text"'))
    with pytest.raises(InputError, match="expected a list of detections"):
        read_results(write(b'"text"'), data_rows)


def test_results_may_be_the_annotations_of_an_object(write):
    _, data_rows = read_ground_truth(write(ground_truth()))
    listed = read_results(write(detections()), data_rows)
    wrapped = read_results(write({"annotations": detections(), "images": []}), data_rows)
    assert wrapped.box.tolist() == listed.box.tolist()


def test_wrong_settings(write):
    _, data_rows = read_ground_truth(write(ground_truth()))
    with pytest.raises(SettingError, match="geometry"):
        read_ground_truth(write(ground_truth()), "keypoints")  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="read_ground_truth"):
        read_results(write([]), data_rows.replace_schema_metadata(None))


def test_missing_sections_and_rows_that_are_no_objects(write):
    assert faults(read_ground_truth, write({"images": {}})) == {
        "$.images": "type",
        "$.categories": "type",
        "$.annotations": "type",
    }
    document = ground_truth()
    document["annotations"].insert(0, 5)
    document["annotations"][1]["bbox"] = "1 2 3 4"
    assert faults(read_ground_truth, write(document)) == {"$.annotations[0]": "type", "$.annotations[1].bbox": "type"}


def test_images_and_categories(write):
    images = [
        {"id": 1, "width": "3", "height": 2.5},
        {"id": 1, "file_name": 7},
        {"id": True},
        {},
        {"id": ""},
        {"id": 4, "width": 0, "height": 10**10},
    ]
    categories = [{"id": 7, "name": "cat"}, {"id": 8, "name": "cat"}, {"id": 9, "name": None}, {"id": 7, "name": "cat"}]
    path = write(ground_truth(images=images, categories=categories, annotations=[]))
    assert faults(read_ground_truth, path) == {
        "$.images[0].width": "type",
        "$.images[0].height": "type",
        "$.images[1].id": "duplicate-id",
        "$.images[1].file_name": "type",
        "$.images[2].id": "type",
        "$.images[3].id": "type",
        "$.images[4].id": "type",
        "$.images[5].width": "type",
        "$.images[5].height": "type",
        "$.categories[1].name": "duplicate-name",
        "$.categories[2].name": "type",
        "$.categories[3].id": "duplicate-id",
    }
    with pytest.raises(InputError, match='categories 7 and 8 are both named "cat"'):
        read_ground_truth(path)


def test_annotations(write):
    assert annotation_faults(
        write,
        {"bbox": [0, 0, -1, 1]},
        {"bbox": [0, 0, 1]},
        {"bbox": ["0", 0, 1, 1]},
        {"bbox": None},
        {"bbox": [True, 0, 1, 1]},
        {"image_id": 5},
        {"category_id": None},
        {"area": -1},
        {"area": "4"},
        {"iscrowd": 2},
        {"iscrowd": "1"},
        {"bbox": [1e308, 0, 1e308, 1], "area": None, "iscrowd": None},
    ) == {
        "$.annotations[0].bbox": "negative-size",
        "$.annotations[1].bbox": "type",
        "$.annotations[2].bbox": "type",
        "$.annotations[3].bbox": "missing",
        "$.annotations[4].bbox": "type",
        "$.annotations[5].image_id": "unknown-id",
        "$.annotations[6].category_id": "type",
        "$.annotations[7].area": "range",
        "$.annotations[8].area": "type",
        "$.annotations[9].iscrowd": "type",
        "$.annotations[10].iscrowd": "type",
        "$.annotations[11].bbox": "range",
    }


def test_scores_and_unknown_ids_of_results(write):
    _, data_rows = read_ground_truth(write(ground_truth()))
    sound = detections()[0]
    path = write([sound | change for change in ({"score": 1.5}, {"score": -0.1}, {"score": "0.5"}, {"image_id": 8})])
    assert faults(read_results, path, data_rows) == {
        "$[0].score": "range",
        "$[1].score": "range",
        "$[2].score": "type",
        "$[3].image_id": "unknown-id",
    }
    del sound["score"]
    assert faults(read_results, write([sound]), data_rows) == {"$[0].score": "missing"}


def test_segmentations(write):
    assert annotation_faults(
        write,
        {"segmentation": []},
        {"segmentation": "24"},
        {"segmentation": [[0, 0, 1, 1]]},
        {"segmentation": [[0, 0, 1, 1, 1, 0, 0]]},
        {"segmentation": [[0, 0, 1, 1, 1, "0"]]},
        {"segmentation": [[0, 0, 1, 1, 1, 1e6]]},
        {"segmentation": [{"x": 1}]},
        {"segmentation": {"size": [2, 3], "counts": "24"}},
        {"segmentation": {"size": [10, 10], "counts": "24"}},
        {"segmentation": {"size": [10, 10], "counts": [50, 49]}},
        {"segmentation": {"size": [10, 10], "counts": [50, 50.0]}},
        {"segmentation": {"size": [10, 10], "counts": [-50, 150]}},
        {"segmentation": {"size": [10, 10], "counts": "\U0001f600"}},
        {"segmentation": {"size": [10, 10], "counts": "oooooooooooooooo"}},
        {"segmentation": {"size": [10], "counts": "24"}},
        {"image_id": 3, "segmentation": [[0, 0, 1, 1, 1, 0]]},
        {"image_id": 3, "segmentation": {"size": [10**12, 10**12], "counts": "24"}},
        geometry="segm",
    ) == {
        "$.annotations[0].segmentation": "missing",
        "$.annotations[1].segmentation": "type",
        "$.annotations[2].segmentation[0]": "type",
        "$.annotations[3].segmentation[0]": "type",
        "$.annotations[4].segmentation[0]": "type",
        "$.annotations[5].segmentation[0]": "range",
        "$.annotations[6].segmentation[0]": "type",
        "$.annotations[7].segmentation.size": "mask-size",
        "$.annotations[8].segmentation.counts": "rle",
        "$.annotations[9].segmentation.counts": "rle",
        "$.annotations[10].segmentation.counts": "type",
        "$.annotations[11].segmentation.counts": "rle",
        "$.annotations[12].segmentation.counts": "rle",
        "$.annotations[13].segmentation.counts": "rle",
        "$.annotations[14].segmentation": "type",
        "$.annotations[15].segmentation": "mask-size",
        "$.annotations[16].segmentation.counts": "rle",
    }


def test_boxes_alone_cannot_be_read_as_masks(write):
    _, data_rows = read_ground_truth(write(ground_truth()))
    with pytest.raises(InputError, match='geometry="bbox" reads boxes'):
        read_results(write(detections()), data_rows, "segm")


# --------------------------------------------------------------------------------------------------------- real data


@pytest.fixture
def val2014(shared: Path) -> Path:
    return shared / "coco_val2014_100"


def test_real_boxes(val2014):
    path = val2014 / "instances_val2014_100.json"
    columns, data_rows = read_ground_truth(path)
    document = json.loads(path.read_text())
    names = {one["id"]: one["name"] for one in document["categories"]}
    assert len(columns) == 839
    assert len(set(columns.name.decode())) == 70
    assert columns.crowd.sum() == 9
    assert data_rows.num_rows == len(columns.listed) == 100
    for position, one in enumerate(document["annotations"]):
        left, top, width, height = one["bbox"]
        assert columns.box[position].tolist() == [left, top, left + width, top + height]
        assert columns.area[position] == one["area"]
    assert columns.name.decode() == [names[one["category_id"]] for one in document["annotations"]]
    predictions = read_results(val2014 / "instances_val2014_fakebbox100_results.json", data_rows)
    assert len(predictions) == 734
    assert predictions.confidence.min() == 0.004


def test_real_masks_are_those_of_pycocotools(val2014, capsys):
    from pycocotools.coco import COCO

    path = val2014 / "instances_val2014_100.json"
    columns, data_rows = read_ground_truth(path, "segm")
    reference = COCO(str(path))
    for position, one in enumerate(reference.dataset["annotations"]):
        encoded = reference.annToRLE(one)
        mask = columns.shapes.masks[columns.shape[position]]
        assert mask["counts"] == encoded["counts"]
        left, top, width, height = coco_mask.toBbox(encoded)
        assert columns.box[position].tolist() == [left, top, left + width, top + height]
    results = val2014 / "instances_val2014_fakesegm100_results.json"
    loaded = json.loads(results.read_text())
    predictions = read_results(results, data_rows, "segm")
    assert [mask["counts"].decode() for mask in predictions.shapes.masks] == [
        one["segmentation"]["counts"] for one in loaded
    ]
    boxes = read_results(results, data_rows, "bbox")
    assert (boxes.box == predictions.box).all()


@pytest.mark.parametrize("name", ["instances", "rle"])
def test_files_of_the_platform(shared, name):
    for geometry in ("bbox", "segm"):
        columns, _ = read_ground_truth(shared / "labelbox_assets" / "coco" / f"{name}.json", geometry)
        assert len(columns) == {"instances": 62, "rle": 231}[name]


def test_panoptic_files_are_refused(shared):
    with pytest.raises(InputError) as caught:
        read_ground_truth(shared / "labelbox_assets" / "coco" / "panoptic.json")
    assert "$.annotations[0].bbox" in {fault.path for fault in caught.value.faults}
