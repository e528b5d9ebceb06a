"""Labels in memory to metrics of their data rows, beside the Labelbox SDK, whose types are ready before too."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import orjson

from benchmarks import generate, labelbox_sdk
from benchmarks.measure import Report, Row, Time, Values, best, check_equal


class Set(NamedTuple):
    """A generated set; the SDK does its first ``sdk_rows`` data rows, and its time is taken to be linear."""

    make: Callable[[int], generate.Generated]
    what: str
    rows: int
    sdk_rows: int
    at_least: float


SETS = {
    "polygon-objects": Set(
        lambda rows: generate.polygons(rows, features=1), "50 x 50 polygons of 30 vertices, few overlap", 20, 2, 100
    ),
    "crowded-polygon-objects": Set(
        lambda rows: generate.polygons(rows, features=1, crowded=True),
        "50 x 50 polygons of 30 vertices, all overlap",
        10,
        2,
        12,
    ),
    "mask-objects": Set(
        lambda rows: generate.masks(rows, features=1), "20 x 20 masks of 1024 x 1024, given as arrays", 3, 1, 600
    ),
}


def run(name: str, *, rows: int | None = None, repeat: int = 3) -> Report:
    """Compare matrices and mean overlaps of features and data rows."""
    import labelbox.types as lb

    import labelmetrics as lm

    one = SETS[name]
    data = one.make(rows or one.rows)
    shapes = [[_decoded(shape) for shape in side.shapes or []] for side in data[:2]]
    seconds = Time(float("inf"), float("inf"))
    for _ in range(repeat):
        # Made anew, since masks keep their encodings.
        labels = [_labels(side, part, lm) for side, part in zip(data[:2], shapes, strict=True)]
        spent, ours = best(lambda labels=labels: _metrics(*labels), 1)
        seconds = seconds.least(spent)
    n_rows = min(one.sdk_rows, data.rows)
    sides = [_labels(side, part, lb, n_rows) for side, part in zip(data[:2], shapes, strict=True)]
    sdk, theirs = best(
        lambda: [
            labelbox_sdk.metrics_of(truth.annotations, guess.annotations) for truth, guess in zip(*sides, strict=True)
        ],
        1,
    )
    chosen = {label.data.global_key for label in sides[0]}
    agreed = check_equal({key: value for key, value in ours.items() if key[0] in chosen}, _values(sides[0], theirs))
    notes = f"{data.rows:,} data rows; matrices and mean overlaps of features and data rows."
    if n_rows < data.rows:
        notes += f" The SDK did {n_rows:,} of the data rows; its time is scaled to all of them."
    work = f"objects to metrics: {one.what}"
    row = Row(work, seconds, "Labelbox SDK", sdk.times(data.rows / n_rows), agreed, one.at_least)
    return Report(f"{name}: labels in memory to metrics", [row], [notes])


def _metrics(truths: list[Any], guesses: list[Any]) -> Values:
    from labelmetrics import evaluate

    evaluation = evaluate(truths, guesses, buffer=70.0)
    return {
        (line["dataRow"]["globalKey"], line["metricName"], line.get("featureName")): line["metricValue"]
        for line in evaluation.lines(level=["data_row", "feature"], over_limit="keep")
    }


def _values(labels: Iterable[Any], metrics: Iterable[list[Any]]) -> Values:
    return {
        (label.data.global_key, one.metric_name, one.feature_name): list(one.value)
        if isinstance(one.value, tuple)
        else one.value
        for label, of_row in zip(labels, metrics, strict=True)
        for one in of_row
    }


def _decoded(shape: str) -> Any:
    """Corners of a polygon, or pixels of a mask."""
    ((kind, value),) = orjson.loads(f"{{{shape}}}").items()
    return labelbox_sdk.decode(value) if kind == "mask" else [(point["x"], point["y"]) for point in value]


def _labels(side: generate.Side, shapes: list[Any], kit: Any, rows: int | None = None) -> list[Any]:
    """Labels of the first data rows, made of the types of a package."""
    found: dict[int, list[Any]] = {}
    for row, feature, shape in zip(side.row.tolist(), side.feature.tolist(), shapes, strict=True):
        if rows is None or row < rows:
            if isinstance(shape, np.ndarray):
                value = kit.Mask(mask=kit.MaskData.from_2D_arr(shape), color=(1, 1, 1))
            else:
                value = kit.Polygon(points=[kit.Point(x=x, y=y) for x, y in shape])
            found.setdefault(row, []).append(kit.ObjectAnnotation(name=f"feature-{feature:03d}", value=value))
    return [
        kit.Label(data=kit.GenericDataRowData(global_key=f"row-{row:07d}"), annotations=annotations)
        for row, annotations in found.items()
    ]
