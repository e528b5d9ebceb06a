"""COCO's twelve numbers, from what is loaded, beside faster-coco-eval.

Both sides begin with annotations that have been read: the peer with its COCO objects and their index, we with the
columns that are read from the same two files. From there on, ours is all that ``evaluate(...)`` does after reading and
then ``average_precision(evaluation)``; the peer's is ``evaluate()`` and ``accumulate()``. An evaluation also holds what
the peer does not compute: counts and mean overlaps of every data row and feature, and digests of both sides.
"""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import generate
from benchmarks.columns_to_counts import coco_of, loaded
from benchmarks.measure import Disagreement, Report, Row, best
from labelmetrics import Evaluation, average_precision
from labelmetrics.evaluation import evaluate_sides, settings_of
from labelmetrics.formats.bad_lines import BadLines
from labelmetrics.formats.inputs import Sides, read_sides

NUMBERS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")


def compared(sides: Sides) -> Evaluation:
    """What ``evaluate`` does when it has read both sides, with its own defaults."""
    settings = settings_of(
        iou=0.5,
        include_subclasses=False,
        matching="platform",
        masks="auto",
        buffer=70.0,
        answer_names="auto",
        missing_ground_truth="error",
        missing_predictions="empty",
        geometry=None,
        format=None,
    )
    return evaluate_sides(sides, settings, None, [], progress=lambda step, share: None)


def run(*, rows: int | None = None, repeat: int = 3) -> Report:
    """Compare all twelve numbers."""
    data = generate.coco_like(rows or 5_000)
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("truth.json", "results.json")]
        for path, content in zip(files, coco_of(data), strict=True):
            path.write_text(json.dumps(content), encoding="utf-8")
        sides = read_sides(*files, bad_lines=BadLines())
    whole, numbers = best(lambda: average_precision(compared(sides)), repeat)
    # Each is asked once, since an evaluation keeps what its curves are made of.
    evaluations = [compared(sides) for _ in range(repeat)]
    part, same = best(lambda: average_precision(evaluations.pop()), repeat)
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
            Row("loaded annotations to numbers", whole, name, peer, agreed, 12),
            Row("evaluation to numbers", part, name, peer, agreed),
        ],
        [
            (
                f"{data.rows:,} data rows, {len(data.ground_truths):,} ground truths, {len(data.predictions):,} "
                "predictions. Both sides are read before: the peer's into COCO objects, ours into columns. The first "
                "row is all of evaluate() but reading, with counts, mean overlaps and digests that the peer does not "
                "compute, and average_precision(); the second is average_precision() alone, after the comparison."
            )
        ],
    )


def _judge(truth: Any, guess: Any) -> Any:
    from faster_coco_eval import COCOeval_faster

    judge = COCOeval_faster(truth, guess, "bbox")
    judge.evaluate()
    judge.accumulate()
    return judge
