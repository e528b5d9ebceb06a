"""Overlaps of instance masks given as run-length encodings, beside pycocotools' own function."""

from __future__ import annotations

import numpy as np
import orjson

from benchmarks import generate
from benchmarks.measure import Disagreement, Report, Row, best_in_turn
from labelmetrics.kernels import rle
from labelmetrics.kernels.batch import Coded, Columns, Floats, Kind, Shapes
from labelmetrics.kernels.comparison import compare
from labelmetrics.kernels.thresholds import Grid


def columns_of(side: generate.Side) -> Columns:
    """A generated side as columns, as a reader makes them."""
    encoded = [orjson.loads(f"{{{shape}}}")["mask"] for shape in side.shapes or []]
    checked = rle.check([one["counts"] for one in encoded], np.array([one["size"] for one in encoded], np.int64))
    return Columns.make(
        data_row=Coded(side.row, [f"row-{row:07d}" for row in range(int(side.row.max()) + 1)]),
        name=Coded(side.feature, ["mask"]),
        kind=Kind.MASK,
        box=checked.box,
        shape=np.arange(len(side)),
        shapes=Shapes(masks=checked.masks),
    )


def run(*, rows: int | None = None, repeat: int = 5) -> Report:
    """Compare the overlaps of all pairs of each data row."""
    from pycocotools import mask as coco

    data = generate.masks(rows or 100, features=1)
    truth, guess = (columns_of(side) for side in data[:2])
    per_row = len(truth) // data.rows
    blocks = [slice(start, start + per_row) for start in range(0, len(truth), per_row)]
    pairs = [(guess.shapes.masks[block], truth.shapes.masks[block]) for block in blocks]

    def overlaps() -> list[Floats]:
        return [coco.iou(two, one, [0] * per_row) for two, one in pairs]

    ours, peer = best_in_turn([lambda: _overlaps(truth, guess), overlaps], repeat)
    found = _overlaps(truth, guess)
    theirs = np.concatenate([table.T.ravel() for table in overlaps()])
    theirs = theirs[theirs > 0]
    if not np.array_equal(found, theirs):
        raise Disagreement(f"{len(found)} overlaps here and {len(theirs)} there, or other values")
    agreed = f"{len(found):,} overlaps, to the last bit"
    work = f"columns to overlaps: {per_row} x {per_row} masks of 1024 x 1024"
    note = (
        f"{data.rows:,} data rows. Columns are joined, grouped and checked in this time; the peer is given its groups."
    )
    return Report("overlaps of masks", [Row(work, ours, "pycocotools, iou()", peer, agreed, at_most=1.2)], [note])


def _overlaps(truth: Columns, guess: Columns) -> Floats:
    comparison = compare(
        truth,
        guess,
        grid=Grid((0.5,)),
        include_subclasses=False,
        matching="platform",
        masks="instance",
        buffer=70.0,
        answer_names="auto",
    )
    return comparison.pairs.overlap
