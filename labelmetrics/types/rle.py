"""COCO's run-length encoding of one mask: checked before C code sees it, and brought to one form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["MAX_PIXELS", "Rle", "canonical", "decode", "encode"]

Rle = dict[str, Any]
"""``{"size": [height, width], "counts": bytes}``"""

MAX_PIXELS = 2**28
"""Images with more pixels are not decoded: a few kilobytes can claim any size."""
_MAX_AREA = 2**32 - 1  # pycocotools counts pixels in 32 bits


def canonical(size: Sequence[int], counts: bytes | str | Sequence[int]) -> Rle:
    """Check an encoding and bring it to the compressed form that pycocotools takes.

    Examples
    --------
    >>> canonical([2, 3], [2, 4])
    {'size': [2, 3], 'counts': b'24'}
    >>> canonical([2, 3], "24") == canonical([2, 3], [2, 0, 0, 4])
    True
    """
    import numpy as np

    height, width = size
    if not 0 < height * width <= _MAX_AREA:
        raise PydanticCustomError("rle_size", "a mask of {height} x {width} pixels", {"height": height, "width": width})
    if isinstance(counts, str | bytes):
        text = counts.encode("utf-8", "replace") if isinstance(counts, str) else counts
        runs = _uncompress(text)
    else:
        text = None
        if any(run < 0 or run > _MAX_AREA for run in counts):
            raise _damaged("a run is negative or too long")
        runs = np.array(counts, np.int64)
    if len(runs) and (runs.min() < 0 or runs.max() > _MAX_AREA):
        raise _damaged("a run is negative or too long")
    if (total := int(runs.sum())) != height * width:
        raise _damaged(f"the runs add up to {total} pixels, the mask has {height * width}")
    if text is None or not runs[1:].all():  # empty runs within are legal, but pycocotools stops at them
        from pycocotools import mask as coco_mask

        runs = _without_empty(runs)
        text = coco_mask.frPyObjects({"size": [height, width], "counts": runs.tolist()}, height, width)["counts"]
    return {"size": [int(height), int(width)], "counts": text}


def encode(mask: NDArray[np.bool_]) -> Rle:
    """Encoding of a two-dimensional array of booleans.

    Examples
    --------
    >>> import numpy as np
    >>> encode(np.array([[False, True, True], [False, True, True]]))
    {'size': [2, 3], 'counts': b'24'}
    """
    import numpy as np
    from pycocotools import mask as coco_mask

    found = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    return {"size": [int(side) for side in found["size"]], "counts": found["counts"]}


def decode(rle: Rle) -> NDArray[np.bool_]:
    """Pixels of a checked encoding."""
    import numpy as np

    runs = _uncompress(rle["counts"])
    height, width = rle["size"]
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(width, height).T


def _damaged(why: str) -> PydanticCustomError:
    return PydanticCustomError("rle_counts", "{why}", {"why": why})


def _uncompress(text: bytes) -> NDArray[np.int64]:
    import numpy as np

    digit = np.frombuffer(text, np.uint8).astype(np.int64) - 48
    if ((digit < 0) | (digit > 63)).any():
        raise _damaged("counts holds a character that is not of this encoding")
    last = digit & 32 == 0
    if len(digit) and not last[-1]:
        raise _damaged("counts ends within a number")
    stop = np.flatnonzero(last) + 1
    start = np.append(0, stop)[:-1][: len(stop)]
    if len(stop) and (stop - start).max() > 7:
        raise _damaged("a run is negative or too long")
    place = np.arange(len(digit)) - np.repeat(start, stop - start)
    numbers = np.add.reduceat((digit & 31) << (5 * place), start) if len(start) else start
    numbers -= np.where(digit[stop - 1] & 16, 1 << (5 * (stop - start)), 0)
    # From the fourth on, each number is the difference to the run two before.
    numbers[1::2] = np.cumsum(numbers[1::2])
    numbers[2::2] = np.cumsum(numbers[2::2])
    return numbers


def _without_empty(runs: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same pixels without empty runs, except the first."""
    import numpy as np

    value = np.arange(len(runs)) % 2
    length, value = runs[runs > 0], value[runs > 0]
    first = np.flatnonzero(np.diff(value, prepend=-1))
    merged = np.add.reduceat(length, first)
    return np.append(0, merged) if value[0] else merged
