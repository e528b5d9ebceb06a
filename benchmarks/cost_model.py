"""What one annotation and one pair cost, for each geometry: a model of two numbers, and how well it foretells a third.

    python -m benchmarks.cost_model [--only NAME] [--repeat 3] [--scale 1.0] [--markdown FILE]

A *pair* is a ground truth and a prediction of one data row and feature; most are told apart by their boxes. Each
geometry is evaluated from files to counts at two sizes, with few pairs and with many; the two times give the two costs.
The model is then asked about a third set, of another size and with another number of pairs. Times are processor time.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks import generate
from benchmarks.measure import best, table
from benchmarks.run import machine

HEADER = ["geometry", "bytes in the file", "an annotation", "a pair", "pairs an annotation", "foretold / measured"]


class Sets(NamedTuple):
    """Two sets that the costs are taken from, and a third that they are tried on; each is made for a scale."""

    few: Callable[[float], generate.Generated]
    many: Callable[[float], generate.Generated]
    between: Callable[[float], generate.Generated]


def _sets(make: Callable[..., generate.Generated], rows: int, features: tuple[int, int, int], per_row: int) -> Sets:
    def of(share: float, n: int) -> Callable[[float], generate.Generated]:
        return lambda scale: make(max(round(rows * share * scale), 2), features=n, per_row=per_row)

    return Sets(of(1, features[0]), of(1, features[1]), of(1.5, features[2]))


GEOMETRIES = {
    "box": Sets(
        lambda scale: generate.coco_like(max(round(10_000 * scale), 2)),
        lambda scale: generate.coco_like(max(round(2_000 * scale), 2), features=1, per_row=40),
        lambda scale: generate.coco_like(max(round(8_000 * scale), 2), features=5, per_row=20),
    ),
    "polygon of 30 corners": _sets(generate.polygons, 200, (50, 1, 5), 50),
    "mask of 1024 x 1024": _sets(generate.masks, 30, (60, 1, 5), 80),
    "line of 8 points": _sets(generate.lines, 200, (20, 1, 5), 20),
    "point": _sets(generate.points, 500, (20, 1, 5), 20),
    "span of text": _sets(generate.text_entities, 1_000, (80, 1, 5), 100),
}


class Measured(NamedTuple):
    """One set: annotations, pairs, bytes of its files, seconds."""

    annotations: int
    pairs: int
    size: int
    seconds: float


def measure(data: generate.Generated, repeat: int) -> Measured:
    """Evaluate a set from files to counts."""
    from labelmetrics import evaluate

    with tempfile.TemporaryDirectory() as folder:
        files = data.write(folder)
        evaluate(*files, buffer=70.0).summary()  # what is imported and allocated at first is not counted
        time, _ = best(lambda: evaluate(*files, buffer=70.0).summary(), repeat)
        size = sum(Path(file).stat().st_size for file in files)
    codes = [side.row * data.features + side.feature for side in data[:2]]
    first, second = (np.bincount(code, minlength=data.rows * data.features) for code in codes)
    return Measured(sum(map(len, codes)), int(first @ second), size, time.cpu)


def costs(few: Measured, many: Measured) -> tuple[float, float]:
    """Seconds of an annotation and of a pair."""
    system = np.array([[one.annotations, one.pairs] for one in (few, many)], np.float64)
    annotation, pair = np.linalg.solve(system, [few.seconds, many.seconds])
    return float(annotation), float(pair)


def row_of(name: str, repeat: int, scale: float) -> list[str]:
    """Costs of one geometry, and how they foretell its third set."""
    few, many, between = (measure(make(scale), repeat) for make in GEOMETRIES[name])
    annotation, pair = costs(few, many)
    foretold = between.annotations * annotation + between.pairs * pair
    return [
        name,
        f"{few.size / few.annotations:,.0f}",
        f"{annotation * 1e6:.2f} µs",
        f"{pair * 1e9:,.0f} ns",
        " / ".join(f"{one.pairs / one.annotations:.1f}" for one in (few, many, between)),
        f"{foretold / between.seconds:.2f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cost_model", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--only", action="append", choices=GEOMETRIES)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the data rows of each set")
    parser.add_argument("--markdown", type=Path, help="write the table to this file too")
    arguments = parser.parse_args()
    found = []
    for name in arguments.only or GEOMETRIES:
        found.append(row_of(name, arguments.repeat, arguments.scale))
        print(" | ".join(found[-1]), flush=True)
    text = f"{machine()}\n\n{table(HEADER, found)}"
    print(f"\n{text}")
    if arguments.markdown:
        arguments.markdown.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
