"""A dataset to try things on: street scenes and support messages, with the mistakes a model makes.

Everything is drawn from a seed, each data row from a generator of its own: the same seed gives the same bytes, and the
first rows of a larger sample are the rows of a smaller one.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from labelmetrics.errors import SettingError

__all__ = ["write_sample"]

TOLD = 100
"""Data rows from one report of progress to the next."""

_WIDTH, _HEIGHT = 640, 480
_TEXT_SHARE = 0.2
# Long-tailed on purpose: (name, weight, typical side in pixels, height over width).
_BOXES = [
    ("person", 34, 60, 2.4),
    ("car", 27, 90, 0.7),
    ("traffic light", 14, 24, 2.5),
    ("bicycle", 9, 60, 0.9),
    ("truck", 6, 140, 0.8),
    ("dog", 4, 45, 0.8),
    ("bus", 3, 180, 0.7),
    ("scooter", 2, 45, 1.3),
    ("tram", 1, 230, 0.6),
]
_LOOKALIKES = {
    "car": "truck",
    "truck": "car",
    "bus": "truck",
    "tram": "bus",
    "bicycle": "scooter",
    "scooter": "bicycle",
    "dog": "person",
    "person": "dog",
    "traffic light": "person",
}
_POLYGONS = ["building", "billboard"]
_MASKS = ["road", "vegetation"]
_WEATHER = [("sunny", 5), ("cloudy", 3), ("rainy", 2)]
_SEEN = [("pedestrians", 0.6), ("construction", 0.25), ("school zone", 0.1)]
_CITIES = ["Graz", "Lyon", "Porto", "Turku"]
_COLOURS = ["black", "white", "red", "blue"]
_ENTITIES = [("person name", 5), ("order number", 4), ("place", 3), ("date", 2)]
_MOODS = [("calm", 5), ("annoyed", 3), ("angry", 1)]
_TOPICS = ["delivery", "refund", "account"]
_SPLITS = [("TRAINING", 7), ("VALIDATION", 2), ("TEST", 1)]


def write_sample(
    directory: str | Path,
    rows: int = 200,
    seed: int = 0,
    *,
    overwrite: bool = False,
    progress: Callable[[str, float], object] | None = None,
) -> dict[str, Path]:
    """Write a small dataset with ground truth, predictions and a table of data rows.

    Four of five data rows are images with boxes (some with nested classifications), masks, polygons and
    classifications; the others are texts with entities and classifications. The predictions miss, double, confuse,
    invent and jitter; their confidences tell right from wrong as well as those of a decent model. Some data rows have
    no object, a few have nothing at all.

    Parameters
    ----------
    directory : str or Path
        Where to write; made if it does not exist.
    rows : int
        Number of data rows.
    seed : int
        The same seed gives the same bytes.
    overwrite : bool
        Whether files that exist already may be replaced.
    progress : callable, optional
        Called with the name of a step and the share of the work that is done.

    Returns
    -------
    dict of str to Path
        ``ground_truth``, ``predictions`` and ``data_rows``: the NDJSON files written.

    Raises
    ------
    SettingError
        If ``rows`` or ``seed`` is negative, or a file exists and ``overwrite`` is false.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     files = write_sample(directory, rows=10)
    ...     [path.name for path in files.values()]
    ['ground_truth.ndjson', 'predictions.ndjson', 'data_rows.ndjson']
    """
    if rows < 0 or seed < 0:
        raise SettingError("rows and seed must not be negative")
    directory = Path(directory)
    files = {name: directory / f"{name}.ndjson" for name in ("ground_truth", "predictions", "data_rows")}
    present = [path.name for path in files.values() if path.exists()]
    if present and not overwrite:
        raise SettingError(
            f"{directory} already holds {', '.join(present)}: choose another folder, or replace them "
            "(overwrite=True, --overwrite)"
        )
    lines: dict[str, list[bytes]] = {name: [] for name in files}
    for number in range(rows):
        if progress is not None and number % TOLD == 0:
            progress("drawing", number / rows)
        row = _Row(seed, number)
        row.draw()
        lines["data_rows"].append(orjson.dumps(row.described))
        lines["ground_truth"] += map(orjson.dumps, row.ground_truths)
        lines["predictions"] += map(orjson.dumps, row.predictions)

    temporary = {name: path.with_name(f".{path.name}.tmp") for name, path in files.items()}
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, path in temporary.items():
            path.write_bytes(b"".join(line + b"\n" for line in lines[name]))
        for name, path in files.items():
            temporary[name].replace(path)
    except OSError as error:
        raise SettingError(f"{directory}: cannot be written: {error.strerror or error}") from None
    finally:
        for path in temporary.values():
            if path.parent.is_dir():
                path.unlink(missing_ok=True)
    return files


class _Row:
    """One data row: what it is, what is on it, and what a model makes of it."""

    def __init__(self, seed: int, number: int) -> None:
        self.rng = np.random.default_rng([seed, number])
        self.key = f"sample-{number:06d}"
        self.ground_truths: list[dict[str, Any]] = []
        self.predictions: list[dict[str, Any]] = []
        self.is_text = self.rng.random() < _TEXT_SHARE
        name = f"{self.key}.txt" if self.is_text else f"{self.key}.jpg"
        self.described: dict[str, Any] = {
            "id": f"c{self.rng.bytes(12).hex()}",
            "globalKey": self.key,
            "mediaPath": f"media/{name}",
            "width": None if self.is_text else _WIDTH,
            "height": None if self.is_text else _HEIGHT,
            "split": self.choose(_SPLITS),
            "metadata": {"city": self.one_of(_CITIES), "weather": self.choose(_WEATHER)},
        }

    def draw(self) -> None:
        kind = self.rng.random()
        if kind < 0.02:  # nothing at all
            return
        if self.is_text:
            self.text()
            return
        self.image_classifications()
        if kind > 0.08:
            self.boxes()
            self.polygons()
            self.masks()
        self.inventions()

    # -------------------------------------------------------------------------------------------------- small draws

    def one_of(self, options: list[str]) -> str:
        return options[self.rng.integers(len(options))]

    def choose(self, weighted: list[tuple[str, int]]) -> str:
        weights = np.array([weight for _, weight in weighted], float)
        return weighted[self.rng.choice(len(weighted), p=weights / weights.sum())][0]

    def confidence(self, right: bool) -> float:
        """High for right predictions, low for wrong ones, and not perfectly so."""
        return round(float(self.rng.beta(6, 2) if right else self.rng.beta(2, 3.5)), 3)

    def add(self, side: list[dict[str, Any]], name: str, **values: Any) -> None:
        identity = str(uuid.UUID(bytes=self.rng.bytes(16), version=4))
        side.append({"uuid": identity, "dataRow": {"globalKey": self.key}, "name": name, **values})

    def truth(self, name: str, **values: Any) -> None:
        self.add(self.ground_truths, name, **values)

    def guess(self, name: str, right: bool, **values: Any) -> None:
        self.add(self.predictions, name, **values, confidence=self.confidence(right))

    # -------------------------------------------------------------------------------------------------- annotations

    def image_classifications(self) -> None:
        weather = self.described["metadata"]["weather"]
        self.truth("weather", answer={"name": weather})
        right = self.rng.random() < 0.85
        answer = weather if right else self.choose(_WEATHER)
        self.guess_answer("weather", answer, answer == weather)

        seen = [name for name, share in _SEEN if self.rng.random() < share]
        if seen:
            self.truth("seen", answer=[{"name": name} for name in seen])
        told = [name for name, _ in _SEEN if (name in seen) == (self.rng.random() < 0.88)]
        if told:
            answers = [{"name": name, "confidence": self.confidence(name in seen)} for name in told]
            self.add(self.predictions, "seen", answer=answers)

    def guess_answer(self, question: str, answer: str, right: bool) -> None:
        self.add(self.predictions, question, answer={"name": answer, "confidence": self.confidence(right)})

    def boxes(self) -> None:
        for _ in range(min(int(self.rng.lognormal(1.6, 0.7)), 40)):
            name = self.choose([(name, weight) for name, weight, *_ in _BOXES])
            box = self.box(name)
            details = self.details(name)
            self.truth(name, bbox=_wire(box), **_nested(details))
            fate = self.rng.random()
            if fate < 0.12:  # missed
                continue
            if fate < 0.19:  # taken for something else
                self.guess(_LOOKALIKES[name], False, bbox=_wire(self.jittered(box, 0.05)))
                continue
            loose = fate > 0.9
            told = {question: answer if self.rng.random() < 0.9 else "other" for question, answer in details.items()}
            self.guess(name, not loose, bbox=_wire(self.jittered(box, 0.25 if loose else 0.04)), **_nested(told))
            if fate > 0.8 and not loose:  # found twice
                self.guess(name, False, bbox=_wire(self.jittered(box, 0.12)))

    def box(self, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        _, _, side, slope = next(one for one in _BOXES if one[0] == name)
        width = side * self.rng.lognormal(0, 0.35)
        size = np.clip([width, width * slope], 8, [_WIDTH * 0.9, _HEIGHT * 0.9])
        corner = self.rng.random(2) * (np.array([_WIDTH, _HEIGHT]) - size)
        return np.concatenate([corner, corner + size])

    def jittered(self, box: np.ndarray[Any, Any], amount: float) -> np.ndarray[Any, np.dtype[np.float64]]:
        size = np.tile(box[2:] - box[:2], 2)
        moved = np.clip(box + self.rng.normal(0, amount, 4) * size, 0, [_WIDTH, _HEIGHT, _WIDTH, _HEIGHT])
        low, high = np.minimum(moved[:2], moved[2:]), np.maximum(moved[:2], moved[2:])
        return np.concatenate([low, np.maximum(high, low + 1)])

    def details(self, name: str) -> dict[str, str]:
        """Nested answers: vehicles have a colour, people may be hidden."""
        if name in ("car", "truck", "bus") and self.rng.random() < 0.7:
            return {"colour": self.one_of(_COLOURS)}
        if name == "person" and self.rng.random() < 0.5:
            return {"hidden": "yes" if self.rng.random() < 0.3 else "no"}
        return {}

    def polygons(self) -> None:
        for name in _POLYGONS:
            if self.rng.random() < 0.6:
                corners = self.corners()
                self.truth(name, polygon=_corners(corners))
                if self.rng.random() < 0.85:
                    self.guess(name, True, polygon=_corners(corners + self.rng.normal(0, 4, corners.shape)))

    def corners(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Corners of a star-shaped polygon: it never crosses itself."""
        n = int(self.rng.integers(5, 12))
        angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
        radius = self.rng.uniform(0.6, 1.0, n) * self.rng.uniform(40, 110)
        centre = self.rng.uniform([130, 130], [_WIDTH - 130, _HEIGHT - 130])
        return centre + np.column_stack([np.cos(angle), np.sin(angle)]) * radius[:, None]

    def masks(self) -> None:
        for name in _MASKS:
            if self.rng.random() < 0.4:
                centre, radii = self.rng.uniform([150, 250], [490, 430]), self.rng.uniform(40, 160, 2)
                self.truth(name, mask=_ellipse(centre, radii))
                if self.rng.random() < 0.85:
                    moved = centre + self.rng.normal(0, 8, 2)
                    self.guess(name, True, mask=_ellipse(moved, radii * self.rng.normal(1, 0.06, 2)))

    def inventions(self) -> None:
        for _ in range(self.rng.poisson(0.9)):
            name = self.choose([(name, weight) for name, weight, *_ in _BOXES])
            self.guess(name, False, bbox=_wire(self.box(name)))

    def text(self) -> None:
        mood, topic = self.choose(_MOODS), self.one_of(_TOPICS)
        self.truth("mood", answer={"name": mood})
        told = mood if self.rng.random() < 0.8 else self.choose(_MOODS)
        self.guess_answer("mood", told, told == mood)
        self.truth("topic", answer=topic)
        written = topic if self.rng.random() < 0.75 else self.one_of(_TOPICS)
        self.guess("topic", written == topic, answer=written)
        position = 0
        for _ in range(self.rng.poisson(4)):
            start = position + int(self.rng.integers(3, 40))
            end = start + int(self.rng.integers(3, 18))
            position = end
            name = self.choose(_ENTITIES)
            self.truth(name, location={"start": start, "end": end})
            fate = self.rng.random()
            if fate > 0.12:
                shift = int(self.rng.integers(-2, 3)) if fate > 0.5 else 0
                told = self.choose(_ENTITIES) if fate < 0.2 else name
                location = {"start": max(start + shift, 0), "end": end + (shift > 0)}
                self.guess(told, told == name, location=location)


def _wire(box: np.ndarray[Any, Any]) -> dict[str, float]:
    left, top, right, bottom = box.round(1).tolist()
    return {"top": top, "left": left, "height": round(bottom - top, 1), "width": round(right - left, 1)}


def _corners(points: np.ndarray[Any, Any]) -> list[dict[str, float]]:
    closed = np.vstack([points, points[:1]]).round(1)
    return [{"x": x, "y": y} for x, y in closed.tolist()]


def _ellipse(centre: np.ndarray[Any, Any], radii: np.ndarray[Any, Any]) -> dict[str, Any]:
    from labelmetrics.kernels.rle import compress

    y, x = np.ogrid[:_HEIGHT, :_WIDTH]
    inside = ((x - centre[0]) / radii[0]) ** 2 + ((y - centre[1]) / radii[1]) ** 2 <= 1
    encoded = compress(inside)
    return {"size": encoded["size"], "counts": encoded["counts"].decode()}


def _nested(answers: dict[str, str]) -> dict[str, Any]:
    questions = [{"name": question, "answer": {"name": answer}} for question, answer in answers.items()]
    return {"classifications": questions} if questions else {}
