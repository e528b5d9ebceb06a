"""The numbers of an evaluation that people look at first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from labelmetrics.frame import html_table, plain_table, to_pandas
from labelmetrics.kernels.aggregation import exact_totals, rounded
from labelmetrics.kernels.batch import Floats, Ints
from labelmetrics.kernels.results import Results
from labelmetrics.kernels.thresholds import match_rule, nearest_key
from labelmetrics.words import counted

if TYPE_CHECKING:
    import pandas as pd

HEADINGS = ("feature", "GT", "predicted", "TP", "FP", "FN", "precision", "recall", "F1", "mIoU")
OVERALL = "(all)"


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """Numbers of one feature, or of all of them.

    Parameters
    ----------
    feature : str
        Its name.
    ground_truths, predictions, tp, fp, fn : int
        Counts over all data rows.
    precision, recall, f1 : float or None
        From the summed counts; ``None`` for 0/0.
    miou : float or None
        Mean over the data rows where it is defined.
    """

    feature: str
    ground_truths: int
    predictions: int
    tp: int
    fp: int
    fn: int
    precision: float | None
    recall: float | None
    f1: float | None
    miou: float | None

    @classmethod
    def of(cls, feature: str, ground_truths: Any, predictions: Any, counts: Any, miou: float | None) -> SummaryRow:
        """Row with the ratios that follow from its counts."""
        tp, fp, fn = (int(value) for value in counts)
        return cls(
            feature,
            int(ground_truths),
            int(predictions),
            tp,
            fp,
            fn,
            ratio(tp, tp + fp),
            ratio(tp, tp + fn),
            ratio(2 * tp, 2 * tp + fp + fn),
            miou,
        )


def ratio(part: int, whole: int) -> float | None:
    """``part / whole``; ``None`` for 0/0.

    >>> ratio(1, 2), ratio(0, 0)
    (0.5, None)
    """
    return part / whole if whole else None


@dataclass(frozen=True, slots=True)
class Summary:
    """Per feature and overall: counts, precision, recall, F1 and mean overlap.

    Parameters
    ----------
    overall : SummaryRow
        All features together; its mIoU is the mean over data rows.
    features : list of SummaryRow
        One row per feature.
    data_rows : int
        Data rows of the evaluation.
    empty_rows : int
        Data rows where both sides are empty.
    iou : str
        What a match is, e.g. ``"IoU > 0.5"``.
    confidence : float or None
        Least confidence of the predictions that count.
    """

    overall: SummaryRow
    features: list[SummaryRow]
    data_rows: int
    empty_rows: int
    iou: str
    confidence: float | None

    @classmethod
    def of(
        cls,
        results: Results,
        *,
        threshold: int = 0,
        confidence: float | None = None,
        nearest: bool = False,
        matching: str = "platform",
    ) -> Summary:
        """Summary of results at a threshold (by index) and a confidence key."""
        sums = Sums.of(results, threshold=threshold, confidence=confidence, nearest=nearest)
        return sums.summary(match_rule(results.grid.thresholds[threshold], matching))

    @property
    def caption(self) -> str:
        """What the numbers are about."""
        parts = [counted(self.data_rows, "data row"), self.iou]
        if self.confidence is not None:
            parts.append(f"confidence >= {self.confidence:g}")
        if self.empty_rows:
            parts.append(f"{counted(self.empty_rows, 'row')} where both sides are empty")
        return ", ".join(parts)

    def __iter__(self) -> Iterator[SummaryRow]:
        yield from self.features
        yield self.overall

    def rows(self) -> list[list[Any]]:
        """Values in the order of ``HEADINGS``, the overall row last."""
        return [list(asdict(row).values()) for row in self]

    def __repr__(self) -> str:
        return f"{self.caption}\n{plain_table(HEADINGS, self.rows())}"

    def _repr_html_(self) -> str:
        return html_table(HEADINGS, self.rows(), self.caption)

    def to_pandas(self) -> pd.DataFrame:
        """One row per feature and one for all of them, as a pandas DataFrame; needs pandas.

        ``pip install 'labelmetrics[pandas]'`` installs it.
        """
        import pyarrow as pa

        return to_pandas(pa.Table.from_pylist([asdict(row) for row in self]))

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return {
            "data_rows": self.data_rows,
            "empty_rows": self.empty_rows,
            "match": self.iou,
            "confidence": self.confidence,
            "overall": asdict(self.overall),
            "features": [asdict(row) for row in self.features],
        }

    @classmethod
    def of_dict(cls, found: dict[str, Any]) -> Summary:
        """The summary that :meth:`to_dict` has written."""
        return cls(
            overall=SummaryRow(**found["overall"]),
            features=[SummaryRow(**row) for row in found["features"]],
            data_rows=found["data_rows"],
            empty_rows=found["empty_rows"],
            iou=found["match"],
            confidence=found["confidence"],
        )

    def to_flat_dict(self) -> dict[str, float]:
        """Defined numbers by ``"name"`` overall and ``"feature/name"``, for experiment trackers."""
        flat: dict[str, float] = {"data_rows": self.data_rows, "empty_rows": self.empty_rows}
        for row in self:
            prefix = "" if row is self.overall else f"{row.feature}/"
            values = asdict(row)
            del values["feature"]
            flat.update({prefix + name: value for name, value in values.items() if value is not None})
        return flat


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """What a summary is made from, of some data rows; those of other data rows can be added.

    Parameters
    ----------
    features : list of str
        Feature names.
    counts : ndarray of int64, shape (5, n_features)
        Ground truths, predictions, TP, FP and FN.
    overlaps : list of (int, int)
        Of each feature, the exact total of its mean overlaps and the number of data rows where they are defined.
    row_overlap : (int, int)
        The same of data rows.
    data_rows, empty_rows : int
        Data rows, and those of them where both sides are empty.
    confidence : float or None
        Least confidence of the predictions that count.
    """

    features: list[str]
    counts: Ints
    overlaps: list[tuple[int, int]]
    row_overlap: tuple[int, int]
    data_rows: int
    empty_rows: int
    confidence: float | None

    @classmethod
    def of(
        cls, results: Results, *, threshold: int = 0, confidence: float | None = None, nearest: bool = False
    ) -> Sums:
        """Sums of results at a threshold (by index) and a confidence key."""
        keys = results.grid.keys
        level = 0 if confidence is None else 1 + nearest_key(keys, confidence, nearest=nearest)
        groups, n = results.by_feature, len(results.features)
        columns = [
            groups.n_truth,
            groups.n_guess[level],
            *(part[threshold, level] for part in (groups.tp, groups.fp, groups.fn)),
        ]
        _, row_iou = results.row_iou()
        return cls(
            features=results.features,
            counts=np.array([np.bincount(groups.feature, one, minlength=n) for one in columns], np.int64),
            overlaps=_totals(groups.iou[level], groups.feature, n),
            row_overlap=_totals(row_iou[level], np.zeros(row_iou.shape[1], np.int64), 1)[0],
            data_rows=len(results.rows),
            empty_rows=len(results.rows) - len(np.unique(groups.row)),
            confidence=None if level == 0 else keys[level - 1],
        )

    def __add__(self, other: Sums) -> Sums:
        return replace(
            self,
            counts=self.counts + other.counts,
            overlaps=[_added(*pair) for pair in zip(self.overlaps, other.overlaps, strict=True)],
            row_overlap=_added(self.row_overlap, other.row_overlap),
            data_rows=self.data_rows + other.data_rows,
            empty_rows=self.empty_rows + other.empty_rows,
        )

    def summary(self, match: str) -> Summary:
        """The summary; ``match`` says what a match is."""
        features = [
            SummaryRow.of(name, truths, guesses, counts, _mean(overlap))
            for name, (truths, guesses, *counts), overlap in zip(
                self.features, self.counts.T.tolist(), self.overlaps, strict=True
            )
        ]
        truths, guesses, *counts = self.counts.sum(axis=1).tolist()
        return Summary(
            overall=SummaryRow.of(OVERALL, truths, guesses, counts, _mean(self.row_overlap)),
            features=features,
            data_rows=self.data_rows,
            empty_rows=self.empty_rows,
            iou=match,
            confidence=self.confidence,
        )


def _totals(values: Floats, group: Ints, n: int) -> list[tuple[int, int]]:
    """Exact total and number of the defined values of each group."""
    defined = ~np.isnan(values)
    totals = exact_totals(values[defined], group[defined], n)
    return [*zip(totals, np.bincount(group[defined], minlength=n).tolist(), strict=True)]


def _added(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return one[0] + other[0], one[1] + other[1]


def _mean(part: tuple[int, int]) -> float | None:
    """Mean of an exact total, so that the order of data rows cannot change it."""
    total, n = part
    return rounded(total) / n if n else None
