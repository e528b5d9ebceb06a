"""The Labelbox SDK doing the same work: lines to its types, its four metrics per data row, and lines of them.

The SDK (7.17) cannot read NDJSON, so its types are built here from the parsed JSON; that time is told apart.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Time


@dataclass(frozen=True, slots=True)
class Stages:
    """Time of each stage; of ``build`` only what is to be counted."""

    parse: Time
    build: Time
    metrics: Time
    lines: Time

    @property
    def whole(self) -> Time:
        return self.parse.plus(self.build).plus(self.metrics).plus(self.lines)

    def times(self, factor: float) -> Stages:
        return Stages(*(getattr(self, one.name).times(factor) for one in fields(self)))


def write_metrics(ground_truths: Path, predictions: Path, output: Path, rows: set[str]) -> Stages:
    """Metrics of some data rows, from two files to a third."""
    import labelbox.types as lb
    from labelbox.data.serialization import NDJsonConverter

    # Lines of other data rows are left out before the clock starts.
    texts = [
        [text for text in path.open(encoding="utf-8") if _row_of(text) in rows] for path in (ground_truths, predictions)
    ]

    start = Time.now()
    parsed = [[json.loads(text) for text in side] for side in texts]
    parse = Time.now().minus(start)

    pixels = {id(line): decode(line["mask"]) for line in chain(*parsed) if "mask" in line}
    start = Time.now()
    truths, guesses = (_by_row(side, pixels) for side in parsed)
    # Arrays are what the SDK starts from; ours starts from their run-length encodings.
    build = Time() if pixels else Time.now().minus(start)

    start = Time.now()
    labels = []
    for row in sorted(truths.keys() | guesses.keys()):
        metrics = metrics_of(truths.get(row, []), guesses.get(row, []))
        labels.append(lb.Label(data=lb.GenericDataRowData(global_key=row), annotations=metrics))
    spent = Time.now().minus(start)

    start = Time.now()
    with output.open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(line) + "\n" for line in NDJsonConverter.serialize(labels))
    return Stages(parse, build, spent, Time.now().minus(start))


def metrics_of(ground_truths: list[Any], predictions: list[Any]) -> list[Any]:
    """Its four metrics of one data row."""
    from labelbox.data.metrics import (
        confusion_matrix_metric,
        feature_confusion_matrix_metric,
        feature_miou_metric,
        miou_metric,
    )

    return [
        *feature_confusion_matrix_metric(ground_truths, predictions),
        *confusion_matrix_metric(ground_truths, predictions),
        *feature_miou_metric(ground_truths, predictions, include_subclasses=False),
        *miou_metric(ground_truths, predictions),
    ]


def _row_of(text: str) -> str:
    start = text.index('"globalKey":"') + len('"globalKey":"')
    return text[start : text.index('"', start)]


def decode(mask: dict[str, Any]) -> Any:
    """Pixels of a run-length encoding."""
    from pycocotools import mask as coco_mask

    return np.ascontiguousarray(coco_mask.decode(mask))


def _by_row(lines: Iterable[dict[str, Any]], pixels: dict[int, Any]) -> dict[str, list[Any]]:
    import labelbox.types as lb

    found: dict[str, list[Any]] = {}
    for line in lines:
        annotation = lb.ObjectAnnotation(
            name=line["name"], value=_value(line, pixels), confidence=line.get("confidence")
        )
        found.setdefault(line["dataRow"]["globalKey"], []).append(annotation)
    return found


def _value(line: dict[str, Any], pixels: dict[int, Any]) -> Any:
    import labelbox.types as lb

    def points(name: str) -> list[Any]:
        return [lb.Point(x=point["x"], y=point["y"]) for point in line[name]]

    match line:
        case {"bbox": box}:
            start = lb.Point(x=box["left"], y=box["top"])
            return lb.Rectangle(start=start, end=lb.Point(x=box["left"] + box["width"], y=box["top"] + box["height"]))
        case {"polygon": _}:
            return lb.Polygon(points=points("polygon"))
        case {"line": _}:
            return lb.Line(points=points("line"))
        case {"point": point}:
            return lb.Point(x=point["x"], y=point["y"])
        case {"location": span}:
            return lb.TextEntity(start=span["start"], end=span["end"])
        case {"mask": _}:
            return lb.Mask(mask=lb.MaskData.from_2D_arr(pixels[id(line)]), color=(1, 1, 1))
    raise ValueError(f"no geometry in {sorted(line)}")
