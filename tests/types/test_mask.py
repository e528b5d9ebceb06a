from __future__ import annotations

import copy
import io
import pickle
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from pycocotools import mask as coco_mask
from pydantic import ValidationError

from labelmetrics.errors import AnnotationError
from labelmetrics.kernels import rle
from labelmetrics.types import Mask, MaskData, ObjectAnnotation

PIXELS = arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def canonical(size, counts):
    return MaskData(rle={"size": size, "counts": counts}).rle


def image_bytes(pixels, mode=None):
    file = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(file, "PNG")
    return file.getvalue()


def huge_png(side):
    """A PNG that claims side x side pixels and holds none."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@given(PIXELS)
def test_every_way_to_the_same_mask(pixels):
    runs = rle.compress(pixels)
    ways = [
        Mask(mask=MaskData.from_2D_arr(pixels.astype(np.uint8)), color=1),
        Mask(mask=MaskData.from_2D_arr(pixels), color=(1, 1, 1)),
        Mask(
            mask=MaskData(arr=np.dstack([pixels * np.uint8(7), pixels * np.uint8(0), pixels * np.uint8(9)])),
            color=(7, 0, 9),
        ),
        Mask(mask=MaskData(im_bytes=image_bytes(pixels.astype(np.uint8)))),
        Mask.from_rle(runs),
        Mask.from_rle({"size": runs["size"], "counts": runs["counts"].decode()}),
        Mask.from_rle({"size": list(pixels.shape), "counts": runs_of(pixels)}),
    ]
    for mask in ways:
        assert mask.rle() == runs
        assert np.array_equal(mask.to_array(), pixels)
        line = ObjectAnnotation(name="a", value=mask).to_line()
        assert ObjectAnnotation.model_validate(line).value.rle() == runs
    assert np.array_equal(coco_mask.decode(runs), pixels)


def runs_of(pixels):
    flat = np.concatenate([[False], pixels.T.ravel()])
    changes = np.flatnonzero(np.diff(flat))
    bounds = np.concatenate([[0], changes, [pixels.size]])
    return np.diff(bounds).tolist()


def test_empty_runs_within_are_brought_to_the_usual_form():
    assert Mask.from_rle({"size": [2, 3], "counts": [1, 0, 1, 2, 0, 2]}).rle() == canonical([2, 3], [2, 4])
    assert canonical([1, 2], [0, 2, 0]) == canonical([1, 2], [0, 2])


@pytest.mark.parametrize(
    "bad",
    [
        {"size": [2, 3], "counts": [2, 5]},
        {"size": [2, 3], "counts": [7, -1]},
        {"size": [2, 3], "counts": [2, 4.5]},
        {"size": [2, 3], "counts": "2"},
        {"size": [2, 3], "counts": ""},
        {"size": [2, 3], "counts": "2T"},
        {"size": [2, 3], "counts": "2é"},
        {"size": [2, 3], "counts": "2\n"},
        {"size": [2, 3], "counts": "oooooooooooo1"},
        {"size": [2, 3], "counts": 6},
        {"size": [0, 3], "counts": []},
        {"size": [2**16, 2**16], "counts": [2**32]},
        {"size": [2], "counts": [2]},
        {"size": [2, 3], "counts": [2**40, 1]},
        {"size": [2, 3]},
        {"size": [2, 3], "counts": [6], "more": 1},
        {"size": "23", "counts": [6]},
        3,
    ],
)
def test_damaged_encodings(bad):
    with pytest.raises(ValidationError):
        MaskData(rle=bad)


@given(st.binary(max_size=12))
def test_counts_of_any_bytes_are_checked_before_they_are_used(counts):
    try:
        checked = canonical([3, 4], counts)
    except ValueError:
        return
    assert coco_mask.decode(checked).shape == (3, 4)


def test_made_once_and_again_after_a_change():
    data = MaskData(arr=np.array([[0, 1], [2, 2]], np.uint8))
    mask = Mask(mask=data, color=2)
    assert mask.rle() is mask.rle()
    before = mask.rle()
    mask.color = 1
    assert mask.rle() != before
    mask.color = 2
    data.arr = np.array([[2, 1], [0, 0]], np.uint8)
    assert mask.rle() != before


@pytest.mark.parametrize("colour", [-1, 256, 1.5, "1", True, (1, 2), (1, 2, 300), (1, 2, 3, 4), [True, 1, 1]])
def test_bad_colours(colour):
    with pytest.raises(ValidationError, match="colour"):
        Mask(mask=MaskData(url="https://example.com/m.png"), color=colour)


def test_one_channel_is_grey():
    assert Mask(mask=MaskData(url="https://example.com/m.png"), color=[7]).color == (7, 7, 7)
    assert Mask(mask=MaskData(url="https://example.com/m.png"), color=np.uint8(7)).color == 7


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((2, 2), np.float64),
        np.zeros(4, np.uint8),
        np.zeros((0, 3), np.uint8),
        [[0, 1]],
        np.zeros((2, 2), np.int64),
    ],
)
def test_bad_arrays(bad):
    with pytest.raises(ValidationError):
        MaskData(arr=bad)


@pytest.mark.parametrize("bad", [np.zeros(3, np.uint8), np.zeros((2, 2)), np.full((2, 2), 300), np.full((2, 2), -1)])
def test_bad_2d_arrays(bad):
    with pytest.raises(ValueError):
        MaskData.from_2D_arr(bad)


def test_integers_are_fine_for_2d_arrays():
    assert MaskData.from_2D_arr(np.array([[0, 255]])).value.tolist() == [[[0, 0, 0], [255, 255, 255]]]


def test_channels():
    pixels = np.array([[0, 7]], np.uint8)
    for n in (1, 3, 4):
        data = MaskData(arr=np.dstack([pixels] * n))
        assert Mask(mask=data, color=(7, 7, 7)).rle() == Mask(mask=data).rle() == rle.compress(pixels > 0)
    with pytest.raises(ValidationError):
        MaskData(arr=np.dstack([pixels] * 2))


def test_copies():
    mask = Mask(mask=MaskData(arr=np.array([[0, 1]], np.uint8)), color=1)
    mask.rle()
    for again in (pickle.loads(pickle.dumps(mask)), copy.deepcopy(mask), mask.model_copy(deep=True)):
        assert again == mask
        assert again.rle() == mask.rle()


def test_something_must_be_given():
    with pytest.raises(ValidationError, match="needs one of"):
        MaskData()


def test_addresses_are_never_fetched():
    mask = Mask(mask=MaskData(url="https://example.com/m.png"), color=(1, 2, 3))
    for use in (mask.rle, mask.to_array, lambda: mask.mask.value):
        with pytest.raises(AnnotationError, match=r"example\.com.*never fetched"):
            use()
    assert mask.model_dump(by_alias=True) == {"instanceURI": "https://example.com/m.png", "colorRGB": [1, 2, 3]}
    mask.color = 7
    assert mask.model_dump(by_alias=True)["colorRGB"] == [7, 7, 7]


def test_files(tmp_path):
    path = tmp_path / "mask.png"
    path.write_bytes(image_bytes(np.array([[0, 5], [5, 0]], np.uint8)))
    assert Mask(mask=MaskData(file_path=path), color=5).rle() == rle.compress(np.array([[0, 1], [1, 0]], bool))
    with pytest.raises(AnnotationError, match="No such file"):
        Mask(mask=MaskData(file_path=str(tmp_path / "none.png")), color=5).rle()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_kinds_of_images(mode):
    pixels = np.array([[0, 255, 255], [0, 0, 255]], np.uint8)
    mask = Mask(mask=MaskData(im_bytes=image_bytes(pixels, mode)))
    if mode == "P":  # an index, which need not be 0 for black
        mask.color = int(mask.mask.value[0, 1, 0])
    assert mask.rle() == rle.compress(pixels > 0)


def test_sixteen_bits_a_pixel():
    pixels = np.array([[0, 256], [1, 0]], np.uint16)
    assert Mask(mask=MaskData(im_bytes=image_bytes(pixels))).rle() == rle.compress(pixels > 0)


@pytest.mark.parametrize("data", [b"", b"no image", image_bytes(np.zeros((20, 20), np.uint8))[:-30], huge_png(10_000)])
def test_damaged_images(data):
    with pytest.raises(AnnotationError, match="what should be the image"):
        Mask(mask=MaskData(im_bytes=data), color=1).rle()


@pytest.mark.parametrize("side", [12_000, 20_000, 2**31 - 1])
def test_decompression_bombs(side, monkeypatch):
    monkeypatch.setattr("labelmetrics.types.mask.MAX_PIXELS", 11_000**2)
    with pytest.raises(AnnotationError, match=r"too (large|many)"):
        Mask(mask=MaskData(im_bytes=huge_png(side)), color=1).rle()


def test_encodings_that_are_too_large_to_decode_can_still_be_compared():
    mask = Mask.from_rle({"size": [2**15, 2**15], "counts": [2**30]})
    assert coco_mask.area(mask.rle()) == 0
    for use in (mask.to_array, lambda: mask.mask.value):
        with pytest.raises(AnnotationError, match="too large"):
            use()


def test_equality_looks_at_pixels():
    one, same, other = (MaskData(arr=np.array([[0, last]], np.uint8)) for last in (1, 1, 2))
    assert one == same
    assert one != other
    assert one != MaskData(url="u")
    assert MaskData(url="u") != one
    assert one != 3
    assert Mask(mask=one, color=1) == Mask(mask=same, color=1)


def test_repr_is_short():
    assert repr(MaskData(im_bytes=b"x" * 1000)) == "MaskData(im_bytes='...')"
    assert "url='u'" in repr(MaskData(url="u"))


@pytest.mark.parametrize(
    "wire", [{}, {"png": "?"}, {"png": 3}, {"instanceURI": 3}, {"counts": "2"}, {"png": "", "x": 1}]
)
def test_bad_wire_masks(wire):
    with pytest.raises(ValidationError):
        Mask.model_validate(wire)


def test_json_of_pixels_is_the_wire_form():
    mask = Mask(mask=MaskData(arr=np.array([[0, 1]], np.uint8)), color=1)
    assert Mask.model_validate_json(mask.model_dump_json()).rle() == mask.rle()
    assert mask.model_dump()["mask"]["arr"].tolist() == [[0, 1]]
    assert mask.mask.value.shape == (1, 2, 3)
    assert Mask.from_rle(mask.rle()).mask.value.max() == 1
