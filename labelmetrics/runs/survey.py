"""One pass over what is to be sent: every fault, and digests to compare it with what a run holds."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from labelmetrics.errors import Fault
from labelmetrics.formats.known import Known
from labelmetrics.formats.metric_columns import OverLimit, Usage
from labelmetrics.formats.metric_lines import MetricValues
from labelmetrics.kernels.aggregation import grouped
from labelmetrics.kernels.batch import Bools, DataRowKey, Ints
from labelmetrics.limits import Limits
from labelmetrics.runs.digests import Digester, Held, Records
from labelmetrics.runs.source import Source
from labelmetrics.validation import Check, Report

__all__ = ["Survey", "survey"]

TOO_MANY = "metrics-per-data-row"
LIMITS = frozenset({"confidence-keys", "count-max", "data-rows-per-run", TOO_MANY, "reserved-name", "scalar-range"})
"""Rules that the platform has and other servers need not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What one pass over the lines found.

    Parameters
    ----------
    report : Report
        Every fault, limits aside where they do not count.
    digest : str
        Digest of all lines.
    size : int
        Their bytes.
    line : ndarray of int64
        Which of the lines each metric is; other lines are other annotations.
    named : ndarray of int8
        Whether each metric has a uuid: 0 says it has none, 1 that there is null, 2 that it has one.
    records : ndarray of HELD
        Digests of each metric.
    values : MetricValues
        The metrics, without their numbers.
    rows : list of DataRowKey
        All data rows.
    fitting : ndarray of bool, optional
        Which metrics stay, where features were left out to keep to the limit.
    """

    report: Report
    digest: str
    size: int
    line: Ints
    named: NDArray[np.int8]
    records: Records
    values: MetricValues
    rows: list[DataRowKey]
    fitting: Bools | None = None


class _Support:
    """Ground truths of each feature, as confusion matrices tell."""

    def __init__(self) -> None:
        self.found: Counter[tuple[str | None, str]] = Counter()

    def __call__(self, values: MetricValues) -> None:
        counted = [shape.is_matrix and shape.feature is not None and shape.subclass is None for shape in values.shapes]
        index = np.flatnonzero(np.array(counted, bool)[values.shape])
        truths = values.counts[values.offset[index]][:, [0, 3]].sum(axis=1)
        sums = np.bincount(values.shape[index], truths, minlength=len(values.shapes))
        for code in np.flatnonzero(sums).tolist():
            shape = values.shapes[code]
            self.found[shape.name, str(shape.feature)] += int(sums[code])

    def by_feature(self) -> dict[str, int]:
        most: dict[str, int] = {}
        for (_, feature), n in self.found.items():
            most[feature] = max(most.get(feature, 0), n)
        return most


def survey(source: Source, limits: Limits, over_limit: OverLimit) -> Survey:
    """Look at every line once.

    Raises
    ------
    InputError
        A file cannot be read.
    LimitError
        Leaving out features does not help a data row that has too many metrics.
    """
    digester, support = Digester(), _Support()
    parts: list[Records] = []

    def use(values: MetricValues) -> None:
        parts.append(digester(values))
        if over_limit == "fit":
            support(values)

    check = Check(limits, use)
    line = array("q")
    text, size = blake2b(digest_size=16), 0
    for number, entry in enumerate(source.entries()):
        before = len(check.reader)
        check.add(entry)
        if len(check.reader) > before:
            line.append(number)
        text.update(entry.item)
        text.update(b"\n")
        size += len(entry.item) + 1
    # Which kind of keys the data rows have is for the server to say.
    check.finish(Known.of(None, None, None), is_one_kind=False)
    values = check.reader.values()
    report = check.report()
    fitting = None
    if over_limit == "fit" and report.rules.get(TOO_MANY):
        fitting = _fitting(values, limits.metrics_per_data_row, support.by_feature())
    dropped = LIMITS if over_limit == "keep" else {TOO_MANY} if fitting is not None else frozenset()
    return Survey(
        report=_without(report, dropped),
        digest=text.hexdigest(),
        size=size,
        line=np.array(line, np.int64),
        named=np.array(check.named, np.int8),
        records=np.concatenate([np.empty(0, digester(check.reader.drain()).dtype), *parts]),
        values=values,
        rows=list(check.rows),
        fitting=fitting,
    )


def _fitting(values: MetricValues, limit: int, support: dict[str, int]) -> Bools:
    """Metrics that stay when whole features are left out, those with the fewest ground truths first."""
    features = list(dict.fromkeys(shape.feature for shape in values.shapes if shape.feature is not None))
    codes = {name: code for code, name in enumerate(features)}
    of_shape = np.array([-1 if shape.feature is None else codes[shape.feature] for shape in values.shapes], np.int32)
    feature = of_shape[values.shape]
    usage = Usage(rows=len(values.rows), over=1, row=values.row.astype(np.int32), feature=feature, features=features)
    kept = usage.kept(limit, "fit", support) or set()
    stays = np.array([*(name in kept for name in features), True])
    return stays[feature]


def _without(report: Report, dropped: frozenset[str] | set[str]) -> Report:
    return Report(
        faults=tuple(fault for fault in report.faults if fault.rule not in dropped),
        rules={rule: n for rule, n in report.rules.items() if rule not in dropped},
        lines=report.lines,
        metrics=report.metrics,
        annotations=report.annotations,
        data_rows=report.data_rows,
    )


def over_with_held(
    found: Survey, chosen: Bools, held: Held | None, at: Ints, limits: Limits
) -> tuple[int, list[Fault]]:
    """What is too much together with what the run holds: data rows with too many metrics, and the faults to tell.

    Parameters
    ----------
    found : Survey
        What is sent.
    chosen : ndarray of bool
        Which of its metrics are.
    held : Held or None
        What the run holds.
    at : ndarray of int64
        Where each metric is held, -1 where it is new.
    limits : Limits
        The platform's limits.
    """
    faults: list[Fault] = []
    row = found.values.row
    key = np.column_stack([found.records["high"].view(np.int64), found.records["low"].view(np.int64)])[chosen]
    order, starts = grouped(key)
    new = np.flatnonzero(chosen)[order[starts]]
    new = new[at[new] < 0]
    n = len(found.values.rows)
    per_row = np.bincount(row[new], minlength=n)
    if held is not None and len(held.records):
        words = np.zeros(n, np.uint64)
        words[row] = found.records["row"]
        rows, counts = np.unique(held.records["row"], return_counts=True)
        place = np.minimum(np.searchsorted(rows, words), len(rows) - 1)
        known = rows[place] == words
        per_row += np.where(known, counts[place], 0)
        total = len(rows) + int((~known).sum())
        if total > limits.data_rows_per_run:
            message = f"{total:,} data rows with those of the run, which takes {limits.data_rows_per_run:,}"
            faults.append(Fault(rule="data-rows-per-run", message=message, remedy="divide them among runs"))
    limit = limits.metrics_per_data_row
    over = np.flatnonzero(per_row > limit)
    # Rows that get nothing new are as they were.
    over = over[np.isin(over, row[new])]
    if not len(over):
        return 0, faults
    worst = int(over[per_row[over].argmax()])
    message = f"the data row would have {per_row[worst]} metrics with those of the run, the platform takes {limit}"
    remedy = 'send fewer metrics, or all of them to a server that takes them (over_limit="keep")'
    faults.append(Fault(rule=TOO_MANY, message=message, remedy=remedy, data_row=str(found.values.rows[worst])))
    return len(over), faults
