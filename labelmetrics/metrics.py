"""The built-in metrics of one data row: thin faces of the columnar comparison.

The functions carry the names, arguments and defaults of the Labelbox SDK, and its numbers wherever that SDK is
consistent with itself; ``docs/differences.md`` lists where it is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, TypeVar

import numpy as np

from labelmetrics.errors import DataRowError, Fault, SettingError
from labelmetrics.formats.objects import columns_of
from labelmetrics.kernels.batch import Floats, Ints
from labelmetrics.kernels.buffer import DEFAULT_BUFFER, Buffer
from labelmetrics.kernels.comparison import Comparison, compare
from labelmetrics.kernels.counts import Matching, Tally
from labelmetrics.kernels.miou import Masks
from labelmetrics.kernels.results import mean_of_features
from labelmetrics.kernels.thresholds import Confidences, Grid, read_confidences, read_thresholds, threshold_name
from labelmetrics.kernels.vocabulary import AnswerNames
from labelmetrics.types import ConfusionMatrixMetric, ScalarMetric
from labelmetrics.words import counted

__all__ = [
    "confusion_matrix_metric",
    "feature_confusion_matrix_metric",
    "feature_miou_metric",
    "miou_metric",
    "pair_labels",
    "subclass_confusion_matrix_metric",
    "subclass_miou_metric",
]

MIOU_NAME = "custom_iou"
CLASSIFICATION_NAME = "classification"

Annotations = Iterable[Any]
LabelT = TypeVar("LabelT")


def miou_metric(
    ground_truths: Annotations,
    predictions: Annotations,
    include_subclasses: bool = False,
    *,
    confidences: Confidences = None,
    buffer: Buffer = DEFAULT_BUFFER,
    masks: Masks = "auto",
    answer_names: AnswerNames = "auto",
) -> list[ScalarMetric]:
    """Mean overlap of one data row: the unweighted mean over its features.

    Parameters
    ----------
    ground_truths, predictions : iterable of annotations
        Object and classification annotations of the same data row.
    include_subclasses : bool, default False
        Whether the agreement of nested answers counts for half of a pair's value.
    confidences : sequence of float, int or "auto", optional
        Confidence keys: the metric is computed again from the predictions of at least each confidence.
    buffer : float, str or mapping, default 70.0
        Pixels by which points and lines are widened, for all or per feature.
    masks : {"auto", "semantic", "instance"}
        Masks as the pixels of their union, or one to one; ``"auto"`` is semantic without subclasses.
    answer_names : {"auto", "answer", "question/answer"}
        How features of answers are named.

    Returns
    -------
    list of ScalarMetric
        One metric with a value in [0, 1]; none where both sides are empty.

    Raises
    ------
    AnnotationError
        Annotations that cannot be compared with each other.
    SettingError
        A parameter that cannot be used.

    Examples
    --------
    >>> from labelmetrics.types import ObjectAnnotation, Point, Rectangle
    >>> def box(x): return ObjectAnnotation(name="cat", value=Rectangle(start=Point(x=x, y=0), end=Point(x=x + 4, y=4)))
    >>> miou_metric([box(0)], [box(1)])[0].value
    0.6
    """
    comparison = _compare(
        ground_truths, predictions, include_subclasses, 0.5, confidences, buffer=buffer, masks=masks, names=answer_names
    )
    value = _over_features(comparison.features)
    return [] if value is None else _scalar(comparison.grid, value)


def feature_miou_metric(
    ground_truths: Annotations,
    predictions: Annotations,
    include_subclasses: bool = True,
    *,
    confidences: Confidences = None,
    buffer: Buffer = DEFAULT_BUFFER,
    masks: Masks = "auto",
    answer_names: AnswerNames = "auto",
) -> list[ScalarMetric]:
    """Mean overlap of each feature of one data row.

    A feature's value is the sum of the overlaps of its matched pairs over the larger of its two counts. Parameters and
    errors are those of :func:`miou_metric`.

    Returns
    -------
    list of ScalarMetric
        One metric per feature of either side, by feature name.

    Examples
    --------
    >>> from labelmetrics.types import ObjectAnnotation, TextEntity
    >>> def name(start, end): return ObjectAnnotation(name="person", value=TextEntity(start=start, end=end))
    >>> [(m.feature_name, m.value) for m in feature_miou_metric([name(0, 10)], [name(5, 10), name(20, 30)])]
    [('person', 0.25)]
    """
    comparison = _compare(
        ground_truths, predictions, include_subclasses, 0.5, confidences, buffer=buffer, masks=masks, names=answer_names
    )
    features = comparison.batch.features
    tally = comparison.features
    return [
        metric
        for index, code in enumerate(tally.group.tolist())
        for metric in _scalar(comparison.grid, tally.iou[:, index], feature_name=features[code % len(features)])
    ]


def subclass_miou_metric(
    ground_truths: Annotations,
    predictions: Annotations,
    *,
    confidences: Confidences = None,
    buffer: Buffer = DEFAULT_BUFFER,
    masks: Masks = "auto",
    answer_names: AnswerNames = "auto",
) -> list[ScalarMetric]:
    """Mean overlap of each nested answer: the annotations that carry it, taken as a feature of their own.

    Parameters and errors are those of :func:`miou_metric`.

    Returns
    -------
    list of ScalarMetric
        One metric per feature and nested answer of either side.

    Examples
    --------
    >>> subclass_miou_metric([], [])
    []
    """
    comparison = _compare(
        ground_truths, predictions, False, 0.5, confidences, buffer=buffer, masks=masks, names=answer_names
    )
    tally = comparison.subclasses
    return [
        metric
        for index, code in enumerate(tally.group.tolist())
        for metric in _scalar(comparison.grid, tally.iou[:, index], **_subclass(comparison, code))
    ]


def confusion_matrix_metric(
    ground_truths: Annotations,
    predictions: Annotations,
    include_subclasses: bool = False,
    iou: float = 0.5,
    *,
    confidences: Confidences = None,
    matching: Matching = "platform",
    buffer: Buffer = DEFAULT_BUFFER,
    answer_names: AnswerNames = "auto",
) -> list[ConfusionMatrixMetric]:
    """Confusion matrix of one data row: the sum over its features, objects and answers together.

    Parameters
    ----------
    ground_truths, predictions : iterable of annotations
        Object and classification annotations of the same data row.
    include_subclasses : bool, default False
        Whether a pair matches only where its nested answers are equal.
    iou : float, default 0.5
        Overlap that a match must exceed (reach, with ``matching="coco"``), in (0, 1).
    confidences : sequence of float, int or "auto", optional
        Confidence keys: the metric is computed again from the predictions of at least each confidence.
    matching : {"platform", "coco"}
        Highest overlap first, or predictions in falling confidence with COCO's rules for crowds.
    buffer, answer_names
        As in :func:`miou_metric`.

    Returns
    -------
    list of ConfusionMatrixMetric
        One metric ``(TP, FP, TN, FN)`` with TN = 0; none where both sides are empty.

    Raises
    ------
    AnnotationError
        Annotations that cannot be compared with each other.
    SettingError
        A parameter that cannot be used.

    Examples
    --------
    >>> from labelmetrics.types import ObjectAnnotation, Point, Rectangle
    >>> def box(x): return ObjectAnnotation(name="cat", value=Rectangle(start=Point(x=x, y=0), end=Point(x=x + 4, y=4)))
    >>> metric, = confusion_matrix_metric([box(0), box(20)], [box(1)])
    >>> metric.metric_name, metric.value
    ('50pct_iou', (1, 0, 0, 1))
    """
    comparison = _compare(
        ground_truths, predictions, include_subclasses, iou, confidences, matching, buffer, names=answer_names
    )
    tally = comparison.features
    if not len(tally.group):
        return []
    counts = _counts(tally).sum(axis=1)
    only_answers = bool(comparison.batch.is_classification.all())
    return [_matrix(comparison.grid, CLASSIFICATION_NAME if only_answers else threshold_name(iou), counts)]


def feature_confusion_matrix_metric(
    ground_truths: Annotations,
    predictions: Annotations,
    include_subclasses: bool = False,
    iou: float = 0.5,
    *,
    confidences: Confidences = None,
    matching: Matching = "platform",
    buffer: Buffer = DEFAULT_BUFFER,
    answer_names: AnswerNames = "auto",
) -> list[ConfusionMatrixMetric]:
    """Confusion matrix of each feature of one data row.

    Parameters and errors are those of :func:`confusion_matrix_metric`.

    Returns
    -------
    list of ConfusionMatrixMetric
        One metric per feature of either side, by feature name; answers are named ``classification``.

    Examples
    --------
    >>> from labelmetrics.types import ClassificationAnnotation, ClassificationAnswer, Radio
    >>> def weather(answer):
    ...     return ClassificationAnnotation(name="weather", value=Radio(answer=ClassificationAnswer(name=answer)))
    >>> [(m.feature_name, m.value) for m in feature_confusion_matrix_metric([weather("rain")], [weather("snow")])]
    [('rain', (0, 0, 0, 1)), ('snow', (0, 1, 0, 0))]
    """
    comparison = _compare(
        ground_truths, predictions, include_subclasses, iou, confidences, matching, buffer, names=answer_names
    )
    batch, tally = comparison.batch, comparison.features
    counts = _counts(tally)
    found = []
    for index, code in enumerate(tally.group.tolist()):
        feature = code % len(batch.features)
        name = CLASSIFICATION_NAME if batch.is_classification[feature] else threshold_name(iou)
        found.append(_matrix(comparison.grid, name, counts[:, index], feature_name=batch.features[feature]))
    return found


def subclass_confusion_matrix_metric(
    ground_truths: Annotations,
    predictions: Annotations,
    iou: float = 0.5,
    *,
    confidences: Confidences = None,
    matching: Matching = "platform",
    buffer: Buffer = DEFAULT_BUFFER,
    answer_names: AnswerNames = "auto",
) -> list[ConfusionMatrixMetric]:
    """Confusion matrix of each nested answer: the annotations that carry it, taken as a feature of their own.

    Parameters and errors are those of :func:`confusion_matrix_metric`.

    Returns
    -------
    list of ConfusionMatrixMetric
        One metric per feature and nested answer of either side.

    Examples
    --------
    >>> subclass_confusion_matrix_metric([], [])
    []
    """
    comparison = _compare(ground_truths, predictions, False, iou, confidences, matching, buffer, names=answer_names)
    batch, tally = comparison.batch, comparison.subclasses
    counts = _counts(tally)
    found = []
    for index, code in enumerate(tally.group.tolist()):
        feature = code // len(comparison.subclass_members.names) % len(batch.features)
        name = CLASSIFICATION_NAME if batch.is_classification[feature] else threshold_name(iou)
        found.append(_matrix(comparison.grid, name, counts[:, index], **_subclass(comparison, code)))
    return found


def pair_labels(
    ground_truths: Iterable[LabelT],
    predictions: Iterable[LabelT],
    match_on: Literal["uid", "global_key", "external_id"] = "uid",
    filter_mismatch: bool = False,
) -> dict[str, tuple[LabelT, LabelT]]:
    """Pair the labels of the same data rows.

    Parameters
    ----------
    ground_truths, predictions : iterable of Label
        One label per data row each.
    match_on : {"uid", "global_key", "external_id"}
        Key of the data row that pairs go by.
    filter_mismatch : bool, default False
        Whether data rows on one side only are left out; otherwise they are an error.

    Returns
    -------
    dict of str to tuple of Label
        Ground truth and prediction of each data row, in the order of the ground truths.

    Raises
    ------
    SettingError
        ``match_on`` names no key.
    DataRowError
        A label lacks the key, two labels of a side share it, or it is on one side only.

    Examples
    --------
    >>> from labelmetrics.types import ImageData, Label
    >>> label = Label(data=ImageData(global_key="a.jpg"))
    >>> list(pair_labels([label], [label], match_on="global_key"))
    ['a.jpg']
    """
    if match_on not in ("uid", "global_key", "external_id"):
        raise SettingError(f"match_on must be uid, global_key or external_id, got {match_on!r}")
    truths, guesses = (
        _by_key(labels, match_on, side)
        for labels, side in ((ground_truths, "ground truth"), (predictions, "prediction"))
    )
    lonely = [key for key in {**truths, **guesses} if key not in truths or key not in guesses]
    if lonely and not filter_mismatch:
        raise DataRowError(
            f"{counted(len(lonely), 'data row')} with a label on one side only (filter_mismatch=True leaves them out)",
            [
                Fault(
                    rule="data-row",
                    message=f"no {'prediction' if key in truths else 'ground truth'}",
                    data_row=f"{match_on}={key}",
                )
                for key in lonely
            ],
        )
    return {key: (label, guesses[key]) for key, label in truths.items() if key in guesses}


def _by_key(labels: Iterable[LabelT], match_on: str, side: str) -> dict[str, LabelT]:
    found: dict[str, LabelT] = {}
    for position, label in enumerate(labels):
        key = getattr(getattr(label, "data", None), match_on, None)
        if key is None or key in found:
            message = f"a {side} has no {match_on}" if key is None else f"two {side}s share {match_on} {key!r}"
            raise DataRowError(
                "labels cannot be paired", [Fault(rule="data-row", message=message, path=f"$[{position}]")]
            )
        found[key] = label
    return found


def _compare(
    ground_truths: Annotations,
    predictions: Annotations,
    include_subclasses: bool,
    iou: float,
    confidences: Confidences,
    matching: Matching = "platform",
    buffer: Buffer = DEFAULT_BUFFER,
    masks: Masks = "auto",
    names: AnswerNames = "auto",
) -> Comparison:
    truths, guesses = columns_of(ground_truths), columns_of(predictions)
    return compare(
        truths,
        guesses,
        grid=Grid(read_thresholds([iou]), read_confidences(confidences, guesses.confidence)),
        include_subclasses=include_subclasses,
        matching=matching,
        masks=masks,
        buffer=buffer,
        answer_names=names,
    )


def _subclass(comparison: Comparison, code: int) -> dict[str, str]:
    names, features = comparison.subclass_members.names, comparison.batch.features
    return {"feature_name": features[code // len(names) % len(features)], "subclass_name": names[code % len(names)]}


def _counts(tally: Tally) -> Ints:
    """TP, FP, TN, FN at the first threshold, shape (L, G, 4)."""
    return np.stack([tally.tp[0], tally.fp[0], np.zeros_like(tally.tp[0]), tally.fn[0]], axis=-1)


def _over_features(tally: Tally) -> Floats | None:
    """Unweighted mean over the features that are defined at each level; ``None`` where there is no feature."""
    return mean_of_features(tally.iou, np.zeros(1, np.int64))[:, 0] if len(tally.group) else None


def _scalar(grid: Grid, levels: Floats, **names: str) -> list[ScalarMetric]:
    """The metric; none where its value is undefined at every key."""
    if not grid.keys:
        return [ScalarMetric(metric_name=MIOU_NAME, value=float(levels[0]), **names)]
    keyed = {key: value for key, value in zip(grid.keys, levels[1:].tolist(), strict=True) if not np.isnan(value)}
    return [ScalarMetric(metric_name=MIOU_NAME, value=keyed, **names)] if keyed else []


def _matrix(grid: Grid, name: str, levels: Ints, **names: str) -> ConfusionMatrixMetric:
    rows = [tuple(row) for row in levels.tolist()]
    value = rows[0] if not grid.keys else dict(zip(grid.keys, rows[1:], strict=True))
    return ConfusionMatrixMetric(metric_name=name, value=value, **names)
