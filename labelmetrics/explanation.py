"""Why each annotation of a data row is a match or is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from labelmetrics.formats.restored import coded, numbers
from labelmetrics.frame import html_table, plain_table
from labelmetrics.kernels.batch import Bools, Coded, Floats, Ints
from labelmetrics.kernels.thresholds import match_rule
from labelmetrics.matches import Matches, rows_of

if TYPE_CHECKING:
    import pyarrow as pa

NAMES = ("outcome", "feature", "place", "confidence", "overlap", "why")


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one annotation, or of a matched pair.

    Parameters
    ----------
    outcome : str
        ``"TP"``, ``"FP"``, ``"FN"`` or ``"ignored"``.
    feature : str
        Its feature.
    place : str or None
        Frame, page or message.
    confidence : float or None
        Confidence of the prediction.
    overlap : float or None
        Overlap with the partner, else with the nearest annotation of the other side.
    reason : str or None
        Why it is unmatched.
    why : str
        The same as a sentence.
    ground_truth, prediction : int or None
        ``object`` numbers of the pair, or of the annotation alone.
    """

    outcome: str
    feature: str
    place: str | None
    confidence: float | None
    overlap: float | None
    reason: str | None
    why: str
    ground_truth: int | None
    prediction: int | None


class Explanation:
    """The findings of one data row: matched pairs first, then false positives, then what was not found.

    ``iou`` says what a match is.
    """

    def __init__(self, data_row: str, findings: list[Finding], iou: str) -> None:
        self.data_row = data_row
        self.findings = findings
        self.iou = iou

    @property
    def caption(self) -> str:
        """What the findings are about."""
        return f"data row {self.data_row}, {self.iou}"

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def rows(self) -> list[list[Any]]:
        """Findings as rows of a table, in the order of ``NAMES``."""
        return [[getattr(finding, name) for name in NAMES] for finding in self.findings]

    def to_dicts(self) -> list[dict[str, Any]]:
        """The findings as dicts."""
        return [{name: getattr(one, name) for name in Finding.__dataclass_fields__} for one in self.findings]

    def __repr__(self) -> str:
        return f"{self.caption}\n{plain_table(NAMES, self.rows())}"

    def _repr_html_(self) -> str:
        return html_table(NAMES, self.rows(), self.caption)


def explain(matches: Matches, pairs: pa.Table, data_row: str, threshold: float, matching: str) -> Explanation:
    """Findings of one data row, from the matches at a threshold and the pairs that overlap."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = matches.table
    table = table.filter(pc.equal(table.column("data_row").cast(pa.string()), data_row))
    overlap, whys = told(table, pairs, threshold, matching)
    findings = []
    for one, seen, why in zip(table.to_pylist(), overlap.tolist(), whys.to_pylist(), strict=True):
        is_truth = one["side"] == "ground_truth"
        if is_truth and one["partner"] is not None:
            continue  # told with its prediction
        findings.append(
            Finding(
                outcome=one["outcome"],
                feature=one["feature"],
                place=one["place"],
                confidence=one["confidence"],
                overlap=None if np.isnan(seen) else seen,
                reason=one["reason"],
                why=why,
                ground_truth=one["object"] if is_truth else one["partner"],
                prediction=None if is_truth else one["object"],
            )
        )
    order = ["TP", "FP", "FN", "ignored"]
    findings.sort(key=lambda f: (order.index(f.outcome), -(f.confidence if f.confidence is not None else 1.0)))
    return Explanation(data_row, findings, match_rule(threshold, matching))


def told(table: pa.Table, pairs: pa.Table, threshold: float, matching: str) -> tuple[Floats, pa.Array]:
    """What became of each object, as a sentence.

    Parameters
    ----------
    table : pyarrow.Table
        Matches at a threshold.
    pairs : pyarrow.Table
        Pairs that overlap.
    threshold : float
        Least overlap of a match.
    matching : {"platform", "coco"}
        Rule of the matches.

    Returns
    -------
    overlap : ndarray of float64, shape (n,)
        Overlap with the partner, else with what stands in the way, else with the nearest; NaN where there is none.
    why : pyarrow.Array of str
        The sentences.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    reasons = coded(table.column("reason"))
    nearest = rows_of(table.column("object").to_numpy(), table.column("nearest").fill_null(-1).to_numpy())
    overlap = numbers(table.column("nearest_overlap")).copy()
    is_wrong = _are(reasons, "wrong class")
    _see_unlike(table, pairs, np.flatnonzero(is_wrong), nearest, overlap)
    is_truth = _are(coded(table.column("side")), "ground_truth")
    short = f"less than {threshold:g}" if matching == "coco" else f"not more than {threshold:g}"

    def other(at: Ints) -> pa.Array:
        return pa.array(np.where(is_truth[at], "prediction", "ground truth"))

    def named(column: str, at: Ints, of: Callable[[Any], str], absent: str) -> pa.Array:
        """Texts of another column of the objects that are seen."""
        values = (
            coded(table.column(column)) if column != "nested" else coded(pc.binary_join(table.column(column), ", "))
        )
        texts = pa.array([*map(of, values.values), absent])
        # A row that is not there has no text, as null has none.
        return texts.take(
            pa.array(np.append(np.where(values.codes < 0, len(texts) - 1, values.codes), len(texts) - 1)[at])
        )

    def decimals(values: Floats) -> pa.Array:
        return pa.array(np.char.mod("%.3f", values).tolist(), pa.string())

    sentence = np.full(len(table), "matched", object)
    for code, reason in enumerate(reasons.values):
        at = np.flatnonzero(reasons.codes == code)
        seen = nearest[at]
        match reason:
            case "below threshold":
                parts = ["the nearest ", other(at), " overlaps by ", decimals(overlap[at]), f", {short}"]
            case "wrong class":
                parts = ["the ", other(at), " there is ", named("feature", seen, repr, "another answer")]
            case "duplicate":
                parts = ["its ground truth is matched with another prediction"]
            case "prediction taken":
                parts = ["its prediction is matched with another ground truth"]
            case "low confidence":
                confidence = np.append(numbers(table.column("confidence")), np.nan)[seen]
                parts = ["the prediction there has a confidence of ", decimals(confidence), " only"]
            case "subclass differs":
                nested = [named("nested", rows, str, "none") for rows in (at, seen)]
                parts = ["the nested answers differ: ", nested[0], " against ", nested[1]]
            case "text differs":
                parts = ["the ", other(at), " has another text"]
            case "crowd":
                own = pa.array(np.where(is_truth[at], "ground truth", "prediction"))
                parts = ["the ", own, " lies on a crowd, which does not count"]
            case _:
                like = pa.array(np.where(seen < 0, "", "of its feature "))
                parts = ["no ", other(at), " ", like, "overlaps with it"]
        joined = pc.binary_join_element_wise(*parts, "")
        sentence[at] = joined.as_py() if isinstance(joined, pa.Scalar) else joined.to_numpy(zero_copy_only=False)
    partner = numbers(table.column("overlap"))
    return np.where(np.isnan(partner), overlap, partner), pa.array(sentence, pa.string())


def _are(column: Coded, value: str) -> Bools:
    """Where a column has a value."""
    return np.append(np.array([one == value for one in column.values], bool), False)[column.codes]


def _see_unlike(table: pa.Table, pairs: pa.Table, at: Ints, nearest: Ints, overlap: Floats) -> None:
    """Let some objects see the nearest one of another feature."""
    unlike = pairs.filter(~pairs.column("same_feature").to_numpy())
    shared = unlike.column("overlap").to_numpy()
    number = table.column("object").to_numpy()
    ends = [rows_of(number, unlike.column(name).to_numpy()) for name in ("ground_truth", "prediction")]
    wanted = np.append(np.zeros(len(number), bool), False)
    wanted[at] = True
    for one, other in (ends, ends[::-1]):
        chosen = np.flatnonzero(wanted[one])
        chosen = chosen[np.lexsort((other[chosen], shared[chosen]))]
        # The last one stays: that of the highest overlap.
        nearest[one[chosen]], overlap[one[chosen]] = other[chosen], shared[chosen]
