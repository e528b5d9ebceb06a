"""Semantic label maps to counts of classes, beside scikit-learn."""

from __future__ import annotations

import numpy as np

from benchmarks.measure import Disagreement, Report, Row, best

SIDE, CLASSES = 512, 21


def run(*, rows: int | None = None, repeat: int = 5) -> Report:
    """Compare the matrices of maps of 512 x 512 pixels and 21 classes, map by map."""
    from sklearn.metrics import confusion_matrix

    from labelmetrics import label_map_confusion

    rng = np.random.default_rng(0)
    shape = (rows or 20, SIDE, SIDE)
    coarse = rng.integers(0, CLASSES, (shape[0], SIDE // 32, SIDE // 32))
    truth = coarse.repeat(32, 1).repeat(32, 2).astype(np.uint8)
    guess = np.where(rng.random(shape) < 0.1, rng.integers(0, CLASSES, shape), truth).astype(np.uint8)
    ours, found = best(lambda: label_map_confusion(truth, guess, n_classes=CLASSES), repeat)
    labels = list(range(CLASSES))
    peer, theirs = best(
        lambda: [
            confusion_matrix(one.ravel(), two.ravel(), labels=labels) for one, two in zip(truth, guess, strict=True)
        ],
        repeat,
    )
    if not np.array_equal(found.matrix, sum(theirs)):
        raise Disagreement("the matrices differ")
    agreed = f"{CLASSES} x {CLASSES} counts of {found.matrix.sum():,} pixels"
    work = f"label maps to counts: {SIDE} x {SIDE}, {CLASSES} classes"
    row = Row(work, ours, "scikit-learn, confusion_matrix()", peer, agreed, 8)
    return Report("label maps", [row], [f"{shape[0]:,} pairs of maps."])
