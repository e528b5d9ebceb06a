"""Columns in memory to counts of every data row and feature, beside faster-coco-eval."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks import generate
from benchmarks.measure import Disagreement, Report, Row, best
from labelmetrics.kernels.batch import Coded, Columns, Kind
from labelmetrics.kernels.comparison import compare
from labelmetrics.kernels.counts import Matching, Tally
from labelmetrics.kernels.thresholds import Grid

THRESHOLD = 0.5
KEYS = tuple(k / 10 for k in range(10))


def columns_of(side: generate.Side, rows: int, features: int) -> Columns:
    """A generated side as columns."""
    left, top, width, height = side.box.T
    return Columns.make(
        data_row=Coded(side.row, [f"row-{row:07d}" for row in range(rows)]),
        name=Coded(side.feature, [f"feature-{feature:03d}" for feature in range(features)]),
        kind=Kind.BOX,
        box=np.column_stack([left, top, left + width, top + height]),
        **({} if side.score is None else {"confidence": side.score}),
    )


def count(truth: Columns, guess: Columns, matching: Matching, keys: tuple[float, ...] = ()) -> Tally:
    """Counts, and mean overlaps, which the peer does not compute."""
    return compare(
        truth,
        guess,
        grid=Grid((THRESHOLD,), keys),
        include_subclasses=False,
        matching=matching,
        masks="auto",
        buffer=70.0,
        answer_names="auto",
    ).features


def run(*, rows: int | None = None, repeat: int = 3) -> Report:
    """Compare counts at one threshold."""
    data = generate.coco_like(rows or 5_000)
    sides = [columns_of(side, data.rows, data.features) for side in data[:2]]
    coco_seconds, coco = best(lambda: count(*sides, "coco"), repeat)
    platform_seconds, platform = best(lambda: count(*sides, "platform"), repeat)
    truth, guess = loaded(data)
    peer_seconds, evaluation = best(lambda: _evaluate(truth, guess), repeat)
    evaluation.accumulate()
    # Its time includes neither this nor building its objects.
    matched = np.array([int(pair.split("_")[0]) for pair in evaluation.eval["matched"]])
    theirs = np.bincount(data.predictions.feature[matched - 1], minlength=data.features)
    names = np.unique(np.concatenate([data.ground_truths.feature, data.predictions.feature]))
    ours = np.zeros(data.features, np.int64)
    np.add.at(ours, names[coco.group % len(names)], coco.tp[0, 0])
    if not np.array_equal(ours, theirs):
        raise Disagreement(f"true positives: {ours.sum()} here and {theirs.sum()} there")
    agreed = f"{ours.sum():,} TP, feature by feature"
    other = f"({platform.tp[0, 0].sum():,} TP by its own rule)"
    peer = "faster-coco-eval, evaluate()"
    return Report(
        "columns to counts at one threshold",
        [
            Row('columns to counts, matching="coco"', coco_seconds, peer, peer_seconds, agreed, 25),
            Row('columns to counts, matching="platform"', platform_seconds, peer, peer_seconds, other, 25),
        ],
        [
            (
                f"{data.rows:,} data rows, {len(data.ground_truths):,} ground truths, {len(data.predictions):,} "
                "predictions; one threshold, one range of areas, 100 detections. The peer's objects are loaded before."
            )
        ],
    )


def coco_of(data: generate.Generated) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Ground truth and results as COCO's files hold them."""

    def annotations(side: generate.Side) -> list[dict[str, Any]]:
        found = [
            {"id": n, "image_id": row, "category_id": feature, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
            for n, (row, feature, box) in enumerate(
                zip((side.row + 1).tolist(), (side.feature + 1).tolist(), side.box.tolist(), strict=True), 1
            )
        ]
        if side.score is not None:
            for one, score in zip(found, side.score.tolist(), strict=True):
                one["score"] = score
        return found

    truth = {
        "images": [{"id": row + 1, "width": generate.WIDTH, "height": generate.HEIGHT} for row in range(data.rows)],
        "categories": [{"id": one + 1, "name": f"feature-{one:03d}"} for one in range(data.features)],
        "annotations": annotations(data.ground_truths),
    }
    return truth, annotations(data.predictions)


def loaded(data: generate.Generated) -> tuple[Any, Any]:
    """Both sides as the peer's objects."""
    from faster_coco_eval import COCO

    truth, results = coco_of(data)
    coco = COCO(truth)
    return coco, coco.loadRes(results)


def _evaluate(truth: Any, guess: Any) -> Any:
    from faster_coco_eval import COCOeval_faster

    # Apart from accumulate(), which finds average precision and has no counterpart here.
    evaluation = COCOeval_faster(truth, guess, "bbox", separate_eval=True)
    evaluation.params.iouThrs = np.array([THRESHOLD])
    evaluation.params.areaRng = [[0, 1e10]]
    evaluation.params.areaRngLbl = ["all"]
    evaluation.params.maxDets = [100]
    evaluation.evaluate()
    return evaluation
