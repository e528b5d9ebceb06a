"""Why each annotation of a data row is a match or is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labelmetrics.frame import html_table, plain_table
from labelmetrics.kernels.thresholds import match_rule
from labelmetrics.matches import Matches

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
    own = table.filter(pc.equal(table.column("data_row").cast(pa.string()), data_row)).to_pylist()
    objects = {one["object"]: one for one in own}
    unlike = _unlike(pairs.filter(pc.is_in(pairs.column("ground_truth"), pa.array(objects, pa.int64()))))
    short = f"less than {threshold:g}" if matching == "coco" else f"not more than {threshold:g}"
    findings = []
    for one in own:
        is_truth = one["side"] == "ground_truth"
        matched = one["partner"] is not None
        if is_truth and matched:
            continue  # told with its prediction
        if one["reason"] == "wrong class" and one["object"] in unlike:
            one["nearest_overlap"], one["nearest"] = unlike[one["object"]]
        partner = objects.get(one["partner"])
        nearest = objects.get(one["nearest"])
        findings.append(
            Finding(
                outcome=one["outcome"],
                feature=one["feature"],
                place=one["place"],
                confidence=one["confidence"],
                overlap=one["overlap"] if matched else one["nearest_overlap"],
                reason=one["reason"],
                why=_why(one, nearest, short),
                ground_truth=one["object"] if is_truth else partner and partner["object"],
                prediction=None if is_truth else one["object"],
            )
        )
    order = ["TP", "FP", "FN", "ignored"]
    findings.sort(key=lambda f: (order.index(f.outcome), -(f.confidence if f.confidence is not None else 1.0)))
    return Explanation(data_row, findings, match_rule(threshold, matching))


def _unlike(pairs: pa.Table) -> dict[int, tuple[float, int]]:
    """Overlap and number of the nearest object of another feature, by object."""
    found: dict[int, tuple[float, int]] = {}
    for pair in pairs.to_pylist():
        ends = pair["ground_truth"], pair["prediction"]
        for one, other in (ends, ends[::-1]):
            if not pair["same_feature"]:
                found[one] = max(found.get(one, (0.0, -1)), (pair["overlap"], other))
    return found


def _why(one: dict[str, Any], nearest: dict[str, Any] | None, short: str) -> str:
    other = "prediction" if one["side"] == "ground_truth" else "ground truth"
    own = "ground truth" if one["side"] == "ground_truth" else "prediction"
    match one["reason"]:
        case None:
            return "matched"
        case "below threshold":
            return f"the nearest {other} overlaps by {one['nearest_overlap']:.3f}, {short}"
        case "wrong class":
            feature = "another answer" if nearest is None else repr(nearest["feature"])
            return f"the {other} there is {feature}"
        case "duplicate":
            return "its ground truth is matched with another prediction"
        case "prediction taken":
            return "its prediction is matched with another ground truth"
        case "subclass differs":
            answers = [", ".join(side["nested"] or ["none"]) for side in (one, nearest) if side is not None]
            return f"the nested answers differ: {' against '.join(answers)}"
        case "text differs":
            return f"the {other} has another text"
        case "crowd":
            return f"the {own} lies on a crowd, which does not count"
        case _:
            return f"no {other} {'' if nearest is None else 'of its feature '}overlaps with it"
