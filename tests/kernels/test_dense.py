"""Crowded cells: what is kept of their pairs gives the matches that all pairs give."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from labelmetrics.kernels import dense
from labelmetrics.kernels.batch import Coded, Columns, Kind, NestedAnswer
from labelmetrics.kernels.comparison import compare
from labelmetrics.kernels.matching import greedy
from labelmetrics.kernels.thresholds import Grid


def boxes(corners, confidence=None):
    n = len(corners)
    corners = np.asarray(corners, float).reshape(n, 4)
    return Columns.make(
        data_row=Coded.constant("a", n),
        name=Coded.constant("cat", n),
        kind=Kind.BOX,
        box=corners,
        **({} if confidence is None else {"confidence": np.asarray(confidence, float)}),
    )


def compared(truths, guesses, keys=(0.3, 0.6), **more):
    options = {"include_subclasses": False, "matching": "platform", "masks": "auto", "buffer": 70.0}
    return compare(truths, guesses, grid=Grid((0.3, 0.5), keys), answer_names="auto", **{**options, **more})


CORNERS = st.tuples(*[st.integers(0, 3)] * 2, *[st.integers(1, 4)] * 2).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)
NESTED = st.lists(st.sampled_from([("colour", "red"), ("colour", "blue"), ("age", "old")]), max_size=2, unique=True)


def boxes_of(drawn):
    """Boxes of (corners, confidence, nested answers, crowd)."""
    columns = boxes([one[0] for one in drawn], [one[1] for one in drawn])
    answers = [tuple(NestedAnswer(q, None, a) for q, a in one[2]) for one in drawn]
    return replace(columns, nested=Coded.of(answers), crowd=np.array([one[3] for one in drawn], bool))


TRUTHS = st.lists(st.tuples(CORNERS, st.none(), NESTED, st.booleans()), min_size=1, max_size=12)
GUESSES = st.lists(
    st.tuples(CORNERS, st.sampled_from([0.1, 0.5, 0.9]), NESTED, st.just(False)), min_size=1, max_size=12
)


@settings(max_examples=300)
@given(
    TRUTHS,
    GUESSES,
    st.sampled_from([1, 3, 10]),
    st.sampled_from([4, 1000]),
    st.sampled_from(["platform", "coco"]),
    st.booleans(),
)
def test_matches_of_crowded_cells_are_those_of_all_pairs(truths, guesses, band, block, matching, include_subclasses):
    truth, guess = boxes_of(truths), boxes_of(guesses)
    options = {"matching": matching, "include_subclasses": include_subclasses}
    whole = compared(truth, guess, **options)
    for part in ("features", "subclasses", "outcomes", "across"):
        getattr(whole, part)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dense, "BAND", band)
        patch.setattr(dense, "BLOCK", block)
        patch.setattr(dense, "MOST_CONFIDENT", 1)
        found = compared(truth, guess, **options)
        for part in ("features", "subclasses"):
            for name in ("tp", "fp", "fn", "iou"):
                one, two = (getattr(getattr(side, part), name) for side in (found, whole))
                np.testing.assert_array_equal(one, two, err_msg=f"{part} {name}")
        for one, two in zip(found.outcomes, whole.outcomes, strict=True):
            np.testing.assert_array_equal(one.partner, two.partner)
        kept = set(zip(found.pairs.first.tolist(), found.pairs.second.tolist(), strict=True))
        assert kept <= set(zip(whole.pairs.first.tolist(), whole.pairs.second.tolist(), strict=True))
        # Every annotation keeps a partner of highest overlap, and matches regardless of class are the same.
        for name in ("first", "second"):
            assert set(getattr(found.across, name).tolist()) == set(getattr(whole.across, name).tolist())
        matched = [
            side.across.take(greedy(side.across.first, side.across.second, side.across.overlap))
            for side in (found, whole)
        ]
        np.testing.assert_array_equal(matched[0].first, matched[1].first)
        np.testing.assert_array_equal(matched[0].second, matched[1].second)


def test_the_most_confident_predictions_keep_all_pairs():
    rng = np.random.default_rng(0)
    corner = rng.random((700, 2))
    corners = np.hstack([corner, corner + 20])
    found = compared(boxes(corners), boxes(corners, rng.random(700)))
    ranked = np.argsort(-found.batch.prediction.confidence, kind="stable")[:100]
    assert (np.bincount(found.pairs.second, minlength=700)[ranked] == 700).all()
    assert len(found.pairs) < 120_000


@pytest.mark.slow
def test_ten_thousand_by_ten_thousand_that_all_overlap():
    rng = np.random.default_rng(0)
    sides = []
    for _ in range(2):
        corner = rng.random((10_000, 2)) * 10
        sides.append(boxes(np.hstack([corner, corner + 90 + rng.random((10_000, 2)) * 20])))
    result = compared(*sides, keys=()).features
    assert result.tp[0, 0].tolist() == [10_000]
    assert 0.97 < result.iou[0, 0] < 0.99


def test_chain_that_lets_one_match_per_round():
    # Each ground truth overlaps with two predictions, and ever more with the later one.
    n = 10_000
    left = np.cumsum(10 + np.linspace(0, 1, 2 * n)[::-1])
    all_boxes = np.column_stack([left, np.zeros(2 * n), left + 15, np.full(2 * n, 10.0)])
    result = compared(boxes(all_boxes[::2]), boxes(all_boxes[1::2]), keys=()).features
    assert result.tp[0, 0].tolist() == [0]
    assert 0.1 < result.iou[0, 0] < 0.3
