"""Generated data of known size and difficulty, for measurements: arrays, and the same as NDJSON lines.

``coco_like`` resembles COCO's validation set: 5,000 data rows, about 36,000 ground truths and 66,000 predictions of 80
features. The other functions ask one kind of annotation at a time. Same arguments, same data.

    python -m benchmarks.generate DIRECTORY [--rows N] [--seed N]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

Array = NDArray[Any]
WIDTH, HEIGHT = 640, 480


@dataclass(frozen=True)
class Side:
    """Annotations of one side.

    ``row`` and ``feature`` are indices, ``box`` holds left, top, width and height in pixels (rounded to 2 decimals),
    ``score`` the confidences of predictions. ``shapes`` holds the geometry part of each line as JSON where it is not
    the box, e.g. ``'"polygon":[...]'``.
    """

    row: Array
    feature: Array
    box: Array
    score: Array | None = None
    shapes: list[str] | None = None

    def __len__(self) -> int:
        return len(self.row)

    def lines(self) -> Iterator[str]:
        """The annotations as lines of the platform's NDJSON."""
        geometry = self.shapes or [
            f'"bbox":{{"top":{top},"left":{left},"height":{height},"width":{width}}}'
            for left, top, width, height in self.box.tolist()
        ]
        scores = [""] * len(self) if self.score is None else [f',"confidence":{one}' for one in self.score.tolist()]
        side = 0 if self.score is None else 1
        for number, (row, feature, shape, score) in enumerate(
            zip(self.row.tolist(), self.feature.tolist(), geometry, scores, strict=True)
        ):
            yield (
                f'{{"uuid":"{side:08x}-0000-4000-8000-{number:012x}","dataRow":{{"globalKey":"row-{row:07d}"}},'
                f'"name":"feature-{feature:03d}",{shape}{score}}}\n'
            )

    def write(self, path: str | Path) -> Path:
        """Write :meth:`lines` to a file."""
        path = Path(path)
        path.write_text("".join(self.lines()), encoding="utf-8")
        return path


class Generated(NamedTuple):
    """Both sides, and how many data rows and features they were drawn for."""

    ground_truths: Side
    predictions: Side
    rows: int
    features: int

    def write(self, directory: str | Path) -> tuple[Path, Path]:
        """Write ``ground_truth.ndjson`` and ``predictions.ndjson``."""
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        return (
            self.ground_truths.write(directory / "ground_truth.ndjson"),
            self.predictions.write(directory / "predictions.ndjson"),
        )


def coco_like(rows: int = 5_000, seed: int = 0, features: int = 80, per_row: float = 7.3) -> Generated:
    """Boxes: log-normal numbers per row, long-tailed features, and detections of a middling model.

    Nine of ten ground truths are found (jittered by some percent of their size, one in thirty under a wrong name), a
    quarter of them twice; the rest of the predictions are inventions with low scores.
    """
    rng = np.random.default_rng(seed)
    sigma = 0.9
    # At least one: predictions on a row without any ground truth are an error by default.
    counts = np.maximum(np.rint(rng.lognormal(np.log(per_row) - sigma**2 / 2, sigma, rows)), 1).astype(np.int64)
    row = np.repeat(np.arange(rows), counts)
    n = len(row)
    share = 1 / np.arange(1, features + 1)
    share /= share.sum()
    feature = rng.choice(features, n, p=share)
    box = _boxes(rng, n)

    found = np.flatnonzero(rng.random(n) < 0.9)
    twice = found[rng.random(len(found)) < 0.25]
    invented = round(0.7 * n)
    named = feature[found]
    wrong = rng.random(len(found)) < 1 / 30
    named = np.where(wrong, rng.integers(0, features, len(found)), named)
    predictions = Side(
        np.concatenate([row[found], row[twice], rng.integers(0, rows, invented) if rows else row[:0]]),
        np.concatenate([named, feature[twice], rng.choice(features, invented, p=share)]),
        np.concatenate([_jittered(rng, box[found], 0.07), _jittered(rng, box[twice], 0.15), _boxes(rng, invented)]),
        np.concatenate(
            [rng.beta(5, 2, len(found)), rng.beta(2, 4, len(twice)), rng.beta(1, 6, invented)],
        ).round(3),
    )
    return Generated(Side(row, feature, box), _shuffled(rng, predictions), rows, features)


def wide(rows: int = 1_000, seed: int = 0, features: int = 100) -> Generated:
    """Rows in which each of 100 features occurs once on either side."""
    rng = np.random.default_rng(seed)
    row, feature = np.repeat(np.arange(rows), features), np.tile(np.arange(features), rows)
    box = _boxes(rng, len(row))
    predictions = Side(row, feature, _jittered(rng, box, 0.15), rng.random(len(row)).round(3))
    return Generated(Side(row, feature, box), predictions, rows, features)


def polygons(
    rows: int = 100,
    per_row: int = 50,
    vertices: int = 30,
    seed: int = 0,
    features: int = 5,
    *,
    crowded: bool = False,
) -> Generated:
    """Star-shaped polygons of ``vertices`` corners, ``per_row`` on either side.

    They lie anywhere in the image, so that few overlap; ``crowded`` ones lie around its centre, and all do.
    """
    rng = np.random.default_rng(seed)
    row, feature, box = _grid(rng, rows, per_row, features)
    if crowded:
        centre = np.array([WIDTH, HEIGHT]) / 2 + rng.normal(0, 1, (len(box), 2))
        box[:, :2] = (centre - box[:, 2:] / 2).round(2)
    radius = rng.uniform(0.6, 1.0, (len(row), vertices)) / 2
    moved = _jittered(rng, box, 0.06)
    rough = np.clip(radius * rng.normal(1, 0.04, radius.shape), 0.1, 0.5)
    return Generated(
        Side(row, feature, box, None, _polygon_shapes(box, radius)),
        Side(row, feature, moved, rng.random(len(row)).round(3), _polygon_shapes(moved, rough)),
        rows,
        features,
    )


def masks(rows: int = 100, per_row: int = 20, side: int = 1024, seed: int = 0, features: int = 5) -> Generated:
    """Elliptic masks as run-length encodings of ``side`` × ``side`` pixels."""
    rng = np.random.default_rng(seed)
    row, feature, box = _grid(rng, rows, per_row, features)
    scale = np.tile([side / WIDTH, side / HEIGHT], 2)
    moved = _jittered(rng, box, 0.06)
    return Generated(
        Side(row, feature, (box * scale).round(2), None, _mask_shapes(box * scale, side)),
        Side(row, feature, (moved * scale).round(2), rng.random(len(row)).round(3), _mask_shapes(moved * scale, side)),
        rows,
        features,
    )


def text_entities(rows: int = 2_000, per_row: int = 20, seed: int = 0, features: int = 10) -> Generated:
    """Spans of characters."""
    rng = np.random.default_rng(seed)
    row, feature = np.repeat(np.arange(rows), per_row), rng.integers(0, features, rows * per_row)
    start = rng.integers(0, 5_000, len(row))
    end = start + rng.integers(3, 40, len(row))
    told = np.maximum(np.column_stack([start, end]) + rng.integers(-3, 4, (len(row), 2)), 0)
    told[:, 1] = np.maximum(told[:, 1], told[:, 0] + 1)

    def side(first: Array, last: Array, score: Array | None) -> Side:
        shapes = [f'"location":{{"start":{a},"end":{b}}}' for a, b in zip(first.tolist(), last.tolist(), strict=True)]
        zero = np.zeros(len(first))
        return Side(row, feature, np.column_stack([first, zero, last - first, zero]), score, shapes)

    predictions = side(told[:, 0], told[:, 1], rng.random(len(row)).round(3))
    return Generated(side(start, end, None), predictions, rows, features)


def points(rows: int = 200, per_row: int = 20, seed: int = 0, features: int = 5) -> Generated:
    """Points; the predicted ones lie some pixels off."""
    rng = np.random.default_rng(seed)
    row, feature, box = _grid(rng, rows, per_row, features)
    place = (box[:, :2] + box[:, 2:] / 2).round(2)
    moved = (place + rng.normal(0, 15, place.shape)).round(2)
    shapes = [[f'"point":{_point(x, y)}' for x, y in side.tolist()] for side in (place, moved)]
    return Generated(
        Side(row, feature, box, None, shapes[0]),
        Side(row, feature, box, rng.random(len(row)).round(3), shapes[1]),
        rows,
        features,
    )


def lines(rows: int = 200, per_row: int = 20, vertices: int = 8, seed: int = 0, features: int = 5) -> Generated:
    """Lines of ``vertices`` points that go to and fro from left to right."""
    rng = np.random.default_rng(seed)
    row, feature, box = _grid(rng, rows, per_row, features)
    x = box[:, :1] + box[:, 2:3] * np.linspace(0, 1, vertices)
    y = box[:, 1:2] + box[:, 3:4] * rng.random(x.shape)
    shapes = [
        _path_shapes("line", (x + rng.normal(0, off, x.shape)).round(2), (y + rng.normal(0, off, y.shape)).round(2))
        for off in (0, 8)
    ]
    return Generated(
        Side(row, feature, box, None, shapes[0]),
        Side(row, feature, box, rng.random(len(row)).round(3), shapes[1]),
        rows,
        features,
    )


def _grid(rng: np.random.Generator, rows: int, per_row: int, features: int) -> tuple[Array, Array, Array]:
    n = rows * per_row
    return np.repeat(np.arange(rows), per_row), rng.integers(0, features, n), _boxes(rng, n)


def _boxes(rng: np.random.Generator, n: int) -> Array:
    size = np.clip(rng.lognormal(np.log(70), 0.8, (n, 1)) * rng.lognormal(0, 0.3, (n, 2)), 6, [WIDTH, HEIGHT])
    corner = rng.random((n, 2)) * ([WIDTH, HEIGHT] - size)
    return np.hstack([corner, size]).round(2)


def _jittered(rng: np.random.Generator, box: Array, amount: float) -> Array:
    size = box[:, 2:]
    corner = box[:, :2] + rng.normal(0, amount, size.shape) * size
    return np.hstack([np.maximum(corner, 0), np.maximum(size * rng.normal(1, amount, size.shape), 1)]).round(2)


def _shuffled(rng: np.random.Generator, side: Side) -> Side:
    order = rng.permutation(len(side))
    return Side(
        side.row[order], side.feature[order], side.box[order], None if side.score is None else side.score[order]
    )


def _polygon_shapes(box: Array, radius: Array) -> list[str]:
    angle = np.linspace(0, 2 * np.pi, radius.shape[1], endpoint=False)
    x = (box[:, :1] + box[:, 2:3] * (0.5 + radius * np.cos(angle))).round(2)
    y = (box[:, 1:2] + box[:, 3:4] * (0.5 + radius * np.sin(angle))).round(2)
    return _path_shapes("polygon", x, y)


def _path_shapes(name: str, x: Array, y: Array) -> list[str]:
    return [f'"{name}":[' + ",".join(map(_point, xs, ys)) + "]" for xs, ys in zip(x.tolist(), y.tolist(), strict=True)]


def _point(x: float, y: float) -> str:
    return f'{{"x":{x},"y":{y}}}'


def _mask_shapes(box: Array, side: int) -> list[str]:
    from pycocotools import mask as coco_mask

    shapes = []
    for left, top, width, height in box.tolist():
        # Columns of an ellipse, as runs from top to bottom.
        column = np.arange(max(int(left), 0), min(int(left + width) + 1, side))
        half = height / 2 * np.sqrt(np.clip(1 - ((column + 0.5 - left - width / 2) / (width / 2)) ** 2, 0, None))
        first = np.clip(np.rint(top + height / 2 - half), 0, side).astype(np.int64)
        last = np.clip(np.rint(top + height / 2 + half), 0, side).astype(np.int64)
        kept = last > first
        edges = np.column_stack([column * side + first, column * side + last])[kept].ravel()
        edge, times = np.unique(edges, return_counts=True)  # runs that touch are one
        runs = np.diff(np.concatenate([[0], edge[times == 1], [side * side]]))
        encoded = coco_mask.frPyObjects({"size": [side, side], "counts": runs.tolist()}, side, side)
        counts = orjson.dumps(encoded["counts"].decode()).decode()
        shapes.append(f'"mask":{{"size":[{side},{side}],"counts":{counts}}}')
    return shapes


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the COCO-like set as NDJSON.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--rows", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    generated = coco_like(arguments.rows, arguments.seed)
    for side, path in zip(generated[:2], generated.write(arguments.directory), strict=True):
        print(f"{path}: {len(side):,} lines")


if __name__ == "__main__":
    main()
