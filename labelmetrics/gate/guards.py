"""Whether a run can be compared with its baseline, and what is not there any more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from labelmetrics.errors import SettingError, SettingMismatchError
from labelmetrics.formats.gate_config import GateConfig, Notice
from labelmetrics.gate.population import Population
from labelmetrics.gate.sides import Side
from labelmetrics.gate.verdict import Outcome
from labelmetrics.kernels.batch import Bools
from labelmetrics.words import counted

NOT_COMPARED = ("format", "confidences")
"""Settings that do not change what a number means."""


def check_comparable(current: Side, baseline: Side, *, allow_unlike_settings: bool) -> list[str]:
    """Refuse a baseline that was measured in another way; what is not known, or is allowed, is told.

    Raises
    ------
    SettingMismatchError
        The settings differ, or are unknown.
    SettingError
        The ground truth is another one.
    """
    notes = []
    unknown = [side.name for side in (current, baseline) if side.settings is None]
    if unknown:
        message = f"where the lines of {' and '.join(unknown)} come from is unknown, since no sidecar tells it"
        if not allow_unlike_settings:
            raise SettingMismatchError(
                f"{message}; so their settings and ground truth cannot be compared. Give the evaluation files, or "
                "allow_unlike_settings (--allow-unlike-settings) where you know that they are alike"
            )
        return [f"{message}: settings and ground truth were not compared"]
    assert current.settings is not None
    assert baseline.settings is not None
    here, there = (side.settings.model_dump() for side in (current, baseline) if side.settings is not None)
    unlike = [
        f"{name} is {here[name]!r}, in the baseline {there[name]!r}" for name in here if here[name] != there[name]
    ]
    unlike = [text for text in unlike if not text.startswith(tuple(f"{name} is " for name in NOT_COMPARED))]
    if unlike:
        message = f"the baseline was evaluated with other settings: {'; '.join(unlike)}"
        if not allow_unlike_settings:
            raise SettingMismatchError(
                f"{message}. Evaluate both alike, or allow it (allow_unlike_settings, --allow-unlike-settings)"
            )
        notes.append(message)
    assert current.digests is not None
    assert baseline.digests is not None
    if current.digests.ground_truth != baseline.digests.ground_truth:
        raise SettingError(
            "the baseline was evaluated on another ground truth, so a change of a number need not come from the model. "
            "Evaluate the baseline's predictions on today's ground truth: baseline_predictions= and ground_truths= "
            "(--baseline-predictions FILE --ground-truths FILE) in place of the baseline"
        )
    return notes


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
