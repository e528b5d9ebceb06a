from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from labelmetrics.kernels import rle

coco_mask = pytest.importorskip("pycocotools.mask")

arrays = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda size: st.lists(st.booleans(), min_size=size[0] * size[1], max_size=size[0] * size[1]).map(
        lambda pixels: np.array(pixels, np.uint8).reshape(size)
    )
)


@given(st.lists(arrays, max_size=8))
def test_sound_encodings_are_those_of_pycocotools(masks):
    encoded = [coco_mask.encode(np.asfortranarray(mask)) for mask in masks]
    sizes = np.array([mask.shape for mask in masks], np.int64).reshape(-1, 2)
    checked = rle.check([one["counts"] for one in encoded], sizes)
    assert checked.problems == {}
    assert [one["counts"] for one in checked.masks] == [one["counts"] for one in encoded]
    assert checked.area.tolist() == [int(mask.sum()) for mask in masks]
    for box, one in zip(checked.box, encoded, strict=True):
        left, top, width, height = coco_mask.toBbox(one)
        assert box.tolist() == [left, top, left + width, top + height]
    runs = [np.diff(np.flatnonzero(np.diff([2, *mask.T.ravel(), 2]))).tolist() for mask in masks]
    runs = [[0, *one] if mask[0, 0] else one for one, mask in zip(runs, masks, strict=True)]
    assert rle.check_runs(runs, sizes).masks == checked.masks
    assert [rle.compress(mask) for mask in masks] == checked.masks


@given(
    arrays,
    st.tuples(*[st.integers(0, 30)] * 4),
    st.sampled_from([np.uint8, np.int8, np.bool_, np.int32, np.uint64]),
    st.booleans(),
    st.sampled_from([None, 0, 1, 2]),
)
def test_arrays_are_encoded_as_by_pycocotools(pixels, around, dtype, by_column, value):
    """Wherever the pixels lie in an image, and however it lies in memory."""
    top, bottom, left, right = around
    image = np.pad(pixels * (2 if value == 2 else 1), ((top, bottom), (left, right))).astype(dtype)
    if by_column:
        image = np.asfortranarray(image)
    wanted = coco_mask.encode(np.asfortranarray(image != 0 if value is None else image == value, np.uint8))
    assert rle.compress(image, value) == {"size": list(image.shape), "counts": wanted["counts"]}


@given(st.lists(st.text(st.characters(min_codepoint=40, max_codepoint=130), max_size=12), max_size=6))
def test_damaged_encodings_do_no_harm(texts):
    checked = rle.check([*texts, "24"], np.array([[2, 3]] * (len(texts) + 1)))
    assert len(texts) not in checked.problems
    assert checked.masks[-1] == {"size": [2, 3], "counts": b"24"}
    assert checked.box[-1].tolist() == [1, 0, 3, 2]
    for position, mask in enumerate(checked.masks):
        assert coco_mask.decode(mask).sum() == checked.area[position]


@given(st.lists(st.integers(0, 3), max_size=12))
def test_runs_of_length_zero_are_merged(runs):
    total = sum(runs)
    if total == 0:
        assert 0 in rle.check_runs([runs], np.array([[1, 1]])).problems
        return
    pixels = np.repeat(np.arange(len(runs)) % 2, runs).astype(np.uint8)
    checked = rle.check_runs([runs], np.array([[total, 1]]))
    assert coco_mask.decode(checked.masks[0]).ravel().tolist() == pixels.tolist()
    again = rle.check([checked.masks[0]["counts"]], np.array([[total, 1]]))
    assert again.masks == checked.masks
    assert (again.box == checked.box).all()


def test_zero_runs_inside_a_compressed_encoding():
    checked = rle.check(["2002"], np.array([[1, 4]]))
    assert checked.masks == [{"size": [1, 4], "counts": b"22"}]
    assert checked.area.tolist() == [2]


def test_nothing_to_check():
    checked = rle.check([], np.empty((0, 2), np.int64))
    assert checked.masks == []
    assert checked.box.shape == (0, 4)


def test_what_is_wrong_is_said():
    sizes = np.array([[1, 1], [1, 1], [1, 1], [0, 5], [2, 3], [2, 3]])
    checked = rle.check(["P", "\u00f6", "", "0", "oooooooooo0", "25"], sizes)
    assert checked.problems == {
        0: "counts ends within a number",
        1: "counts holds a character that is not of this encoding",
        2: "the runs add up to 0, the mask has 1 pixels",
        3: "the size is not usable",
        4: "counts holds a number that is too large",
        5: "the runs add up to 7, the mask has 6 pixels",
    }
    runs = rle.check_runs([[-1, 7], [10**30], [5], [1]], np.array([[2, 3], [2, 3], [2, 3], [-1, -1]]))
    assert runs.problems == {
        0: "a run is negative or too large",
        1: "a run is negative or too large",
        2: "the runs add up to 5, the mask has 6 pixels",
        3: "the size is not usable",
    }
