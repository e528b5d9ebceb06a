"""``matching="coco"`` against pycocotools, on generated images with ties and crowds."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from labelmetrics.kernels.batch import Coded, Columns, Kind
from labelmetrics.kernels.comparison import compare
from labelmetrics.kernels.thresholds import Grid

pytestmark = pytest.mark.reference

THRESHOLDS = (0.25, 0.5, 0.75)
side = st.integers(0, 4)
boxes = st.tuples(side, side, st.integers(1, 4), st.integers(1, 4))
objects = st.tuples(st.integers(1, 2), st.integers(1, 2), boxes)


@st.composite
def images(draw: Any) -> tuple[Any, Any, Any, Any]:
    truths = draw(st.lists(objects, max_size=8))
    guesses = draw(st.lists(objects, max_size=10))
    crowd = [draw(st.integers(0, 4)) == 0 for _ in truths]
    scores = [draw(st.sampled_from((0.2, 0.5, 0.5, 0.9))) for _ in guesses]
    return truths, guesses, crowd, scores


def by_pycocotools(truths: Any, guesses: Any, crowd: Any, scores: Any) -> dict[tuple[int, int], Any]:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def annotations(found: Any, **more: Any) -> list[dict[str, Any]]:
        return [
            {
                "id": index + 1, "image_id": image, "category_id": category, "bbox": list(map(float, box)),
                "area": float(box[2] * box[3]), "iscrowd": 0, **{name: column[index] for name, column in more.items()},
            }
            for index, (image, category, box) in enumerate(found)
        ]  # fmt: skip

    with contextlib.redirect_stdout(io.StringIO()):
        ground_truth, prediction = COCO(), COCO()
        for coco, found in (
            (ground_truth, annotations(truths, iscrowd=[int(one) for one in crowd])),
            (prediction, annotations(guesses, score=scores)),
        ):
            coco.dataset = {
                "images": [{"id": 1}, {"id": 2}],
                "categories": [{"id": 1}, {"id": 2}],
                "annotations": found,
            }
            coco.createIndex()
        evaluation = COCOeval(ground_truth, prediction, "bbox")
        evaluation.params.iouThrs = np.array(THRESHOLDS)
        evaluation.params.areaRng = [[0, 1e10]]
        evaluation.evaluate()
    counts = {}
    for image in evaluation.evalImgs:
        if image is not None:
            matched, ignored = image["dtMatches"] > 0, image["dtIgnore"]
            positives = int((~np.array(image["gtIgnore"], bool)).sum())
            tp = (matched & ~ignored).sum(axis=1)
            partner = {
                (int(guess) - 1, t): int(truth) - 1
                for t in range(len(THRESHOLDS))
                for guess, truth in zip(image["dtIds"], image["dtMatches"][t], strict=True)
            }
            fp = (~matched & ~ignored).sum(axis=1)
            counts[image["image_id"], image["category_id"]] = tp, fp, positives - tp, partner
    return counts


def columns(found: Any, **more: Any) -> Columns:
    box = np.array([[x, y, x + w, y + h] for *_, (x, y, w, h) in found], float).reshape(-1, 4)
    row, name = ([str(one[part]) for one in found] for part in (0, 1))
    return Columns.make(data_row=Coded.of(row), name=Coded.of(name), kind=Kind.BOX, box=box, **more)


@settings(max_examples=250)
@given(images())
def test_counts_and_partners(image: Any) -> None:
    truths, guesses, crowd, scores = image
    comparison = compare(
        columns(truths, crowd=np.array(crowd, bool)),
        columns(guesses, confidence=np.array(scores, float)),
        grid=Grid(THRESHOLDS),
        include_subclasses=False,
        matching="coco",
        masks="auto",
        buffer=70.0,
        answer_names="auto",
        rows=["1", "2"],
    )
    batch, tally, (_, outcome) = comparison.batch, comparison.features, comparison.outcomes
    expected = by_pycocotools(*image)
    assert len(tally.group) == len(expected)
    for at, code in enumerate(tally.group.tolist()):
        row, feature = divmod(code, len(batch.features))
        tp, fp, fn, partner = expected[int(batch.rows[row]), int(batch.features[feature])]
        np.testing.assert_array_equal(tally.tp[:, 0, at], tp)
        np.testing.assert_array_equal(tally.fp[:, 0, at], fp)
        np.testing.assert_array_equal(tally.fn[:, 0, at], fn)
        for (guess, threshold), truth in partner.items():
            mine = outcome.partner[threshold, np.flatnonzero(batch.prediction.position == guess)[0]]
            assert (-1 if mine < 0 else batch.ground_truth.position[mine]) == truth
