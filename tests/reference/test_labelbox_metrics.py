"""The built-ins against those of the Labelbox SDK, on generated annotations of all kinds.

What the two deliberately do differently is kept out of the generators, or taken into account exactly;
``test_differences.py`` has one test for each of these differences.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any, NamedTuple

import builders
import pytest
from hypothesis import assume, event, given, settings, strategies as st

import labelmetrics.types as lm
from labelmetrics import metrics

pytest.importorskip("labelbox")
pytestmark = pytest.mark.reference

import labelbox.data.metrics as sdk  # noqa: E402
import labelbox.types as lb  # noqa: E402
from labelbox.data.metrics.iou import calculation as sdk_iou  # noqa: E402

BUFFER = 70.0
TOLERANCE = 1e-9
EXACT = frozenset({"mask", "span"})
"""Kinds whose overlaps are quotients of whole numbers in both packages."""

QUESTIONS = {"weather": ("rain", "snow", "sun"), "time": ("day", "night")}
LISTS = {"seen": ("road", "sky", "tree"), "sounds": ("bark", "horn")}
NESTED_RADIO = {"colour": ("red", "blue"), "age": ("old", "young")}
NESTED_LIST = {"parts": ("head", "tail", "paw")}


class Recipe(NamedTuple):
    """An annotation that can be made of the types of either package."""

    kind: str
    feature: str
    geometry: Any
    nested: tuple[tuple[str, Any], ...] = ()

    def build(self, kit: Any, named: Any) -> Any:
        if self.kind in ("radio", "checklist", "text"):
            return _answer(self.kind, self.feature, self.geometry, kit, named)
        nested = [
            _answer("text" if question == "note" else "radio" if isinstance(answer, str) else "checklist", question,
                    answer, kit, named)
            for question, answer in self.nested
        ]  # fmt: skip
        arguments = self.geometry if self.kind in ("box", "point", "span") else (self.geometry,)
        return getattr(builders, self.kind)(*arguments, named(self.feature), kit=kit, nested=nested)


def _answer(kind: str, question: str, answer: Any, kit: Any, named: Any) -> Any:
    answer = answer if kind == "text" else named(answer) if isinstance(answer, str) else [named(a) for a in answer]
    return getattr(builders, kind)(named(question), answer, kit=kit)


def by_name(name: str) -> str:
    return name


def by_schema_id(name: str) -> str:
    return ("c" + name).ljust(25, "0")


class Case(NamedTuple):
    """Ground truths and predictions of one data row."""

    truths: tuple[Recipe, ...]
    guesses: tuple[Recipe, ...]
    exact: bool
    identity: Any

    def build(self, kit: Any) -> tuple[list[Any], list[Any]]:
        return tuple([recipe.build(kit, self.identity) for recipe in side] for side in (self.truths, self.guesses))


def _points(number: Any, least: int, most: int) -> Any:
    return st.lists(st.tuples(number, number), min_size=least, max_size=most, unique=True).map(tuple)


@st.composite
def _polygon(draw: Any, number: Any) -> Any:
    """A polygon that does not cross itself; some have no area."""
    import shapely

    points = draw(_points(number, 3, 6))
    if not shapely.Polygon(points).is_simple or not shapely.Polygon(points).is_valid:
        hull = shapely.MultiPoint(points).convex_hull
        points = tuple(hull.exterior.coords)[:-1] if hull.geom_type == "Polygon" else points
    return points


def _geometry(kind: str, exact: bool) -> Any:
    scale = 40 if kind in ("point", "line") else 1
    coarse = st.integers(0, 5).map(lambda n: float(n * scale))
    fine = st.integers(0, 5000 * scale).map(lambda n: n / 1000)
    number = coarse if exact else fine
    match kind:
        case "box":
            return st.tuples(number, number, number, number)
        case "polygon":
            return _polygon(number)
        case "point":
            return st.tuples(number, number)
        case "line":
            return _points(number, 2, 4)
        case "span":
            return st.tuples(st.integers(0, 6), st.integers(0, 6)).map(lambda ends: tuple(sorted(ends)))
        case "mask":
            row = st.tuples(*[st.integers(0, 1)] * 4)
            return st.tuples(*[row] * 3).filter(lambda rows: any(map(any, rows)))
    raise AssertionError(kind)


KINDS = ("box", "polygon", "point", "line", "span", "mask")


def _nested() -> Any:
    radios = [st.none() | st.tuples(st.just(q), st.sampled_from(a)) for q, a in NESTED_RADIO.items()]
    lists = [st.none() | st.tuples(st.just(q), _some(a)) for q, a in NESTED_LIST.items()]
    note = st.none() | st.tuples(st.just("note"), st.sampled_from(("clear", "blurred")))
    return st.just(()) | st.tuples(*radios, *lists, note).map(lambda items: tuple(item for item in items if item))


def _some(answers: tuple[str, ...]) -> Any:
    return st.lists(st.sampled_from(answers), min_size=1, unique=True).map(tuple)


@st.composite
def cases(draw: Any, texts: bool = False) -> Case:
    exact = draw(st.booleans())
    kinds = draw(st.lists(st.sampled_from(KINDS), max_size=2, unique=True))
    nested = _nested() if draw(st.booleans()) else st.just(())
    objects = [
        st.builds(Recipe, st.just(kind), st.just(kind + suffix), _geometry(kind, exact), nested)
        for kind in kinds
        for suffix in ("1", "2")
    ]
    with_answers = draw(st.booleans())

    def side() -> tuple[Recipe, ...]:
        if draw(st.integers(0, 7)) == 0:
            return ()
        found = draw(st.lists(st.one_of(objects), max_size=7)) if objects else []
        if with_answers:
            for question, answers in QUESTIONS.items():
                if draw(st.booleans()):
                    found.append(Recipe("radio", question, draw(st.sampled_from(answers))))
            for question, answers in LISTS.items():
                if draw(st.booleans()):
                    found.append(Recipe("checklist", question, draw(_some(answers))))
            if texts and draw(st.booleans()):
                found.append(Recipe("text", "caption", draw(st.sampled_from(("a dog", "a cat")))))
        return tuple(draw(st.permutations(found)))

    return Case(side(), side(), exact, draw(st.sampled_from((by_name, by_schema_id))))


def _features(annotations: list[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for annotation in annotations:
        if hasattr(annotation, "classifications"):
            found.setdefault(annotation.name or annotation.feature_schema_id, []).append(annotation)
    return found


def _sdk_pairs(firsts: list[Any], seconds: list[Any]) -> list[tuple[Any, Any, float]]:
    value = firsts[0].value
    if isinstance(value, lb.Mask):
        return sdk_iou._get_mask_pairs(firsts, seconds)
    if isinstance(value, lb.TextEntity):
        return sdk_iou._get_ner_pairs(firsts, seconds)
    return sdk_iou._get_vector_pairs(firsts, seconds, buffer=BUFFER)


def is_close_call(case: Case, iou: float) -> bool:
    """Whether rounding in shapely may decide: overlaps all but equal to each other or to the threshold."""
    truths, guesses = (_features(side) for side in case.build(lb))
    for feature in truths.keys() & guesses.keys():
        kind = feature.lstrip("c")[:4] if case.identity is by_schema_id else feature[:4]
        if kind in EXACT or (case.exact and kind.startswith("box")):
            continue
        pairs = _sdk_pairs(truths[feature], guesses[feature])
        if any(abs(overlap - iou) < TOLERANCE for *_, overlap in pairs):
            return True
        for one, other in combinations(pairs, 2):
            shared = [a is b for a, b in zip(one[:2], other[:2], strict=True)]
            if any(shared) and one[2] > 0 and abs(one[2] - other[2]) < TOLERANCE:
                same = [a.value.model_dump() == b.value.model_dump() for a, b in zip(one[:2], other[:2], strict=True)]
                if not all(same):
                    return True
    return False


def value_of_disjoint_pairs(truths: list[Any], guesses: list[Any]) -> dict[str, float]:
    """What the SDK adds to the mIoU of features for pairs that it matches although they do not overlap."""
    bonus = {}
    first, second = _features(guesses), _features(truths)
    for feature in first.keys() & second.keys():
        pairs = sorted(_sdk_pairs(first[feature], second[feature]), key=lambda pair: -pair[2])
        used: set[int] = set()
        total = 0.0
        for guess, truth, overlap in pairs:
            if used.isdisjoint((id(guess), id(truth))):
                used |= {id(guess), id(truth)}
                agreement = sdk_iou.miou(guess.classifications, truth.classifications, include_subclasses=False)
                total += (agreement or 0.0) / 2 if overlap == 0 else 0.0
        bonus[feature] = total / max(len(first[feature]), len(second[feature]))
    return bonus


@settings(max_examples=200)
@given(cases(), st.booleans(), st.sampled_from((0.25, 0.3, 0.5, 0.75)))
def test_confusion_matrices(case: Case, include_subclasses: bool, iou: float) -> None:
    truths, guesses = case.build(lb)
    close_call = is_close_call(case, iou)
    event(f"close call: {close_call}")
    theirs = builders.values(sdk.feature_confusion_matrix_metric(truths, guesses, include_subclasses, iou))
    mine = builders.values(
        metrics.feature_confusion_matrix_metric(truths, guesses, include_subclasses, iou, buffer=BUFFER)
    )
    if close_call:
        # Only which of two all but equal pairs is a match may differ, not what there is to match.
        assert {k: (v[0] + v[1], v[0] + v[3]) for k, v in mine.items()} == {
            k: (v[0] + v[1], v[0] + v[3]) for k, v in theirs.items()
        }
    else:
        assert mine == theirs
        row = metrics.confusion_matrix_metric(truths, guesses, include_subclasses, iou, buffer=BUFFER)
        sdk_row = sdk.confusion_matrix_metric(truths, guesses, include_subclasses, iou)
        assert [tuple(metric.value) for metric in row] == [tuple(metric.value) for metric in sdk_row]
        if len({isinstance(one, lb.ObjectAnnotation) for one in truths + guesses}) == 1:
            assert [metric.metric_name for metric in row] == [metric.metric_name for metric in sdk_row]
    assert mine == builders.values(
        metrics.feature_confusion_matrix_metric(*case.build(lm), include_subclasses, iou, buffer=BUFFER)
    )


@settings(max_examples=200)
@given(cases(texts=True), st.booleans())
def test_mean_overlap(case: Case, include_subclasses: bool) -> None:
    truths, guesses = case.build(lb)
    assume(not is_close_call(case, iou=-1))
    theirs = builders.values(sdk.feature_miou_metric(truths, guesses, include_subclasses))
    if include_subclasses:
        for feature, bonus in value_of_disjoint_pairs(truths, guesses).items():
            theirs["custom_iou", feature, None] -= bonus
    mine = builders.values(metrics.feature_miou_metric(truths, guesses, include_subclasses, buffer=BUFFER))
    assert mine == pytest.approx(theirs, rel=0, abs=TOLERANCE)
    row = [metric.value for metric in metrics.miou_metric(truths, guesses, include_subclasses, buffer=BUFFER)]
    assert row == pytest.approx([sum(theirs.values()) / len(theirs)] if theirs else [], rel=0, abs=TOLERANCE)
    if not include_subclasses:
        sdk_row = [metric.value for metric in sdk.miou_metric(truths, guesses)]
        assert row == pytest.approx(sdk_row, rel=0, abs=TOLERANCE)
    own = builders.values(metrics.feature_miou_metric(*case.build(lm), include_subclasses, buffer=BUFFER))
    assert own == pytest.approx(mine, rel=0, abs=1e-12)


@settings(max_examples=200)
@given(st.data(), st.sampled_from(KINDS), st.booleans())
def test_overlap_of_two(data: Any, kind: str, exact: bool) -> None:
    recipes = [Recipe(kind, "thing", data.draw(_geometry(kind, exact))) for _ in range(2)]
    truth, guess = (recipe.build(lb, by_name) for recipe in recipes)
    (theirs,) = sdk.feature_miou_metric([truth], [guess], include_subclasses=False)
    for kit in (lb, lm):
        truth, guess = (recipe.build(kit, by_name) for recipe in recipes)
        (mine,) = metrics.feature_miou_metric([truth], [guess], include_subclasses=False, buffer=BUFFER)
        assert mine.value == pytest.approx(theirs.value, rel=0, abs=TOLERANCE)


@pytest.mark.parametrize("include_subclasses", [False, True])
def test_both_sides_empty(include_subclasses: bool) -> None:
    for name in (
        "miou_metric",
        "feature_miou_metric",
        "confusion_matrix_metric",
        "feature_confusion_matrix_metric",
    ):
        assert getattr(sdk, name)([], [], include_subclasses) == []
        assert getattr(metrics, name)([], [], include_subclasses) == []


def test_many_ties() -> None:
    # One row of many boxes on a very coarse grid: most overlaps are shared by several pairs.
    import random

    generator = random.Random(0)
    recipes = [
        Recipe("box", generator.choice("ab"), tuple(float(generator.randrange(4)) for _ in range(4)))
        for _ in range(120)
    ]
    truths = [recipe.build(lb, by_name) for recipe in recipes[:60]]
    guesses = [recipe.build(lb, by_name) for recipe in recipes[60:]]
    for iou in (0.2, 0.4, 0.5, 0.9):
        assert builders.values(metrics.feature_confusion_matrix_metric(truths, guesses, False, iou)) == builders.values(
            sdk.feature_confusion_matrix_metric(truths, guesses, False, iou)
        )
    assert builders.values(metrics.feature_miou_metric(truths, guesses, False)) == pytest.approx(
        builders.values(sdk.feature_miou_metric(truths, guesses, False)), rel=0, abs=1e-12
    )
