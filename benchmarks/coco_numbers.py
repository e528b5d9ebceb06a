"""COCO's twelve numbers, from what is loaded, beside faster-coco-eval."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import generate
from benchmarks.columns_to_counts import coco_of, columns_of, loaded
from benchmarks.measure import Disagreement, Report, Row, best
from labelmetrics.kernels.batch import Columns, Ints
from labelmetrics.kernels.comparison import compare
from labelmetrics.kernels.curves import Detections, coco_curves, summarize
from labelmetrics.kernels.overlap import box_area
from labelmetrics.kernels.thresholds import Grid

NUMBERS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")


def twelve_numbers(truth: Columns, guess: Columns, features: int) -> dict[str, float]:
    """From columns of boxes, in the order of the input, to the numbers."""
    comparison = compare(
        truth,
        guess,
        grid=Grid((0.5,)),
        include_subclasses=False,
        matching="coco",
        masks="auto",
        buffer=70.0,
        answer_names="auto",
    )
    one, two = comparison.batch.ground_truth, comparison.batch.prediction
    # Ties of score go by the order of the input.
    order, place = zip(*(_order(side.position) for side in (one, two)), strict=True)
    found = Detections(
        category=two.feature[order[1]],
        image=two.row[order[1]],
        score=two.confidence[order[1]],
        area=box_area(two.box)[order[1]],
        truth_category=one.feature[order[0]],
        truth_image=one.row[order[0]],
        truth_area=box_area(one.box)[order[0]],
        crowd=one.crowd[order[0]],
        detection=place[1][comparison.pairs.second],
        truth=place[0][comparison.pairs.first],
        overlap=comparison.pairs.overlap,
    )
    return summarize(coco_curves(found, features))


def _order(position: Ints) -> tuple[Ints, Ints]:
    """Indices in the order of the input, and the place of each index in it."""
    order = np.empty(len(position), np.int64)
    order[position] = np.arange(len(position))
    return order, position


def run(*, rows: int | None = None, repeat: int = 3) -> Report:
    """Compare all twelve numbers."""
    from labelmetrics import average_precision, evaluate

    data = generate.coco_like(rows or 5_000)
    sides = [columns_of(side, data.rows, data.features) for side in data[:2]]
    ours, numbers = best(lambda: twelve_numbers(*sides, data.features), repeat)
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("truth.json", "results.json")]
        for path, content in zip(files, coco_of(data), strict=True):
            path.write_text(json.dumps(content), encoding="utf-8")
        # Each is asked once, since an evaluation keeps its tables.
        evaluations = [evaluate(*files) for _ in range(repeat)]
    of_evaluation, same = best(lambda: average_precision(evaluations.pop()), repeat)
    objects = loaded(data)
    peer, judge = best(lambda: _judge(*objects), repeat)
    with contextlib.redirect_stdout(io.StringIO()):
        judge.summarize()
    for found in (numbers, same):
        for name, theirs in zip(NUMBERS, judge.stats[:12], strict=True):
            if abs(found[name] - theirs) > 1e-9:
                raise Disagreement(f"{name} is {found[name]} here and {theirs} there")
    agreed = f"all twelve to 1e-9; AP {numbers['AP']:.4f}"
    name = "faster-coco-eval, evaluate() and accumulate()"
    return Report(
        "COCO's twelve numbers",
        [
            Row("columns to numbers", ours, name, peer, agreed, 12),
            Row("evaluation to numbers", of_evaluation, name, peer, agreed),
        ],
        [
            (
                f"{data.rows:,} data rows, {len(data.ground_truths):,} ground truths, {len(data.predictions):,} "
                "predictions. The peer's objects are loaded before. An evaluation has compared its objects before, and "
                "makes its tables of objects and pairs now."
            )
        ],
    )


def _judge(truth: Any, guess: Any) -> Any:
    from faster_coco_eval import COCOeval_faster

    judge = COCOeval_faster(truth, guess, "bbox")
    judge.evaluate()
    judge.accumulate()
    return judge
