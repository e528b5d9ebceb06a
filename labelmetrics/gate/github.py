"""The verdict of a gate as annotations of a GitHub job."""

from __future__ import annotations

from collections.abc import Sequence

from labelmetrics.gate.verdict import Inconclusive, Outcome, Verdict

MOST = 10
"""Errors, and warnings, that GitHub shows of a step."""


def workflow_commands(verdict: Verdict, inconclusive: Inconclusive = "pass") -> list[str]:
    r"""Workflow commands: at most ten errors and ten warnings, of which the last may stand for all that are left.

    Parameters
    ----------
    verdict : Verdict
        What was found.
    inconclusive : {"pass", "fail", "exit-3"}
        What inconclusive checks mean: warnings with ``"pass"``, else errors.

    Examples
    --------
    >>> outcome = Outcome(status="fail", metric="f1", feature="a,b", bound="min", limit=0.5, message="100% of\nit")
    >>> print(*workflow_commands(Verdict(outcomes=[outcome], evaluation="x.lmeval", data_rows=2)))
    ::error title=f1 of a%2Cb%2C min 0.5::100%25 of%0Ait
    """
    errors = [one for one in verdict.sorted() if one.status == "fail"]
    warnings = [one for one in verdict.sorted() if one.status == "warn"]
    (warnings if inconclusive == "pass" else errors).extend(
        one for one in verdict.outcomes if one.status == "inconclusive"
    )
    return [*_commands("error", errors), *_commands("warning", warnings)]


def _commands(kind: str, outcomes: Sequence[Outcome]) -> list[str]:
    shown = outcomes if len(outcomes) <= MOST else outcomes[: MOST - 1]
    commands = [f"::{kind} title={_property(one.title)}::{_data(one.why or one.status)}" for one in shown]
    if len(shown) < len(outcomes):
        left = [one.title for one in outcomes[len(shown) :]]
        text = f"{'; '.join(left[:20])}{'; ...' if len(left) > 20 else ''}"
        commands.append(f"::{kind} title={_property(f'and {len(left):,} more checks')}::{_data(text)}")
    return commands


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
