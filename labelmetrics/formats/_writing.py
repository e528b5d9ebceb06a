"""Labels to lines of platform NDJSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any
from uuid import uuid4

import orjson

from labelmetrics.errors import AnnotationError
from labelmetrics.formats._parsing import BENCHMARK
from labelmetrics.types import (
    ConfusionMatrixMetric,
    DataRow,
    Label,
    ScalarMetric,
    Text,
    VideoClassificationAnnotation,
    VideoObjectAnnotation,
)
from labelmetrics.types.base import Annotation
from labelmetrics.types.metric import metric_uuid
from labelmetrics.types.video import segments, tracks

__all__ = ["to_lines"]

_OF_FRAME = ("frame", "keyframe", "segmentIndex")
_OF_TRACK = ("name", "schemaId")
_IF_UNIFORM = ("confidence", "customMetrics")


def to_lines(label: Label) -> Iterator[dict[str, Any]]:
    """Lines that say what a label says.

    The annotations of frames of videos become one line for each object and each answer; of the objects only the
    keyframes are written, since the other frames follow from them.

    Parameters
    ----------
    label : Label
        The label. Its data row stands in all lines, whatever its annotations were read with.

    Yields
    ------
    dict
        JSON values only. Each line has a uuid: the given one, else for metrics one that follows from the metric key
        (:func:`~labelmetrics.types.metric.metric_uuid`), else a random one.

    Raises
    ------
    DataRowError
        The label's data row has an external id only.
    AnnotationError
        The label holds something else than annotations, or an object twice on one frame, or a mask without pixels.

    Examples
    --------
    >>> from labelmetrics.types import ImageData, Label, ScalarMetric
    >>> metric = ScalarMetric(metric_name="iou_custom", value=0.5)
    >>> next(to_lines(Label(data=ImageData(uid="r1"), annotations=[metric])))["metricValue"]
    0.5
    """
    data_row = label.data.data_row
    objects: list[VideoObjectAnnotation] = []
    answers: list[VideoClassificationAnnotation] = []
    for annotation in label.annotations:
        if isinstance(annotation, VideoObjectAnnotation):
            objects.append(annotation)
        elif isinstance(annotation, VideoClassificationAnnotation):
            answers.append(annotation)
        elif not isinstance(annotation, Annotation):  # lists can be extended without a check
            raise AnnotationError(f"the label of {data_row.key[1]} holds what is no annotation: {annotation!r:.80}")
        else:
            yield _line(annotation, annotation.to_line(), data_row, label)
    for track in tracks(objects):
        yield _line(track[0], _track_fields(segments(track)), data_row, label)
    for questions in tracks(answers):
        for position, fields in enumerate(_answer_fields(questions)):
            # Several answers under one uuid need several lines; only one of them can keep it.
            yield _line(questions[0], fields, data_row, label, keep_uuid=position == 0)


def _line(
    annotation: Annotation, fields: dict[str, Any], data_row: DataRow, label: Label, *, keep_uuid: bool = True
) -> dict[str, Any]:
    uuid = annotation.uuid or annotation.extra.get("uuid") if keep_uuid else None
    if uuid is None and isinstance(annotation, ScalarMetric | ConfusionMatrixMetric):
        uuid = metric_uuid(data_row.key, annotation.metric_name, annotation.feature_name, annotation.subclass_name)
    identity = {"uuid": str(uuid or uuid4()), "dataRow": data_row.model_dump(by_alias=True)}
    benchmark = label.is_benchmark_reference or annotation.extra.get(BENCHMARK)
    return {**identity, **_without(fields, "uuid", "dataRow"), **({BENCHMARK: True} if benchmark else {})}


def _track_fields(cut: list[list[VideoObjectAnnotation]]) -> dict[str, Any]:
    written = [[one for one in segment if one.keyframe] or segment for segment in cut]
    dumped = [[one.to_line() for one in segment] for segment in written]
    everything = [fields for segment in dumped for fields in segment]
    first = everything[0]
    uniform = [name for name in _IF_UNIFORM if all(fields.get(name) == first.get(name) for fields in everything)]
    common = {name: first[name] for name in (*_OF_TRACK, *uniform) if name in first}
    drop = ("uuid", "dataRow", *_OF_TRACK, *_OF_FRAME, *uniform)
    keyframes = [
        {"keyframes": [{"frame": fields["frame"], **_without(fields, *drop)} for fields in segment]}
        for segment in dumped
    ]
    return {**common, "classifications": [], "segments": keyframes}


def _answer_fields(questions: Sequence[VideoClassificationAnnotation]) -> list[dict[str, Any]]:
    """One line's fields for each answer, with the ranges of frames that have it; texts share a line."""
    found: dict[bytes, tuple[VideoClassificationAnnotation, list[dict[str, int]]]] = {}
    numbered = [(_answer_key(one), position, one) for position, one in enumerate(questions)]
    # A range goes on while the answer and the segment stay the same, or without segments while no frame is missing.
    for (key, *_), run in groupby(numbered, lambda item: (item[0], *_stretch(item[1], item[2]))):
        members = [one for _, _, one in run]
        found.setdefault(key, (members[0], []))[1].append({"start": members[0].frame, "end": members[-1].frame})
    lines: list[dict[str, Any]] = []
    texts: dict[bytes, dict[str, Any]] = {}
    for one, ranges in found.values():
        fields = _without(one.to_line(), *_OF_FRAME)
        if not isinstance(one.value, Text):
            lines.append({**fields, "frames": ranges})
            continue
        others = _without(fields, "answer")
        line = texts.setdefault(orjson.dumps(others, option=orjson.OPT_SORT_KEYS), {**others, "answer": []})
        line["answer"].append({"value": one.value.answer, "frames": ranges})
    return [*lines, *texts.values()]


def _stretch(position: int, one: VideoClassificationAnnotation) -> tuple[bool, int]:
    index = one.segment_index
    return (False, one.frame - position) if index is None else (True, index)


def _answer_key(one: VideoClassificationAnnotation) -> bytes:
    return orjson.dumps(_without(one.to_line(), "uuid", "dataRow", *_OF_FRAME), option=orjson.OPT_SORT_KEYS)


def _without(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}
