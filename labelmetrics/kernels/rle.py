"""COCO run-length encodings: checked before anything in C sees them.

``pycocotools`` trusts what it is given: a damaged ``counts`` string makes it read beyond its buffers. Everything that
comes from outside goes through :func:`check` first, which decodes the runs of all masks at once in numpy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CheckedMasks", "check", "check_runs", "compress", "decode", "sizes", "without"]

_LONGEST_CODE = 7  # characters of five bits: more than any 32-bit run needs
_LARGEST = 1 << 32  # pycocotools counts pixels in 32 bits


@dataclass(frozen=True, slots=True)
class CheckedMasks:
    """What :func:`check` found out about a list of masks.

    Parameters
    ----------
    masks : list of dict
        The masks as ``{"size": [height, width], "counts": bytes}``, without runs of length 0 inside; faulty ones are
        replaced by empty masks of one pixel.
    box : ndarray of float64, shape (n, 4)
        Left, top, right and bottom of the pixels; zeros of empty masks.
    area : ndarray of int64, shape (n,)
        Number of pixels.
    problems : dict of int to str
        What is wrong, by position in the list.
    """

    masks: list[dict[str, Any]]
    box: NDArray[np.float64]
    area: NDArray[np.int64]
    problems: dict[int, str]


def check(counts: Sequence[str | bytes], sizes: NDArray[np.int64]) -> CheckedMasks:
    """Check compressed run-length encodings, all at once.

    Parameters
    ----------
    counts : sequence of str or bytes
        COCO's compressed ``counts``.
    sizes : ndarray of int64, shape (n, 2)
        Height and width of each.

    Returns
    -------
    CheckedMasks

    Examples
    --------
    >>> checked = check(["24", "2"], np.array([[2, 3], [2, 3]]))
    >>> checked.area.tolist(), checked.box[0].tolist()
    ([4, 0], [1.0, 0.0, 3.0, 2.0])
    >>> checked.problems
    {1: 'the runs add up to 2, the mask has 6 pixels'}
    """
    texts = [text if isinstance(text, bytes) else text.encode("utf-8", "replace") for text in counts]
    problems: dict[int, str] = {}

    def note(positions: NDArray[Any], message: str) -> None:
        for position in np.unique(positions).tolist():
            problems.setdefault(position, message)

    pixels = sizes[:, 0].astype(np.float64) * sizes[:, 1]
    note(np.flatnonzero((sizes < 1).any(1) | (pixels >= _LARGEST)), "the size is not usable")

    value, mask, n_runs = _numbers(texts, note)
    return _check(_undo_differences(value, mask, n_runs), mask, n_runs, sizes, problems, texts)


def check_runs(runs: Sequence[Sequence[int]], sizes: NDArray[np.int64]) -> CheckedMasks:
    """Check run-length encodings given as lists of runs, as :func:`check` does.

    Parameters
    ----------
    runs : sequence of sequences of int
        Lengths of background and foreground runs by turns, column by column.
    sizes : ndarray of int64, shape (n, 2)
        Height and width of each.

    Examples
    --------
    >>> check_runs([[2, 4]], np.array([[2, 3]])).masks
    [{'size': [2, 3], 'counts': b'24'}]
    """
    n_runs = np.fromiter(map(len, runs), np.int64, len(runs))
    # Clipped just beyond what is allowed, so that sums neither overflow nor come out right by accident.
    flat = np.array([min(max(run, -1), _LARGEST) for one in runs for run in one], np.int64)
    problems = {
        position: "the size is not usable"
        for position, (height, width) in enumerate(sizes.tolist())
        if height < 1 or width < 1 or height * width >= _LARGEST
    }
    return _check(flat, np.repeat(np.arange(len(runs)), n_runs), n_runs, sizes, problems, None)


def compress(pixels: NDArray[Any], value: int | None = None) -> dict[str, Any]:
    """COCO's run-length encoding of the pixels of one value, or of those that are not 0.

    Only the part of the array that holds anything is looked at more than once.

    Parameters
    ----------
    pixels : ndarray of integers or bool, shape (height, width)
        The pixels.
    value : int, optional
        What belongs to the mask; whatever is not 0 unless given.

    Examples
    --------
    >>> compress(np.array([[0, 1, 1], [0, 1, 1]]))
    {'size': [2, 3], 'counts': b'24'}
    >>> compress(np.array([[0, 1, 2], [0, 1, 2]]), 2)["counts"]
    b'42'
    """
    from pycocotools import mask as coco_mask

    if value == 0:
        pixels, value = pixels == 0, None
    height, width = size = list(pixels.shape)
    top, bottom, left, right = _extent(pixels)
    if 4 * (bottom - top) * (right - left) > height * width:
        whole = pixels != 0 if value is None else pixels == value
        counts: bytes = coco_mask.encode(np.asfortranarray(whole, np.uint8))["counts"]
        return {"size": size, "counts": counts}
    crop = pixels[top:bottom, left:right].T
    # A column of the image is a row here, with nothing before its first and behind its last pixel.
    inside = np.zeros((crop.shape[0], crop.shape[1] + 2), bool)
    np.not_equal(crop, 0, out=inside[:, 1:-1]) if value is None else np.equal(crop, value, out=inside[:, 1:-1])
    column, row = divmod(np.flatnonzero(inside[:, 1:] != inside[:, :-1]), crop.shape[1] + 1)
    edges = (left + column) * height + top + row
    # Where a run goes on in the next column, an end and a start are the same place.
    apart = edges[1:-1:2] != edges[2::2]
    kept = np.ones(len(edges), bool)
    kept[1:-1:2] = kept[2::2] = apart
    runs = np.diff(edges[kept], prepend=0, append=height * width)
    return {"size": size, "counts": _encode(runs[:-1] if len(runs) > 1 and runs[-1] == 0 else runs, size)}


def _extent(pixels: NDArray[Any]) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of a part of the array outside of which all is 0."""
    step = 8 if pixels.itemsize == 1 and pixels.flags.c_contiguous and pixels.shape[1] % 8 == 0 else 1
    # Eight pixels are one number, where they can be.
    words = pixels.view(np.uint64) if step == 8 else pixels != 0
    columns = np.flatnonzero(np.bitwise_or.reduce(words, axis=0))
    if not len(columns):
        return 0, 0, 0, 0
    left, right = int(columns[0]), int(columns[-1]) + 1
    rows = np.flatnonzero(np.bitwise_or.reduce(words[:, left:right], axis=1))
    return int(rows[0]), int(rows[-1]) + 1, left * step, right * step


def decode(mask: dict[str, Any]) -> NDArray[np.bool_]:
    """Pixels of a checked encoding, shape (height, width).

    Examples
    --------
    >>> decode({"size": [2, 3], "counts": b"24"}).astype(int).tolist()
    [[0, 1, 1], [0, 1, 1]]
    """
    height, width = mask["size"]
    runs = _undo_differences(*_numbers([mask["counts"]], lambda positions, message: None))
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(width, height).T


def sizes(masks: Sequence[dict[str, Any]]) -> NDArray[np.int64]:
    """Height and width of each encoding, shape (n, 2)."""
    sides = chain.from_iterable(map(itemgetter("size"), masks))
    return np.fromiter(sides, np.int64, 2 * len(masks)).reshape(-1, 2)


def without(mask: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The pixels of one encoding that are not in another."""
    return compress(decode(mask) & ~decode(other))


def _numbers(
    texts: Sequence[bytes], note: Callable[[NDArray[Any], str], None]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The numbers of all texts, which text each is of, and how many there are of each."""
    n = len(texts)
    length = np.fromiter(map(len, texts), np.int64, n)
    owner = np.repeat(np.arange(n), length)
    code = np.frombuffer(b"".join(texts), np.uint8).astype(np.int64) - 48
    note(owner[(code < 0) | (code > 63)], "counts holds a character that is not of this encoding")

    # A number ends at the first character without the continuation bit, or where its string ends.
    goes_on = (code & 32) != 0
    last_of_text = np.zeros(len(code), bool)
    last_of_text[np.cumsum(length)[length > 0] - 1] = True
    note(owner[goes_on & last_of_text], "counts ends within a number")
    end = np.flatnonzero(~goes_on | last_of_text)
    start = np.concatenate([[0], end[:-1] + 1]) if len(end) else end
    digits = end - start + 1
    note(owner[end[digits > _LONGEST_CODE]], "counts holds a number that is too large")
    place = np.minimum(np.arange(len(code)) - np.repeat(start, digits), _LONGEST_CODE)
    value = np.add.reduceat((code & 31) << (5 * place), start) if len(start) else start
    value = value - np.where(code[end] & 16, 1 << (5 * np.minimum(digits, _LONGEST_CODE)), 0)

    mask = owner[end]
    return value, mask, np.bincount(mask, minlength=n)


def _undo_differences(
    value: NDArray[np.int64], mask: NDArray[np.int64], n_runs: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Runs from COCO's numbers: from the fourth on, each is the difference to the run two before."""
    position = np.arange(len(value)) - np.repeat(np.cumsum(n_runs) - n_runs, n_runs)
    chain = np.where(position == 0, 0, 2 - position % 2)
    order = np.lexsort((position, chain, mask))
    summed = np.cumsum(value[order])
    first = np.flatnonzero(np.diff(3 * mask[order] + chain[order], prepend=-1))
    before = np.append(0, summed)[first]
    runs = np.empty_like(value)
    runs[order] = summed - np.repeat(before, np.diff(np.append(first, len(value))))
    return runs


def _check(
    runs: NDArray[np.int64],
    mask: NDArray[np.int64],
    n_runs: NDArray[np.int64],
    sizes: NDArray[np.int64],
    problems: dict[int, str],
    texts: list[bytes] | None,
) -> CheckedMasks:
    n = len(sizes)
    pixels = sizes[:, 0] * sizes[:, 1]
    for position in np.unique(mask[(runs < 0) | (runs >= _LARGEST)]).tolist():
        problems.setdefault(position, "a run is negative or too large")
    sane = np.clip(runs, 0, _LARGEST)
    until = np.cumsum(sane)
    total = np.diff(np.append(0, until)[np.append(0, np.cumsum(n_runs))])
    for position in np.flatnonzero(total != pixels).tolist():
        problems.setdefault(position, f"the runs add up to {total[position]}, the mask has {pixels[position]} pixels")

    position = np.arange(len(runs)) - np.repeat(np.cumsum(n_runs) - n_runs, n_runs)
    faulty = np.zeros(n, bool)
    faulty[list(problems)] = True
    inside = (position % 2 == 1) & (sane > 0) & ~faulty[mask]
    owner = mask[inside]
    stop = (until - np.repeat(np.cumsum(total) - total, n_runs))[inside] - 1
    start = stop - sane[inside] + 1
    height = sizes[owner, 0]
    left, right = start // height, stop // height
    whole_columns = left != right  # then the run passes the bottom of one column and the top of another
    top = np.where(whole_columns, 0, start % height)
    bottom = np.where(whole_columns, height - 1, stop % height)

    box = np.zeros((n, 4))
    area = np.bincount(owner, sane[inside], minlength=n).astype(np.int64)
    if len(owner):
        first = np.flatnonzero(np.diff(owner, prepend=-1))
        box[owner[first]] = np.column_stack(
            [
                np.minimum.reduceat(left, first),
                np.minimum.reduceat(top, first),
                np.maximum.reduceat(right, first) + 1,
                np.maximum.reduceat(bottom, first) + 1,
            ]
        )

    # Runs of length 0 other than the first are legal but make pycocotools stop early.
    odd = np.zeros(n, bool)
    odd[mask[(sane == 0) & (position > 0)]] = True
    if texts is None:
        odd[:] = True
    masks: list[dict[str, Any]] = []
    offset = np.append(0, np.cumsum(n_runs)).tolist()
    for one, (size, bad, rewrite) in enumerate(zip(sizes.tolist(), faulty.tolist(), odd.tolist(), strict=True)):
        if bad:
            masks.append({"size": [1, 1], "counts": b"1"})
        elif rewrite or texts is None:
            masks.append({"size": size, "counts": _encode(_merged(sane[offset[one] : offset[one + 1]]), size)})
        else:
            masks.append({"size": size, "counts": texts[one]})
    return CheckedMasks(masks, box, area, dict(sorted(problems.items())))


def _merged(runs: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same mask without runs of length 0 inside or at the end: a boundary met an even number of times is none."""
    boundary, times = np.unique(np.cumsum(runs)[:-1], return_counts=True)
    total = runs.sum()
    kept = boundary[(times % 2 == 1) & (boundary < total)]
    return np.diff(np.concatenate([[0], kept, [total]]))


def _encode(runs: NDArray[np.int64], size: list[int]) -> bytes:
    from pycocotools import mask as coco_mask

    counts: bytes = coco_mask.frPyObjects({"size": size, "counts": runs.tolist()}, *size)["counts"]
    return counts
