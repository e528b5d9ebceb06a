"""Parts of an export's annotations: each function takes a piece of JSON and its path, and refuses what is not sound."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelmetrics.kernels import rle
from labelmetrics.kernels.batch import Kind, NestedAnswer
from labelmetrics.limits import FARTHEST
from labelmetrics.types.video import MAX_FRAMES

_VECTORS = ("bounding_box", "polygon", "line", "point")


class Bad(Exception):
    """What is wrong with one annotation."""

    def __init__(self, path: str, message: str, rule: str = "type", remedy: str | None = None) -> None:
        super().__init__(path, message, rule, remedy)


def text(value: Any) -> str | None:
    """The value if it is a string, else nothing."""
    return value if isinstance(value, str) else None


def pixels(value: Any) -> int | None:
    """The value if it is a size in pixels, else nothing."""
    return value if type(value) is int and 0 < value < 1 << 31 else None


def items(value: Any, path: str) -> list[tuple[dict[str, Any], str]]:
    """The objects of a list, each with its path; nothing stands for an empty list."""
    if not isinstance(value or [], list):
        raise Bad(path, "expected a list")
    for position, one in enumerate(value or []):
        if not isinstance(one, dict):
            raise Bad(f"{path}[{position}]", "expected an object")
    return [(one, f"{path}[{position}]") for position, one in enumerate(value or [])]


def mapping(value: Any, path: str) -> dict[str, Any]:
    """The object itself; nothing stands for an empty one."""
    if not isinstance(value or {}, dict):
        raise Bad(path, "expected an object")
    return value or {}


def numbers(value: Any, keys: tuple[str, ...], path: str) -> tuple[float, ...]:
    for key in keys:
        number: Any = value.get(key) if isinstance(value, dict) else None
        if type(number) not in (int, float) or not abs(number) <= FARTHEST:
            raise Bad(f"{path}.{key}", f"expected a number between {-FARTHEST:g} and {FARTHEST:g}")
    return tuple(float(value[key]) for key in keys)


def box(value: Any, path: str) -> dict[str, Any]:
    left, top, width, height = numbers(value, ("left", "top", "width", "height"), path)
    if width < 0 or height < 0:
        raise Bad(path, f"negative size: {width:g} wide, {height:g} high", "negative-size")
    return {"kind": Kind.BOX, "box": (left, top, left + width, top + height)}


def points(value: Any, least: int, path: str) -> list[tuple[float, ...]]:
    if not isinstance(value, list) or len(value) < least:
        raise Bad(path, f"expected at least {least} points")
    return [numbers(point, ("x", "y"), f"{path}[{position}]") for position, point in enumerate(value)]


def span(value: Any, path: str) -> dict[str, Any]:
    start, end = numbers(value, ("start", "end"), path)
    if end < start:
        raise Bad(path, f"the span ends ({end:g}) before it starts ({start:g})", "range")
    return {"kind": Kind.SPAN, "box": (start, 0.0, end, 0.0)}


def tokens(value: Any, path: str) -> tuple[str, ...]:
    """Tokens of a document, as page and token id."""
    found: set[str] = set()
    for group, where in items(value, path):
        chosen = group.get("tokens") or []
        if not isinstance(chosen, list):
            raise Bad(f"{where}.tokens", "expected a list")
        found.update(f"{group.get('page_number')}/{token}" for token in chosen)
    return tuple(sorted(found))


def selected(image: NDArray[Any], colour: Any, path: str) -> dict[str, Any]:
    """Encoding of the pixels that are not 0, or that have a colour where the image and the mask have colours."""
    if image.ndim == 3 and colour is not None:
        if np.shape(colour) != (3,) or image.shape[2] < 3:
            raise Bad(path, "a colour and an image of three channels are needed to select one mask")
        image = (image[..., :3] == np.array(colour)).all(2, keepdims=True)
    if image.ndim == 3:
        image = np.array(image.any(2))
    if image.ndim != 2:
        raise Bad(path, f"expected an image of 2 or 3 axes, got {image.ndim}")
    return rle.compress(image)


def encoding(value: Any, path: str) -> rle.CheckedMasks:
    """One mask from a run-length encoding."""
    match value:
        case {"size": [int(height), int(width)], "counts": str() | bytes() as counts} if max(height, width) < 1 << 31:
            checked = rle.check([counts], np.array([[height, width]]))
        case {"size": [int(height), int(width)], "counts": list(counts)} if max(height, width) < 1 << 31 and set(
            map(type, counts)
        ) <= {int}:
            checked = rle.check_runs([counts], np.array([[height, width]]))
        case _:
            raise Bad(path, "expected a URL or a COCO run-length encoding")
    if checked.problems:
        raise Bad(f"{path}.counts", checked.problems[0], "rle")
    return checked


def confidence(one: dict[str, Any], path: str) -> float:
    value = one.get("confidence")
    if value is None:
        return np.nan
    if type(value) not in (int, float) or not 0 <= value <= 1:
        raise Bad(f"{path}.confidence", "expected a number in [0, 1]", "range")
    return float(value)


def answers(one: dict[str, Any], path: str) -> Iterator[tuple[dict[str, Any], str | None, str]]:
    """Answers of a classification: (answer, None, path) of each choice, or ({}, text, path)."""
    for prefix in ("", "conversational_"):
        for key in (f"{prefix}radio_answer", f"{prefix}checklist_answers", f"{prefix}text_answer"):
            match one.get(key):
                case None:
                    continue
                case {"content": str(content)} if key.endswith("text_answer"):
                    yield {}, content, f"{path}.{key}"
                case {"name": str()} as answer if key.endswith("radio_answer"):
                    yield answer, None, f"{path}.{key}"
                case list(answers) if key.endswith("checklist_answers"):
                    for position, answer in enumerate(answers):
                        if not (isinstance(answer, dict) and isinstance(answer.get("name"), str)):
                            raise Bad(f"{path}.{key}[{position}]", "expected an answer with a name")
                        yield answer, None, f"{path}.{key}[{position}]"
                case _:
                    raise Bad(f"{path}.{key}", "expected an answer")
            return
    raise Bad(path, "expected a radio, checklist or text answer")


def nested(classifications: Any, path: str) -> tuple[NestedAnswer, ...] | None:
    found = set()
    for one, where in items(classifications, f"{path}.classifications"):
        question = text(one.get("name")), text(one.get("feature_schema_id"))
        for answer, content, _ in answers(one, where):
            chosen = answer.get("name"), text(answer.get("feature_schema_id"))
            found.add(NestedAnswer(*question, *chosen, text=content))
    return tuple(sorted(found, key=lambda answer: [part or "" for part in answer])) or None


def lifetime(given: dict[int, dict[str, Any]], segments: Any, path: str) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Every frame an object lives in: (frame, the given frame it stems from, the object there).

    Within a segment, vector shapes move linearly from one given frame to the next, everything else holds, and the last
    one holds to the end. Given frames outside of all segments stand for themselves.
    """
    apart = set(given)
    for number, segment in enumerate(segments if isinstance(segments, list) else []):
        match segment:
            case [int(start), int(end)] if end - start < MAX_FRAMES:
                known = sorted(frame for frame in given if start <= frame <= end)
            case _:
                raise Bad(f"{path}[{number}]", f"expected first and last frame, at most {MAX_FRAMES:,} frames")
        apart.difference_update(known)
        for before, after in pairwise([*known, end + 1]):
            one, other = given[before], given.get(after, {})
            for frame in range(before, after):
                share = (frame - before) / (after - before)
                moved = {key: _mixed(one[key], other[key], share) for key in _VECTORS if key in one and key in other}
                yield frame, before, one | moved if frame > before and after <= end else one
    for frame in sorted(apart):
        yield frame, frame, given[frame]


def _mixed(one: Any, other: Any, share: float) -> Any:
    """Numbers in between, within dicts and lists of the same form; anything else holds."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return {key: _mixed(value, other[key], share) for key, value in one.items()}
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [_mixed(*pair, share) for pair in zip(one, other, strict=True)]
    if type(one) in (int, float) and type(other) in (int, float):
        return one + (other - one) * share
    return one
