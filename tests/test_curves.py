"""Curves of evaluations, on real data with known numbers and on small cases."""

import json

import numpy as np
import pytest

import labelmetrics as lm
from labelmetrics.curves import average_precision, best_confidence, calibration, precision_recall
from labelmetrics.errors import SettingError

PUBLISHED = {
    "bbox": "0.504581 0.696973 0.572982 0.585626 0.519400 0.501398 "
    "0.386813 0.593680 0.595353 0.639811 0.566421 0.564291",
    "segm": "0.319545 0.562288 0.298927 0.387374 0.310183 0.326934 "
    "0.268230 0.415449 0.416839 0.469450 0.376759 0.381472",
}


def label(row, *boxes):
    annotations = [
        lm.ObjectAnnotation(name=name, value=lm.Rectangle.from_xyhw(x, 0, 10, 10), confidence=confidence)
        for name, x, confidence in boxes
    ]
    return lm.Label(data=lm.ImageData(global_key=row), annotations=annotations)


@pytest.fixture
def small():
    truth = [label("a", ("cat", 0, None), ("cat", 100, None), ("dog", 200, None)), label("b", ("cat", 0, None))]
    guess = [label("a", ("cat", 0, 0.9), ("cat", 50, 0.6), ("cat", 102, 0.6)), label("b", ("dog", 0, 0.2))]
    return lm.evaluate(truth, guess)


@pytest.mark.parametrize("geometry", ["bbox", "segm"])
def test_the_twelve_numbers_of_real_data(shared, geometry, tmp_path):
    folder = shared / "coco_val2014_100"
    results = folder / f"instances_val2014_fake{geometry}100_results.json"
    evaluation = lm.evaluate(folder / "instances_val2014_100.json", results, geometry=geometry)
    numbers = average_precision(evaluation)
    assert [f"{value:.6f}" for value in numbers.values()] == PUBLISHED[geometry].split()
    evaluation.save(tmp_path / "x.lmeval")
    assert average_precision(lm.load(tmp_path / "x.lmeval")) == numbers


@pytest.mark.parametrize(("iou", "eleven", "every"), [(0.5, "0.886364", "0.895833"), (0.75, "0.492424", "0.509722")])
def test_pascal_voc_on_real_data(shared, iou, eleven, every):
    folder = shared / "padilla_toyexample"
    evaluation = lm.evaluate(
        next((folder / "gts_coco_format").iterdir()), next((folder / "dets_coco_format").iterdir())
    )
    for interpolation, expected in (("11-point", eleven), ("all-point", every)):
        found = average_precision(evaluation, iou=iou, interpolation=interpolation)
        assert f"{found['AP']:.6f}" == expected


def test_one_overlap_is_the_part_of_the_whole(shared):
    folder = shared / "coco_val2014_100"
    evaluation = lm.evaluate(
        folder / "instances_val2014_100.json", folder / "instances_val2014_fakebbox100_results.json"
    )
    whole = average_precision(evaluation)
    assert average_precision(evaluation, iou=0.5)["AP"] == pytest.approx(whole["AP50"], abs=1e-12)
    assert average_precision(evaluation, iou=0.75)["AP"] == pytest.approx(whole["AP75"], abs=1e-12)
    parts = [average_precision(evaluation, feature=feature)["AP"] for feature in evaluation.results.features]
    assert np.mean([part for part in parts if part > -1]) == pytest.approx(whole["AP"], abs=1e-12)


def test_ties_go_by_the_order_of_the_results(tmp_path):
    """Of two detections of equal score the first in the file chooses first, whatever their geometry."""
    truth = {
        "images": [{"id": 2, "width": 99, "height": 99}, {"id": 10, "width": 99, "height": 99}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"id": 1, "image_id": 2, "category_id": 1, "bbox": [0, 0, 10, 10], "area": 100, "iscrowd": 0}],
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    found = []
    for image in (2, 10):
        wrong = {"image_id": image, "category_id": 1, "bbox": [50, 50, 10, 10], "score": 0.5}
        right = {"image_id": 2, "category_id": 1, "bbox": [0, 0, 10, 10], "score": 0.5}
        for results in ([wrong, right], [right, wrong]):
            (tmp_path / "results.json").write_text(json.dumps(results))
            evaluation = lm.evaluate(tmp_path / "truth.json", tmp_path / "results.json")
            found.append(round(average_precision(evaluation)["AP"], 3))
    # In one image the order of the results decides; between images that of the images' numbers.
    assert found == [0.5, 1.0, 1.0, 1.0]


def test_precision_and_recall(small):
    curve = precision_recall(small, "cat")
    assert curve.confidence.tolist() == [0.9, 0.6]
    assert (curve.tp.tolist(), curve.fp.tolist(), curve.ground_truths) == ([1, 2], [0, 1], 3)
    assert curve.precision.tolist() == [1.0, 2 / 3]
    assert curve.recall.tolist() == [1 / 3, 2 / 3]
    assert curve.f1.tolist() == [0.5, 2 / 3]
    assert list(curve.to_pandas()["f1"]) == curve.f1.tolist()
    whole = precision_recall(small)
    assert (whole.tp.tolist(), whole.fp.tolist(), whole.ground_truths) == ([1, 2, 2], [0, 1, 2], 4)


def test_best_confidence(small):
    best = best_confidence(small)
    assert (best["cat"].confidence, best["cat"].f1) == (0.6, 2 / 3)
    assert best["dog"].confidence is None
    assert best["(all)"].confidence == 0.6


def test_calibration(small):
    found = calibration(small, bins=2)
    assert found.count.tolist() == [1, 3]
    np.testing.assert_allclose(found.confidence, [0.2, 0.7])
    np.testing.assert_allclose(found.precision, [0.0, 2 / 3])
    assert found.ece == pytest.approx((1 * 0.2 + 3 * (0.7 - 2 / 3)) / 4)
    empty = calibration(lm.evaluate([label("a", ("cat", 0, None))], []), bins=1)
    assert np.isnan(empty.ece)


def test_slices_and_unknown_things(small):
    assert average_precision(small.slice(["b"]), iou=0.5)["AP"] == 0.0
    for call in (
        lambda: average_precision(small, feature="cow"),
        lambda: average_precision(small, interpolation="linear"),
        lambda: average_precision(small, iou=1.0),
        lambda: best_confidence(small, by="recall"),
        lambda: calibration(small, bins=0),
    ):
        with pytest.raises(SettingError):
            call()
