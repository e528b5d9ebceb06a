"""Short constructors of annotations, for tests.

Every constructor takes the package it builds with as ``kit``: ``labelmetrics.types`` unless told, or that of another
package whose types have the same names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

import labelmetrics.types as lm


def feature(name: str) -> dict[str, str]:
    """A name, or a schema id where it looks like one."""
    return {"feature_schema_id": name} if len(name) == 25 else {"name": name}


def objekt(value: Any, name: str = "cat", nested: Iterable[Any] = (), kit: Any = lm, **fields: Any) -> Any:
    return kit.ObjectAnnotation(**feature(name), value=value, classifications=list(nested), **fields)


def rectangle(left: float, top: float, right: float, bottom: float, kit: Any = lm) -> Any:
    return kit.Rectangle(start=kit.Point(x=left, y=top), end=kit.Point(x=right, y=bottom))


def box(left: float, top: float, right: float, bottom: float, name: str = "cat", kit: Any = lm, **fields: Any) -> Any:
    return objekt(rectangle(left, top, right, bottom, kit), name, kit=kit, **fields)


def square(x: float, name: str = "cat", side: float = 10, kit: Any = lm, **fields: Any) -> Any:
    """A square whose upper left corner is at ``x, 0``; squares that are ``side`` apart only touch."""
    return box(x, 0, x + side, side, name, kit, **fields)


def polygon(points: Sequence[tuple[float, float]], name: str = "cat", kit: Any = lm, **fields: Any) -> Any:
    return objekt(kit.Polygon(points=[kit.Point(x=x, y=y) for x, y in points]), name, kit=kit, **fields)


def line(points: Sequence[tuple[float, float]], name: str = "cat", kit: Any = lm, **fields: Any) -> Any:
    return objekt(kit.Line(points=[kit.Point(x=x, y=y) for x, y in points]), name, kit=kit, **fields)


def point(x: float, y: float, name: str = "cat", kit: Any = lm, **fields: Any) -> Any:
    return objekt(kit.Point(x=x, y=y), name, kit=kit, **fields)


def mask(pixels: Any, name: str = "cat", kit: Any = lm, **fields: Any) -> Any:
    data = kit.MaskData.from_2D_arr(np.asarray(pixels, np.uint8))
    return objekt(kit.Mask(mask=data, color=(1, 1, 1)), name, kit=kit, **fields)


def span(start: int, end: int, name: str = "cat", kit: Any = lm, **fields: Any) -> Any:
    return objekt(kit.TextEntity(start=start, end=end), name, kit=kit, **fields)


def tokens(names: Iterable[str], name: str = "cat", page: int = 1, kit: Any = lm, **fields: Any) -> Any:
    part = kit.DocumentTextSelection(token_ids=list(names), group_id="g", page=page)
    return objekt(kit.DocumentEntity(text_selections=[part]), name, kit=kit, **fields)


def option(name: str, kit: Any = lm, **fields: Any) -> Any:
    return kit.ClassificationAnswer(**feature(name), **fields)


def radio(question: str, answer: str, kit: Any = lm, **fields: Any) -> Any:
    of_answer = {name: fields.pop(name) for name in ("classifications",) if name in fields}
    value = kit.Radio(answer=option(answer, kit, **of_answer))
    return kit.ClassificationAnnotation(**feature(question), value=value, **fields)


def checklist(question: str, answers: Iterable[str], kit: Any = lm, **fields: Any) -> Any:
    value = kit.Checklist(answer=[option(answer, kit) for answer in answers])
    return kit.ClassificationAnnotation(**feature(question), value=value, **fields)


def text(question: str, answer: str, kit: Any = lm, **fields: Any) -> Any:
    return kit.ClassificationAnnotation(**feature(question), value=kit.Text(answer=answer), **fields)


def values(metrics: Iterable[Any]) -> dict[Any, Any]:
    """Values of metric annotations by (metric name, feature, subclass); confusion matrices as tuples."""
    found = {}
    for metric in metrics:
        key = metric.metric_name, metric.feature_name, metric.subclass_name
        assert key not in found, f"{key} twice"
        value = metric.value
        found[key] = tuple(value) if isinstance(value, list) else value
    return found
