"""Counts and mean overlaps of many data rows at once, against a computation one group at a time."""

from __future__ import annotations

from collections import defaultdict
from itertools import product
from typing import Any

import builders as b
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import labelmetrics.types as lm
from labelmetrics.formats.objects import columns_of
from labelmetrics.kernels.batch import Columns
from labelmetrics.kernels.comparison import Comparison, compare
from labelmetrics.kernels.thresholds import Grid

KEYS = (0.25, 0.5)
THRESHOLDS = (0.2, 0.4, 0.5)
SETS = ((), (("colour", "red"),), (("colour", "blue"),), (("colour", "red"), ("age", "old")))

things = st.tuples(
    st.sampled_from(("r1", "r2")),
    st.sampled_from(("cat", "dog")),
    st.integers(1, 2),
    st.tuples(*[st.integers(0, 4)] * 2, *[st.integers(1, 3)] * 2),
    st.sampled_from(SETS),
    st.sampled_from((None, 0.1, 0.25, 0.4, 0.9)),
)


def columns(found: list[Any], **more: Any) -> Columns:
    def make(row: str, name: str, frame: int, box: Any, nested: Any, confidence: Any) -> Columns:
        x, y, w, h = box
        answers = [b.radio(question, answer) for question, answer in nested]
        value = lm.VideoObjectAnnotation(
            name=name, value=b.rectangle(x, y, x + w, y + h), frame=frame, keyframe=True, classifications=answers,
            confidence=confidence,
        )  # fmt: skip
        return columns_of([value], row)

    return Columns.concat([make(*one) for one in found])


def comparison(truths: Columns, guesses: Columns, **settings: Any) -> Comparison:
    given: dict[str, Any] = {
        "grid": Grid(THRESHOLDS, KEYS),
        "include_subclasses": False,
        "matching": "platform",
        "masks": "auto",
        "buffer": 70.0,
        "answer_names": "auto",
    }
    return compare(truths, guesses, **{**given, **settings})


def overlap(one: Any, two: Any) -> float:
    (x1, y1, w1, h1), (x2, y2, w2, h2) = one[3], two[3]
    shared = max(min(x1 + w1, x2 + w2) - max(x1, x2), 0) * max(min(y1 + h1, y2 + h2) - max(y1, y2), 0)
    return shared / (w1 * h1 + w2 * h2 - shared)


def greedy(truths: list[Any], guesses: list[Any], threshold: float, fits: Any, guess_first: bool) -> list[Any]:
    order = sorted(
        product(range(len(truths)), range(len(guesses))),
        key=lambda pair: (-overlap(truths[pair[0]], guesses[pair[1]]), pair[::-1] if guess_first else pair),
    )
    used: tuple[set[int], set[int]] = (set(), set())
    matches = []
    for i, j in order:
        if i in used[0] or j in used[1]:
            continue
        if overlap(truths[i], guesses[j]) > threshold and fits(truths[i], guesses[j]):
            used[0].add(i)
            used[1].add(j)
            matches.append((truths[i], guesses[j]))
    return matches


def expected(truths: list[Any], guesses: list[Any], key: float, include_subclasses: bool) -> dict[Any, Any]:
    """Counts at each threshold and mean overlap, by (data row, feature)."""
    guesses = [one for one in guesses if (1 if one[5] is None else one[5]) >= key]
    cells: dict[Any, Any] = defaultdict(lambda: ([], []))
    for side, found in enumerate((truths, guesses)):
        for one in found:
            cells[one[:3]][side].append(one)

    def fits(truth: Any, guess: Any) -> bool:
        return not include_subclasses or set(truth[4]) == set(guess[4])

    def value(truth: Any, guess: Any) -> float:
        one, two = set(truth[4]), set(guess[4])
        if not include_subclasses or not one | two:
            return overlap(truth, guess)
        return (overlap(truth, guess) + len(one & two) / len(one | two)) / 2

    result: dict[Any, Any] = {}
    for (row, feature, _), (first, second) in cells.items():
        counts, sums = result.setdefault((row, feature), (np.zeros((len(THRESHOLDS), 3), int), [0.0, 0]))
        for index, threshold in enumerate(THRESHOLDS):
            tp = len(greedy(first, second, threshold, fits, False))
            counts[index] += tp, len(second) - tp, len(first) - tp
        sums[0] += sum(value(*pair) for pair in greedy(first, second, 0, lambda *_: True, True))
        sums[1] += max(len(first), len(second))
    return {group: (counts.tolist(), sums[0] / sums[1]) for group, (counts, sums) in result.items()}


@settings(max_examples=150)
@given(st.lists(things, max_size=12), st.lists(things, max_size=12), st.booleans())
def test_all_groups_thresholds_and_keys_at_once(truths: Any, guesses: Any, include_subclasses: bool) -> None:
    with pytest.warns() if _mixed(guesses) else _no_warning():
        found = comparison(columns(truths), columns(guesses), include_subclasses=include_subclasses)
    tally, batch = found.features, found.batch
    groups = [divmod(code, len(batch.features)) for code in tally.group.tolist()]
    names = [(batch.rows[row], batch.features[feature]) for row, feature in groups]
    assert names == sorted({one[:2] for one in truths + guesses})
    for level, key in enumerate((0.0, *KEYS)):
        reference = expected(truths, guesses, key, include_subclasses)
        for at, name in enumerate(names):
            counts, iou = reference.get(name, ([[0, 0, 0]] * len(THRESHOLDS), np.nan))
            assert np.stack([tally.tp, tally.fp, tally.fn], axis=-1)[:, level, at].tolist() == counts
            assert tally.iou[level, at] == pytest.approx(iou, nan_ok=True)
            assert tally.n_guess[level, at] == counts[0][0] + counts[0][1]
            assert tally.n_truth[at] == sum(one[:2] == name for one in truths)


def _mixed(guesses: list[Any]) -> bool:
    return len({one[5] is None for one in guesses}) == 2


def _no_warning() -> Any:
    from contextlib import nullcontext

    return nullcontext()


@settings(max_examples=100)
@given(st.lists(things, max_size=10), st.lists(things, max_size=10))
def test_a_subclass_is_a_feature_of_its_own(truths: Any, guesses: Any) -> None:
    guesses = [(*one[:5], one[5] or 1.0) for one in guesses]
    found = comparison(columns(truths), columns(guesses))
    tally, batch, members = found.subclasses, found.batch, found.subclass_members
    seen = {}
    for at, code in enumerate(tally.group.tolist()):
        group, subclass = divmod(code, len(members.names))
        row, feature = divmod(group, len(batch.features))
        seen[batch.rows[row], batch.features[feature], members.names[subclass]] = at
    for answer in ("red", "blue", "old"):
        parts = [[one for one in side if answer in dict(one[4]).values()] for side in (truths, guesses)]
        for level, key in enumerate((0.0, *KEYS)):
            alone = expected(*parts, key, False)
            for row, feature in {one[:2] for side in parts for one in side}:
                counts, iou = alone.get((row, feature), ([[0, 0, 0]] * len(THRESHOLDS), np.nan))
                at = seen[row, feature, answer]
                assert np.stack([tally.tp, tally.fp, tally.fn], axis=-1)[:, level, at].tolist() == counts
                assert tally.iou[level, at] == pytest.approx(iou, nan_ok=True)
    assert len(seen) == len({(*one[:2], a) for one in truths + guesses for _, a in one[4]})


@settings(max_examples=100)
@given(st.lists(things, max_size=10), st.lists(things, max_size=10), st.sampled_from(("platform", "coco")))
def test_outcomes_are_the_counts_one_by_one(truths: Any, guesses: Any, matching: str) -> None:
    guesses = [(*one[:5], one[5] or 1.0) for one in guesses]
    truth_columns = columns(truths)
    truth_columns.crowd[::3] = True
    found = comparison(truth_columns, columns(guesses), matching=matching)
    first, second = found.outcomes
    batch = found.batch
    group = [
        np.searchsorted(found.features.group, batch.group(side)) for side in (batch.ground_truth, batch.prediction)
    ]
    for t in range(len(THRESHOLDS)):
        for at in range(len(found.features.group)):
            truth, guess = group[0] == at, group[1] == at
            matched = (first.partner[t] >= 0) & ~first.ignored[t]
            assert (matched & truth).sum() == found.features.tp[t, 0, at]
            assert (~matched & truth & ~first.ignored[t]).sum() == found.features.fn[t, 0, at]
            assert ((second.partner[t] < 0) & guess).sum() == found.features.fp[t, 0, at]
        for guess_index in np.flatnonzero((second.partner[t] >= 0) & ~second.ignored[t]):
            partner = second.partner[t, guess_index]
            assert first.partner[t, partner] == guess_index
            assert first.overlap[t, partner] == second.overlap[t, guess_index] >= THRESHOLDS[t]


def test_shared_names_of_subclasses() -> None:
    nested = [b.radio("occluded", "yes"), b.radio("blurred", "yes"), b.radio("colour", "red"), b.text("note", "x")]
    found = comparison(columns_of([b.square(0, nested=nested)]), columns_of([b.square(0, nested=nested[:1])]))
    assert found.subclass_members.names == ["blurred/yes", "occluded/yes", "red"]
    assert found.subclasses.tp[0, 0].tolist() == [0, 1, 0]
    assert found.subclasses.fn[0, 0].tolist() == [1, 0, 1]


def test_pairs_across_features() -> None:
    truths = columns_of([b.square(0, "cat"), b.radio("q", "yes"), b.square(100, "dog")])
    guesses = columns_of([b.square(1, "dog"), b.radio("q", "yes"), b.square(9, "cat"), b.square(0, "cat")])
    found = comparison(truths, guesses)
    across, batch = found.across, found.batch
    pairs = [
        (int(batch.ground_truth.position[one]), int(batch.prediction.position[two]), round(value, 3))
        for one, two, value in zip(across.first, across.second, across.overlap, strict=True)
    ]
    # Of all features, from .1 up; answers have no place.
    assert sorted(pairs) == [(0, 0, 0.818), (0, 3, 1.0)]


def test_nothing_on_either_side() -> None:
    found = comparison(Columns.empty(), Columns.empty())
    assert found.features.tp.shape == (len(THRESHOLDS), 3, 0)
    assert found.subclasses.iou.shape == (3, 0)
    assert [one.partner.shape for one in found.outcomes] == [(len(THRESHOLDS), 0)] * 2
    assert len(found.across) == 0
