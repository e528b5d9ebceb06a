"""Crowded cells: what is kept of their pairs gives the matches that all pairs give."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelmetrics.kernels import dense
from labelmetrics.kernels.batch import Coded, Columns, Kind
from labelmetrics.kernels.comparison import compare
from labelmetrics.kernels.pairs import overlapping
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


def compared(truths, guesses, keys=(0.3, 0.6)):
    return compare(
        truths,
        guesses,
        grid=Grid((0.3, 0.5), keys),
        include_subclasses=False,
        matching="platform",
        masks="auto",
        buffer=70.0,
        answer_names="auto",
    )


CORNERS = st.tuples(*[st.integers(0, 3)] * 2, *[st.integers(1, 4)] * 2).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)


@given(
    st.lists(CORNERS, min_size=1, max_size=12),
    st.lists(st.tuples(CORNERS, st.sampled_from([0.1, 0.5, 0.9])), min_size=1, max_size=12),
    st.sampled_from([1, 3, 10]),
    st.sampled_from([4, 1000]),
)
def test_matches_of_crowded_cells_are_those_of_all_pairs(truths, guesses, band, block):
    truth, guess = boxes(truths), boxes([g[0] for g in guesses], [g[1] for g in guesses])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            dense, "candidate_pairs", lambda measure, f, s, level, n, floor=0.0: overlapping(measure, f, s, floor)
        )
        patch.setattr("labelmetrics.kernels.comparison.candidate_pairs", dense.candidate_pairs)
        whole = compared(truth, guess)
        expected, across = whole.features, whole.across
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dense, "BAND", band)
        patch.setattr(dense, "BLOCK", block)
        found = compared(truth, guess)
        for name in ("tp", "fp", "fn", "iou"):
            np.testing.assert_array_equal(getattr(found.features, name), getattr(expected, name))
        kept = set(zip(found.pairs.first.tolist(), found.pairs.second.tolist(), strict=True))
        assert kept <= set(zip(whole.pairs.first.tolist(), whole.pairs.second.tolist(), strict=True))
        # Every annotation keeps a partner of highest overlap.
        for ends, all_ends in ((found.across.first, across.first), (found.across.second, across.second)):
            assert set(ends.tolist()) == set(all_ends.tolist())


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
