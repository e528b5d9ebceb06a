"""Digests of metric keys and values: what two uploads have in common, in a few bytes a line.

The digest of a key is what the uuid of its line is made of; that of a value is made of its numbers, so that 3 and 3.0
are the same. The digests are not made to withstand someone who wants two values to look alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from hashlib import blake2b
from operator import xor

import numpy as np
from numpy.typing import NDArray

from labelmetrics.formats.metric_lines import MetricShape, MetricValues
from labelmetrics.kernels.batch import DataRowKey, Ints
from labelmetrics.types.metric import key_digest

__all__ = ["HELD", "Digester", "Held"]

HELD = np.dtype([("high", "<u8"), ("low", "<u8"), ("value", "<u8"), ("row", "<u8")])
"""One metric: its key (two words), its value, its data row."""

ODD = np.uint64(0x9E3779B97F4A7C15)

Records = NDArray[np.void]


class Digester:
    """Makes records of metrics that come some at a time.

    Examples
    --------
    >>> from labelmetrics.formats.metric_lines import MetricReader
    >>> reader, digester = MetricReader(), Digester()
    >>> for value in (3, 3.0, 4):
    ...     reader.add({"dataRow": {"id": "r1"}, "metricName": "m", "metricValue": value}, None, 1)
    >>> records = digester(reader.drain())
    >>> len(set(records["high"].tolist())), [int(one) for one in records["value"] == records["value"][0]]
    (1, [1, 1, 0])
    """

    def __init__(self) -> None:
        self._rows = np.empty((0, 2), np.uint64)
        self._shapes = np.empty((0, 3), np.uint64)

    def __call__(self, values: MetricValues) -> Records:
        """Records of some metrics; their data rows and shapes go on from those of the call before."""
        self._rows = _grown(self._rows, (_row(key) for key in values.rows[len(self._rows) :]), 2)
        self._shapes = _grown(self._shapes, map(_shape, values.shapes[len(self._shapes) :]), 3)
        found = np.empty(len(values), HELD)
        rows, shapes = self._rows[values.row], self._shapes[values.shape]
        found["high"], found["low"] = (rows ^ shapes[:, :2]).T
        found["row"] = rows[:, 0]
        found["value"] = _values(values, shapes[:, 2])
        return found


def _grown(table: NDArray[np.uint64], texts: Iterator[bytes], width: int) -> NDArray[np.uint64]:
    added = b"".join(texts)
    if not added:
        return table
    return np.concatenate([table, np.frombuffer(added, ">u8").astype(np.uint64).reshape(-1, width)])


def _row(key: DataRowKey) -> bytes:
    return key_digest("data_row", str(key))


def _shape(shape: MetricShape) -> bytes:
    parts = (("metric", shape.name), ("feature", shape.feature), ("subclass", shape.subclass))
    key = reduce(xor, (int.from_bytes(key_digest(part, text)) for part, text in parts)).to_bytes(16)
    return key + blake2b(repr((shape.aggregation, shape.keys)).encode(), digest_size=8).digest()


def _values(values: MetricValues, seeds: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Digests of values; metrics with as many numbers are taken together."""
    mixed = seeds.copy()
    widths = np.array([-len(s.keys or (0,)) if s.is_matrix else len(s.keys or (0,)) for s in values.shapes], np.int64)
    width = widths[values.shape]
    for n in np.unique(width).tolist():
        index = np.flatnonzero(width == n)
        at: Ints = values.offset[index, None] + np.arange(abs(n))
        # Zero has a sign, which makes no difference.
        numbers = values.counts[at].reshape(len(index), -1) if n < 0 else values.scalars[at] + 0.0
        words = mixed[index]
        for column in numbers.view(np.uint64).T:
            words = (words ^ column) * ODD
            words ^= words >> np.uint64(32)
        mixed[index] = words
    return mixed


@dataclass(frozen=True, slots=True)
class Held:
    """Metrics that a run holds, as far as is known.

    Parameters
    ----------
    records : ndarray of HELD
        Sorted by key, each key once.
    """

    records: Records

    @classmethod
    def of(cls, parts: Sequence[Records]) -> Held:
        """Put together what comes in parts; of a key that occurs twice the later value counts."""
        records = np.concatenate([np.empty(0, HELD), *parts])
        order = np.lexsort((np.arange(len(records)), records["low"], records["high"]))
        ordered = records[order]
        last = np.ones(len(ordered), bool)
        last[:-1] = (ordered["high"][1:] != ordered["high"][:-1]) | (ordered["low"][1:] != ordered["low"][:-1])
        return cls(ordered[last])

    def find(self, records: Records) -> Ints:
        """Where the keys of other records are held; -1 where they are not."""
        if not len(self.records):
            return np.full(len(records), -1, np.int64)
        # Two keys share their first word once in billions of billions; one that is not found is sent once more.
        at = np.searchsorted(self.records["high"], records["high"])
        at = np.minimum(at, len(self.records) - 1)
        same = (self.records["high"][at] == records["high"]) & (self.records["low"][at] == records["low"])
        return np.where(same, at, -1).astype(np.int64)
