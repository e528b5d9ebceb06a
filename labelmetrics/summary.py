"""The numbers of an evaluation that people look at first."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from labelmetrics.frame import html_table, plain_table, to_pandas
from labelmetrics.kernels.results import Results
from labelmetrics.kernels.thresholds import nearest_key

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
        keys = results.grid.keys
        level = 0 if confidence is None else 1 + nearest_key(keys, confidence, nearest=nearest)
        groups, n = results.by_feature, len(results.features)
        columns = [
            groups.n_truth,
            groups.n_guess[level],
            *(a[threshold, level] for a in (groups.tp, groups.fp, groups.fn)),
        ]
        sums = [np.bincount(groups.feature, column, minlength=n).astype(np.int64) for column in columns]
        # Groups are sorted by data row; by feature, the overlaps of one feature lie together.
        order = np.argsort(groups.feature, kind="stable")
        parts = (
            np.split(groups.iou[level][order], np.cumsum(np.bincount(groups.feature, minlength=n))[:-1]) if n else []
        )
        features = [
            SummaryRow.of(name, sums[0][i], sums[1][i], [s[i] for s in sums[2:]], _mean(parts[i]))
            for i, name in enumerate(results.features)
        ]
        totals = [int(s.sum()) for s in sums]
        _, row_iou = results.row_iou()
        overall = SummaryRow.of(OVERALL, totals[0], totals[1], totals[2:], _mean(row_iou[level]))
        used = results.grid.thresholds[threshold]
        return cls(
            overall=overall,
            features=features,
            data_rows=len(results.rows),
            empty_rows=len(results.rows) - len(np.unique(groups.row)),
            iou=f"IoU {'>=' if matching == 'coco' else '>'} {used:g}",
            confidence=None if level == 0 else keys[level - 1],
        )

    @property
    def caption(self) -> str:
        """What the numbers are about."""
        parts = [f"{self.data_rows:,} data row{'' if self.data_rows == 1 else 's'}", self.iou]
        if self.confidence is not None:
            parts.append(f"confidence >= {self.confidence:g}")
        if self.empty_rows:
            parts.append(f"{self.empty_rows:,} row{'' if self.empty_rows == 1 else 's'} where both sides are empty")
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
        """One row per feature and one for all of them, as a pandas DataFrame."""
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

    def to_flat_dict(self) -> dict[str, float]:
        """Defined numbers by ``"name"`` overall and ``"feature/name"``, for experiment trackers."""
        flat: dict[str, float] = {"data_rows": self.data_rows, "empty_rows": self.empty_rows}
        for row in self:
            prefix = "" if row is self.overall else f"{row.feature}/"
            values = asdict(row)
            del values["feature"]
            flat.update({prefix + name: value for name, value in values.items() if value is not None})
        return flat


def _mean(values: Any) -> float | None:
    """Exact mean of the defined values, so that the order of data rows cannot change it."""
    defined = values[~np.isnan(values)].tolist()
    return math.fsum(defined) / len(defined) if defined else None
