"""Generated data rows of every kind of annotation, as labels."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import builders as b
import numpy as np

import labelmetrics.types as lm
from labelmetrics.formats.ndjson import to_lines

OBJECTS = ("box", "polygon", "point", "line", "mask", "span", "tokens", "page", "message")
ANSWERS = ("radio", "checklist", "text")


def label(row: str, annotations: Iterable[Any] = (), kind: str = "global_key") -> lm.Label:
    return lm.Label(data=lm.GenericDataRowData(**{kind: row}), annotations=list(annotations))


def nested(draw: random.Random) -> list[Any]:
    found = [b.radio(q, draw.choice(a)) for q, a in (("colour", ("red", "blue")), ("age", "on")) if draw.random() < 0.4]
    if draw.random() < 0.2:
        found.append(b.checklist("parts", draw.sample(("wheel", "door", "roof"), draw.randint(1, 2))))
    if draw.random() < 0.1:
        found.append(b.text("plate", draw.choice("xy")))
    return found


def thing(draw: random.Random, kind: str, coarse: bool, **fields: Any) -> Any:
    """An object; with ``coarse``, on a grid where equal overlaps are common."""
    n = draw.choice("12")

    def number(low: int, high: int) -> float:
        return draw.randint(low, high) if coarse else draw.uniform(low, high)

    x, y = number(0, 6), number(0, 6)
    width, height = number(2, 6), number(2, 6)
    fields |= {"name": f"{kind}-{n}", "nested": nested(draw)}
    match kind:
        case "box":
            return b.box(x, y, x + width, y + height, **fields)
        case "polygon":
            return b.polygon([(x, y), (x + width, y), (x, y + height)], **fields)
        case "point":
            return b.point(x, y, **fields)
        case "line":
            return b.line([(x, y), (x + width, y + height)], **fields)
        case "mask":
            size = 8 if coarse else 40
            pixels = np.zeros((size, size), np.uint8)
            top, left = draw.randrange(size // 2), draw.randrange(size // 2)
            pixels[top : draw.randint(top, size), left : draw.randint(left, size)] = 1
            return b.mask(pixels, **fields)
        case "span" | "message":
            start = draw.randrange(8 if coarse else 10**6)
            end = start + draw.randrange(8 if coarse else 10**6)
            if kind == "span":
                return b.span(start, end, **fields)
            return b.objekt(lm.ConversationEntity(start=start, end=end, message_id=draw.choice(("m1", "m2"))), **fields)
        case "tokens":
            size = 5 if coarse else 60
            return b.tokens(draw.sample([f"t{i}" for i in range(size)], size // 2), page=draw.randint(1, 2), **fields)
        case "page":
            corners = {"start": lm.Point(x=x, y=y), "end": lm.Point(x=x + width, y=y + height)}
            value = lm.DocumentRectangle(**corners, page=draw.randint(1, 2), unit=lm.RectangleUnit.POINTS)
            return b.objekt(value, **fields)
        case "video":
            fields["classifications"] = fields.pop("nested")
            value = b.rectangle(x, y, x + width, y + height)
            return lm.VideoObjectAnnotation(value=value, frame=draw.randrange(2), keyframe=True, **fields)
    raise AssertionError(kind)


def answers(draw: random.Random, kinds: Iterable[str], **fields: Any) -> list[Any]:
    found: list[Any] = []
    for kind in kinds:
        for question in ("one", "two"):
            if draw.random() < 0.5:
                continue
            name, options = f"{kind} {question}", [f"{kind} {answer}" for answer in ("a", "b", "c")]
            match kind:
                case "radio":
                    inner = [b.radio("sure", draw.choice(("yes", "no")))] if draw.random() < 0.4 else []
                    found.append(b.radio(name, draw.choice(options), classifications=inner, **fields))
                case "checklist":
                    found.append(b.checklist(name, draw.sample(options, draw.randint(1, 3)), **fields))
                case "text":
                    found.append(b.text(name, draw.choice("xy"), **fields))
    return found


def side(draw: random.Random, kinds: Iterable[str], coarse: bool, scored: bool, most: int) -> list[Any]:
    kinds = list(kinds)
    objects = [kind for kind in kinds if kind not in ANSWERS]

    def score() -> dict[str, Any]:
        return {"confidence": draw.choice([0.1, 0.3, 0.5, draw.random()])} if scored else {}

    found = [
        thing(draw, draw.choice(objects), coarse, **score()) for _ in range(draw.randint(0, most) if objects else 0)
    ]
    found += answers(draw, [kind for kind in kinds if kind in ANSWERS], **score())
    draw.shuffle(found)
    return found


def dataset(
    seed: int,
    kinds: Iterable[str] = (*OBJECTS, *ANSWERS),
    *,
    coarse: bool = False,
    scored: bool = False,
    rows: int = 4,
    most: int = 12,
) -> tuple[list[lm.Label], list[lm.Label]]:
    """Ground truths and predictions of the same data rows."""
    draw = random.Random(seed)
    names = [f"row {index}" for index in draw.sample(range(20), rows)]
    truths = [label(name, side(draw, kinds, coarse, False, most)) for name in names]
    guesses = [label(name, side(draw, kinds, coarse, scored, most)) for name in names]
    draw.shuffle(guesses)
    return truths, guesses


def lines_of(labels: Iterable[lm.Label]) -> list[dict[str, Any]]:
    return [line for one in labels for line in to_lines(one)]


def table_of(labels: Iterable[lm.Label], **fields: Any) -> list[dict[str, Any]]:
    """Data rows of labels, as a table."""
    return [{"globalKey": one.data.global_key, **fields} for one in labels]
