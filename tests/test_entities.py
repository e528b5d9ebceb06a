"""Counts of text entities beside nervaluate's, and in cases that other tools leave to the order of lists."""

import builders as b
import pytest
from hypothesis import given, strategies as st

import labelmetrics as lm
from labelmetrics import entity_counts
from labelmetrics.errors import SettingError

SCHEMES = {"strict": "strict", "exact": "exact", "partial": "partial", "type": "ent_type"}


def label(*spans, row="a"):
    return lm.Label(data=lm.TextData(global_key=row), annotations=[b.span(*span[1:], span[0]) for span in spans])


def overall(truth, guess, **settings):
    counts = entity_counts(lm.evaluate([label(*truth)], [label(*guess)]), **settings).overall
    return {scheme: (s.correct, s.incorrect, s.partial, s.missing, s.spurious) for scheme, s in counts.items()}


@st.composite
def documents(draw):
    """Truths apart from each other, and for each at most one prediction, which overlaps no other truth."""
    truth, guess = [], []
    for slot in range(draw(st.integers(0, 8))):
        start = 40 * slot + draw(st.integers(0, 10))
        end = start + draw(st.integers(1, 15))
        if draw(st.booleans()):
            truth.append((draw(st.sampled_from("xyz")), start, end))
        if draw(st.booleans()):
            moved = start + draw(st.sampled_from([0, 0, 0, -5, 2, 16]))
            longer = end + draw(st.sampled_from([0, 0, 0, 4, 10]))
            guess.append((draw(st.sampled_from("xyz")), max(moved, 0), max(longer, moved + 1)))
    return truth, guess


@pytest.mark.reference
@given(st.lists(documents(), min_size=1, max_size=4))
def test_counts_are_those_of_nervaluate(documents):
    nervaluate = pytest.importorskip("nervaluate")

    def spans(side):  # whose last character is part of them
        return [
            [{"label": name, "start": start, "end": end - 1} for name, start, end in one[side]] for one in documents
        ]

    rows = [{"globalKey": str(row)} for row in range(len(documents))]
    sides = [[label(*one[side], row=str(row)) for row, one in enumerate(documents)] for side in (0, 1)]
    found = entity_counts(lm.evaluate(*sides, data_rows=rows))
    expected = nervaluate.Evaluator(spans(0), spans(1), tags=["x", "y", "z"], loader="dict").evaluate()
    for ours, theirs in [(found.overall, expected["overall"])] + [
        (found.features[name], one) for name, one in expected["entities"].items()
    ]:
        for scheme, name in SCHEMES.items():
            score, other = ours[scheme], theirs[name]
            assert (score.correct, score.incorrect, score.partial, score.missing, score.spurious) == (
                other.correct,
                other.incorrect,
                other.partial,
                other.missed,
                other.spurious,
            ), scheme
            assert (score.possible, score.actual) == (other.possible, other.actual)
            for measure in ("precision", "recall", "f1"):
                assert (getattr(score, measure) or 0) == pytest.approx(getattr(other, measure), abs=1e-12)
    assert found.features.keys() == expected["entities"].keys()


def test_correct_pairs_come_first_whatever_the_order():
    truth, guess = [("x", 0, 10)], [("y", 0, 10), ("x", 0, 9), ("x", 0, 10)]
    for order in (guess, guess[::-1]):
        assert overall(truth, order) == {
            "strict": (1, 0, 0, 0, 2),
            "exact": (1, 0, 0, 0, 2),
            "partial": (1, 0, 0, 0, 2),
            "type": (1, 0, 0, 0, 2),
        }


def test_any_overlap_counts_and_touching_is_none():
    assert overall([("x", 0, 100)], [("y", 99, 300)])["partial"] == (0, 0, 1, 0, 0)
    assert overall([("x", 0, 100)], [("x", 100, 300)])["partial"] == (0, 0, 0, 1, 1)


def test_confidence():
    truth = label(("x", 0, 5))
    guess = lm.Label(data=truth.data, annotations=[b.span(0, 5, "x", confidence=0.4), b.span(1, 5, "x")])
    evaluation = lm.evaluate([truth], [guess])
    assert entity_counts(evaluation).overall["strict"].spurious == 1
    assert entity_counts(evaluation, confidence=0.4).overall["strict"].correct == 1
    half = entity_counts(evaluation, confidence=0.5).overall["strict"]  # without a confidence it counts as 1
    assert (half.correct, half.incorrect) == (0, 1)
    for wrong in (-0.1, 1.5):
        with pytest.raises(SettingError):
            entity_counts(evaluation, confidence=wrong)


def test_places_and_other_kinds():
    def message(name, **fields):
        return b.objekt(lm.ConversationEntity(start=0, end=5, message_id=name), "x", **fields)

    truth = [message("m1"), message("m2"), b.tokens(["a", "b"], "t"), b.tokens(["c"], "t"), b.box(0, 0, 5, 5, "x-box")]
    guess = [
        message("m1"),
        message("m3"),
        b.tokens(["b", "a"], "t"),
        b.tokens(["c", "d"], "u"),
        b.box(0, 0, 5, 5, "x-box"),
    ]
    sides = [[lm.Label(data=lm.TextData(global_key="a"), annotations=side)] for side in (truth, guess)]
    found = entity_counts(lm.evaluate(*sides))
    strict, kind = found.overall["strict"], found.overall["type"]
    assert (strict.correct, strict.incorrect, strict.missing, strict.spurious) == (2, 1, 1, 1)
    assert (kind.correct, kind.incorrect) == (2, 1)
    assert list(found.features) == ["t", "u", "x"]
    assert found.features["u"]["exact"].spurious == 1


def test_slices_and_tables(tmp_path):
    truth, guess = [label(("x", 0, 5), row=row) for row in "ab"], [label(("x", 0, 5), row="a"), label(row="b")]
    evaluation = lm.evaluate(truth, guess)
    found = entity_counts(evaluation)
    assert found.overall["exact"].recall == 0.5
    assert entity_counts(evaluation.slice(["b"])).overall["exact"].recall == 0.0
    evaluation.save(tmp_path / "x.lmeval")
    assert entity_counts(lm.load(tmp_path / "x.lmeval")) == found
    assert found.to_pandas()["COR"].sum() == 8
    assert "(all)" in repr(found)
    assert "<table>" in found._repr_html_()
    none = entity_counts(lm.evaluate([], []))
    assert (none.features, none.overall["type"].f1) == ({}, None)
