"""Curves and summary metrics over confidence, from the pairs of an evaluation.

Here predictions choose their ground truths in falling confidence, as COCO lets them, whatever rule the evaluation's
confusion matrices follow: only so is the curve at a confidence that of the predictions above it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING, Literal

import numpy as np

from labelmetrics.errors import SettingError
from labelmetrics.frame import need_pandas
from labelmetrics.kernels.batch import Bools, Floats, Ints
from labelmetrics.kernels.curves import AREAS, coco_curves, match, numbers, summarize
from labelmetrics.kernels.thresholds import read_thresholds
from labelmetrics.words import near

if TYPE_CHECKING:
    import pandas as pd

    from labelmetrics.evaluation import Evaluation

__all__ = [
    "BestConfidence",
    "Calibration",
    "ConfidenceCurve",
    "average_precision",
    "best_confidence",
    "calibration",
    "f1_curve",
    "precision_recall",
]

Interpolation = Literal["coco", "all-point", "11-point"]


def average_precision(
    evaluation: Evaluation,
    *,
    feature: str | None = None,
    iou: float | None = None,
    interpolation: Interpolation = "coco",
) -> dict[str, float]:
    """Average precision: COCO's twelve numbers, or that of Pascal VOC at one overlap.

    Parameters
    ----------
    evaluation : Evaluation
        What was found; slices of it too.
    feature : str, optional
        Take one feature alone; otherwise the mean over features with ground truth: those of objects, or those of
        answers where there are no objects.
    iou : float, optional
        Overlap that matches must reach; with ``"coco"`` .50:.05:.95 unless given, else .5.
    interpolation : {"coco", "all-point", "11-point"}
        Precision at 101 recalls, under the whole curve, or at 11 recalls.

    Returns
    -------
    dict of str to float
        ``AP``, ``AP50``, ``AP75``, ``APs``, ``APm``, ``APl``, ``AR1``, ``AR10``, ``AR100``, ``ARs``, ``ARm``, ``ARl``;
        with an ``iou`` or another interpolation ``AP`` alone. -1 where there is no ground truth.

    Raises
    ------
    SettingError
        An unknown feature or interpolation, or an overlap outside (0, 1).

    Notes
    -----
    Definitions of https://cocodataset.org/#detection-eval, and of Everingham et al., The Pascal Visual Object Classes
    Challenge (2010 for all points, 2007 for eleven). Areas are those of the annotations in pixels; at most 100
    detections of a data row and feature count.

    Examples
    --------
    >>> import labelmetrics as lm
    >>> box = lm.ObjectAnnotation(name="cat", value=lm.Rectangle.from_xyhw(0, 0, 9, 9), confidence=0.9)
    >>> label = lm.Label(data=lm.ImageData(uid="a"), annotations=[box])
    >>> round(average_precision(lm.evaluate([label], [label]))["AP75"], 6)
    1.0
    """
    if interpolation not in ("coco", "all-point", "11-point"):
        raise SettingError(f"interpolation must be coco, all-point or 11-point, got {interpolation!r}")
    found = _Found(evaluation, feature, objects_first=True)
    if interpolation == "coco":
        thresholds = None if iou is None else np.array(read_thresholds(iou))
        curves = coco_curves(found.detections, len(found.features), thresholds=thresholds)
        if thresholds is None:
            return summarize(curves)
        precision = curves.precision[0, :, :, 0]
        defined = precision[:, precision[0] > -1]
        return {"AP": float(defined.mean()) if defined.size else -1.0}
    outcome = found.outcome(read_thresholds(0.5 if iou is None else iou)[0])
    areas = [_voc_area(curve, interpolation) for curve in outcome.curves() if curve.ground_truths]
    return {"AP": float(np.mean(areas)) if areas else -1.0}


def _voc_area(curve: ConfidenceCurve, interpolation: Interpolation) -> float:
    recall, precision = curve.recall, np.nan_to_num(curve.precision)
    highest = np.maximum.accumulate(precision[::-1])[::-1]
    if interpolation == "all-point":
        return float((np.diff(recall, prepend=0.0) * highest).sum())
    at = np.searchsorted(recall, np.linspace(0, 1, 11), "left")
    return float(np.append(highest, 0.0)[at].mean())


@dataclass(frozen=True, slots=True, eq=False)
class ConfidenceCurve:
    """Counts over falling confidence; equal confidences are one point.

    Parameters
    ----------
    feature : str
        The feature, or ``"(all)"``.
    ground_truths : int
        Ground truths that count.
    confidence : ndarray of float64, shape (n,)
        Falling; predictions of at least this confidence count.
    tp, fp : ndarray of int64, shape (n,)
        True and false positives among them.
    """

    feature: str
    ground_truths: int
    confidence: Floats
    tp: Ints
    fp: Ints

    @property
    def precision(self) -> Floats:
        """Share of predictions that are right; NaN where there are none that count."""
        return _share(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> Floats:
        """Share of ground truths that are found; NaN without ground truth."""
        return _share(self.tp, np.full(len(self.tp), self.ground_truths))

    @property
    def f1(self) -> Floats:
        """Harmonic mean of precision and recall; NaN where both sides are empty."""
        return _share(2 * self.tp, self.tp + self.fp + self.ground_truths)

    @property
    def best(self) -> BestConfidence:
        """Where F1 is highest; of equal ones the highest confidence."""
        f1 = np.nan_to_num(self.f1)
        if not f1.any():
            return BestConfidence(self.feature, None, None, None, None)
        at = int(f1.argmax())
        values = (float(values[at]) for values in (self.confidence, self.precision, self.recall, f1))
        return BestConfidence(self.feature, *values)

    def to_pandas(self) -> pd.DataFrame:
        """One row per point, as a pandas DataFrame; needs pandas (``pip install 'labelmetrics[pandas]'``)."""
        names = ("confidence", "tp", "fp", "precision", "recall", "f1")
        frame: pd.DataFrame = need_pandas().DataFrame({name: getattr(self, name) for name in names})
        return frame


def _share(part: Ints, whole: Ints) -> Floats:
    share = np.full(len(part), np.nan)
    np.divide(part, whole, out=share, where=whole > 0)
    return share


def precision_recall(evaluation: Evaluation, feature: str | None = None, *, iou: float = 0.5) -> ConfidenceCurve:
    """Precision and recall over confidence, of one feature or of all together.

    Parameters
    ----------
    evaluation : Evaluation
        What was found.
    feature : str, optional
        Its name; all features together unless given.
    iou : float, default 0.5
        Overlap that matches must reach.

    Raises
    ------
    SettingError
        An unknown feature, or an overlap outside (0, 1).

    Examples
    --------
    >>> import labelmetrics as lm
    >>> box = lm.ObjectAnnotation(name="cat", value=lm.Rectangle.from_xyhw(0, 0, 9, 9), confidence=0.9)
    >>> label = lm.Label(data=lm.ImageData(uid="a"), annotations=[box])
    >>> curve = precision_recall(lm.evaluate([label], [label]), "cat")
    >>> curve.confidence.tolist(), curve.precision.tolist()
    ([0.9], [1.0])
    """
    outcome = _Found(evaluation, feature).outcome(read_thresholds(iou)[0])
    return outcome.curve_of_all() if feature is None else outcome.curves()[0]


f1_curve = precision_recall


@dataclass(frozen=True, slots=True)
class BestConfidence:
    """Where a feature does best.

    Parameters
    ----------
    feature : str
        The feature, or ``"(all)"``.
    confidence : float or None
        Least confidence of the predictions that are kept; ``None`` where nothing is ever right.
    precision, recall, f1 : float or None
        What they reach.
    """

    feature: str
    confidence: float | None
    precision: float | None
    recall: float | None
    f1: float | None


def best_confidence(evaluation: Evaluation, *, by: Literal["f1"] = "f1", iou: float = 0.5) -> dict[str, BestConfidence]:
    """Find the confidence at which F1 is highest, for each feature and for all together.

    Parameters
    ----------
    evaluation : Evaluation
        What was found.
    by : {"f1"}
        What is made as high as can be; of equal ones the highest confidence is taken.
    iou : float, default 0.5
        Overlap that matches must reach.

    Returns
    -------
    dict of str to BestConfidence
        By feature, and ``"(all)"``.

    Raises
    ------
    SettingError
        An unknown measure, or an overlap outside (0, 1).

    Examples
    --------
    >>> import labelmetrics as lm
    >>> def box(x, confidence):
    ...     value = lm.Rectangle.from_xyhw(x, 0, 9, 9)
    ...     return lm.ObjectAnnotation(name="cat", value=value, confidence=confidence)
    >>> def label(*boxes): return lm.Label(data=lm.ImageData(uid="a"), annotations=list(boxes))
    >>> evaluation = lm.evaluate([label(box(0, 1))], [label(box(0, 0.8), box(50, 0.3))])
    >>> best_confidence(evaluation)["cat"].confidence
    0.8
    """
    if by != "f1":
        raise SettingError(f'by must be "f1", got {by!r}')
    outcome = _Found(evaluation, None).outcome(read_thresholds(iou)[0])
    return {curve.feature: curve.best for curve in [*outcome.curves(), outcome.curve_of_all()]}


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """How well confidences say how often predictions are right.

    Parameters
    ----------
    edges : ndarray of float64, shape (b + 1,)
        Bounds of the bins; a bin holds its lower bound, the last one both.
    count : ndarray of int64, shape (b,)
        Predictions in each bin.
    confidence, precision : ndarray of float64, shape (b,)
        Their mean confidence, and the share of them that is right; NaN in empty bins.
    ece : float
        Expected calibration error: the mean distance of the two, weighted by count; NaN without predictions.
    """

    edges: Floats
    count: Ints
    confidence: Floats
    precision: Floats
    ece: float


def calibration(evaluation: Evaluation, feature: str | None = None, *, iou: float = 0.5, bins: int = 10) -> Calibration:
    """Reliability of confidences: in each bin of confidence, the share of predictions that are right.

    Parameters
    ----------
    evaluation : Evaluation
        What was found.
    feature : str, optional
        Its name; all features together unless given.
    iou : float, default 0.5
        Overlap that matches must reach.
    bins : int, default 10
        Number of bins of equal width.

    Raises
    ------
    SettingError
        An unknown feature, an overlap outside (0, 1), or fewer than one bin.

    Notes
    -----
    Guo et al., On Calibration of Modern Neural Networks, 2017.

    Examples
    --------
    >>> import labelmetrics as lm
    >>> box = lm.ObjectAnnotation(name="cat", value=lm.Rectangle.from_xyhw(0, 0, 9, 9), confidence=0.75)
    >>> label = lm.Label(data=lm.ImageData(uid="a"), annotations=[box])
    >>> calibration(lm.evaluate([label], [label])).ece
    0.25
    """
    if bins < 1:
        raise SettingError(f"bins must be at least 1, got {bins!r}")
    outcome = _Found(evaluation, feature).outcome(read_thresholds(iou)[0])
    score, hit = outcome.score[~outcome.ignored], outcome.hit[~outcome.ignored]
    edges = np.linspace(0, 1, bins + 1)
    bin_ = np.clip(np.searchsorted(edges, score, "right") - 1, 0, bins - 1)
    count = np.bincount(bin_, minlength=bins)
    sums = [np.bincount(bin_, values, minlength=bins) for values in (score, hit.astype(np.float64))]
    confidence, precision = (np.divide(s, count, out=np.full(bins, np.nan), where=count > 0) for s in sums)
    error = float(np.abs(sums[0] - sums[1]).sum() / len(score)) if len(score) else float("nan")
    return Calibration(edges, count, confidence, precision, error)


class _Found:
    """The detections of an evaluation, of all features or of one."""

    def __init__(self, evaluation: Evaluation, feature: str | None, *, objects_first: bool = False) -> None:
        results = evaluation.results
        if feature is not None and feature not in results.features:
            raise SettingError(f"there is no feature {feature!r} in this evaluation{near(feature, results.features)}")
        chosen = np.ones(len(results.features), bool)
        if feature is not None:
            chosen = np.array(results.features, object) == feature
        elif objects_first and not results.is_classification.all():
            chosen = ~results.is_classification
        self.features = list(compress(results.features, chosen))
        self.rows, place = _in_order(results.rows)
        self.detections = evaluation.detections.renumbered(place, numbers(chosen))
        self._settings = evaluation.manifest.settings

    def outcome(self, threshold: float) -> _Outcome:
        """Let all predictions choose at one threshold."""
        self._check_pairs(threshold)
        found = self.detections
        ranked, rank = found.ranked(max(len(found.score), 1))
        hit, ignored = match(ranked, rank, np.array([threshold]), np.array([AREAS["all"]])).whole()
        return _Outcome(
            features=self.features,
            positives=np.bincount(found.truth_category[~found.crowd], minlength=len(self.features)),
            category=ranked.category,
            score=ranked.score,
            hit=hit[0, 0],
            ignored=ignored[0, 0],
        )

    def _check_pairs(self, threshold: float) -> None:
        """Refuse cells so crowded that not all of their pairs are kept, unless those are that decide here."""
        if self._settings.matching == "coco" and threshold in self._settings.iou:
            return
        thinned = self.detections.image[self.detections.thinned]
        if len(thinned):
            raise SettingError(
                f"data row {self.rows[thinned.min()]} has so many annotations of one feature that only those pairs of "
                f'them are kept that decide matches: for this curve, evaluate with matching="coco" and '
                f"iou={threshold:g}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """Whether each prediction is right, or ignored, at one threshold; sorted by feature and falling confidence."""

    features: list[str]
    positives: Ints
    category: Ints
    score: Floats
    hit: Bools
    ignored: Bools

    def curves(self) -> list[ConfidenceCurve]:
        """One curve per feature."""
        bounds = np.searchsorted(self.category, np.arange(len(self.features) + 1)).tolist()
        return [
            _curve(name, positives, self.score[part], self.hit[part], self.ignored[part])
            for name, positives, part in zip(
                self.features, self.positives.tolist(), map(slice, bounds[:-1], bounds[1:]), strict=True
            )
        ]

    def curve_of_all(self) -> ConfidenceCurve:
        """One curve of all features together."""
        order = np.argsort(-self.score, kind="stable")
        return _curve("(all)", int(self.positives.sum()), self.score[order], self.hit[order], self.ignored[order])


def _curve(name: str, ground_truths: int, score: Floats, hit: Bools, ignored: Bools) -> ConfidenceCurve:
    """Curve of predictions in falling confidence."""
    score, hit = score[~ignored], hit[~ignored]
    tp: Ints = np.cumsum(hit, dtype=np.int64)
    last = np.flatnonzero(np.diff(score, append=-1.0))
    return ConfidenceCurve(name, ground_truths, score[last], tp[last], last + 1 - tp[last])


def _in_order(rows: list[str]) -> tuple[list[str], Ints]:
    """Data rows in the order that settles ties, and the place of each in it.

    They go by number where all keys are numbers, as COCO's image ids are.
    """
    order = list(range(len(rows)))
    if all(map(str.isdecimal, rows)):
        order.sort(key=[int(row) for row in rows].__getitem__)
    place = np.empty(len(rows), np.int64)
    place[order] = np.arange(len(rows))
    return [rows[at] for at in order], place
