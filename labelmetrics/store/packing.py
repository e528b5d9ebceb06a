"""Numbers of metrics as bytes, and back: those of one metric one behind the other, as narrow as they allow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from labelmetrics.formats.metric_lines import MetricShape, MetricValues
from labelmetrics.kernels.batch import Ints

__all__ = ["Form", "Packed", "pack", "unpack"]

SCALAR = "<f8"
COUNTS = ("<u1", "<u2", "<u4", "<i8")


class Form(NamedTuple):
    """What the bytes of a metric mean.

    Parameters
    ----------
    aggregation : str
        How values are put together.
    keys : str
        Confidence keys as a JSON list, ``"null"`` for a plain value.
    dtype : str
        Type of the numbers: one a key for scalars, four for confusion matrices.
    """

    aggregation: str
    keys: str
    dtype: str

    @property
    def grid(self) -> tuple[float, ...] | None:
        """The confidence keys; ``None`` for a plain value."""
        keys = orjson.loads(self.keys)
        return None if keys is None else tuple(keys)

    @property
    def is_matrix(self) -> bool:
        return self.aggregation == "CONFUSION_MATRIX"

    @property
    def width(self) -> int:
        """Length of a metric in bytes."""
        grid = self.grid
        numbers = (1 if grid is None else len(grid)) * (4 if self.is_matrix else 1)
        return int(np.dtype(self.dtype).itemsize) * numbers


class Packed(NamedTuple):
    """Numbers of metrics as bytes.

    Parameters
    ----------
    forms : list of Form
        Forms that occur.
    form : ndarray of int64, shape (n,)
        Form of each metric, as an index.
    content : list of bytes
        Bytes of each metric.
    """

    forms: list[Form]
    form: Ints
    content: list[bytes]

    def take(self, index: Ints) -> Packed:
        """Those of the metrics at ``index``."""
        return self._replace(form=self.form[index], content=[self.content[one] for one in index.tolist()])


def pack(values: MetricValues) -> Packed:
    """The numbers of metrics as bytes.

    Examples
    --------
    >>> from labelmetrics.formats.metric_lines import MetricReader
    >>> reader = MetricReader()
    >>> line = {"dataRow": {"id": "r"}, "metricName": "50pct_iou", "aggregation": "CONFUSION_MATRIX"}
    >>> reader.add({**line, "metricValue": [3, 1, 0, 300]}, None, 1)
    >>> packed = pack(reader.values())
    >>> form = packed.forms[packed.form[0]]
    >>> form.dtype, unpack(packed.content[0], form).tolist()
    ('<u2', [[[3, 1, 0, 300]]])
    """
    forms: dict[Form, int] = {}
    form = np.zeros(len(values), np.int64)
    content: list[bytes] = [b""] * len(values)
    for shape, members in _alike(values):
        stored = values.counts if shape.is_matrix else values.scalars
        numbers = stored[values.offset[members, None] + np.arange(len(shape.keys or (0,)))]
        for dtype, chosen in _dtypes(shape, numbers):
            what = Form(shape.aggregation, orjson.dumps(shape.keys).decode(), dtype)
            form[members[chosen]] = forms.setdefault(what, len(forms))
            text, width = numbers[chosen].astype(dtype).tobytes(), what.width
            for place, index in enumerate(members[chosen].tolist()):
                content[index] = text[place * width : (place + 1) * width]
    return Packed(list(forms), form, content)


def _alike(values: MetricValues) -> Iterator[tuple[MetricShape, Ints]]:
    """Metrics with the same aggregation and keys: the shape of one, and which they are."""
    kinds: dict[tuple[str, tuple[float, ...] | None], int] = {}
    kind_of = np.array([kinds.setdefault((shape.aggregation, shape.keys), len(kinds)) for shape in values.shapes])
    kind = kind_of[values.shape] if len(values) else values.shape
    for code in range(len(kinds)):
        members = np.flatnonzero(kind == code)
        if len(members):
            yield values.shapes[values.shape[members[0]]], members


def _dtypes(shape: MetricShape, numbers: NDArray[np.generic]) -> list[tuple[str, Ints]]:
    """Narrowest type of each metric: each type with the metrics that it is for."""
    if not shape.is_matrix:
        return [(SCALAR, np.arange(len(numbers)))]
    most = numbers.max(axis=(1, 2))
    greatest = [np.iinfo(dtype).max for dtype in COUNTS]
    fits = np.searchsorted(greatest[:-1], most)
    return [(dtype, np.flatnonzero(fits == code)) for code, dtype in enumerate(COUNTS) if (fits == code).any()]


def unpack(content: bytes, form: Form) -> NDArray[np.generic]:
    """Numbers of metrics of one form: shape (n, keys) of scalars, (n, keys, 4) of counts."""
    numbers = np.frombuffer(content, form.dtype)
    grid = form.grid
    keys = 1 if grid is None else len(grid)
    return numbers.reshape((-1, keys, 4) if form.is_matrix else (-1, keys))
