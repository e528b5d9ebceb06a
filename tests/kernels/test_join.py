from __future__ import annotations

import random
from typing import Any

import builders as b
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from labelmetrics.errors import AnnotationError
from labelmetrics.formats.objects import columns_of
from labelmetrics.kernels.batch import Columns
from labelmetrics.kernels.join import Batch, join
from labelmetrics.kernels.vocabulary import TEXT_MARK, nested_agreement

ID = "c".ljust(25, "0")
OTHER_ID = "d".ljust(25, "0")


def joined(truths: list[Any], guesses: list[Any] = [], **settings: Any) -> Batch:  # noqa: B006
    return join(columns_of(truths), columns_of(guesses), **settings)


def features(batch: Batch) -> list[str]:
    return [batch.features[code] for code in batch.ground_truth.feature]


class TestIdentity:
    def test_names_if_all_have_names(self) -> None:
        both = b.square(0)
        both.feature_schema_id = ID
        assert joined([both], [b.square(0)]).features == ["cat"]

    def test_ids_if_all_have_ids_only(self) -> None:
        both = b.square(0)
        both.feature_schema_id = ID
        assert joined([both], [b.square(0, ID)]).features == [ID]
        assert joined([b.radio(ID, OTHER_ID)]).features == [OTHER_ID]

    @pytest.mark.parametrize(
        ("truths", "guesses"),
        [
            ([b.square(0)], [b.square(0, ID)]),
            ([b.radio("q", "yes")], [b.radio("q", ID)]),
            ([b.radio(ID, "yes")], [b.radio(ID, OTHER_ID)]),
            ([b.square(0, ID), b.radio("q", "yes")], []),
        ],
    )
    def test_neither(self, truths: Any, guesses: Any) -> None:
        with pytest.raises(AnnotationError, match="all annotations need a name, or all need a schema id"):
            joined(truths, guesses)

    def test_nested_answers(self) -> None:
        by_id = b.square(0, nested=[b.radio(ID, OTHER_ID)])
        assert joined([by_id]).nested == [frozenset(), frozenset({(ID, OTHER_ID)})]
        with pytest.raises(AnnotationError, match="nested classifications cannot be identified"):
            joined([by_id], [b.square(0, nested=[b.radio("colour", "red")])])

    def test_nested_texts(self) -> None:
        batch = joined([b.square(0, nested=[b.text("note", "red")])], [b.square(0, nested=[b.radio("note", "red")])])
        assert batch.ground_truth.nested != batch.prediction.nested
        assert batch.nested[batch.ground_truth.nested[0]] == frozenset({("note", TEXT_MARK + "red")})

    def test_a_place_is_part_of_the_cell_only(self) -> None:
        batch = joined([b.tokens("a"), b.span(0, 1)])
        assert batch.cell(batch.ground_truth).tolist() == batch.group(batch.ground_truth).tolist()
        assert batch.places == [""]


class TestNamesOfAnswers:
    ANSWERS = (b.radio("indoors", "yes"), b.radio("at night", "yes"), b.radio("weather", "rain"))

    @pytest.mark.parametrize(
        ("names", "expected"),
        [
            ("auto", ["indoors/yes", "at night/yes", "rain"]),
            ("question/answer", ["indoors/yes", "at night/yes", "weather/rain"]),
        ],
    )
    def test_shared_answers(self, names: Any, expected: Any) -> None:
        assert sorted(joined(list(self.ANSWERS), answer_names=names).features) == sorted(expected)

    def test_shared_over_the_two_sides(self) -> None:
        batch = joined([self.ANSWERS[0]], [self.ANSWERS[1]])
        assert batch.features == ["at night/yes", "indoors/yes"]

    def test_answers_that_must_not_be_shared(self) -> None:
        assert joined([self.ANSWERS[0]], answer_names="answer").features == ["yes"]
        with pytest.raises(AnnotationError, match="'yes' means two things") as caught:
            joined(list(self.ANSWERS), answer_names="answer")
        assert {fault.message for fault in caught.value.faults} == {
            "'yes' is an answer of 'at night' here",
            "'yes' is an answer of 'indoors' here",
        }

    @pytest.mark.parametrize(
        ("other", "described"),
        [
            (b.radio("weather", "cat"), "an answer of 'weather'"),
            (b.text("cat", "miaow"), "a free text question"),
        ],
    )
    def test_an_object_here_and_a_classification_there(self, other: Any, described: str) -> None:
        truth, guess = columns_of([b.square(0)], "row 1"), columns_of([other], "row 2")
        with pytest.raises(AnnotationError, match="'cat' means two things") as caught:
            join(truth, guess)
        assert [(fault.data_row, fault.message) for fault in caught.value.faults] == [
            ("row 1", "'cat' is an object here"),
            ("row 2", f"'cat' is {described} here"),
        ]

    def test_a_question_may_have_the_name_of_an_object(self) -> None:
        assert joined([b.square(0), b.radio("cat", "yes")]).features == ["cat", "yes"]

    def test_two_nested_answers_of_one_name(self) -> None:
        nested = [b.radio("a", "b/c"), b.radio("a/b", "c"), b.radio("x", "b/c"), b.radio("x", "c")]
        with pytest.raises(AnnotationError, match="the subclass name 'a/b/c' means two things") as caught:
            joined([b.square(0, nested=nested)])
        assert caught.value.faults[0].message == "the answer 'b/c' of 'a' and the answer 'c' of 'a/b'"


class TestRepeats:
    def test_repeated_answers_collapse(self) -> None:
        confidences = (0.3, None, 0.9, 0.3)
        guesses = [b.radio("w", name, confidence=c) for name, c in zip("abba", confidences, strict=True)]
        side = joined([], guesses).prediction
        assert side.position.tolist() == [0, 1]
        assert side.confidence.tolist() == pytest.approx([0.3, np.nan], nan_ok=True)

    def test_the_highest_confidence_stays(self) -> None:
        guesses = [b.radio("w", "a", confidence=0.3), b.square(0, confidence=0.1), b.radio("w", "a", confidence=0.9)]
        side = joined([], guesses).prediction
        assert (side.position.tolist(), side.confidence.tolist()) == ([2, 1], [0.9, 0.1])

    def test_nested_answers_are_those_of_the_most_confident(self) -> None:
        guesses = [
            b.radio("w", "a", confidence=c, classifications=[b.radio("how", n)]) for c, n in ((0.3, "x"), (0.9, "y"))
        ]
        for order in (guesses, guesses[::-1]):
            batch = joined([], order)
            assert [batch.nested[code] for code in batch.prediction.nested] == [frozenset({("how", "y")})]

    def test_equal_texts_collapse(self) -> None:
        side = joined([b.text("q", one) for one in ("x", "y", "x")]).ground_truth
        assert side.position.tolist() == [0, 1]

    def test_objects_do_not(self) -> None:
        assert len(joined([b.square(0)] * 3).ground_truth) == 3

    def test_other_data_rows_are_others(self) -> None:
        columns = Columns.concat([columns_of([b.radio("w", "a")], row) for row in ("r1", "r2", "r1")])
        assert join(columns, Columns.empty()).ground_truth.position.tolist() == [0, 1]


def one_of_each(data: Any) -> Any:
    """An annotation drawn from few geometries, so that many are alike in part."""
    number = st.integers(0, 1)
    confidence = data.draw(st.none() | st.sampled_from((0.2, 0.8)))
    nested = [b.radio("colour", data.draw(st.sampled_from(("red", "blue"))))] if data.draw(st.booleans()) else []
    more = {"confidence": confidence, "uuid": data.draw(st.none() | st.sampled_from(("u1", "u2")))}
    x, y = data.draw(number), data.draw(number)
    objects = {
        "box": lambda: b.box(x, y, 3, 3, "box", nested=nested, **more),
        "polygon": lambda: b.polygon([(0, 0), (3, x), (3, 3), (y, 3)], "polygon", nested=nested, **more),
        "mask": lambda: b.mask([[1, x, y], [1, 1, 1]], "mask", nested=nested, **more),
        "tokens": lambda: b.tokens("abc"[: x + y], "tokens", nested=nested, **more),
        "radio": lambda: b.radio("q", "xyz"[x], **more),
        "text": lambda: b.text("free", "xyz"[x + y], **more),
        "span": lambda: b.span(0, x + y, "span", nested=nested, **more),
    }
    return objects[data.draw(st.sampled_from(sorted(objects)))]()


@settings(max_examples=150)
@given(st.data(), st.randoms(use_true_random=False))
def test_canonical_order_does_not_depend_on_the_order_of_lines(data: Any, shuffle: random.Random) -> None:
    annotations = [one_of_each(data) for _ in range(data.draw(st.integers(0, 10)))]
    mixed = annotations[:]
    shuffle.shuffle(mixed)

    def seen(found: list[Any]) -> list[Any]:
        # Answers repeated with unlike uuids differ in nothing that any metric reads.
        side = joined(found, canonical=(True, True)).ground_truth
        kept = [found[position] for position in side.position.tolist()] if len(side) else []
        return [
            (one.model_dump(mode="json", exclude={"confidence"}), repr(float(confidence)))
            for one, confidence in zip(kept, side.confidence, strict=True)
        ]

    assert seen(annotations) == seen(mixed)


def test_numbers_that_differ_little_have_an_order() -> None:
    lefts = [5 + step * 1e-9 for step in (3, 0, 2, 1)] + [4.0]
    boxes = [b.box(left, 9 - number, 20, 20, "box") for number, left in enumerate(lefts)]
    side = joined(boxes, canonical=(True, True)).ground_truth
    assert side.box[:, 0].tolist() == sorted(lefts)


def test_list_order_is_kept_otherwise() -> None:
    side = joined([b.square(5), b.square(0), b.square(0, "ant")]).ground_truth
    assert side.position.tolist() == [2, 0, 1]


def test_rows_may_be_given() -> None:
    batch = join(columns_of([b.square(0)], "r2"), Columns.empty(), rows=["r1", "r2", "r3"])
    assert (batch.rows, batch.ground_truth.row.tolist()) == (["r1", "r2", "r3"], [1])
    assert batch.site(batch.ground_truth).tolist() == [1]


def test_nothing_at_all() -> None:
    batch = join(Columns.empty(), Columns.empty())
    assert (batch.rows, batch.features, len(batch.ground_truth)) == ([], [], 0)


def test_agreement_of_nested_answers() -> None:
    red, old = ("colour", "red"), ("age", "old")
    note = [("note", TEXT_MARK + text) for text in ("x", "y")]
    assert nested_agreement(frozenset({red}), frozenset({red})) == 1
    assert nested_agreement(frozenset({red, old}), frozenset({red})) == 0.5
    assert nested_agreement(frozenset({red}), frozenset({("colour", "blue")})) == 0
    assert nested_agreement(frozenset(), frozenset({red})) == 0
    # A free text question counts once, like a feature of its own.
    assert nested_agreement(frozenset({red, note[0]}), frozenset({red, note[1]})) == 0.5
