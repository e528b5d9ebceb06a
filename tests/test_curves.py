"""Curves of evaluations, on real data with known numbers and on small cases."""

import contextlib
import io
import json
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

import labelmetrics as lm
from labelmetrics import average_precision, best_confidence, calibration, f1_curve, precision_recall
from labelmetrics.errors import InputError, SettingError

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


def read_padilla(folder):
    """Pascal VOC's XML and lines of "class confidence left top width height", as annotation lines."""
    truths, guesses = [], []
    for path in sorted((folder / "gts_vocpascal_format").iterdir()):
        for one in ElementTree.parse(path).iter("object"):
            left, top, right, bottom = (float(one.find(f"bndbox/{k}").text) for k in ("xmin", "ymin", "xmax", "ymax"))
            bbox = {"left": left, "top": top, "width": right - left, "height": bottom - top}
            truths.append({"dataRow": {"globalKey": path.stem}, "name": one.find("name").text, "bbox": bbox})
    for path in sorted((folder / "dets_classname_abs_xywh").iterdir()):
        for line in path.read_text().splitlines():
            name, *numbers = line.split()
            confidence, *box = map(float, numbers)
            bbox = dict(zip(("left", "top", "width", "height"), box, strict=True))
            guesses.append({"dataRow": {"globalKey": path.stem}, "name": name, "bbox": bbox, "confidence": confidence})
    return truths, guesses


@pytest.mark.parametrize("format", ["coco", "text"])
@pytest.mark.parametrize(("iou", "eleven", "every"), [(0.5, "0.886364", "0.895833"), (0.75, "0.492424", "0.509722")])
def test_pascal_voc_on_real_data(shared, iou, eleven, every, format):
    folder = shared / "padilla_toyexample"
    sides = read_padilla(folder)
    if format == "coco":
        sides = [next((folder / f"{side}_coco_format").iterdir()) for side in ("gts", "dets")]
    evaluation = lm.evaluate(*sides, missing_ground_truth="empty")
    for interpolation, expected in (("11-point", eleven), ("all-point", every)):
        found = average_precision(evaluation, iou=iou, interpolation=interpolation)
        assert f"{found['AP']:.6f}" == expected


# Whole numbers and few scores, so that ties are common; the last category has ground truth in no example.
BOX = st.tuples(*[st.integers(0, 6)] * 2, *[st.integers(1, 5)] * 2, st.sampled_from([1, 8, 40])).map(
    lambda b: [b[0], b[1], b[2] * b[4], b[3] * b[4]]
)
PLACE = {"image_id": st.sampled_from([2, 10, 9, 31]), "bbox": BOX}
TRUTH = st.fixed_dictionaries({**PLACE, "category_id": st.integers(1, 3), "iscrowd": st.sampled_from([0, 0, 0, 1])})
GUESS = st.fixed_dictionaries(
    {**PLACE, "category_id": st.integers(1, 4), "score": st.sampled_from([0, 0.25, 0.5, 1.0])}
)


@given(st.lists(TRUTH, max_size=12), st.lists(GUESS, min_size=1, max_size=20), st.sets(PLACE["image_id"], min_size=1))
def test_files_give_the_numbers_of_pycocotools(truths, guesses, chosen):
    annotations = [
        {**one, "id": n, "area": one["bbox"][2] * one["bbox"][3] * (0.6 if n % 3 else 1)}
        for n, one in enumerate(truths, 1)
    ]
    dataset = {
        "info": {},
        "images": [{"id": image, "width": 500, "height": 500} for image in (31, 2, 9, 10)],
        "categories": [{"id": one, "name": f"class {one}"} for one in range(1, 5)],
        "annotations": annotations,
    }
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        files = [Path(folder, name) for name in ("truth.json", "results.json")]
        for path, content in zip(files, (dataset, guesses), strict=True):
            path.write_text(json.dumps(content))
        evaluation = lm.evaluate(*files)
        evaluation.save(Path(folder, "x.lmeval"))
        saved = lm.load(Path(folder, "x.lmeval"))
        coco = COCO(files[0])
        for part, images in (
            *((one, [2, 9, 10, 31]) for one in (evaluation, saved)),
            *((one.slice(map(str, chosen)), sorted(chosen)) for one in (evaluation, saved)),
        ):
            judge = COCOeval(coco, coco.loadRes(json.loads(json.dumps(guesses))), "bbox")
            judge.params.imgIds = images
            judge.evaluate()
            judge.accumulate()
            judge.summarize()
            found = average_precision(part)
            np.testing.assert_allclose(list(found.values()), judge.stats, rtol=0, atol=1e-9)
            for category, name in enumerate(part.results.features):
                own = judge.eval["precision"][:, :, int(name[-1]) - 1, 0, 2]
                own = own[own > -1].mean() if (own > -1).any() else -1
                assert average_precision(part, feature=name)["AP"] == pytest.approx(own, abs=1e-9), category


@pytest.mark.parametrize("matching", ["platform", "coco"])
def test_saved_evaluations_have_the_same_curves(tmp_path, matching):
    """Objects and answers of all kinds, whole and in slices: from the comparison and from the tables."""
    for seed in range(4):
        sides = datasets.dataset(seed, coarse=True, scored=True, rows=8)
        if seed % 2:
            # Their order means nothing, that of labels settles ties.
            sides = map(datasets.lines_of, sides)
        evaluation = lm.evaluate(*sides, buffer=5.0, matching=matching)
        evaluation.save(tmp_path / f"{seed}.lmeval")
        saved = lm.load(tmp_path / f"{seed}.lmeval")
        rows = evaluation.results.rows
        for part in (rows, rows[1::2], rows[:1], []):
            one, two = evaluation.slice(part), saved.slice(part)
            assert average_precision(one) == average_precision(two)
            assert best_confidence(one) == best_confidence(two)
            for feature in (None, *one.results.features):
                assert average_precision(one, feature=feature, iou=0.3) == average_precision(
                    two, feature=feature, iou=0.3
                )
                assert precision_recall(one, feature).to_pandas().equals(precision_recall(two, feature).to_pandas())
                np.testing.assert_equal(calibration(one, feature).ece, calibration(two, feature).ece)


@pytest.mark.parametrize(("table", "name"), [("objects", "feature"), ("objects", "data_row"), ("pairs", "prediction")])
def test_tables_that_do_not_fit_together_are_told(small, tmp_path, table, name):
    small.save(tmp_path / "x.lmeval")
    file = tmp_path / "x.lmeval" / f"{table}.parquet"
    content = pq.read_table(file)
    wrong = pa.array([99 if table == "pairs" else "unknown"] * len(content), content.schema.field(name).type)
    pq.write_table(content.set_column(content.column_names.index(name), name, wrong), file)
    with pytest.raises(InputError, match=r"x\.lmeval: its tables do not fit together"):
        average_precision(lm.load(tmp_path / "x.lmeval"))


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
    assert f1_curve(small, "cat").f1.tolist() == curve.f1.tolist()
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


def test_answers_count_only_where_there_are_no_objects(small):
    def weather(row, answer, confidence=None):
        value = lm.Radio(answer=lm.ClassificationAnswer(name=answer, confidence=confidence))
        annotations = [lm.ClassificationAnnotation(name="weather", value=value)]
        return lm.Label(data=lm.ImageData(global_key=row), annotations=annotations)

    truth, guess = [weather("a", "rain"), weather("b", "snow")], [weather("a", "rain", 0.5), weather("b", "rain", 0.9)]
    answers = lm.evaluate(truth, guess)
    assert average_precision(answers, interpolation="all-point")["AP"] == (1 / 2 + 0) / 2
    boxes = [label("a", ("cat", 0, None))], [label("a", ("cat", 0, 0.9))]
    both = lm.evaluate(boxes[0] + truth, boxes[1] + guess)
    assert average_precision(both, iou=0.5)["AP"] == average_precision(both, feature="cat", iou=0.5)["AP"]
    assert average_precision(both, feature="rain", interpolation="all-point")["AP"] == 1 / 2


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


def test_crowded_rows_have_coco_numbers_and_no_wrong_curves(monkeypatch):
    """Of crowded cells not all pairs are kept: COCO's numbers are as from all, other curves need COCO's matching."""
    from labelmetrics.kernels import dense

    rng = np.random.default_rng(0)

    def side(n, scored):
        return [
            lm.ObjectAnnotation(
                name="cat",
                value=lm.Rectangle.from_xyhw(*(rng.random(2) * 30), 40, 40),
                confidence=float(rng.random()) if scored else None,
            )
            for _ in range(n)
        ]

    truth, guess = ([lm.Label(data=lm.ImageData(uid="r"), annotations=side(150, scored))] for scored in (False, True))
    whole = lm.evaluate(truth, guess)
    expected = average_precision(whole), precision_recall(whole, iou=0.6).tp.tolist()
    monkeypatch.setattr(dense, "BAND", 1000)
    kept = lm.evaluate(truth, guess)
    assert len(kept.pairs) < len(whole.pairs)
    assert average_precision(kept) == expected[0]
    for call in (precision_recall, calibration, best_confidence):
        with pytest.raises(SettingError, match="so many annotations of one feature"):
            call(kept, iou=0.6)
    by_turns = lm.evaluate(truth, guess, matching="coco", iou=[0.5, 0.6])
    assert len(by_turns.pairs) < len(whole.pairs)
    assert precision_recall(by_turns, iou=0.6).tp.tolist() == expected[1]
