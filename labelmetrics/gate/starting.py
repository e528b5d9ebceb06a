"""A configuration to start from: what a run reaches today, with some room below."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from labelmetrics.comparing.sides import Side
from labelmetrics.errors import InputError
from labelmetrics.formats.metric_columns import MIOU
from labelmetrics.formats.output import write_chunks

ROOM = 0.02
"""How far below today's value the bounds lie."""
LEAST_SUPPORT, MOST_FEATURES = 20, 30
OVERALL = ("precision", "recall", "f1", "miou")

BEGINNING = """\
# Checks of `labelmetrics gate`, made from {name}. Bounds lie {room:g} below what it reached:
# change them to what you need.
"""
BASELINE = """
# Against a baseline (labelmetrics gate x.lmeval --baseline main.lmeval): no feature may fall by more than 0.02. With
# significance, a check fails only where chance is ruled out.
# [[check]]
# metric = "f1"
# feature = "*"
# max_drop = 0.02
# significance = 0.05
# min_support = {support}
"""


def starting_config(evaluation: Any, *, data_rows: Any = None) -> str:
    """Write a configuration from a run, which passes it.

    Parameters
    ----------
    evaluation : Evaluation, path, or metric lines
        The run.
    data_rows : path, Arrow table, DataFrame or iterable of mappings, optional
        Table of data rows, for metric lines.

    Returns
    -------
    str
        TOML: bounds of the whole, and of the features with most ground truth.

    Examples
    --------
    >>> import labelmetrics as lm
    >>> box = lm.ObjectAnnotation(name="cat", value=lm.Rectangle.from_xyhw(0, 0, 9, 9))
    >>> labels = [lm.Label(data=lm.ImageData(uid="a"), annotations=[box])]
    >>> print(starting_config(lm.evaluate(labels, labels)).splitlines()[4])
    metric = "precision"
    """
    side = Side.of(evaluation, data_rows=data_rows)
    parts = [BEGINNING.format(name=" ".join(side.name.split()), room=ROOM)]
    parts += [_check(side, metric, None) for metric in OVERALL if metric != "miou" or MIOU in side.names]
    if not side.fitted:
        support = {name: side.measure("recall", name, None, None).support for name in side.features}
        known = sorted((name for name in support if support[name] >= LEAST_SUPPORT), key=lambda one: -support[one])
        parts += [_check(side, "f1", name) for name in known[:MOST_FEATURES]]
    return "".join([*parts, BASELINE.format(support=LEAST_SUPPORT)])


def _check(side: Side, metric: str, feature: str | None) -> str:
    value = side.measure(metric, feature, None, None).value
    if value is None:
        return ""
    lines = ["", "[[check]]", f"metric = {_text(metric)}"]
    if feature is not None:
        lines.append(f"feature = {_text(feature)}")
    least = max(0.0, math.floor((value - ROOM) * 100 + 1e-9) / 100)
    return "\n".join([*lines, f"min = {least:g}", f'reason = "{value:.3f} when this was written"', ""])


def _text(text: str) -> str:
    """A text of TOML: as JSON writes it, but for one control character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def write_starting_config(evaluation: Any, path: str | Path, *, data_rows: Any = None) -> None:
    """Write :func:`starting_config` to a file that is not there yet.

    Raises
    ------
    InputError
        There is such a file, or it cannot be written.
    """
    if str(path) != "-" and Path(path).exists():
        raise InputError(f"{path}: is there already, and is not written over; name another file (-o)")
    write_chunks(path, [starting_config(evaluation, data_rows=data_rows).encode()])
