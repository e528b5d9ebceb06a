"""A run that takes part in a comparison: an evaluation, or metric lines with what their sidecar tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from labelmetrics.comparing.measures import OF_COUNTS, RATIOS, Measured, of_scalars
from labelmetrics.curves import average_precision, calibration
from labelmetrics.errors import SettingError
from labelmetrics.evaluation import Evaluation, load
from labelmetrics.formats.gate_config import WHOLE
from labelmetrics.formats.manifest import Digests, Settings
from labelmetrics.formats.metric_columns import CLASSIFICATION, MIOU, built_in_names
from labelmetrics.formats.provenance import read_provenance
from labelmetrics.kernels.aggregation import Method
from labelmetrics.kernels.batch import Ints
from labelmetrics.kernels.thresholds import threshold_name
from labelmetrics.rollup import Rollup, aggregate
from labelmetrics.rollup_input import Choice, Gathered, MetricLines
from labelmetrics.words import near

THRESHOLD = "pct_iou"
"""What names of confusion matrices of objects end in."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Side:
    """One run.

    Parameters
    ----------
    name : str
        What it is called.
    evaluation : Evaluation or None
        The evaluation.
    lines : MetricLines or None
        Metric lines, where there is no evaluation.
    settings : Settings or None
        What it was asked for; ``None`` where that is unknown.
    digests : Digests or None
        Of its inputs, likewise.
    fitted : bool
        Whether features were left out of the lines.
    """

    name: str
    evaluation: Evaluation | None = None
    lines: MetricLines | None = None
    settings: Settings | None = None
    digests: Digests | None = None
    fitted: bool = False

    @classmethod
    def of(cls, source: Any, *, data_rows: Any = None, name: str = "evaluation") -> Side:
        """The run that an evaluation, a path or lines are of."""
        if isinstance(source, str | Path):
            name = Path(source).name
            if Path(source).is_dir():
                source = load(source)
        if isinstance(source, Evaluation):
            manifest = source.manifest
            return cls(name=name, evaluation=source, settings=manifest.settings, digests=manifest.digests)
        provenance = read_provenance(source) if isinstance(source, str | Path) else None
        lines = MetricLines(source, data_rows)
        if provenance is None:
            return cls(name=name, lines=lines)
        return cls(
            name=name,
            lines=lines,
            settings=provenance.settings,
            digests=provenance.digests,
            fitted=provenance.fitted,
        )

    @cached_property
    def names(self) -> set[str]:
        """Names of its metrics."""
        if self.evaluation is not None:
            custom = {metric.metric_name for _, metric in self.evaluation.custom}
            return {*built_in_names(self.evaluation.results.grid), *filter(None, custom)}
        return {shape.name for shape in self._lines.values.shapes if shape.name is not None}

    @property
    def _lines(self) -> MetricLines:
        assert self.lines is not None
        return self.lines

    @cached_property
    def _gathered(self) -> Gathered:
        """The data rows of the lines, without a value."""
        return self._lines.gathered(Choice(set(), None, nearest=False))

    @cached_property
    def rows(self) -> list[str]:
        """Its data rows, with the kind of their keys."""
        if self.evaluation is None:
            return self._gathered.rows
        kind = self.evaluation.key_kind
        return [f"{kind}:{row}" for row in self.evaluation.data_rows.column(kind).to_pylist()]

    def described(self) -> Iterator[dict[str, Any]]:
        """Each data row as the table of data rows has it, with ``metadata`` as a dict."""
        import orjson

        if self.evaluation is not None:
            table = self.evaluation.data_rows
        elif self._gathered.table is not None:
            table = self._gathered.table.take(self._gathered.position)
        else:
            for row in self.rows:
                kind, _, key = row.partition(":")
                yield {kind: key, "metadata": {}}
            return
        for row in table.to_pylist():
            yield {**row, "metadata": orjson.loads(row["metadata"]) if row["metadata"] else {}}

    @property
    def is_described(self) -> bool:
        """Whether there is a table of data rows."""
        return self.evaluation is not None or self._lines.table is not None

    @cached_property
    def features(self) -> list[str]:
        """Its features, sorted."""
        if self.evaluation is not None:
            return sorted({*self.evaluation.results.features, *_named(self.evaluation, "feature_name")})
        return sorted({shape.feature for shape in self._lines.values.shapes if shape.feature is not None})

    @cached_property
    def subclasses(self) -> list[str]:
        """Its nested answers, sorted."""
        if self.evaluation is not None:
            return sorted({*self.evaluation.results.subclasses, *_named(self.evaluation, "subclass_name")})
        return sorted({shape.subclass for shape in self._lines.values.shapes if shape.subclass is not None})

    def _matrices(self) -> frozenset[str]:
        """Names of the confusion matrices that precision, recall and F1 are made of."""
        if self.settings is not None:
            wanted = {threshold_name(self.settings.iou[0])}
        else:
            wanted = {name for name in self.names if name.endswith(THRESHOLD)}
            if len(wanted) > 1:
                raise SettingError(
                    f"{self.name} has several confusion matrices and no sidecar that tells which is meant: name one, "
                    f'such as metric = "{min(wanted)}.f1"'
                )
        found = frozenset((wanted | {CLASSIFICATION}) & self.names)
        if not found:
            raise SettingError(f"{self.name} has no confusion matrix; {_there_are(self.names)}")
        return found

    def _meant(self, metric: str) -> tuple[frozenset[str], str | None]:
        """The metric names that are put together for a metric, and what is made of their counts."""
        if metric in self.names:
            return frozenset([metric]), None
        if metric in OF_COUNTS:
            return self._matrices(), metric
        if metric == "miou":
            metric = MIOU
        name, _, ratio = metric.rpartition(".")
        if ratio in RATIOS and name in self.names:
            return frozenset([name]), ratio
        if metric not in self.names:
            known = [*self.names, *OF_COUNTS, "miou", *WHOLE]
            hint = near(metric, known) or f"; {_there_are(self.names)}"
            raise SettingError(f"{self.name} has no metric {metric!r}{hint}")
        return frozenset([metric]), None

    def measure(self, metric: str, feature: str | None, subclass: str | None, confidence: float | None) -> Measured:
        """One metric, by data row.

        Raises
        ------
        SettingError
            There is no such metric or confidence key, the metric is a confusion matrix, or features were left out of
            the lines.
        """
        if feature is not None and self.fitted:
            raise SettingError(
                f"{self.name}: features were left out of these lines to respect a limit, so checks of features are "
                "refused; give the evaluation file"
            )
        names, ratio = self._meant(metric)
        index = self._indexed(names, confidence)
        rows, positions = index.find(feature, subclass)
        rollup = index.rollup
        is_matrix = bool(rollup.is_matrix[positions].all()) if len(positions) else ratio is not None
        if ratio is None and is_matrix and len(positions):
            raise SettingError(
                f"{metric} is a confusion matrix: check one of {', '.join(f'{metric}.{one}' for one in RATIOS)}"
            )
        if ratio is not None:
            if self.fitted and names & {CLASSIFICATION, *(n for n in self.names if n.endswith(THRESHOLD))}:
                raise SettingError(
                    f"{self.name}: features were left out of these lines to respect a limit, so {metric} cannot be put "
                    "together from them; give the evaluation file"
                )
            if len(positions) and not is_matrix:
                raise SettingError(f"{metric}: only confusion matrices have {ratio}")
            counts = rollup.counts[positions][:, [0, 1, 3]].astype(np.float64)
            if len(names) > 1 and len(rows):  # a data row has objects and answers
                starts = np.flatnonzero(np.diff(rows, prepend=-1))
                rows, counts = rows[starts], np.add.reduceat(counts, starts, axis=0)
            return Measured(row=rows, columns=counts, of_sums=OF_COUNTS[ratio], is_counts=True)
        (name,) = names
        known = dict(zip(rollup.names, rollup.aggregations, strict=True))
        method = Method[known.get(name, "ARITHMETIC_MEAN")]
        columns, of_sums = of_scalars(rollup.value[positions], method)
        return Measured(row=rows, columns=columns, of_sums=of_sums, is_counts=False)

    @cached_property
    def _indices(self) -> dict[tuple[frozenset[str], float | None], _Index]:
        return {}

    def _indexed(self, names: frozenset[str], confidence: float | None) -> _Index:
        key = names, confidence
        if key not in self._indices:
            self._indices[key] = _Index(self._rollup(names, confidence), self.rows)
        return self._indices[key]

    def forget(self) -> None:
        """Let go of what was put together for measuring."""
        self._indices.clear()

    def _rollup(self, names: frozenset[str], confidence: float | None) -> Rollup:
        return aggregate(self.evaluation or self._lines, by="data_row", metric=names, confidence=confidence)

    def whole(self, metric: str, feature: str | None, rows: list[str] | None) -> float | None:
        """A metric that is made from all predictions at once, of some of the data rows.

        Raises
        ------
        SettingError
            There are metric lines only.
        """
        if self.evaluation is None:
            raise SettingError(f"{metric} is made from pairs, which metric lines do not have: give the evaluation file")
        found = self.evaluation if rows is None else self.evaluation.slice(rows)
        if feature is not None and feature not in found.results.features:
            return None
        value = _WHOLE[metric](found, feature)
        return None if np.isnan(value) or value < 0 else value


def _ap(evaluation: Evaluation, feature: str | None, iou: float | None) -> float:
    return average_precision(evaluation, feature=feature, iou=iou)["AP"]


_WHOLE: dict[str, Callable[[Evaluation, str | None], float]] = {
    "ap": lambda evaluation, feature: _ap(evaluation, feature, None),
    "ap50": lambda evaluation, feature: _ap(evaluation, feature, 0.5),
    "ece": lambda evaluation, feature: calibration(evaluation, feature).ece,
}


class _Index:
    """Values of a rollup by data row, found by feature and subclass."""

    def __init__(self, rollup: Rollup, rows: list[str]) -> None:
        self.rollup = rollup
        place = {row: code for code, row in enumerate(rows)}
        groups = np.array([place.get(row, -1) for row in rollup.groups], np.int64)
        self._row = groups[rollup.key[:, 0]] if len(rollup) else np.empty(0, np.int64)
        self._features = {name: code for code, name in enumerate(rollup.features)}
        self._subclasses = {name: code for code, name in enumerate(rollup.subclasses)}
        self._code = self._codes(rollup.key[:, 2], rollup.key[:, 3])
        self._order = np.lexsort((self._row, self._code))
        self._sorted = self._code[self._order]

    def _codes(self, feature: Any, subclass: Any) -> Any:
        return (feature + 1) * (len(self._subclasses) + 1) + subclass + 1

    def find(self, feature: str | None, subclass: str | None) -> tuple[Ints, Ints]:
        """Data rows, rising, and where their values are."""
        codes = []
        for known, name in ((self._features, feature), (self._subclasses, subclass)):
            if name is not None and name not in known:
                return np.empty(0, np.int64), np.empty(0, np.int64)
            codes.append(-1 if name is None else known[name])
        code = self._codes(*codes)
        positions = self._order[np.searchsorted(self._sorted, code) : np.searchsorted(self._sorted, code, "right")]
        return self._row[positions], positions


def _named(evaluation: Evaluation, field: str) -> set[str]:
    return {name for _, metric in evaluation.custom if (name := getattr(metric, field)) is not None}


def _there_are(names: set[str]) -> str:
    return f"its metrics are {', '.join(sorted(names)) or 'none'}"
