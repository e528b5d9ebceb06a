"""How labels are spread over classes, since accuracy alone says little where one class has most of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from labelmetrics.errors import InputError
from labelmetrics.streaming.arrays import as_array

__all__ = ["ClassCounts", "balance_note", "class_counts"]

ClassCounts = dict[int, int]
MOST_CLASSES = 1000
UNBALANCED = 2.0
"""How many times its fair share the largest class has where that is worth a note."""


def class_counts(y_true: Any) -> ClassCounts:
    """Rows of each class: of class numbers, or of one-hot labels; nothing where labels are neither.

    >>> class_counts([0, 1, 1]), class_counts([[0, 1], [1, 0]]), class_counts([0.5, 2])
    ({0: 1, 1: 2}, {0: 1, 1: 1}, {})
    """
    try:
        labels = as_array(y_true)
    except InputError:
        return {}
    if labels.ndim > 1 and labels.shape[-1] > 1 and _is_one_hot(labels):
        labels = labels.argmax(axis=-1)
    flat = labels.ravel()
    if flat.dtype.kind == "f":
        if not np.all(np.isfinite(flat) & (flat == np.floor(flat))):
            return {}
        flat = flat.astype(np.int64)
    classes, counts = np.unique(flat, return_counts=True)
    if len(classes) > MOST_CLASSES:
        return {}
    return dict(zip(map(int, classes), map(int, counts), strict=True))


def _is_one_hot(labels: np.ndarray[Any, Any]) -> bool:
    return bool(np.all((labels == 0) | (labels == 1)) and np.all(labels.sum(axis=-1) == 1))


def add_counts(total: ClassCounts, more: Mapping[int, int]) -> None:
    """Add ``more`` to ``total``."""
    for label, count in more.items():
        total[label] = total.get(label, 0) + count


def balance_note(what: str, counts: Mapping[int, int]) -> str:
    """What to say where one class has most of the rows; nothing where they are spread.

    >>> balance_note("valid accuracy", {0: 97, 1: 3})
    'valid accuracy: 97 % of 100 labels are of class 0; always saying so has an accuracy of 0.97'
    >>> balance_note("valid accuracy", {0: 50, 1: 50})
    ''
    """
    rows = sum(counts.values())
    if not rows:
        return ""
    label = max(counts, key=lambda one: (counts[one], -one))
    share = counts[label] / rows
    if len(counts) > 1 and share < min(UNBALANCED / len(counts), 0.8):
        return ""
    return (
        f"{what}: {100 * share:.3g} % of {rows:,} labels are of class {label}; "
        f"always saying so has an accuracy of {share:.3g}"
    )
