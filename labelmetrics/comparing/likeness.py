"""Whether two runs can be compared: the same settings, and the same ground truth."""

from __future__ import annotations

from labelmetrics.comparing.sides import Side
from labelmetrics.errors import SettingError, SettingMismatchError

NOT_COMPARED = ("format", "confidences")
"""Settings that do not change what a number means."""


def check_comparable(current: Side, baseline: Side, *, allow_unlike_settings: bool, remedy: str) -> list[str]:
    """Refuse a baseline that was measured in another way; what is not known, or is allowed, is told.

    Parameters
    ----------
    current, baseline : Side
        The two runs.
    allow_unlike_settings : bool
        Whether settings may differ, or be unknown.
    remedy : str
        How the baseline's predictions come to be evaluated on today's ground truth.

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
            f"Evaluate the baseline's predictions on today's ground truth: {remedy}"
        )
    return notes
