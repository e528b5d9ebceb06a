"""Curves against pycocotools: generated sets with ties of score and overlap, crowds and empty categories."""

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, strategies as st
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from labelmetrics.kernels.curves import Detections, coco_curves, summarize

BOX = st.tuples(
    st.integers(0, 8), st.integers(0, 8), st.integers(1, 6), st.integers(1, 6), st.sampled_from([1, 7, 30])
).map(lambda b: [float(b[0]), float(b[1]), float(b[2] * b[4]), float(b[3] * b[4])])
PLACE = st.tuples(st.integers(1, 4), st.integers(1, 3))
TRUTHS = st.lists(st.tuples(PLACE, BOX, st.sampled_from([1.0, 0.7]), st.sampled_from([0, 0, 0, 1])), max_size=14)
GUESSES = st.lists(st.tuples(PLACE, BOX, st.integers(0, 4).map(lambda k: k / 4)), min_size=1, max_size=25)


def reference(truths, guesses):
    dataset = {
        "info": {},
        "images": [{"id": i, "width": 500, "height": 500} for i in range(1, 5)],
        "categories": [{"id": c} for c in range(1, 4)],
        "annotations": [
            {"id": n, "image_id": i, "category_id": c, "bbox": b, "area": b[2] * b[3] * share, "iscrowd": crowd}
            for n, ((i, c), b, share, crowd) in enumerate(truths, 1)
        ],
    }
    results = [{"image_id": i, "category_id": c, "bbox": b, "score": s} for (i, c), b, s in guesses]
    coco = COCO()
    coco.dataset = dataset
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
        judge = COCOeval(coco, coco.loadRes(results), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return judge


def ours(truths, guesses):
    pairs = [
        (d, t, float(coco_mask.iou([guess[1]], [truth[1]], [truth[3]])[0, 0]))
        for d, guess in enumerate(guesses)
        for t, truth in enumerate(truths)
        if guess[0] == truth[0]
    ]
    pairs = [pair for pair in pairs if pair[2] > 0]

    def ints(values):
        return np.array(list(values), np.int64)

    def floats(values):
        return np.array(list(values), np.float64)

    return Detections(
        category=ints(g[0][1] - 1 for g in guesses),
        image=ints(g[0][0] - 1 for g in guesses),
        score=floats(g[2] for g in guesses),
        area=floats(g[1][2] * g[1][3] for g in guesses),
        thinned=np.zeros(len(guesses), bool),
        truth_category=ints(t[0][1] - 1 for t in truths),
        truth_image=ints(t[0][0] - 1 for t in truths),
        truth_area=floats(t[1][2] * t[1][3] * t[2] for t in truths),
        crowd=np.array([t[3] for t in truths], bool),
        detection=ints(p[0] for p in pairs),
        truth=ints(p[1] for p in pairs),
        overlap=floats(p[2] for p in pairs),
    )


@given(TRUTHS, GUESSES)
def test_everything_equals_pycocotools(truths, guesses):
    expected = reference(truths, guesses)
    found = coco_curves(ours(truths, guesses), 3)
    np.testing.assert_allclose(found.precision, expected.eval["precision"][..., 2], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.recall, expected.eval["recall"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(list(summarize(found).values()), expected.stats, rtol=0, atol=1e-9)


def test_more_detections_than_count():
    place = (1, 1)
    truths = [(place, [0.0, 0.0, 10.0, 10.0], 1.0, 0)]
    guesses = [(place, [20.0, 20.0, 10.0, 10.0], 0.9)] * 100 + [(place, [0.0, 0.0, 10.0, 10.0], 0.1)]
    assert summarize(coco_curves(ours(truths, guesses), 3))["AP"] == 0.0
    np.testing.assert_allclose(reference(truths, guesses).stats[0], 0.0)


@pytest.mark.parametrize("truths", [[], [((1, 1), [0.0, 0.0, 5.0, 5.0], 1.0, 1)]])
def test_without_ground_truth_nothing_is_defined(truths):
    numbers = summarize(coco_curves(ours(truths, [((1, 1), [0.0, 0.0, 5.0, 5.0], 0.5)]), 3))
    assert set(numbers.values()) == {-1.0}
