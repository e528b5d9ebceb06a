"""Laws that metrics obey, and for every metric the laws that hold for it.

A new metric must be declared in ``METRICS``; each declared law is then checked on generated data rows. The rows have
objects of several kinds with all but certainly distinct overlaps, nested answers, answers, a text, frames and
confidences.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import builders as b
import pytest
from hypothesis import given, settings, strategies as st

import labelmetrics.types as lm
from labelmetrics import metrics
from labelmetrics.formats.objects import columns_of
from labelmetrics.kernels.batch import Columns
from labelmetrics.kernels.comparison import compare
from labelmetrics.kernels.thresholds import Grid

KEYS = [0.2, 0.5, 0.8]
Row = tuple[list[Any], list[Any]]


class Metric(NamedTuple):
    """A metric function with its settings, and what it is made of."""

    name: str
    settings: dict[str, Any] = {}  # noqa: RUF012

    @property
    def counts(self) -> bool:
        return "confusion" in self.name

    def __call__(self, truths: list[Any], guesses: list[Any], **more: Any) -> dict[Any, Any]:
        function = getattr(metrics, self.name)
        return b.values(function(truths, guesses, **{"buffer": 5.0, **self.settings, **more}))

    def __str__(self) -> str:
        return "-".join([self.name, *(f"{name}={value}" for name, value in self.settings.items())])


def thing(draw: random.Random, kind: str) -> Any:
    x, y = draw.uniform(0, 20), draw.uniform(0, 20)
    size = draw.uniform(5, 15), draw.uniform(5, 15)
    nested = [b.radio(q, draw.choice(a)) for q, a in (("colour", "rb"), ("age", "on")) if draw.random() < 0.5]
    fields = {"name": kind + draw.choice("12"), "nested": nested, "confidence": draw.random()}
    match kind:
        case "box":
            return b.box(x, y, x + size[0], y + size[1], **fields)
        case "polygon":
            return b.polygon([(x, y), (x + size[0], y), (x, y + size[1])], **fields)
        case "point":
            return b.point(x, y, **fields)
        case "line":
            return b.line([(x, y), (x + size[0], y + size[1])], **fields)
        case "span":
            start = draw.randrange(10**6)
            return b.span(start, start + draw.randrange(10**6), **fields)
        case "video":
            corners = b.rectangle(x, y, x + size[0], y + size[1])
            fields["classifications"] = fields.pop("nested")
            return lm.VideoObjectAnnotation(value=corners, frame=draw.randrange(2), keyframe=True, **fields)
    raise AssertionError(kind)


KINDS = ("box", "polygon", "point", "line", "span", "video")


def side(draw: random.Random, least: int = 0) -> list[Any]:
    found = [thing(draw, draw.choice(KINDS[:2] if least else KINDS)) for _ in range(draw.randint(least, 14))]
    for question, answers in (("weather", ("rain", "snow")), ("time", ("day", "night"))):
        if draw.random() < 0.7:
            found.append(b.radio(question, draw.choice(answers), confidence=draw.random()))
    if draw.random() < 0.7:
        found.append(b.checklist("seen", draw.sample(("road", "sky", "tree"), 2), confidence=draw.random()))
    if draw.random() < 0.5:
        found.append(b.text("caption", draw.choice("xy"), confidence=draw.random()))
    draw.shuffle(found)
    return found


def row(seed: int) -> Row:
    draw = random.Random(seed)
    return side(draw), side(draw)


def same(one: dict[Any, Any], two: dict[Any, Any]) -> None:
    assert one.keys() == two.keys()
    for key, value in one.items():
        assert value == pytest.approx(two[key], rel=1e-12, abs=1e-12), key


def feature_of(annotation: Any) -> set[str]:
    """Written names of the features that an annotation is of."""
    if isinstance(annotation, lm.ObjectAnnotation):
        return {annotation.name}
    answer = annotation.value.answer
    if isinstance(answer, str):
        return {annotation.name}
    return {one.name for one in (answer if isinstance(answer, list) else [answer])}


# --- The laws -------------------------------------------------------------------------------------------------------


def order_of_lists(metric: Metric, truths: list[Any], guesses: list[Any]) -> None:
    """The order of annotations does not matter, where overlaps are distinct."""
    draw = random.Random(len(truths))
    mixed = [draw.sample(found, len(found)) for found in (truths, guesses)]
    same(metric(truths, guesses), metric(*mixed))


def order_of_ties(metric: Metric, truths: list[Any], guesses: list[Any]) -> None:
    """Even where all overlaps are equal, how many match does not depend on the order."""
    twins = [[b.square(0, confidence=0.5) for _ in found] for found in (truths, guesses)]
    others = [b.square(0, "dog")], [b.square(0, "dog", confidence=0.5)]
    same(
        metric(twins[0] + others[0], twins[1] + others[1]),
        metric(others[0] + twins[0], others[1] + twins[1]),
    )


def duplication(metric: Metric, truths: list[Any], guesses: list[Any]) -> None:
    """Every object twice on both sides: twice the counts, the same mean overlap; answers collapse."""
    once, twice = metric(truths, guesses), metric(truths * 2, guesses * 2)
    objects = {name for one in truths + guesses if isinstance(one, lm.ObjectAnnotation) for name in feature_of(one)}
    if metric.counts:
        once = {key: tuple(n * (1 + (key[1] in objects)) for n in value) for key, value in once.items()}
    same(once, twice)


def input_is_not_changed(metric: Metric, truths: list[Any], guesses: list[Any]) -> None:
    """Neither the lists nor the annotations are changed, and a second call gives the same."""
    before = repr(truths), repr(guesses)
    assert metric(truths, guesses) == metric(tuple(truths), iter(guesses))
    assert (repr(truths), repr(guesses)) == before


def metrics_are_no_annotations(metric: Metric, truths: list[Any], guesses: list[Any]) -> None:
    """Metric annotations among the annotations are passed over."""
    extra = [lm.ScalarMetric(metric_name="mine", value=0.5), lm.ConfusionMatrixMetric(metric_name="m", value=[1] * 4)]
    same(metric(truths, guesses), metric(extra + truths, guesses + extra))


def both_sides_empty(metric: Metric, truths: list[Any], guesses: list[Any]) -> None:
    """No annotations, no metric."""
    assert metric([], []) == metric([], [], confidences=3) == {}


def one_side_empty(metric: Metric, truths: list[Any], guesses: list[Any]) -> None:
    """Without predictions there are only false negatives, without ground truths only false positives."""
    misses, alarms = metric(truths, []), metric([], guesses)
    if not metric.counts:
        assert set(misses.values()) | set(alarms.values()) <= {0.0}
        return
    for value in misses.values():
        assert value == (0, 0, 0, value[3]) != (0, 0, 0, 0)
    for value in alarms.values():
        assert value == (0, value[1], 0, 0) != (0, 0, 0, 0)


def agreement_with_itself(metric: Metric, truths: list[Any], guesses: list[Any]) -> None:
    """Annotations compared with themselves agree in everything."""
    for value in metric(truths, truths).values():
        assert value == ((value[0], 0, 0, 0) if metric.counts else pytest.approx(1.0))


def swapped_sides(metric: Metric, truths: list[Any], guesses: list[Any]) -> None:
    """Swapping the sides swaps false positives and false negatives, and keeps the mean overlap."""
    there, back = metric(truths, guesses), metric(guesses, truths)
    if metric.counts:
        back = {key: (tp, fn, tn, fp) for key, (tp, fp, tn, fn) in back.items()}
    same(there, back)


def totals(metric: Metric, truths: list[Any], guesses: list[Any]) -> None:
    """TP + FN are the ground truths, TP + FP the predictions; a mean overlap lies in [0, 1]."""
    values = metric(truths, guesses)
    if not metric.counts:
        assert all(0 <= value <= 1 for value in values.values())
        return
    n_truth, n_guess = metric(truths, []), metric([], guesses)
    for key, (tp, fp, tn, fn) in values.items():
        same_feature = lambda one: one[1:] == key[1:]  # noqa: B023, E731
        assert tn == 0
        assert tp + fn == sum(value[3] for name, value in n_truth.items() if same_feature(name))
        assert tp + fp == sum(value[1] for name, value in n_guess.items() if same_feature(name))


def keys_are_filters(metric: Metric, truths: list[Any], guesses: list[Any]) -> None:
    """At a confidence key, the value is the plain one of the predictions of at least that confidence."""
    keyed, plain = metric(truths, guesses, confidences=KEYS), metric(truths, guesses)
    assert keyed.keys() <= plain.keys()
    for key in KEYS:
        kept = [one for one in guesses if one.confidence >= key]
        expected = {name[1:]: value for name, value in metric(truths, kept).items()}
        found = {name[1:]: value[key] for name, value in keyed.items() if key in value}
        if metric.counts:
            assert found.keys() == {name[1:] for name in plain}
            expected = {name: expected.get(name, (0, 0, 0, 0)) for name in found}
        same(found, expected)


def other_places(metric: Metric, truths: list[Any], guesses: list[Any]) -> None:
    """Objects of another frame, page or message never match."""

    def moved(found: list[Any], place: Callable[[Any], Any]) -> list[Any]:
        return [place(one) for one in found if isinstance(one, lm.ObjectAnnotation) and one.name.startswith("box")]

    def frame(number: int, one: Any) -> Any:
        nested = {"classifications": one.classifications, "confidence": one.confidence}
        return lm.VideoObjectAnnotation(name=one.name, value=one.value, frame=number, keyframe=True, **nested)

    def page(number: int, one: Any) -> Any:
        corners = {"start": one.value.start, "end": one.value.end}
        value = lm.DocumentRectangle(**corners, page=number, unit=lm.RectangleUnit.POINTS)
        return b.objekt(value, one.name, one.classifications, confidence=one.confidence)

    def message(number: int, one: Any) -> Any:
        value = lm.ConversationEntity(start=0, end=9, message_id=str(number))
        return b.objekt(value, one.name, one.classifications, confidence=one.confidence)

    for kind in (frame, page, message):
        for value in metric(moved(truths, partial(kind, 1)), moved(guesses, partial(kind, 2))).values():
            assert (value[0] if metric.counts else value) == 0


def whole_of_its_features(metric: Metric, truths: list[Any], guesses: list[Any]) -> None:
    """The data row's matrix is the sum of its features', its mean overlap their unweighted mean."""
    nested = {"include_subclasses": metric.settings.get("include_subclasses", False)}
    parts = list(Metric("feature_" + metric.name, {**metric.settings, **nested})(truths, guesses).values())
    (whole,) = metric(truths, guesses).values() if parts else [None]
    if metric.counts:
        assert whole == (tuple(map(sum, zip(*parts, strict=True))) if parts else None)
    else:
        assert whole == (pytest.approx(sum(parts) / len(parts)) if parts else None)


def subclass_is_a_feature(metric: Metric, truths: list[Any], guesses: list[Any]) -> None:
    """A nested answer's metric is the feature metric of the annotations that carry it."""
    feature = Metric(metric.name.replace("subclass", "feature"), {**metric.settings, "include_subclasses": False})

    def carrying(found: list[Any], answer: str) -> list[Any]:
        return [
            one
            for one in found
            if isinstance(one, lm.ObjectAnnotation)
            and any(nested.value.answer.name == answer for nested in one.classifications)
        ]

    expected = {
        (name, feature_name, answer): value
        for answer in "rbon"
        for (name, feature_name, _), value in feature(carrying(truths, answer), carrying(guesses, answer)).items()
    }
    same(metric(truths, guesses), expected)


# --- Which laws hold for which metric -------------------------------------------------------------------------------

ALWAYS = (
    order_of_lists,
    order_of_ties,
    duplication,
    input_is_not_changed,
    metrics_are_no_annotations,
    both_sides_empty,
    one_side_empty,
    agreement_with_itself,
    totals,
    keys_are_filters,
    other_places,
)
NO_SUMS = tuple(law for law in ALWAYS if law is not duplication)
"""Of a whole data row: objects double and answers do not."""

METRICS: list[tuple[Metric, tuple[Any, ...]]] = [
    (Metric("miou_metric"), (*ALWAYS, swapped_sides, whole_of_its_features)),
    (Metric("miou_metric", {"include_subclasses": True}), (*ALWAYS, swapped_sides, whole_of_its_features)),
    (Metric("feature_miou_metric"), (*ALWAYS, swapped_sides)),
    (Metric("feature_miou_metric", {"include_subclasses": False}), (*ALWAYS, swapped_sides)),
    (Metric("subclass_miou_metric"), (*ALWAYS, swapped_sides, subclass_is_a_feature)),
    (Metric("confusion_matrix_metric"), (*NO_SUMS, swapped_sides, whole_of_its_features)),
    (
        Metric("confusion_matrix_metric", {"include_subclasses": True, "iou": 0.3}),
        (*NO_SUMS, swapped_sides, whole_of_its_features),
    ),
    (Metric("confusion_matrix_metric", {"matching": "coco"}), (*NO_SUMS, whole_of_its_features)),
    (Metric("feature_confusion_matrix_metric"), (*ALWAYS, swapped_sides)),
    (Metric("feature_confusion_matrix_metric", {"iou": 0.3}), (*ALWAYS, swapped_sides)),
    (Metric("feature_confusion_matrix_metric", {"include_subclasses": True}), (*ALWAYS, swapped_sides)),
    # Predictions choose, so the sides are not alike.
    (Metric("feature_confusion_matrix_metric", {"matching": "coco", "iou": 0.3}), ALWAYS),
    (Metric("subclass_confusion_matrix_metric"), (*ALWAYS, swapped_sides, subclass_is_a_feature)),
    (Metric("subclass_confusion_matrix_metric", {"matching": "coco"}), (*ALWAYS, subclass_is_a_feature)),
]


@pytest.mark.parametrize(
    ("metric", "law"),
    [pytest.param(metric, law, id=f"{metric}-{law.__name__}") for metric, laws in METRICS for law in laws],
)
def test_laws(metric: Metric, law: Any) -> None:
    @settings(max_examples=12)
    @given(st.integers(0, 2**32).map(row))
    def holds(sides: Row) -> None:
        law(metric, *sides)

    holds()


def test_every_metric_is_declared() -> None:
    public = {name for name in metrics.__all__ if name.endswith("_metric")}
    assert {metric.name for metric, _ in METRICS} == public
    assert all(callable(getattr(metrics, name)) for name in metrics.__all__)


@settings(max_examples=40)
@given(st.lists(st.integers(0, 2**32).map(row), min_size=2, max_size=3), st.sampled_from(("platform", "coco")))
def test_data_rows_are_independent(rows: list[Row], matching: Any) -> None:
    def tallies(numbers: list[int]) -> dict[Any, Any]:
        columns = [Columns.concat([columns_of(rows[n][one], f"r{n}") for n in numbers]) for one in (0, 1)]
        found = compare(
            *columns,
            grid=Grid((0.3, 0.5), (0.2, 0.5)),
            include_subclasses=True,
            matching=matching,
            masks="auto",
            buffer=5.0,
            answer_names="question/answer",
        )
        names = found.batch.features
        return {
            (found.batch.rows[code // len(names)], names[code % len(names)]): [
                getattr(found.features, part)[..., at].tolist() for part in ("tp", "fp", "fn", "iou", "n_guess")
            ]
            for at, code in enumerate(found.features.group.tolist())
        }

    alone: dict[Any, Any] = {}
    for number in range(len(rows)):
        alone |= tallies([number])
    together = tallies(list(range(len(rows))))
    assert repr(dict(sorted(together.items()))) == repr(dict(sorted(alone.items())))
