"""What a run has lost of its baseline, and what is new in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from labelmetrics.comparing.population import Population
from labelmetrics.comparing.sides import Side
from labelmetrics.formats.gate_config import GateConfig, Notice
from labelmetrics.gate.verdict import Outcome
from labelmetrics.kernels.batch import Bools
from labelmetrics.words import counted


def guard(
    config: GateConfig,
    current: Side,
    baseline: Side,
    population: Population,
    slices: Mapping[str, Bools],
) -> list[Outcome]:
    """What the baseline has and the run has not, and the other way round."""
    has, had = population.has(0), population.has(1)
    rows = np.array(population.rows, object)
    outcomes = [
        _outcome(config.guards.data_rows, "data row", rows[had & ~has].tolist(), rows[has & ~had].tolist()),
        _outcome(
            config.guards.features,
            "feature",
            sorted({*baseline.features} - {*current.features}),
            sorted({*current.features} - {*baseline.features}),
        ),
        _outcome(
            config.guards.slices,
            "slice",
            [name for name, members in slices.items() if (members & had).any() and not (members & has).any()],
            [name for name, members in slices.items() if (members & has).any() and not (members & had).any()],
        ),
    ]
    return [one for one in outcomes if one is not None]


def _outcome(notice: Notice, what: str, gone: Sequence[str], new: Sequence[str]) -> Outcome | None:
    parts = [
        f"{counted(len(names), what)} {verb}: {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"
        for names, verb in ((gone, "vanished"), (new, "appeared"))
        if names
    ]
    if notice == "ignore" or not parts:
        return None
    return Outcome(status=notice, metric=f"the same {what}s", message="; ".join(parts))
