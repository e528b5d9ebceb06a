"""What changed between two evaluations: laws, statuses, order, slices and refusals."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import builders as b
import numpy as np
import pytest
from datasets import ANSWERS, OBJECTS, dataset, label, lines_of, side, table_of
from hypothesis import given, settings, strategies as st

import labelmetrics as lm
from labelmetrics.changes.lining_up import BETTER, STATUSES, WORSE
from labelmetrics.changes.result import Diff
from labelmetrics.errors import InputError, SettingError, SettingMismatchError

SEEDS = st.integers(0, 10_000)
RULES = st.sampled_from([{}, {"matching": "coco"}, {"include_subclasses": True}])
MIRROR = {"broken": "fixed", "new FP": "gone FP"} | {"fixed": "broken", "gone FP": "new FP"}
FEW = {"resamples": 200}


def models(seed: int, rows: int = 4) -> tuple[list[lm.Label], list[lm.Label], list[lm.Label]]:
    """Ground truths, and predictions of two models that share some of them; equal overlaps are common."""
    truths, first = dataset(seed, coarse=True, scored=True, rows=rows)
    draw = random.Random(-seed - 1)
    kinds = (*OBJECTS, *ANSWERS)
    second = []
    for one in first:
        kept = [thing for thing in one.annotations if draw.random() < 0.6]
        added = side(draw, kinds, True, True, 4)
        # One question is answered once, a checklist in one go.
        asked = {thing.name for thing in kept}
        more = [thing for thing in added if isinstance(thing, lm.ObjectAnnotation) or thing.name not in asked]
        second.append(label(one.data.global_key, [*kept, *more]))
    return truths, first, second


def evaluated(truths: Any, guesses: Any, **more: Any) -> lm.Evaluation:
    return lm.evaluate(truths, guesses, buffer=2.0, answer_names="question/answer", confidences=[0.2, 0.5], **more)


def pair(seed: int, rows: int = 4, **more: Any) -> tuple[lm.Evaluation, lm.Evaluation]:
    truths, first, second = models(seed, rows)
    return evaluated(truths, first, **more), evaluated(truths, second, **more)


def counts(found: Diff) -> dict[str, dict[str, int]]:
    return {one.name: dict(one.counts) for one in (found.overall, *found.features)}


# ---------------------------------------------------------------------------------------------------------------- laws


@given(SEEDS, RULES, st.sampled_from([None, 0.2, 0.5]))
@settings(max_examples=15)
def test_nothing_changes_from_an_evaluation_to_itself(
    seed: int, rules: dict[str, Any], confidence: float | None
) -> None:
    one, _ = pair(seed, **rules)
    found = lm.diff(one, one, confidence=confidence, **FEW)
    assert found.overall.changed == 0
    assert len(found.objects.of(*WORSE, *BETTER)) == 0
    for row in (found.overall, *found.features):
        for change in (row.precision, row.recall, row.f1):
            assert change.before == change.after
            assert (change.interval, change.p) in [((0.0, 0.0), 1.0), (None, None)]


@given(SEEDS, RULES, st.sampled_from([None, 0.2, 0.5]), st.sampled_from([None, 0.3, 0.7]))
@settings(max_examples=15)
def test_counts_are_those_of_the_summaries(
    seed: int, rules: dict[str, Any], confidence: float | None, iou: float | None
) -> None:
    before, after = pair(seed, iou=[0.3, 0.7], **rules)
    found = lm.diff(before, after, confidence=confidence, iou=iou, **FEW)
    old, new = ({row.feature: row for row in one.summary(confidence=confidence, iou=iou)} for one in (before, after))
    for row in (found.overall, *found.features):
        n = row.counts
        was, now = old.get(row.name), new.get(row.name)
        assert n["still right"] + n["broken"] == (was.tp if was else 0)
        assert n["still right"] + n["fixed"] == (now.tp if now else 0)
        assert n["still missed"] + n["fixed"] == (was.fn if was else 0)
        assert n["still missed"] + n["broken"] == (now.fn if now else 0)
        assert n["still FP"] + n["gone FP"] == (was.fp if was else 0)
        assert n["still FP"] + n["new FP"] == (now.fp if now else 0)
        assert row.net == (now.tp if now else 0) - (was.tp if was else 0)
        for metric in ("precision", "recall", "f1"):
            change = getattr(row, metric)
            assert change.before == (getattr(was, metric) if was else None)
            assert change.after == (getattr(now, metric) if now else None)
    for status in STATUSES:
        assert found.overall.counts[status] == sum(one.counts[status] for one in found.features)
        if status != "still right":
            assert found.overall.counts[status] == len(found.objects.of(status))


@given(SEEDS, RULES, st.sampled_from([None, 0.5]))
@settings(max_examples=15)
def test_the_other_way_round(seed: int, rules: dict[str, Any], confidence: float | None) -> None:
    before, after = pair(seed, **rules)
    there, back = (lm.diff(*one, confidence=confidence, **FEW) for one in ((before, after), (after, before)))
    turned = {
        name: {MIRROR.get(status, status): n for status, n in found.items()} for name, found in counts(back).items()
    }
    assert counts(there) == turned
    for one, other in zip((there.overall, *there.features), (back.overall, *back.features), strict=True):
        if one.f1.interval is not None:
            assert one.f1.interval == pytest.approx(tuple(-end for end in other.f1.interval[::-1]))
        assert one.f1.p == other.f1.p
    changed = [
        sorted(
            (turn.get(row["status"], row["status"]), row["data_row"], row["feature"], row["weight"], row["why"])
            for row in found.objects.of(*WORSE, *BETTER)
        )
        for found, turn in ((there, {}), (back, MIRROR))
    ]
    assert changed[0] == changed[1]


@given(SEEDS, RULES)
@settings(max_examples=8)
def test_the_order_of_lines_does_not_matter(seed: int, rules: dict[str, Any]) -> None:
    truths, first, second = (lines_of(one) for one in models(seed))
    draw = random.Random(seed)
    told = []
    for _ in range(2):
        sides = [draw.sample(one, len(one)) for one in (truths, first, truths, second)]
        kept = {"missing_ground_truth": "empty", **rules}
        before, after = evaluated(*sides[:2], **kept), evaluated(*sides[2:], **kept)
        told.append(lm.diff(before, after, **FEW))
    assert told[0].to_dict() == told[1].to_dict()


@given(SEEDS, RULES)
@settings(max_examples=8)
def test_data_rows_twice_count_twice(seed: int, rules: dict[str, Any]) -> None:
    three = models(seed)
    once = lm.diff(*(evaluated(three[0], one, **rules) for one in three[1:]), **FEW)
    twice = [[*one, *(label(f"{x.data.global_key} again", x.annotations) for x in one)] for one in three]
    doubled = lm.diff(*(evaluated(twice[0], one, **rules) for one in twice[1:]), **FEW)
    assert counts(doubled) == {
        name: {status: 2 * n for status, n in found.items()} for name, found in counts(once).items()
    }


@given(SEEDS, RULES)
@settings(max_examples=10)
def test_files_say_the_same(tmp_path_factory: pytest.TempPathFactory, seed: int, rules: dict[str, Any]) -> None:
    folder = tmp_path_factory.mktemp("files")
    both = pair(seed, **rules)
    for name, one in zip(("a", "b"), both, strict=True):
        one.save(folder / f"{name}.lmeval")
    stored = lm.diff(folder / "a.lmeval", folder / "b.lmeval", confidence=0.2, **FEW).to_dict()
    assert (stored.pop("before"), stored.pop("after")) == ("a.lmeval", "b.lmeval")
    made = lm.diff(*both, confidence=0.2, **FEW).to_dict()
    assert (made.pop("before"), made.pop("after")) == ("before", "after")
    assert stored == made


@given(SEEDS)
@settings(max_examples=10)
def test_a_part_is_told_as_if_there_were_nothing_else(seed: int) -> None:
    before, after = pair(seed, rows=6)
    rows = sorted(before.data_rows.column("globalKey").to_pylist())[:3]
    part = lm.diff(before, after, slice=rows, **FEW)
    alone = lm.diff(before.slice(rows), after.slice(rows), **FEW)
    numbers = ("object_before", "object_after")
    assert part.overall == alone.overall
    assert part.features == alone.features
    for one, other in zip(part.objects, alone.objects, strict=True):
        assert {k: v for k, v in one.items() if k not in numbers} == {
            k: v for k, v in other.items() if k not in numbers
        }
    named = lm.diff(before, after, slices={"some": rows, "all": {"match": "."}}, **FEW)
    assert [one.name for one in named.slices] == ["some", "all"]
    assert named.slices[0].counts == part.overall.counts
    assert named.slices[1].counts == named.overall.counts
    assert named.slices[1].f1.interval == named.overall.f1.interval
    for feature in named.features:
        assert lm.diff(before, after, feature=feature.name, **FEW).overall.counts == feature.counts


# ------------------------------------------------------------------------------------------------------------- objects


def compared(truths: list[Any], first: list[Any], second: list[Any], **more: Any) -> Diff:
    rows = [[label("a", one)] for one in (truths, first, second)]
    asked = {name: more.pop(name) for name in ("confidence", "iou") if name in more}
    return lm.diff(*(lm.evaluate(rows[0], one, **more) for one in rows[1:]), **asked, **FEW)


def told(found: Diff) -> list[tuple[Any, ...]]:
    return [(row["status"], row["feature"], row["weight"], row["why"]) for row in found.objects]


def test_statuses_weights_and_reasons() -> None:
    truths = [b.square(x) for x in (0, 100, 200, 300)]
    first = [b.square(0, confidence=0.9), b.square(100, confidence=0.6), b.square(500, confidence=0.4)]
    second = [b.square(6, confidence=0.8), b.square(100, confidence=0.7), b.square(200, confidence=0.3)]
    second += [b.square(501, confidence=0.95), b.square(600, "dog", confidence=1.0)]
    found = compared(truths, first, second)
    assert told(found) == [
        ("new FP", "dog", 1.0, "no ground truth overlaps with it"),
        ("broken", "cat", 0.9, "the nearest prediction overlaps by 0.250, not more than 0.5"),
        ("new FP", "cat", 0.8, "the nearest ground truth overlaps by 0.250, not more than 0.5"),
        ("fixed", "cat", 0.3, "no prediction overlaps with it"),
        ("still missed", "cat", 1.0, "no prediction overlaps with it"),
        ("still FP", "cat", 0.4, "no ground truth overlaps with it"),
    ]
    assert found.headline == "1 fixed, 1 broken (net 0); false positives: 0 gone, 2 new (net +2)"
    assert found.unchanged == "1 still right, 1 still missed, 1 false positive in both"
    (broken,) = found.objects.of("broken")
    assert (broken["confidence_before"], broken["confidence_after"]) == (0.9, None)
    assert (broken["overlap_before"], broken["overlap_after"]) == (1.0, 0.25)
    (still,) = found.objects.of("still FP")
    assert (still["confidence_before"], still["confidence_after"]) == (0.4, 0.95)
    assert len(found.objects.head(2)) == 2


def test_equal_ground_truths_do_not_change_places() -> None:
    truths = [b.square(0), b.square(0)]
    found = compared(truths, [b.square(0, confidence=0.5)], [b.square(1, confidence=0.9)])
    assert (found.overall.changed, found.overall.counts["still right"], found.overall.counts["still missed"]) == (
        0,
        1,
        1,
    )


def test_a_match_that_lost_confidence() -> None:
    truths = [b.square(0), b.square(100)]
    first = [b.square(0, confidence=0.9), b.square(100, confidence=0.8)]
    second = [b.square(0, confidence=0.3), b.square(100, confidence=0.8)]
    found = compared(truths, first, second, confidences=[0.1, 0.5], confidence=0.5)
    assert told(found) == [("broken", "cat", 0.9, "the prediction there has a confidence of 0.300 only")]
    assert compared(truths, first, second, confidences=[0.1, 0.5]).overall.changed == 0


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (b.square(0), b.square(1), True),
        (b.square(0), b.square(5), False),
        (b.square(0), b.square(0, "dog"), False),
        (b.polygon([(0, 0), (9, 0), (0, 9)]), b.polygon([(0, 0), (9, 1), (0, 9)]), True),
        (b.point(0, 0), b.point(1, 0), True),
        (b.point(0, 0), b.point(99, 0), False),
        (b.span(0, 10), b.span(1, 10), True),
        (b.span(0, 10), b.span(9, 20), False),
        (b.tokens(["x", "y", "z"]), b.tokens(["x", "y", "z"]), True),
        (b.tokens(["x"]), b.tokens(["y"]), False),
        (b.mask(np.eye(4)), b.mask(np.eye(4)), True),
        (b.radio("weather", "rain"), b.radio("weather", "rain"), True),
        (b.radio("weather", "rain"), b.radio("weather", "snow"), False),
        (b.text("plate", "x"), b.text("plate", "y"), True),
    ],
)
def test_which_false_positives_are_the_same(first: Any, second: Any, same: bool) -> None:
    found = compared([b.square(900)], [first], [second], buffer=10.0)
    expected = {"still FP": 1} if same else {"new FP": 1, "gone FP": 1}
    assert {name: n for name, n in found.overall.counts.items() if n and name != "still missed"} == expected


def test_what_lies_on_a_crowd_counts_neither_way(tmp_path: Path) -> None:
    crowd = {"images": [{"id": 1, "width": 500, "height": 500}], "categories": [{"id": 1, "name": "cat"}]}
    crowd["annotations"] = [
        {"id": n, "image_id": 1, "category_id": 1, "bbox": [x, 0, 10, 10], "area": 100, "iscrowd": n}
        for n, x in ((0, 0), (1, 100))
    ]
    scored = [[{"image_id": 1, "category_id": 1, "bbox": [x, 0, 10, 10], "score": 0.5}] for x in (0, 100)]
    before, after = (coco_evaluation(tmp_path, crowd, one) for one in scored)
    found = lm.diff(before, after, **FEW)
    assert {name: n for name, n in found.overall.counts.items() if n} == {"broken": 1}


def coco_evaluation(folder: Path, truth: Any, guess: Any) -> lm.Evaluation:
    for name, content in (("truth", truth), ("guess", guess)):
        (folder / f"{name}.json").write_text(json.dumps(content))
    return lm.evaluate(folder / "truth.json", folder / "guess.json", matching="coco")


def test_lists_of_changes(tmp_path: Path) -> None:
    found = compared([b.square(0)], [b.square(0)], [])
    found.objects.write(tmp_path / "changes.csv")
    assert "broken" in (tmp_path / "changes.csv").read_text()
    found.objects.write(tmp_path / "changes.ndjson")
    assert '{"dataRow":{"globalKey":"a"},"status":"broken"' in (tmp_path / "changes.ndjson").read_text()
    with pytest.raises(SettingError, match=r"a list of changes ends in"):
        found.objects.write(tmp_path / "changes.txt")


def test_shown() -> None:
    found = compared([b.square(0), b.square(50)], [b.square(0)], [b.square(50, confidence=0.5)])
    text = repr(found)
    assert text.splitlines()[:3] == [
        "diff: before -> after, 1 data row, IoU > 0.5",
        "1 fixed, 1 broken (net 0); false positives: 0 gone, 0 new (net 0)",
        "0 still right, 0 still missed, 0 false positives in both",
    ]
    assert "features that changed: 1 of 1:" in text
    assert "<table>" in found._repr_html_()
    many = compared([b.square(20 * n) for n in range(30)], [b.square(20 * n) for n in range(30)], [])
    assert "worse (the first 10 of 30):" in repr(many)
    assert [title for title, _, rows in many.tables(limit=None) if len(rows) == 30] == ["worse"]
    assert [title for title, _, _ in many.tables(limit=0)] == ["all features"]


# ----------------------------------------------------------------------------------------------------------- intervals


def noisy(rows: int, wrong: float, seed: int) -> tuple[list[lm.Label], list[lm.Label]]:
    draw = random.Random(seed)
    truths = [label(f"row {n}", [b.square(0), b.square(100)]) for n in range(rows)]
    guesses = [label(f"row {n}", [b.square(x + 50 * (draw.random() < wrong)) for x in (0, 100)]) for n in range(rows)]
    return truths, guesses


def test_intervals_are_those_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    truths, first = noisy(60, 0.2, 0)
    _, second = noisy(60, 0.35, 1)
    before, after = lm.evaluate(truths, first), lm.evaluate(truths, second)
    found = lm.diff(before, after).overall.recall
    tp = [one.results.by_feature.tp[0, 0].astype(float) for one in (before, after)]
    assert all(len(one) == 60 for one in tp)
    peer = stats.bootstrap(
        (tp[1] - tp[0],),
        lambda changes, axis: changes.sum(axis=axis) / 120,
        method="percentile",
        n_resamples=9_999,
        rng=np.random.default_rng(1),
    )
    assert found.change == pytest.approx((tp[1] - tp[0]).sum() / 120)
    assert found.interval == pytest.approx(tuple(peer.confidence_interval), abs=0.012)
    assert found.interval[0] < found.change < found.interval[1]


def test_only_what_is_beyond_chance_is_marked() -> None:
    truths, good = noisy(200, 0.1, 0)
    worse = lm.diff(lm.evaluate(truths, good), lm.evaluate(truths, noisy(200, 0.3, 1)[1]), resamples=2_000)
    assert worse.overall.f1.is_clear
    assert worse.overall.f1.interval[1] < 0
    alike = lm.diff(lm.evaluate(truths, good), lm.evaluate(truths, noisy(200, 0.1, 2)[1]), resamples=2_000)
    assert not alike.overall.f1.is_clear
    assert alike.overall.f1.interval[0] < 0 < alike.overall.f1.interval[1]
    assert (
        alike.to_dict()
        == lm.diff(lm.evaluate(truths, good), lm.evaluate(truths, noisy(200, 0.1, 2)[1]), resamples=2_000).to_dict()
    )


@pytest.mark.parametrize("rows", [1, 3, 8])
def test_few_data_rows_rule_nothing_out(rows: int) -> None:
    truths = [label(f"row {n}", [b.square(0)]) for n in range(rows)]
    found = lm.diff(lm.evaluate(truths, truths), lm.evaluate(truths, []), **FEW).overall.recall
    assert (found.change, found.interval, found.p) == (-1, (-1, -1), 2 * 0.5**rows)
    assert found.is_clear is (rows == 8)


# ------------------------------------------------------------------------------------------------------------ refusals


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    truths, guesses = [label("a", [b.square(0)]), label("b", [b.square(0)])], [label("a", [b.square(0)])]
    one = lm.evaluate(truths, guesses)
    with pytest.raises(SettingError, match=r"another ground truth.*labelmetrics evaluate GROUND_TRUTHS PREDICTIONS"):
        lm.diff(lm.evaluate(truths[:1], guesses), one)
    with pytest.raises(SettingMismatchError, match=r"other settings: iou is \[0.5\], in the baseline \[0.3\]"):
        lm.diff(lm.evaluate(truths, guesses, iou=0.3), one)
    unlike = lm.diff(lm.evaluate(truths, guesses, iou=[0.3, 0.5]), one, allow_unlike_settings=True)
    assert "other settings" in unlike.notes[0]
    with pytest.raises(SettingError, match=r"do not hold the same ground truths \(1 in the first, 2 in the second\)"):
        lm.diff(one.slice(["a"]), one)
    with pytest.raises(InputError, match=r"gt.ndjson"):
        lm.diff(tmp_path / "gt.ndjson", one)
    with pytest.raises(SettingError, match=r"evaluations, or paths of evaluation files, are compared, got list"):
        lm.diff([one], one)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"iou": 0.9}, "iou 0.9 was not evaluated"),
        ({"confidence": 0.9}, "confidence 0.9 is not a key of this evaluation; its keys are: 0.2, 0.5"),
        ({"feature": "cta"}, "there is no feature 'cta' in these evaluations; near it: cat"),
        ({"slice": "nigth", "slices": {"night": ["a"]}}, "there is no slice 'nigth'; near it: night"),
        ({"slice": "widht > 5"}, "there is no column 'widht'; near it: width"),
        ({"slice": ["z"]}, "1 data row of a slice cannot be found"),
        ({"slices": {"night": 5}}, "slice night: expected an expression"),
    ],
)
def test_what_does_not_exist_is_refused(asked: dict[str, Any], message: str) -> None:
    one = evaluated([label("a", [b.square(0)])], [label("a", [b.square(0, confidence=0.5)])])
    with pytest.raises((SettingError, InputError)) as raised:
        lm.diff(one, one, **asked)
    assert message in str(raised.value)


def test_data_rows_of_one_of_them_only_are_told() -> None:
    truths = [label("a", [b.square(0)])]
    more = [label("a", [b.square(0)]), label("b", [b.square(0)])]
    before, after = (lm.evaluate(truths, one, missing_ground_truth="empty") for one in (truths, more))
    found = lm.diff(before, after)
    assert found.notes == ["1 data row only in after, 0 only in before"]
    assert told(found) == [("new FP", "cat", 1.0, "no ground truth overlaps with it")]


def test_slices_by_expression() -> None:
    truths = [label(name, [b.square(0)]) for name in "abcd"]
    table = [*table_of(truths[:2], width=500), *table_of(truths[2:], width=900)]
    before = lm.evaluate(truths, truths, data_rows=table)
    after = lm.evaluate(truths, truths[1:], data_rows=table)
    wide = {"wide": "width > 640", "narrow": "width < 640"}
    found = lm.diff(before, after, slices=wide, **FEW)
    assert [(one.name, one.data_rows, one.counts["broken"]) for one in found.slices] == [
        ("wide", 2, 0),
        ("narrow", 2, 1),
    ]
    for one in ("narrow", "width < 640"):
        assert lm.diff(before, after, slice=one, slices=wide, **FEW).overall.counts["broken"] == 1


@pytest.mark.parametrize("buffer", ["2%", {"cat": "5%"}])
def test_shares_of_the_image(buffer: Any) -> None:
    truths = [label("a", [b.point(500, 500)])]
    first, second = [label("a", [b.point(0, 0)])], [label("a", [b.point(5, 0)])]
    table = [{"globalKey": "a", "width": 1000, "height": 1000}]
    both = [lm.evaluate(truths, one, data_rows=table, buffer=buffer) for one in (first, second)]
    assert lm.diff(*both).overall.counts["still FP"] == 1
