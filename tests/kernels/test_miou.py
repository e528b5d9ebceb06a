from __future__ import annotations

from typing import Any

import builders as b
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import labelmetrics.types as lm
from labelmetrics.errors import AnnotationError
from labelmetrics.formats.objects import columns_of
from labelmetrics.kernels.join import join
from labelmetrics.kernels.miou import check_mask_sizes, is_semantic
from labelmetrics.metrics import feature_miou_metric

pixels = st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=3, max_size=3).map(np.array)


def value(truths: Any, guesses: Any, **settings: Any) -> Any:
    (metric,) = feature_miou_metric(truths, guesses, **{"include_subclasses": False, **settings})
    return metric.value


@settings(max_examples=100)
@given(st.lists(pixels, min_size=1, max_size=3), st.lists(pixels, min_size=1, max_size=3), st.data())
def test_semantic_masks_are_the_pixels_of_their_union(truths: Any, guesses: Any, data: Any) -> None:
    confidence = [data.draw(st.sampled_from((0.2, 0.6))) for _ in guesses]
    found = value(
        [b.mask(one) for one in truths],
        [b.mask(one, confidence=c) for one, c in zip(guesses, confidence, strict=True)],
        masks="semantic",
        confidences=[0.1, 0.5],
    )
    truth = np.any(truths, axis=0)
    for key in (0.1, 0.5):
        kept = [one for one, c in zip(guesses, confidence, strict=True) if c >= key]
        guess = np.any(kept, axis=0) if kept else np.zeros_like(truth)
        whole = (truth | guess).sum()
        assert found[key] == ((truth & guess).sum() / whole if whole else 0)


HALVES = [b.mask([[1, 1, 0, 0]]), b.mask([[0, 0, 1, 1]])]
WHOLE = [b.mask([[1, 1, 1, 1]])]


@pytest.mark.parametrize(
    ("masks", "include_subclasses", "expected"),
    [
        ("auto", False, 1.0),
        ("auto", True, 0.25),
        ("semantic", False, 1.0),
        ("semantic", True, 1.0),
        ("instance", False, 0.25),
        ("instance", True, 0.25),
    ],
)
def test_semantic_or_instance(masks: Any, include_subclasses: bool, expected: float) -> None:
    assert value(HALVES, WHOLE, masks=masks, include_subclasses=include_subclasses) == expected
    assert is_semantic(masks, include_subclasses=include_subclasses) == (expected == 1)


def test_a_feature_with_vectors_is_compared_by_instance() -> None:
    assert value([*HALVES, b.box(0, 0, 4, 1)], [*WHOLE]) == pytest.approx(1 / 3)


def test_each_place_counts_like_one_object() -> None:
    def on(frame: int, annotation: Any) -> Any:
        return lm.VideoObjectAnnotation(name="cat", value=annotation.value, frame=frame, keyframe=True)

    truths = [on(1, HALVES[0]), on(1, HALVES[1]), on(2, HALVES[0])]
    guesses = [on(1, WHOLE[0]), on(2, WHOLE[0]), on(3, WHOLE[0])]
    assert value(truths, guesses) == pytest.approx((1 + 0.5 + 0) / 3)


def test_one_side_empty() -> None:
    assert value(WHOLE, []) == value([], WHOLE) == 0.0


def test_unlike_sizes() -> None:
    truths = columns_of([b.mask(np.ones((2, 3))), b.mask(np.ones((4, 5)), "dog")], "row 7")
    check_mask_sizes(join(truths, truths))
    guesses = columns_of([b.mask(np.ones((2, 4)))], "row 7")
    with pytest.raises(AnnotationError) as caught:
        check_mask_sizes(join(truths, guesses))
    (fault,) = caught.value.faults
    assert (fault.rule, fault.data_row) == ("mask-size", "row 7")
    assert "feature 'cat' has masks of 3x2 and 4x2 pixels (width x height)" in fault.message


def test_without_masks() -> None:
    assert value([b.square(0)], [b.square(0)], masks="semantic") == 1.0
