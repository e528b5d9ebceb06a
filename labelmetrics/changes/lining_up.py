"""The objects of two evaluations side by side: ground truths are the same, false positives may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from labelmetrics.comparing.outcomes import FP, IGNORED, OUTCOMES, TP, Outcomes
from labelmetrics.errors import SettingError
from labelmetrics.formats.manifest import Settings
from labelmetrics.formats.restored import coded, restored_columns
from labelmetrics.kernels.batch import Bools, Coded, Columns, Floats, Ints, Kind
from labelmetrics.kernels.comparison import compare
from labelmetrics.kernels.digest import fingerprints
from labelmetrics.kernels.thresholds import Grid

if TYPE_CHECKING:
    import pyarrow as pa


Status = Literal["broken", "new FP", "fixed", "gone FP", "still missed", "still FP", "still right"]
WORSE: tuple[Status, ...] = ("broken", "new FP")
BETTER: tuple[Status, ...] = ("fixed", "gone FP")
STILL_WRONG: tuple[Status, ...] = ("still missed", "still FP")
STATUSES: tuple[Status, ...] = (*WORSE, *BETTER, *STILL_WRONG, "still right")
"""What became of an object from one evaluation to the next."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lines:
    """What happened to each object that counts, in either evaluation.

    Parameters
    ----------
    sides : tuple of Outcomes
        The objects of the first evaluation, and of the second.
    old, new : ndarray of int64, shape (n,)
        Row of the object in the first evaluation and in the second; -1 where a prediction is in one of them only.
    status : ndarray of int64, shape (n,)
        Index into ``STATUSES``.
    row, feature, place : ndarray of int64, shape (n,)
        Where it is, and what: indices into sorted lists of both evaluations.
    """

    sides: tuple[Outcomes, Outcomes]
    old: Ints
    new: Ints
    status: Ints
    row: Ints
    feature: Ints
    place: Ints

    @classmethod
    def of(
        cls,
        sides: tuple[Outcomes, Outcomes],
        truths: tuple[Ints, Ints],
        falses: tuple[Ints, Ints],
        rows: list[str],
        features: list[str],
    ) -> Lines:
        """Lines of ground truths and false positives that are lined up, and of false positives of one evaluation."""
        was, is_ = (side.outcome[at] for side, at in zip(sides, truths, strict=True))
        found, ignored = OUTCOMES.index(TP), OUTCOMES.index(IGNORED)
        counts = (was != ignored) & (is_ != ignored)
        names = np.select(
            [(was == found) & (is_ == found), was == found, is_ == found],
            [STATUSES.index(name) for name in ("still right", "broken", "fixed")],
            STATUSES.index("still missed"),
        )
        gone, new = (
            np.flatnonzero(_without(side.outcome == OUTCOMES.index(FP), shared))
            for side, shared in zip(sides, falses, strict=True)
        )
        old = np.concatenate([truths[0][counts], falses[0], gone, np.full(len(new), -1)])
        now = np.concatenate([truths[1][counts], falses[1], np.full(len(gone), -1), new])
        kinds = [STATUSES.index(name) for name in ("still FP", "gone FP", "new FP")]
        status = np.concatenate([names[counts], np.repeat(kinds, [len(falses[0]), len(gone), len(new)])])
        columns = [[coded(side.table.column(name)) for side in sides] for name in ("data_row", "feature", "place")]
        places = sorted({value for column in columns[2] for value in column.values})
        codes = [
            np.where(old >= 0, *(_among(column, values, at) for column, at in zip(both, (old, now), strict=True)))
            for both, values in zip(columns, (rows, features, places), strict=True)
        ]
        return cls(sides=sides, old=old, new=now, status=status, row=codes[0], feature=codes[1], place=codes[2])

    def take(self, index: Ints | Bools) -> Lines:
        """Some of the lines."""
        names = ("old", "new", "status", "row", "feature", "place")
        return replace(self, **{name: getattr(self, name)[index] for name in names})


def _without(chosen: Bools, rows: Ints) -> Bools:
    """What is chosen, but for some rows."""
    found = chosen.copy()
    found[rows] = False
    return found


def _among(column: Coded, values: list[str], at: Ints) -> Ints:
    """Index of the text of some rows among values; -1 for null."""
    lookup = {value: code for code, value in enumerate(values)}
    codes = np.array([*(lookup[value] for value in column.values), -1], np.int64)[column.codes]
    return np.append(codes, -1)[at]


def same_truths(before: Outcomes, after: Outcomes) -> tuple[Ints, Ints]:
    """Rows of the same ground truths in both evaluations.

    Ground truths that nothing tells apart are lined up so that as few as possible changed.

    Parameters
    ----------
    before, after : Outcomes
        The objects of the two.

    Returns
    -------
    before, after : ndarray of int64, shape (n_truths,)
        Their rows.

    Raises
    ------
    SettingError
        The ground truths are not the same.
    """
    rows, words = [], []
    for side in (before, after):
        at = np.flatnonzero(side.is_truth)
        mark = fingerprints(_columns(side.table, at))
        confidence = np.append(side.score, 0.0)[side.partner[at]]
        order = np.lexsort((-confidence, side.outcome[at], *mark))
        rows.append(at[order])
        words.append(mark[:, order])
    if words[0].shape != words[1].shape or (words[0] != words[1]).any():
        raise SettingError(
            f"the two evaluations do not hold the same ground truths ({len(rows[0]):,} in the first, {len(rows[1]):,} "
            "in the second), so their objects cannot be lined up. Take the same slice of both; where answers are named "
            "otherwise, evaluate both with answer_names"
        )
    return rows[0], rows[1]


def same_false_positives(
    before: Outcomes,
    after: Outcomes,
    *,
    iou: float,
    settings: Settings,
    rows: list[str],
    diagonals: Floats,
) -> tuple[Ints, Ints]:
    """Rows of false positives that both evaluations have: two that would match each other.

    Parameters
    ----------
    before, after : Outcomes
        The objects of the two.
    iou : float
        Overlap that they must exceed.
    settings : Settings
        How far points and lines are widened.
    rows : list of str
        Data rows of both.
    diagonals : ndarray of float64, shape (n_rows,)
        Diagonal of each image, NaN where it is unknown.

    Returns
    -------
    before, after : ndarray of int64
        Rows of the pairs.
    """
    at = [np.flatnonzero(side.outcome == OUTCOMES.index(FP)) for side in (before, after)]
    sides = [_comparable(_columns(side.table, rows)) for side, rows in zip((before, after), at, strict=True)]
    # What is the same in both comes first, also where nothing overlaps with itself, as an empty shape.
    same = _equal(*sides)
    rest = [np.flatnonzero(_without(np.ones(len(side), bool), one)) for side, one in zip(sides, same, strict=True)]
    sides = [side.take(one) for side, one in zip(sides, rest, strict=True)]
    comparison = compare(
        *sides,
        grid=Grid((iou,)),
        include_subclasses=False,
        matching="platform",
        masks="instance",
        buffer=_buffer(settings, sides),
        answer_names="answer",
        rows=rows,
        diagonals=diagonals,
        canonical=(True, True),
    )
    partner = comparison.outcomes[0].partner[0]
    found = np.flatnonzero(partner >= 0)
    batch = comparison.batch
    near = batch.ground_truth.position[found], batch.prediction.position[partner[found]]
    first, second = (
        one[np.concatenate([equal, left[other]])] for one, equal, left, other in zip(at, same, rest, near, strict=True)
    )
    return first, second


def _equal(first: Columns, second: Columns) -> tuple[Ints, Ints]:
    """Pairs of annotations that differ in nothing but their confidence, one to one, the most confident first."""
    n = len(first)
    both = Columns.concat([first, second])
    unscored = replace(both, confidence=np.full(len(both), np.nan))
    # Half of the hash is enough: two that share it by chance would be taken for the same false positive, no more.
    code = np.unique(fingerprints(unscored)[0], return_inverse=True)[1]
    is_second = np.arange(len(both)) >= n
    order = np.lexsort((-np.nan_to_num(both.confidence, nan=1.0), code, is_second))
    # How many equal ones of its side stand before each.
    start = np.flatnonzero(np.diff(code[order] * 2 + is_second[order], prepend=-1))
    nth = np.empty(len(both), np.int64)
    nth[order] = np.arange(len(both)) - np.repeat(start, np.diff(start, append=len(both)))
    key = code * (nth.max(initial=0) + 1) + nth
    _, one, other = np.intersect1d(key[:n], key[n:], assume_unique=True, return_indices=True)
    return one, other


def _columns(table: pa.Table, rows: Ints) -> Columns:
    import pyarrow as pa

    return restored_columns(table.take(pa.array(rows)))


def _comparable(columns: Columns) -> Columns:
    """Columns in which a free text is an answer, so that it is the same whatever it says; without nested answers."""
    is_text = columns.kind == Kind.TEXT
    return replace(
        columns,
        kind=np.where(is_text, np.int8(Kind.ANSWER), columns.kind),
        answer=Coded(np.where(is_text, columns.name.codes, columns.answer.codes), columns.name.values),
        nested=Coded.constant(None, len(columns)),
    )


def _buffer(settings: Settings, sides: list[Columns]) -> Any:
    """The buffer of both evaluations, without a word on what it is by default."""
    buffer = settings.buffer
    if isinstance(buffer, Mapping):
        return {name: 70.0 for side in sides for name in side.name.values} | dict(buffer)
    return buffer if isinstance(buffer, str) else float(buffer)
