"""Two files of annotations to a file of metric lines, beside the Labelbox SDK."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import generate, labelbox_sdk
from benchmarks.measure import Report, Row, best, check_equal, values_of


class Set(NamedTuple):
    """A generated set; the SDK does its first ``sdk_rows`` data rows, and its time is taken to be linear."""

    make: Callable[[int], generate.Generated]
    rows: int
    sdk_rows: int
    at_least: float | None = None


SETS = {
    "boxes": Set(generate.coco_like, 5_000, 5_000, 60),
    "wide": Set(generate.wide, 1_000, 100),
    "polygons": Set(generate.polygons, 100, 5),
    "masks": Set(generate.masks, 100, 1),
    "texts": Set(generate.text_entities, 2_000, 200),
    "points": Set(generate.points, 200, 5),
    "lines": Set(generate.lines, 200, 5),
}


def write_metrics(ground_truths: Path, predictions: Path, output: Path, **settings: Any) -> None:
    """This project's way: matrices and mean overlaps of features and of data rows."""
    from labelmetrics import evaluate

    evaluation = evaluate(ground_truths, predictions, buffer=70.0, **settings)
    evaluation.write_ndjson(output, level=["data_row", "feature"], over_limit="keep")


def run(name: str, *, rows: int | None = None, repeat: int = 3, sdk_rows: int | None = None) -> Report:
    """Compare on one of the sets."""
    one = SETS[name]
    n_rows = rows or one.rows
    data = one.make(n_rows)
    with tempfile.TemporaryDirectory() as folder:
        files = data.write(folder)
        ours, theirs = Path(folder, "ours.ndjson"), Path(folder, "theirs.ndjson")
        seconds, _ = best(lambda: write_metrics(*files, ours), repeat)
        chosen = {f"row-{row:07d}" for row in range(min(sdk_rows or one.sdk_rows, n_rows))}
        sdk = labelbox_sdk.write_metrics(*files, theirs, chosen).times(n_rows / len(chosen))
        agreed = check_equal(values_of(ours, chosen), values_of(theirs))
    peer = "Labelbox SDK"
    found = [Row(f"{name}: files to lines", seconds, peer, sdk.whole, agreed, one.at_least)]
    if sdk.build.wall:
        without = sdk.whole.minus(sdk.build)
        found.append(Row(f"{name}: the same", seconds, f"{peer}, its types ready", without, agreed, one.at_least))
    notes = [
        (
            f"{n_rows:,} data rows, {len(data.ground_truths):,} ground truths, {len(data.predictions):,} predictions. "
            f"Of the SDK's time, {sdk.parse.wall:.2f} s are for JSON, {sdk.build.wall:.2f} s for building its types, "
            f"{sdk.metrics.wall:.2f} s for metrics, {sdk.lines.wall:.2f} s for lines."
        )
    ]
    if len(chosen) < n_rows:
        notes[0] += f" The SDK did {len(chosen):,} of the data rows; its time is scaled to all of them."
    return Report(f"{name}: files to metric lines", found, notes)
