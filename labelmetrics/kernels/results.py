"""What a comparison found, as arrays: the part of an evaluation that metrics, summaries and rollups are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import compress
from typing import NamedTuple

import numpy as np

from labelmetrics.kernels.aggregation import exact_sums
from labelmetrics.kernels.batch import Bools, Floats, Ints
from labelmetrics.kernels.comparison import Comparison
from labelmetrics.kernels.counts import Tally
from labelmetrics.kernels.thresholds import Grid


class Matrices(NamedTuple):
    """Confusion matrices by level, each count of shape (L, n); true negatives are not counted."""

    tp: Ints
    fp: Ints
    fn: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Counts and mean overlaps of ``G`` groups, sorted by data row, feature and subclass.

    Parameters
    ----------
    row, feature, subclass : ndarray of int64, shape (G,)
        What each group is about, as indices into the lists of :class:`Results`; subclass is -1 for whole features.
    n_truth, n_guess : ndarray of int64, shapes (G,) and (L, G)
        Ground truths and predictions.
    tp, fp, fn : ndarray of int64, shape (T, L, G)
        Matched pairs, unmatched predictions, unmatched ground truths at each threshold and level.
    iou : ndarray of float64, shape (L, G)
        Mean overlap; NaN where both sides are empty.
    """

    row: Ints
    feature: Ints
    subclass: Ints
    n_truth: Ints
    n_guess: Ints
    tp: Ints
    fp: Ints
    fn: Ints
    iou: Floats

    def __len__(self) -> int:
        return len(self.row)

    @classmethod
    def of(cls, tally: Tally, n_features: int, n_subclasses: int = 0) -> Groups:
        """Groups of a tally whose codes are (data row, feature) or (data row, feature, subclass)."""
        code = tally.group
        subclass = np.full(len(code), -1)
        if n_subclasses:
            code, subclass = np.divmod(code, n_subclasses)
        row, feature = np.divmod(code, max(n_features, 1))
        return cls(
            row=row,
            feature=feature,
            subclass=subclass,
            n_truth=tally.n_truth,
            n_guess=tally.n_guess,
            tp=tally.tp,
            fp=tally.fp,
            fn=tally.fn,
            iou=tally.iou,
        )

    @classmethod
    def concat(cls, parts: Sequence[Groups]) -> Groups:
        """All parts, one behind the other."""
        names = [one.name for one in fields(cls)]
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts], axis=-1) for name in names})

    def take(self, index: Ints | Bools) -> Groups:
        """The groups at ``index`` (integers or a boolean mask)."""
        if index.dtype == bool and index.all():
            return self
        return Groups(
            row=self.row[index],
            feature=self.feature[index],
            subclass=self.subclass[index],
            n_truth=self.n_truth[index],
            n_guess=self.n_guess[:, index],
            tp=self.tp[..., index],
            fp=self.fp[..., index],
            fn=self.fn[..., index],
            iou=self.iou[:, index],
        )

    def matrices(self, threshold: int) -> Matrices:
        """Counts at one threshold."""
        return Matrices(self.tp[threshold], self.fp[threshold], self.fn[threshold])

    def counts(self, threshold: int) -> Ints:
        """TP, FP, TN and FN at one threshold, shape (L, G, 4)."""
        tp, fp, fn = self.matrices(threshold)
        return np.stack([tp, fp, np.zeros_like(tp), fn], axis=-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Groups with the names of what they are about.

    Parameters
    ----------
    rows : list of str
        Data rows, sorted by their bytes, those without annotations included.
    features : list of str
        Features, sorted.
    is_classification : ndarray of bool, shape (n_features,)
        Whether a feature is an answer or a free text.
    subclasses : list of str
        Nested answers, sorted.
    grid : Grid
        Thresholds and confidence keys.
    by_feature, by_subclass : Groups
        The groups.
    """

    rows: list[str]
    features: list[str]
    is_classification: Bools
    subclasses: list[str]
    grid: Grid
    by_feature: Groups
    by_subclass: Groups

    @classmethod
    def of(cls, comparison: Comparison) -> Results:
        """Everything that a comparison counts."""
        batch = comparison.batch
        subclasses = comparison.subclass_members.names
        return cls(
            rows=batch.rows,
            features=batch.features,
            is_classification=batch.is_classification,
            subclasses=subclasses,
            grid=comparison.grid,
            by_feature=Groups.of(comparison.features, len(batch.features)),
            by_subclass=Groups.of(comparison.subclasses, len(batch.features), len(subclasses)),
        )

    def of_rows(self, keep: Bools) -> Results:
        """The results of some of the data rows, as if there had been no others."""
        parts = [groups.take(keep[groups.row]) for groups in (self.by_feature, self.by_subclass)]
        features, subclasses = (
            np.isin(np.arange(n), codes)
            for n, codes in (
                (len(self.features), parts[0].feature),
                (len(self.subclasses), parts[1].subclass),
            )
        )
        rows, feature, subclass = (np.append(np.cumsum(used) - 1, -1) for used in (keep, features, subclasses))
        by_feature, by_subclass = (
            replace(part, row=rows[part.row], feature=feature[part.feature], subclass=subclass[part.subclass])
            for part in parts
        )
        return replace(
            self,
            rows=list(compress(self.rows, keep)),
            features=list(compress(self.features, features)),
            is_classification=self.is_classification[features],
            subclasses=list(compress(self.subclasses, subclasses)),
            by_feature=by_feature,
            by_subclass=by_subclass,
        )

    def row_counts(self, threshold: int, *, classification: bool) -> tuple[Ints, Matrices]:
        """Data rows that have objects (or answers), and their summed counts."""
        groups = self.by_feature.take(self.is_classification[self.by_feature.feature] == classification)
        starts = _starts(groups.row)
        if not len(starts):
            return starts, groups.matrices(threshold)
        return groups.row[starts], Matrices(
            *(np.add.reduceat(part, starts, axis=1) for part in groups.matrices(threshold))
        )

    def row_iou(self) -> tuple[Ints, Floats]:
        """Data rows that have a feature, and the unweighted mean overlap of their features, shape (L, n)."""
        starts = _starts(self.by_feature.row)
        return self.by_feature.row[starts], mean_of_features(self.by_feature.iou, starts)


def mean_of_features(iou: Floats, starts: Ints) -> Floats:
    """Unweighted means over stretches of features, of what is defined at each level; NaN where nothing is.

    Sums are rounded once, as those of a rollup.

    Parameters
    ----------
    iou : ndarray of float64, shape (L, G)
        Mean overlaps of features.
    starts : ndarray of int64, shape (n,)
        Where each stretch starts; it ends where the next one starts.
    """
    if not len(starts):
        return np.zeros((len(iou), 0))
    defined = ~np.isnan(iou)
    total = exact_sums(np.where(defined, iou, 0.0), starts)
    count = np.add.reduceat(defined.astype(np.float64), starts, axis=1)
    with np.errstate(invalid="ignore"):
        return total / count  # 0 / 0 is NaN


def _starts(row: Ints) -> Ints:
    return np.flatnonzero(np.diff(row, prepend=-1))
