"""The gate itself: every check of a configuration on an evaluation, and the verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from labelmetrics.comparing.likeness import check_comparable
from labelmetrics.comparing.measures import Measured
from labelmetrics.comparing.population import Population
from labelmetrics.comparing.sides import Side
from labelmetrics.errors import SettingError
from labelmetrics.evaluation import Evaluation, evaluate
from labelmetrics.formats.gate_config import EVERY, WHOLE, Check, GateConfig, Names, read_gate_config
from labelmetrics.gate.bounds import Bound
from labelmetrics.gate.guards import guard
from labelmetrics.gate.significance import Decision, Question, decide
from labelmetrics.gate.verdict import Outcome, Status, Verdict
from labelmetrics.gate.worst import worst_rows
from labelmetrics.kernels.batch import Bools
from labelmetrics.words import counted, near

__all__ = ["run_gate"]

REMEDY = (
    "baseline_predictions= and ground_truths= (--baseline-predictions FILE --ground-truths FILE) in place of the "
    "baseline"
)
"""What helps where the ground truth has changed."""


def run_gate(
    evaluation: Evaluation | Any,
    config: GateConfig | Mapping[str, Any] | str | Path,
    *,
    baseline: Evaluation | Any = None,
    baseline_predictions: Any = None,
    ground_truths: Any = None,
    data_rows: Any = None,
    allow_missing_baseline: bool = False,
    allow_unlike_settings: bool = False,
    worst: int = 10,
) -> Verdict:
    """Decide whether an evaluation is good enough.

    Parameters
    ----------
    evaluation : Evaluation, path, or metric lines
        The run. Paths name evaluation files, or NDJSON of metric lines; what their sidecar does not tell, and what
        needs an evaluation, is refused.
    config : path, mapping or GateConfig
        The checks; see :func:`read_gate_config`.
    baseline : Evaluation, path, or metric lines, optional
        The run that it is compared with.
    baseline_predictions : path or labels, optional
        Predictions of the baseline, which are evaluated here on ``ground_truths`` with the settings of the run: for
        when the ground truth has changed since.
    ground_truths : path or labels, optional
        The ground truth of the run, for ``baseline_predictions``.
    data_rows : path, Arrow table, DataFrame or iterable of mappings, optional
        Table of data rows, for metric lines and for ``baseline_predictions``.
    allow_missing_baseline : bool, default False
        Whether checks against a baseline are skipped where there is none, as in a first run.
    allow_unlike_settings : bool, default False
        Whether the baseline may have been evaluated with other settings, or in a way that is not known.
    worst : int, default 10
        How many data rows are named that had most part in what failed.

    Returns
    -------
    Verdict
        The outcome of every check; true unless one failed.

    Raises
    ------
    InputError
        The configuration or a run cannot be read.
    SettingError
        A check cannot be made: an unknown metric, feature or key, no baseline, or one that cannot be compared.

    Examples
    --------
    >>> import labelmetrics as lm
    >>> box = lm.ObjectAnnotation(name="cat", value=lm.Rectangle.from_xyhw(0, 0, 9, 9))
    >>> labels = [lm.Label(data=lm.ImageData(uid=row), annotations=[box]) for row in "ab"]
    >>> evaluation = lm.evaluate(labels, labels[:1])
    >>> run_gate(evaluation, {"check": [{"metric": "recall", "feature": "cat", "min": 0.9}]})
    gate: FAIL - evaluation, 2 data rows; checks: 1 fail
    status  check          value  bound    support  why
    fail    recall of cat  0.500  min 0.9        2  0.5000 is less than 0.9
    """
    given = read_gate_config(config)
    current = Side.of(evaluation, data_rows=data_rows)
    other = _baseline(current, baseline, baseline_predictions, ground_truths, data_rows)
    needing = sum(check.needs_baseline for check in given.check)
    if other is None and needing and not allow_missing_baseline:
        raise SettingError(
            f"{counted(needing, 'check')} against a baseline, and there is none: give it (baseline=, --baseline), or "
            "allow that there is none yet (allow_missing_baseline=True, --allow-missing-baseline)"
        )
    notes = []
    if other is not None:
        notes = check_comparable(current, other, allow_unlike_settings=allow_unlike_settings, remedy=REMEDY)
    return _Gate(given, current, other).verdict(notes, worst)


def _baseline(current: Side, baseline: Any, predictions: Any, ground_truths: Any, data_rows: Any) -> Side | None:
    if predictions is None:
        if ground_truths is not None:
            raise SettingError("ground_truths= (--ground-truths) is for baseline_predictions= (--baseline-predictions)")
        return None if baseline is None else Side.of(baseline, data_rows=data_rows, name="baseline")
    if baseline is not None:
        raise SettingError("a baseline is given as evaluation or by its predictions, not as both")
    if ground_truths is None:
        raise SettingError(
            "baseline_predictions are evaluated on today's ground truth: give it too (ground_truths=, --ground-truths)"
        )
    if current.settings is None:
        raise SettingError(
            f"{current.name}: has no sidecar that tells its settings, so a baseline cannot be made like it"
        )
    settings = current.settings.model_dump()
    settings["confidences"] = settings["confidences"] or None
    made = evaluate(ground_truths, predictions, data_rows=data_rows, **settings)
    return Side.of(made, name="baseline")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """One bound of one check about one thing."""

    check: Check
    number: int
    bound: Bound
    feature: str | None
    subclass: str | None
    slice: str | None
    is_named: bool

    @property
    def key(self) -> tuple[Any, ...]:
        """What it is about."""
        check = self.check
        return check.metric, self.feature, self.subclass, self.slice, check.split, check.confidence


class _Gate:
    """The checks of a configuration on a run and its baseline."""

    def __init__(self, config: GateConfig, current: Side, baseline: Side | None) -> None:
        self._config = config
        self._sides = [current] if baseline is None else [current, baseline]
        self._population = Population.of(self._sides)
        self._slices = {name: self._population.members(one, None) for name, one in config.slices.items()}
        self._members: dict[tuple[str | None, str | None], Bools] = {}
        self._measured: dict[tuple[int, tuple[Any, ...]], Measured] = {}

    def verdict(self, notes: list[str], worst: int) -> Verdict:
        """Every check, and what follows."""
        outcomes: list[Outcome] = []
        failed: list[tuple[str | None, list[Measured]]] = []
        asked: list[tuple[int, Question]] = []
        for item in self._items():
            outcome, sides = self._outcome(item)
            if outcome.status in ("fail", "pass") and item.check.significance is not None and sides:
                members = self._rows(item.slice, item.check.split)
                question = Question(bound=item.bound, rate=item.check.significance, members=members, sides=sides)
                asked.append((len(outcomes), question))
            outcomes.append(outcome)
        for side in self._sides:
            side.forget()
        decisions = decide([one for _, one in asked], resamples=self._config.resamples, seed=self._config.seed)
        for (index, _), decision in zip(asked, decisions, strict=True):
            outcomes[index] = _decided(outcomes[index], decision)
        for item, index in zip(self._items(), range(len(outcomes)), strict=True):
            if outcomes[index].status in ("fail", "inconclusive") and item.check.severity == "warn":
                outcomes[index] = replace(outcomes[index], status="warn")
            if outcomes[index].status == "fail" and item.check.metric not in WHOLE:
                failed.append((item.feature, self._both(item)))
        guards = []
        if len(self._sides) > 1:
            guards = guard(self._config, self._sides[0], self._sides[1], self._population, self._slices)
        current = self._sides[0]
        return Verdict(
            outcomes=[*guards, *outcomes],
            worst=worst_rows(current.evaluation, self._population.rows, failed, worst),
            evaluation=current.name,
            baseline=self._sides[1].name if len(self._sides) > 1 else None,
            data_rows=len(current.rows),
            notes=notes,
        )

    def _items(self) -> Iterator[_Item]:
        for number, check in enumerate(self._config.check, 1):
            features = self._names(check.feature, "feature")
            subclasses = self._names(check.subclass, "subclass")
            slices = self._config.names_of_slices(check)
            is_named = EVERY not in (check.feature, check.subclass, check.slice)
            for feature, subclass, part in product(features, subclasses, slices):
                for name, given in check.bounds.items():
                    yield _Item(
                        check=check,
                        number=number,
                        bound=Bound(name, given),
                        feature=feature,
                        subclass=subclass,
                        slice=part,
                        is_named=is_named,
                    )

    def _names(self, given: Names | None, what: str) -> list[str] | list[None]:
        """The features or subclasses that a check names."""
        if given is None:
            return [None]
        known = sorted(
            {name for side in self._sides for name in (side.features if what == "feature" else side.subclasses)}
        )
        if given == EVERY:
            return known
        listed = [given] if isinstance(given, str) else list(given)
        for name in listed:
            if name not in known:
                hint = near(name, known) or f"; there are {', '.join(known[:10])}{', ...' if len(known) > 10 else ''}"
                raise SettingError(f"there is no {what} {name!r}{hint}")
        return listed

    def _rows(self, slice: str | None, split: str | None) -> Bools:
        """The data rows that a check is about."""
        key = slice, split
        if key not in self._members:
            keep = self._population.members(None, split)
            self._members[key] = keep if slice is None else keep & self._slices[slice]
        return self._members[key]

    def _measure(self, side: int, item: _Item) -> Measured:
        key = side, item.key
        if key not in self._measured:
            metric, feature, subclass, *about, confidence = item.key
            found = self._sides[side].measure(metric, feature, subclass, confidence)
            rows = self._population.places[side][found.row]
            keep = self._rows(*about)[rows]
            self._measured[key] = replace(found, row=rows[keep], columns=found.columns[keep])
        return self._measured[key]

    def _both(self, item: _Item) -> list[Measured]:
        return [self._measure(side, item) for side in range(len(self._sides))]

    def _whole(self, side: int, item: _Item) -> float | None:
        """A metric that is made from all predictions at once."""
        keep = self._rows(item.slice, item.check.split)[self._population.places[side]]
        own = self._sides[side].rows
        rows = None if keep.all() else [row for row, one in zip(own, keep.tolist(), strict=True) if one]
        return self._sides[side].whole(item.check.metric, item.feature, rows)

    def _outcome(self, item: _Item) -> tuple[Outcome, list[Measured]]:
        """The plain outcome, before chance is asked; and what it was measured by."""
        check, bound = item.check, item.bound
        outcome = Outcome(
            status="skipped",
            check=item.number,
            metric=check.metric,
            feature=item.feature,
            subclass=item.subclass,
            slice=item.slice,
            split=check.split,
            confidence=check.confidence,
            bound=bound.name,
            limit=bound.given,
            reason=check.reason,
        )
        used = range(len(self._sides) if bound.is_change else 1)
        sides: list[Measured] = []
        if check.metric in WHOLE:
            values = [self._whole(side, item) for side in range(len(self._sides))]
            counting = replace(item, check=check.model_copy(update={"metric": "count"}))
            support = self._measure(0, counting).support
        else:
            both = self._both(item)
            values, support = [one.value for one in both], both[0].support
            sides = both[: len(used)]
        value, before = values[0], values[1] if len(values) > 1 else None
        outcome = replace(outcome, value=value, baseline=before, support=support)
        if bound.is_change and len(self._sides) == 1:
            return replace(outcome, message="there is no baseline"), []
        if check.min_support is not None and support < check.min_support:
            message = f"too little support: {support:,}, fewer than {check.min_support:,}"
            return replace(outcome, message=message), []
        if value is None:
            status: Status = "fail" if item.is_named else "skipped"
            return replace(outcome, status=status, message="has no value: there is nothing to measure it on"), []
        if bound.is_change and before is None:
            return replace(outcome, message="the baseline has no value"), []
        quantity = bound.quantity(value, before if bound.is_change else value)
        status = "pass" if bool(bound.keeps(quantity)) else "fail"
        return replace(outcome, status=status, message="" if status == "pass" else _told(bound, value, before)), sides


def _told(bound: Bound, value: float, before: float | None) -> str:
    """Why a bound does not hold."""
    if not bound.is_change or before is None:
        return f"{value:.4f} is {'less' if bound.name == 'min' else 'more'} than {bound.given:g}"
    verb = "fell" if bound.name == "max_drop" else "rose"
    share = f" ({(value - before) / abs(before):+.2%})" if before else ""
    limit = bound.given if isinstance(bound.given, str) else f"{bound.given:g}"
    return f"{verb} from {before:.4f} to {value:.4f}{share}, more than {limit}"


def _decided(outcome: Outcome, decision: Decision) -> Outcome:
    """An outcome with what chance says of it."""
    found = replace(
        outcome,
        interval=None if np.isnan(decision.interval[0]) else decision.interval,
        level=decision.level,
        p=decision.p,
        rows_needed=decision.rows_needed,
    )
    if decision.is_decided:
        return found
    needed = (
        "no number of data rows would decide it as it stands"
        if decision.rows_needed is None
        else f"about {counted(decision.rows_needed, 'data row')} would decide it"
    )
    return replace(found, status="inconclusive", message=f"the {decision.level:.2%} interval holds the limit; {needed}")
