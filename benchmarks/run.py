"""This project beside its peers, on the same work in one process: ratios, which other machines should find again.

    python -m benchmarks.run [--only NAME] [--repeat 3] [--rows N] [--markdown FILE] [--json FILE]

Ours is the least time of several repetitions. Imports and the generation of data are not counted. No ratio is printed
unless both found the same. Beside each time on the clock stands, in brackets, the time of the processor, which others
who use the machine distort less.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

from benchmarks import (
    bootstrap,
    coco_numbers,
    columns_to_counts,
    confidence_keys,
    files_to_lines,
    label_maps,
    mask_overlaps,
    objects_to_metrics,
    parse_and_dump,
    parts,
    streaming_metrics,
)
from benchmarks.measure import Disagreement, Report

COMPARISONS: dict[str, Callable[..., Report]] = {
    "boxes": partial(files_to_lines.run, "boxes"),
    "counts": columns_to_counts.run,
    "coco-numbers": coco_numbers.run,
    "keys": confidence_keys.run,
    **{name: partial(files_to_lines.run, name) for name in files_to_lines.SETS if name != "boxes"},
    "mask-overlaps": mask_overlaps.run,
    **{name: partial(objects_to_metrics.run, name) for name in objects_to_metrics.SETS},
    "label-maps": label_maps.run,
    "bootstrap": bootstrap.run,
    **{f"streaming-{name}": partial(streaming_metrics.run, name) for name in streaming_metrics.WORKS},
    "streaming-exact-auc": streaming_metrics.run_exact,
    "parse-and-dump": parse_and_dump.run,
    "parts": parts.run,
    "parts-keys": partial(parts.run, confidences=10),
}
PACKAGES = (
    "labelmetrics",
    "labelbox",
    "faster-coco-eval",
    "numpy",
    "pyarrow",
    "shapely",
    "pycocotools",
    "scikit-learn",
    "keras",
    "torch",
    "torchmetrics",
)


def machine() -> str:
    """Versions and number of processors."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"Python {platform.python_version()}, {os.cpu_count()} processors; {packages}."


def _import_everything() -> None:
    import labelbox.types  # noqa: F401
    import pyarrow.compute
    import pyarrow.json  # noqa: F401
    import pycocotools.mask  # noqa: F401
    import shapely  # noqa: F401

    import labelmetrics  # noqa: F401


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--only", action="append", choices=COMPARISONS, help="one comparison; may be given repeatedly")
    parser.add_argument("--repeat", type=int, default=3, help="repetitions, of which the fastest counts")
    parser.add_argument("--rows", type=int, help="data rows, instead of each comparison's own number")
    parser.add_argument("--markdown", type=Path, help="write the tables to this file too")
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    arguments = parser.parse_args()
    _import_everything()
    print(machine(), end="\n\n", flush=True)
    reports, failed = {}, False
    for name in arguments.only or COMPARISONS:
        try:
            reports[name] = COMPARISONS[name](rows=arguments.rows, repeat=arguments.repeat)
        except Disagreement as error:
            print(f"{name}: no ratio, since the results are not the same: {error}", file=sys.stderr)
            failed = True
        else:
            print(reports[name].markdown(), flush=True)
    if arguments.markdown:
        text = "\n".join(report.markdown() for report in reports.values())
        arguments.markdown.write_text(f"{machine()}\n\n{text}", encoding="utf-8")
    if arguments.json:
        numbers = {"machine": machine(), **{name: report.as_dict() for name, report in reports.items()}}
        arguments.json.write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
