"""The gate: values, bounds, slices, guards and chance."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import builders as b
import numpy as np
import pytest
from datasets import dataset, label
from hypothesis import given, settings, strategies as st

import labelmetrics as lm
from labelmetrics.comparing.measures import OF_COUNTS, Measured
from labelmetrics.errors import InputError, LabelmetricsWarning, SettingError, SettingMismatchError
from labelmetrics.gate.bounds import Bound
from labelmetrics.gate.significance import Question, decide


def make(rows: int = 40, wrong: float = 0.0, seed: int = 0, **settings: Any) -> lm.Evaluation:
    """Rows with two cats and a dog; of the predictions, some are elsewhere. Ground truth is always the same."""
    draw = random.Random(seed)
    names = [f"row-{index:03}" for index in range(rows)]
    things = [(0, "cat"), (100, "cat"), (200, "dog")]
    truths = [label(name, [b.square(x, what) for x, what in things]) for name in names]
    guesses = [
        label(name, [b.square(x + 50 * (draw.random() < wrong), what, confidence=0.8) for x, what in things])
        for name in names
    ]
    table = [
        {
            "globalKey": name,
            "width": 100 + index,
            "split": "TEST" if index % 2 else "TRAINING",
            "metadata": {"camera": "left" if index < 10 else "right"},
        }
        for index, name in enumerate(names)
    ]
    return lm.evaluate(truths, guesses, data_rows=table, **settings)


def gate(evaluation: Any, *checks: dict[str, Any], baseline: Any = None, **more: Any) -> lm.Verdict:
    options = {
        name: more.pop(name)
        for name in ("allow_missing_baseline", "allow_unlike_settings", "data_rows", "worst")
        if name in more
    }
    return lm.run_gate(evaluation, {"check": list(checks), **more}, baseline=baseline, **options)


def statuses(verdict: lm.Verdict) -> list[str]:
    return [one.status for one in verdict.outcomes]


# -------------------------------------------------------------------------------------------------------------- values


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("confidence", [None, 0.5])
def test_values_are_those_of_the_summary(seed: int, confidence: float | None) -> None:
    truths, guesses = dataset(seed, rows=6, scored=True)
    evaluation = lm.evaluate(truths, guesses, confidences=[0.1, 0.5], buffer=5)
    summary = evaluation.summary(confidence=confidence)
    names = {"precision": "precision", "recall": "recall", "f1": "f1", "miou": "miou"}
    names |= {"count": "ground_truths", "predictions": "predictions"}
    more = {} if confidence is None else {"confidence": confidence}
    for row in summary:
        about = {} if row is summary.overall else {"feature": row.feature}
        verdict = gate(evaluation, *({"metric": one, "min": -1, **about, **more} for one in names))
        for outcome, field in zip(verdict.outcomes, names.values(), strict=True):
            assert outcome.value == getattr(row, field), (row.feature, field)


def test_curves() -> None:
    evaluation = make(wrong=0.3)
    verdict = gate(
        evaluation,
        {"metric": "ap", "min": 0},
        {"metric": "ap50", "feature": "*", "min": 0},
        {"metric": "ece", "max": 1},
        {"metric": "ap50", "slice": "left", "min": 0},
        slices={"left": 'metadata.camera == "left"'},
    )
    left = evaluation.slice([f"row-{index:03}" for index in range(10)])
    assert [one.value for one in verdict.outcomes] == [
        lm.average_precision(evaluation)["AP"],
        *(lm.average_precision(evaluation, feature=name, iou=0.5)["AP"] for name in ("cat", "dog")),
        lm.calibration(evaluation).ece,
        lm.average_precision(left, iou=0.5)["AP"],
    ]
    assert [one.support for one in verdict.outcomes] == [120, 80, 40, 120, 30]


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [("SUM", 7), ("ARITHMETIC_MEAN", 7 / 3), ("GEOMETRIC_MEAN", 2), ("HARMONIC_MEAN", 12 / 7)],
)
def test_custom_numbers(aggregation: str, expected: float) -> None:
    lines = [
        {"dataRow": {"globalKey": f"row-00{index}"}, "metricName": "blur", "metricValue": value}
        | {"aggregation": aggregation}
        for index, value in enumerate([1, 2, 4])
    ]
    evaluation = make(rows=3).with_metrics(lines)
    (outcome,) = gate(evaluation, {"metric": "blur", "max": 3}).outcomes
    assert outcome.value == pytest.approx(expected)
    assert outcome.value == pytest.approx(lm.aggregate(evaluation, metric="blur").get("blur").value)
    assert outcome.support == 3
    (same,) = gate(lines, {"metric": "blur", "max": 3}).outcomes
    assert same.value == outcome.value


def test_custom_matrices() -> None:
    lines = [
        {"dataRow": {"globalKey": f"row-00{index}"}, "metricName": "mine", "metricValue": value}
        | {"aggregation": "CONFUSION_MATRIX"}
        for index, value in enumerate([[1, 1, 0, 0], [2, 0, 0, 3]])
    ]
    evaluation = make(rows=3).with_metrics(lines)
    (outcome,) = gate(evaluation, {"metric": "mine.precision", "min": 0.7}).outcomes
    assert (outcome.status, outcome.value, outcome.support) == ("pass", 0.75, 6)
    with pytest.raises(SettingError, match=r"mine is a confusion matrix: check one of mine.precision"):
        gate(evaluation, {"metric": "mine", "min": 0})
    with pytest.raises(SettingError, match="has no metric"):
        gate(evaluation, {"metric": "blr", "min": 0})


def test_other_thresholds_by_name() -> None:
    evaluation = make(wrong=0.2, iou=[0.5, 0.75])
    (outcome,) = gate(evaluation, {"metric": "75pct_iou.f1", "min": 0}).outcomes
    assert outcome.value == evaluation.summary(iou=0.75).overall.f1


def test_bounds() -> None:
    evaluation = make()
    verdict = gate(
        evaluation,
        {"metric": "recall", "min": 1},
        {"metric": "recall", "max": 0.5, "severity": "warn", "reason": "a habit"},
    )
    assert statuses(verdict) == ["pass", "warn"]
    assert verdict.status == "warn"
    assert verdict.outcomes[1].why == "1.0000 is more than 0.5 (a habit)"
    assert gate(evaluation, {"metric": "recall", "max": 0.5}).exit_code() == 1
    assert not gate(evaluation, {"metric": "recall", "max": 0.5})


@pytest.mark.parametrize(
    ("bound", "given", "value", "baseline", "holds"),
    [
        ("max_drop", 0.02, 0.48, 0.5, True),  # 0.5 - 0.48 is a little more than 0.02 in floating point
        ("max_drop", 0.02, 0.4799, 0.5, False),
        ("max_drop", "4%", 0.48, 0.5, True),
        ("max_drop", "3.9%", 0.48, 0.5, False),
        ("max_drop", 0, 0.5, 0.5, True),
        ("max_drop", "0%", 0.9, 0.5, True),
        ("max_rise", "10%", 0.55, 0.5, True),
        ("max_rise", "10%", 0.551, 0.5, False),
        ("max_rise", "10%", 1.0, 0.0, False),
        ("max_rise", "10%", 0.0, 0.0, True),
        ("max_drop", "10%", 0.0, 0.0, True),
        ("max_drop", "10%", -1.2, -1.0, False),
    ],
)
def test_changes(bound: str, given: Any, value: float, baseline: float, holds: bool) -> None:
    one = Bound(bound, given)
    assert bool(one.keeps(one.quantity(value, baseline))) is holds


# -------------------------------------------------------------------------------------------------- slices and features


def test_slices_and_splits() -> None:
    evaluation = make(wrong=0.3)
    verdict = gate(
        evaluation,
        {"metric": "f1", "slice": "*", "min": 0},
        {"metric": "f1", "split": "TEST", "min": 0},
        {"metric": "f1", "slice": "left", "split": "TEST", "feature": "dog", "min": 0},
        slices={
            "left": 'metadata.camera == "left" and width >= 100',
            "three": ["row-001", "globalKey:row-002", "row-003"],
            "tens": {"match": "^row-01"},
        },
    )
    rows = [f"row-{index:03}" for index in range(40)]
    wanted = [
        evaluation.slice(rows[:10]).summary().overall.f1,
        evaluation.slice(rows[1:4]).summary().overall.f1,
        evaluation.slice(rows[10:20]).summary().overall.f1,
        evaluation.slice(split="TEST").summary().overall.f1,
        next(row.f1 for row in evaluation.slice(rows[1:10:2]).summary().features if row.feature == "dog"),
    ]
    assert [one.value for one in verdict.outcomes] == wanted
    assert [one.slice for one in verdict.outcomes] == ["left", "three", "tens", None, "left"]


@pytest.mark.parametrize(
    ("check", "slices", "expected"),
    [
        ({"slice": "x"}, {"x": 'metadata.camra == "left"'}, "no data row has metadata 'camra'; near it: camera"),
        ({"slice": "x"}, {"x": ["row-001", "row-900"]}, "1 data row of a slice cannot be found: 'row-900'"),
        ({"feature": "cta"}, {}, "there is no feature 'cta'; near it: cat"),
        ({"feature": "cat", "subclass": "red"}, {}, "there is no subclass 'red'; there are "),
        ({"confidence": 0.3}, {}, "confidence 0.3 is not a key: these metrics"),
        ({"max_drop": 0.1}, {}, "1 check against a baseline, and there is none"),
    ],
)
def test_what_cannot_be_checked(check: dict[str, Any], slices: Any, expected: str) -> None:
    with pytest.raises(SettingError) as refused:
        gate(make(), {"metric": "f1", "min": 0, **check}, slices=slices)
    assert expected in str(refused.value)


def test_little_support() -> None:
    verdict = gate(
        make(),
        {"metric": "f1", "feature": "*", "min": 2, "min_support": 50},
    )
    assert [(one.feature, one.status) for one in verdict.outcomes] == [("cat", "fail"), ("dog", "skipped")]
    assert verdict.outcomes[1].message == "too little support: 40, fewer than 50"
    nothing = gate(make(), {"metric": "f1", "min": 2, "min_support": 500})
    assert (nothing.status, nothing.exit_code()) == ("warn", 0)


def test_what_has_no_value() -> None:
    evaluation = lm.evaluate([label("a", [b.square(0, "cat")])], [label("a", [b.square(0, "dog")])])
    verdict = gate(evaluation, {"metric": "precision", "feature": "*", "min": 0.5})
    assert statuses(verdict) == ["skipped", "fail"]  # nothing is predicted as a cat
    assert statuses(gate(evaluation, {"metric": "precision", "feature": "cat", "min": 0.5})) == ["fail"]


# -------------------------------------------------------------------------------------------------------------- guards


def test_against_itself_everything_passes() -> None:
    evaluation = make(wrong=0.4)
    checks = [
        {"metric": metric, "feature": feature, "max_drop": 0, "max_rise": "0%", "significance": 0.05}
        for metric in ("f1", "precision", "recall", "miou", "count", "predictions")
        for feature in ("*", "cat")
    ]
    verdict = gate(evaluation, *checks, baseline=evaluation)
    assert set(statuses(verdict)) == {"pass"}
    assert all(one.interval == (0, 0) for one in verdict.outcomes)


def test_data_rows_features_and_slices_that_vanished() -> None:
    whole = make()
    part = whole.slice([f"row-{index:03}" for index in range(5, 40)])
    verdict = gate(
        part,
        {"metric": "f1", "max_drop": 0.5},
        baseline=whole,
        slices={"first": {"match": "row-00[0-4]"}, "rest": {"match": "row-0[1-9]"}},
    )
    assert [(one.metric, one.status) for one in verdict.outcomes] == [
        ("the same data rows", "fail"),
        ("the same slices", "fail"),
        ("f1", "pass"),
    ]
    assert verdict.outcomes[0].message == (
        "5 data rows vanished: globalKey:row-000, globalKey:row-001, globalKey:row-002, globalKey:row-003, "
        "globalKey:row-004"
    )
    assert verdict.outcomes[1].message == "1 slice vanished: first"
    back = gate(whole, {"metric": "f1", "max_drop": 0.5}, baseline=part, guards={"data_rows": "warn"})
    assert (back.outcomes[0].status, back.outcomes[0].message[:20]) == ("warn", "5 data rows appeared")
    ignored = gate(part, {"metric": "f1", "max_drop": 1}, baseline=whole, guards={"data_rows": "ignore"})
    assert statuses(ignored) == ["pass"]


def test_features_that_vanished() -> None:
    truths = [label("a", [b.square(0, "cat")])]
    good, bad = (lm.evaluate(truths, [label("a", [b.square(0, name)])]) for name in ("cat", "bird"))
    verdict = gate(good, {"metric": "f1", "max_drop": 1}, baseline=bad)
    assert verdict.outcomes[0].message == "1 feature vanished: bird"
    assert verdict.outcomes[0].status == "warn"


def test_unlike_settings() -> None:
    one, other = make(), make(iou=0.75)
    with pytest.raises(SettingMismatchError, match=r"iou is \[0.5\], in the baseline \[0.75\]"):
        gate(one, {"metric": "f1", "max_drop": 0}, baseline=other)
    verdict = gate(one, {"metric": "f1", "max_drop": 0}, baseline=other, allow_unlike_settings=True)
    assert verdict
    assert "with other settings" in verdict.notes[0]


def test_changed_ground_truth_and_its_remedy() -> None:
    truths = [label("a", [b.square(0), b.square(50)]), label("c", [b.square(0)])]
    guesses = [label("a", [b.square(0)]), label("c", [b.square(0)])]
    old = lm.evaluate([label("a", [b.square(0)]), label("c")], guesses)
    new = lm.evaluate(truths, truths)
    config = {"check": [{"metric": "recall", "max_drop": 0}]}
    with pytest.raises(SettingError, match="--baseline-predictions FILE --ground-truths FILE"):
        lm.run_gate(new, config, baseline=old)
    verdict = lm.run_gate(new, config, baseline_predictions=guesses, ground_truths=truths)
    assert (verdict.outcomes[0].value, verdict.outcomes[0].baseline) == (1, 2 / 3)
    for wrong, expected in (
        ({"baseline_predictions": guesses}, "give it too"),
        ({"ground_truths": truths}, "is for baseline_predictions"),
        ({"baseline_predictions": guesses, "ground_truths": truths, "baseline": old}, "not as both"),
    ):
        with pytest.raises(SettingError, match=expected):
            lm.run_gate(new, config, **wrong)


def test_a_first_run() -> None:
    verdict = gate(make(), {"metric": "f1", "max_drop": 0}, {"metric": "f1", "min": 0}, allow_missing_baseline=True)
    assert statuses(verdict) == ["skipped", "pass"]
    assert verdict.outcomes[0].message == "there is no baseline"


# --------------------------------------------------------------------------------------------------------- metric lines


@pytest.fixture
def lines(tmp_path: Path) -> dict[str, Path]:
    paths = {"run": tmp_path / "run.ndjson", "main": tmp_path / "main.ndjson"}
    make(wrong=0.3, confidences=[0.1, 0.5]).write_ndjson(paths["run"])
    make(wrong=0.1, seed=1, confidences=[0.1, 0.5]).write_ndjson(paths["main"])
    return paths


CHECKS = [
    {"metric": "f1", "min": 0.5, "confidence": 0.5},
    {"metric": "recall", "feature": "*", "max_drop": 0.5, "significance": 0.1, "confidence": 0.1},
    {"metric": "miou", "min": 0.2, "confidence": 0.5},
]


def test_lines_say_the_same(lines: dict[str, Path]) -> None:
    run, main = (
        make(wrong=0.3, confidences=[0.1, 0.5]),
        make(wrong=0.1, seed=1, confidences=[0.1, 0.5]),
    )
    of_lines = gate(lines["run"], *CHECKS, baseline=lines["main"])
    of_evaluations = gate(run, *CHECKS, baseline=main)
    assert [one.to_dict() for one in of_lines.outcomes] == [one.to_dict() for one in of_evaluations.outcomes]
    mixed = gate(lines["run"], *CHECKS, baseline=main)
    assert statuses(mixed) == statuses(of_evaluations)


def test_what_lines_do_not_have(lines: dict[str, Path]) -> None:
    for check, expected in (
        ({"metric": "ap", "min": 0}, "give the evaluation file"),
        ({"metric": "f1", "min": 0}, "have a value for each confidence key"),
        ({"metric": "f1", "min": 0, "confidence": 0.1, "split": "TEST"}, "splits need a table of data rows"),
    ):
        with pytest.raises(SettingError, match=expected):
            gate(lines["run"], check)
    with pytest.raises(SettingError, match="expressions need a table"):
        gate(lines["run"], {"metric": "f1", "min": 0, "confidence": 0.1, "slice": "x"}, slices={"x": "width > 1"})
    table = [{"globalKey": f"row-{index:03}", "split": "TEST" if index < 4 else None} for index in range(40)]
    (outcome,) = gate(
        lines["run"], {"metric": "count", "min": 0, "confidence": 0.1, "split": "TEST"}, data_rows=table
    ).outcomes
    assert outcome.value == 12


def test_unknown_provenance(lines: dict[str, Path]) -> None:
    Path(f"{lines['main']}.provenance.json").unlink()
    with pytest.raises(SettingMismatchError, match=r"where the lines of main\.ndjson come from is unknown"):
        gate(lines["run"], *CHECKS, baseline=lines["main"])
    verdict = gate(lines["run"], *CHECKS, baseline=lines["main"], allow_unlike_settings=True)
    assert "were not compared" in verdict.notes[0]
    with lines["run"].open("ab") as file:
        file.write(b"\n")
    with pytest.warns(LabelmetricsWarning, match="does not belong to the lines"):
        gate(lines["run"], CHECKS[0])


def test_fitted_lines(tmp_path: Path) -> None:
    truths = [label("a", [b.square(50 * n, f"class {n:02}") for n in range(30)])]
    evaluation = lm.evaluate(truths, truths)
    evaluation.write_ndjson(tmp_path / "m.ndjson", over_limit="fit")
    for check in ({"metric": "recall", "feature": "class 01"}, {"metric": "recall"}):
        with pytest.raises(SettingError, match="features were left out of these lines"):
            gate(tmp_path / "m.ndjson", {**check, "min": 0})
    assert gate(tmp_path / "m.ndjson", {"metric": "miou", "min": 0.9})


# -------------------------------------------------------------------------------------------------------------- chance


def test_it_names_the_features_that_are_worse() -> None:
    good, bad = make(200), make(200, wrong=0.3)
    check = {"metric": "f1", "feature": "*", "max_drop": 0.05, "significance": 0.05}
    verdict = gate(bad, check, baseline=good)
    assert statuses(verdict) == ["fail", "fail"]
    assert all(one.interval[1] < -0.05 for one in verdict.outcomes)
    assert verdict.worst[0].more == 6
    assert {"outcome", "feature", "why"} <= verdict.worst[0].findings[0].keys()
    assert statuses(gate(good, check, baseline=bad)) == ["pass", "pass"]


def test_few_data_rows_are_inconclusive() -> None:
    good, bad = make(10), make(10, wrong=0.12, seed=3)
    (outcome,) = gate(bad, {"metric": "f1", "max_drop": 0.05, "significance": 0.05}, baseline=good).outcomes
    assert outcome.status == "inconclusive"
    assert outcome.interval[0] < -0.05 < outcome.interval[1]
    assert outcome.rows_needed > 10
    assert f"about {outcome.rows_needed} data rows would decide it" in outcome.message
    mild = {"metric": "f1", "max_drop": 0.05, "significance": 0.05, "severity": "warn"}
    (told,) = gate(bad, mild, baseline=good).outcomes
    assert (told.status, told.message) == ("warn", outcome.message)
    (plain,) = gate(bad, {"metric": "f1", "max_drop": 0.05}, baseline=good).outcomes
    assert plain.status in ("pass", "fail")


def test_the_rows_that_are_said_to_be_needed_do() -> None:
    draw = np.random.default_rng(0)

    def question(n: int) -> Question:
        tp = draw.binomial(4, 0.75, n)
        columns = np.stack([tp, np.zeros(n), 4 - tp], axis=1).astype(float)
        one = Measured(row=np.arange(n), columns=columns, of_sums=OF_COUNTS["recall"], is_counts=True)
        return Question(bound=Bound("min", 0.73), rate=0.05, members=np.ones(n, bool), sides=[one])

    needed = [decide([question(200)], resamples=1_000, seed=0)[0].rows_needed for _ in range(30)]
    typical = int(np.median([one for one in needed if one is not None]))
    decided = [decide([question(4 * typical)], resamples=1_000, seed=0)[0].is_decided for _ in range(20)]
    assert np.mean(decided) > 0.5


def test_chance_is_seeded() -> None:
    runs = [make(60, wrong=0.2), make(60, wrong=0.15, seed=2)]
    check = {"metric": "f1", "max_drop": 0.1, "significance": 0.05}
    first, same, other = (gate(runs[0], check, baseline=runs[1], seed=seed).outcomes[0] for seed in (0, 0, 1))
    assert first == same
    assert first.interval != other.interval


def test_too_few_resamples_are_told() -> None:
    checks = [{"metric": "f1", "min": 0, "significance": 0.01}] * 3
    with pytest.warns(LabelmetricsWarning, match="set resamples to 600 or more"):
        gate(make(), *checks, resamples=200)


@pytest.mark.slow
def test_intervals_cover_the_truth_and_null_comparisons_seldom_fail() -> None:
    """Recall of 150 data rows whose difficulty varies; two runs that are equally good, three features."""
    draw = np.random.default_rng(1)
    n, features, draws, resamples = 150, 3, 1_000, 500
    covered = failed = 0
    ones = np.ones(n, bool)

    def measured(tp: np.ndarray) -> Measured:
        columns = np.stack([tp, np.zeros(n), 5 - tp], axis=1).astype(float)
        return Measured(row=np.arange(n), columns=columns, of_sums=OF_COUNTS["recall"], is_counts=True)

    for seed in range(draws):
        ease = draw.beta(6, 2, (features, n))
        pairs = [[measured(draw.binomial(5, one)) for _ in range(2)] for one in ease]
        single = [Question(bound=Bound("min", 0.75), rate=0.05, members=ones, sides=pairs[0][:1])]
        low, high = decide(single, resamples=resamples, seed=seed)[0].interval
        covered += low <= 0.75 <= high
        questions = [Question(bound=Bound("max_drop", 0.0), rate=0.05, members=ones, sides=pair) for pair in pairs]
        decisions = decide(questions, resamples=resamples, seed=seed)
        failed += any(one.is_decided and one.interval[1] < 0 for one in decisions)
    assert 0.93 <= covered / draws <= 0.97
    assert failed / draws <= 0.05


@given(st.integers(0, 1000))
@settings(max_examples=20)
def test_a_slice_is_decided_as_if_there_were_nothing_else(seed: int) -> None:
    run, main = make(30, wrong=0.3, seed=seed), make(30, wrong=0.2, seed=seed + 1)
    rows = [f"row-{index:03}" for index in range(12)]
    check = {"metric": "f1", "feature": "*", "max_drop": 0.05, "significance": 0.2}
    sliced = gate(run, {**check, "slice": "x"}, baseline=main, slices={"x": rows}, resamples=300)
    alone = gate(run.slice(rows), check, baseline=main.slice(rows), resamples=300)
    for one, other in zip(sliced.outcomes, alone.outcomes, strict=True):
        assert (one.status, one.value, one.interval, one.p) == (other.status, other.value, other.interval, other.p)


def test_the_order_of_checks_does_not_matter() -> None:
    run, main = make(60, wrong=0.3), make(60, wrong=0.1, seed=1)
    checks = [
        {"metric": metric, "feature": feature, "max_drop": 0.05, "significance": 0.05}
        for metric in ("f1", "recall", "miou")
        for feature in ("cat", "dog")
    ]
    there, back = gate(run, *checks, baseline=main), gate(run, *checks[::-1], baseline=main)
    told = [[(one.title, one.status, one.interval, one.p) for one in verdict.outcomes] for verdict in (there, back)]
    assert sorted(told[0]) == sorted(told[1])


def test_many_columns_in_several_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    run, main = make(60, wrong=0.3), make(60, wrong=0.1, seed=1)
    check = {"metric": "f1", "feature": "*", "max_drop": 0.05, "significance": 0.05}
    whole = gate(run, check, baseline=main)
    monkeypatch.setattr("labelmetrics.comparing.bootstrap.WIDTH", 4)
    assert gate(run, check, baseline=main).to_dict() == whole.to_dict()


# ------------------------------------------------------------------------------------------------------------ real data


def test_coco_val2014_degraded(shared: Path, tmp_path: Path) -> None:
    folder = shared / "coco_val2014_100"
    truth, guesses = folder / "instances_val2014_100.json", folder / "instances_val2014_fakebbox100_results.json"
    draw, moved = random.Random(0), []
    for one in json.loads(guesses.read_text()):
        left, top, width, height = one["bbox"]
        moved.append({**one, "bbox": [left + 2 * width * (draw.random() < 0.05), top, width, height]})
    (tmp_path / "moved.json").write_text(json.dumps(moved))
    good, degraded = lm.evaluate(truth, guesses), lm.evaluate(truth, tmp_path / "moved.json")
    whole = {"metric": "f1", "max_drop": 0.01, "significance": 0.05}
    each = {"metric": "recall", "feature": "*", "max_drop": 0.05, "min_support": 10}
    verdict = gate(degraded, whole, each, baseline=good)
    assert not verdict
    lost = {
        row.feature
        for row, before in zip(degraded.summary().features, good.summary().features, strict=True)
        if row.ground_truths >= 10 and before.recall - row.recall > 0.05
    }
    assert {one.feature for one in verdict.outcomes if one.status == "fail"} == {None, *lost}
    assert len(lost) > 3
    assert gate(good, whole, each, baseline=good).status == "pass"
    rows = good.data_rows.column(good.key_kind).to_pylist()[:10]
    (few,) = gate(degraded.slice(rows), whole, baseline=good.slice(rows)).outcomes
    assert few.status == "inconclusive"
    assert few.rows_needed > 10


def test_without_data_rows() -> None:
    nothing = lm.evaluate([], [])
    checks = [{"metric": name, "min": 0} for name in ("f1", "miou", "ap", "ece")]
    assert statuses(gate(nothing, *checks, baseline=nothing)) == ["fail"] * 4
    assert gate(nothing, {"metric": "count", "min": 0, "significance": 0.05}).status == "pass"
    with pytest.raises(SettingError, match="evaluation has no confusion matrix"):
        gate([], {"metric": "f1", "min": 0})


def test_keys_of_other_kinds_have_no_data_row_in_common() -> None:
    sides = [[label("a", [b.square(0)], kind)] for kind in ("uid", "global_key")]
    run, main = (lm.evaluate(side, side) for side in sides)
    verdict = gate(run, {"metric": "f1", "max_drop": 0}, baseline=main)
    assert verdict.outcomes[0].message == "1 data row vanished: globalKey:a; 1 data row appeared: id:a"


def test_faults_of_the_configuration_come_first() -> None:
    with pytest.raises(InputError):
        lm.run_gate("absent.lmeval", {"check": []})
