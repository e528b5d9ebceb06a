"""Whether an evaluation is what its inputs give: everything computed again, and compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from labelmetrics.errors import DataRowError
from labelmetrics.evaluation import CustomMetric, Evaluation, Progress, evaluate
from labelmetrics.formats.bad_lines import OnBadLine
from labelmetrics.formats.lmeval import TABLES, read_manifest, read_table
from labelmetrics.formats.manifest import Manifest
from labelmetrics.kernels.batch import Bools

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Difference", "Verification", "verify"]

TOLERANCE = 1e-9
"""Greatest difference of two overlaps that count as equal: other releases of GEOS and numpy round the last digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not as recomputed.

    Parameters
    ----------
    what : str
        ``"ground truth"`` or ``"predictions"`` (the inputs are others), a part of the manifest, or a table and column.
    message : str
        How it differs.

    Examples
    --------
    >>> print(Difference(what="counts.tp", message="1 of 7 values differs, first in row 3: 2, recomputed 1"))
    counts.tp: 1 of 7 values differs, first in row 3: 2, recomputed 1
    """

    what: str
    message: str

    def __str__(self) -> str:
        return f"{self.what}: {self.message}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What :func:`verify` found; true where nothing differs.

    Parameters
    ----------
    differences : list of Difference
        Everything that is not as recomputed.
    unchecked : list of str
        What could not be recomputed.

    Examples
    --------
    >>> bool(Verification(differences=[], unchecked=[]))
    True
    """

    differences: list[Difference]
    unchecked: list[str]

    def __bool__(self) -> bool:
        return not self.differences

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        differences = [{"what": one.what, "message": one.message} for one in self.differences]
        return {"ok": bool(self), "differences": differences, "unchecked": self.unchecked}

    def __repr__(self) -> str:
        lines = [str(one) for one in self.differences] or ["as recomputed"]
        return "\n".join([*lines, *(f"not checked: {one}" for one in self.unchecked)])


def verify(
    evaluation: Evaluation | str | Path,
    ground_truths: Any,
    predictions: Any,
    *,
    data_rows: Any = None,
    custom: Sequence[CustomMetric] = (),
    workers: int | None = None,
    progress: Progress | None = None,
    on_bad_line: OnBadLine = "error",
    max_bad_lines: int | None = None,
) -> Verification:
    """Compute an evaluation again from its inputs, with its own settings, and compare.

    Parameters
    ----------
    evaluation : Evaluation or path
        What is to be verified.
    ground_truths, predictions, data_rows
        The inputs that it is said to come from, as for :func:`~labelmetrics.evaluate`.
    custom : sequence of callable
        Its custom metrics; without them those in the evaluation are not checked.
    workers, progress, on_bad_line, max_bad_lines
        As for :func:`~labelmetrics.evaluate`.

    Returns
    -------
    Verification
        True if digests, manifest and every table are as recomputed.

    Raises
    ------
    LabelmetricsError
        Inputs that cannot be read or compared.

    Examples
    --------
    >>> from labelmetrics.types import ImageData, Label, ObjectAnnotation, Point, Rectangle
    >>> box = Rectangle(start=Point(x=0, y=0), end=Point(x=4, y=4))
    >>> label = Label(data=ImageData(uid="a"), annotations=[ObjectAnnotation(name="cat", value=box)])
    >>> verify(evaluate([label], [label]), [label], [label])
    as recomputed
    """
    if isinstance(evaluation, Evaluation):
        manifest, tables = evaluation.manifest, evaluation.tables()
    else:
        # The tables as they are: they need not fit together, which loading them would ask for.
        manifest, tables = read_manifest(evaluation), {name: read_table(evaluation, name) for name in TABLES}
    settings = manifest.settings.model_dump()
    lacks_table = data_rows is None and _says_more_than_keys(tables["data_rows"])
    try:
        again = evaluate(
            ground_truths,
            predictions,
            data_rows=data_rows,
            custom=custom,
            workers=workers,
            progress=progress,
            on_bad_line=on_bad_line,
            max_bad_lines=max_bad_lines,
            **{**settings, "confidences": settings["confidences"] or None},
        )
    except DataRowError as error:
        if not lacks_table:
            raise
        message, _, _ = str(error).partition("\n")
        raise DataRowError(
            "the evaluation was made with a table of data rows: give it too (data_rows=, --data-rows). Without it, "
            f"{message}",
            error.faults,
        ) from error
    recomputed = again.tables()
    old, new = (_metrics(either.pop("metrics")) for either in (tables, recomputed))
    differences = [*_of_manifests(manifest, again.manifest)]
    for name, table in recomputed.items():
        differences += _of_tables(name, tables[name], table)
    if custom and old != new:
        differences.append(Difference(what="custom metrics", message="differ"))
    unchecked = ["custom metrics, since their functions were not given"] if old and not custom else []
    if lacks_table and not _says_more_than_keys(recomputed["data_rows"]):
        unchecked.append("the table of data rows, since it was not given (data_rows=, --data-rows)")
    return Verification(differences, unchecked)


def _says_more_than_keys(data_rows: pa.Table) -> bool:
    """Whether it comes from a table of data rows: the inputs alone name each in one way, and say nothing else."""
    return sum(bool(column.null_count < len(column)) for column in data_rows.columns) > 1


def _metrics(table: pa.Table) -> list[str]:
    """Metric lines without their uuids, which another run of a function may choose anew."""
    import orjson

    def plain(line: str) -> str:
        try:
            found = orjson.loads(line)
        except orjson.JSONDecodeError:
            return line
        return orjson.dumps({**found, "uuid": None}, option=orjson.OPT_SORT_KEYS).decode()

    return sorted(map(plain, table.column("line").to_pylist()))


def _of_manifests(old: Manifest, new: Manifest) -> Iterator[Difference]:
    if old.digests.ground_truth != new.digests.ground_truth:
        yield Difference(what="ground truth", message="is not the ground truth that was evaluated")
    if old.digests.prediction != new.digests.prediction:
        yield Difference(what="predictions", message="are not the predictions that were evaluated")
    for name in type(old.counts).model_fields:
        if getattr(old.counts, name) != getattr(new.counts, name):
            message = f"{getattr(old.counts, name):,}, recomputed {getattr(new.counts, name):,}"
            yield Difference(what=f"number of {name.replace('_', ' ')}", message=message)
    for name in ("key_kind", "features", "classifications", "subclasses", "confidence_keys"):
        if getattr(old, name) != getattr(new, name):
            message = f"{getattr(old, name)!s:.200}, recomputed {getattr(new, name)!s:.200}"
            yield Difference(what=name.replace("_", " "), message=message)


def _of_tables(name: str, left: pa.Table, right: pa.Table) -> Iterator[Difference]:
    if left.column_names != right.column_names:
        yield Difference(what=name, message=f"has columns {left.column_names}, recomputed {right.column_names}")
    elif left.num_rows != right.num_rows:
        yield Difference(what=name, message=f"has {left.num_rows:,} rows, recomputed {right.num_rows:,}")
    else:
        for column in left.column_names:
            differs = _differs(left.column(column), right.column(column))
            if differs.any():
                first = int(differs.argmax())
                n = int(differs.sum())
                values = [table.column(column)[first].as_py() for table in (left, right)]
                yield Difference(
                    what=f"{name}.{column}",
                    message=f"{n:,} of {len(differs):,} values {'differs' if n == 1 else 'differ'}, first in row "
                    f"{first + 1}: {values[0]!r:.80}, recomputed {values[1]!r:.80}",
                )


def _differs(left: Any, right: Any) -> Bools:
    """Which values of two columns of one length are unlike."""
    import pyarrow as pa

    sides = [_plain(side) for side in (left, right)]
    if sides[0].type == sides[1].type and sides[0].equals(sides[1]):
        return np.zeros(len(left), bool)
    if all(pa.types.is_floating(side.type) for side in sides):
        one, other = (side.to_numpy(zero_copy_only=False) for side in sides)
        unlike: Bools = ~np.isclose(one, other, rtol=0, atol=TOLERANCE, equal_nan=True)
        return unlike
    pairs = zip(sides[0].to_pylist(), sides[1].to_pylist(), strict=True)
    return np.fromiter((one != other for one, other in pairs), bool, len(left))


def _plain(column: Any) -> Any:
    import pyarrow as pa

    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return whole.dictionary_decode() if pa.types.is_dictionary(whole.type) else whole
