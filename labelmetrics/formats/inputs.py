"""The two sides of an evaluation, from whatever they are given as."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from labelmetrics.errors import InputError, LabelmetricsWarning, SettingError
from labelmetrics.formats.annotation_lines import read_annotations, read_lines_of, read_table
from labelmetrics.formats.bad_lines import BadLines
from labelmetrics.formats.blocks import open_bytes
from labelmetrics.formats.data_rows import read_data_rows
from labelmetrics.formats.objects import columns_of_labels
from labelmetrics.formats.storage import is_url, path_of
from labelmetrics.kernels.batch import Columns

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["coco", "ndjson", "labelbox-export"]
Geometry = Literal["bbox", "segm"]

SNIFFED = 1 << 16


@dataclass(frozen=True, slots=True)
class Sides:
    """Both sides as columns.

    Parameters
    ----------
    ground_truth, prediction : Columns
        The annotations.
    table : pyarrow.Table or None
        Data rows, where the input or the caller says which there are.
    canonical : tuple of bool
        Of each side, whether the order of annotations is that of lines, which must not matter.
    ordered : bool
        Whether positions in the input mean something all the same: COCO settles ties of score by them.
    """

    ground_truth: Columns
    prediction: Columns
    table: pa.Table | None
    canonical: tuple[bool, bool]
    ordered: bool = False


def read_sides(
    ground_truths: Any,
    predictions: Any,
    *,
    format: Format | None = None,
    geometry: Geometry | None = None,
    data_rows: Any = None,
    bad_lines: BadLines,
    workers: int | None = None,
) -> Sides:
    """Read both sides.

    Parameters
    ----------
    ground_truths, predictions
        Path, Arrow table, iterable of ``Label`` or of annotation lines, or (for ground truths) a
        ``LabelboxExport``.
    format : {"coco", "ndjson", "labelbox-export"}, optional
        Format of the files; found out from their beginnings unless given.
    geometry : {"bbox", "segm"}, optional
        What is read from COCO files; boxes unless given.
    data_rows
        Table of data rows, see :func:`~labelmetrics.formats.data_rows.read_data_rows`.
    bad_lines : BadLines
        Told about lines that cannot be read.
    workers : int, optional
        With more than one, both sides are read at the same time.

    Raises
    ------
    InputError
        Input that cannot be read.
    SettingError
        An unknown format or geometry.
    """
    if format is not None and format not in get_args(Format):
        raise SettingError(f"format must be one of {', '.join(get_args(Format))}, got {format!r}")
    if geometry is not None and geometry not in get_args(Geometry):
        raise SettingError(f"geometry must be bbox or segm, got {geometry!r}")
    if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
        raise SettingError(f"workers must be a whole number of at least 1, got {workers!r}")
    warn_of_shared(*([source] if isinstance(source, str | Path) else [] for source in (ground_truths, predictions)))
    sides = _read_both(ground_truths, predictions, format, geometry, data_rows, bad_lines, workers)
    both = ((ground_truths, sides.ground_truth), (predictions, sides.prediction))
    warn_of_contents(
        {
            str(source): source
            for source, columns in both
            if isinstance(source, str | Path) and not (len(columns) or columns.listed or bad_lines.count)
        },
        scored=[int((columns.confidence >= 0).sum()) for _, columns in both],
        predictions=len(sides.prediction),
    )
    return sides


def warn_of_shared(ground_truths: Iterable[str | Path], predictions: Iterable[str | Path]) -> None:
    """Warn of a file that is on both sides."""

    def is_file(path: str | Path) -> bool:
        return not is_url(path) and Path(path).is_file()

    truths, guesses = (
        {(stat.st_dev, stat.st_ino): path for path in side if is_file(path) and (stat := Path(path).stat())}
        for side in (ground_truths, predictions)
    )
    for one in list(truths.keys() & guesses.keys())[:1]:
        _warn(f"{truths[one]}: is given as ground truth and as predictions")


def warn_of_contents(empty: Mapping[str, str | Path], *, scored: Sequence[int], predictions: int) -> None:
    """Warn of sides that look mistaken.

    Parameters
    ----------
    empty : dict of str to path
        Sides without annotations, as they were named, each with its first file.
    scored : sequence of int
        Number of annotations with a confidence, of each side.
    predictions : int
        Number of predictions.
    """
    for name, file in empty.items():
        only = ", only metric lines" if b'"metricValue"' in _head(file) else ""
        _warn(f"{name}: holds no annotations{only}")
    if predictions and scored[0] and not scored[1]:
        _warn("the ground truths have confidences and the predictions have none: are the two sides swapped?")


def _warn(message: str) -> None:
    warnings.warn(message, LabelmetricsWarning, stacklevel=5)  # where evaluate is called


def is_stream(path: str | Path) -> bool:
    """Whether a path is standard input or a pipe: what is read from it is gone."""
    if is_url(path):
        return False
    return str(path) == "-" or (Path(path).exists() and not Path(path).is_file() and not Path(path).is_dir())


def why_whole(path: str | Path) -> str | None:
    """Why a file can only be read into memory as a whole; ``None`` where it can be read piece by piece."""
    if is_stream(path):
        return f"{'standard input' if str(path) == '-' else path} can only be read into memory as a whole"
    if path_of(path).suffix == ".parquet" or (found := _format(path, None)) == "ndjson":
        return None
    words = "a COCO file" if found == "coco" else "an export of the platform"
    return f"{path}: {words} can only be read into memory as a whole"


def _read_both(
    ground_truths: Any,
    predictions: Any,
    format: Format | None,
    geometry: Geometry | None,
    data_rows: Any,
    bad_lines: BadLines,
    workers: int | None,
) -> Sides:
    table = None if data_rows is None else read_data_rows(data_rows)
    is_file = [isinstance(side, str | Path) for side in (ground_truths, predictions)]
    kind = _format(ground_truths, format) if is_file[0] else None
    if geometry is not None and kind != "coco":
        warnings.warn("geometry (--geometry) is about COCO files only", LabelmetricsWarning, stacklevel=4)
    if kind == "coco":
        from labelmetrics.formats.coco import read_ground_truth, read_results

        truth, images = read_ground_truth(ground_truths, geometry or "bbox")
        if is_file[1] and _format(predictions, format) == "coco":
            guess = read_results(predictions, images, geometry or "bbox")
            listed = False
        else:
            guess = _read(predictions, bad_lines)
            listed = bool(guess.listed)
        return Sides(truth, guess, images if table is None else table, canonical=(True, not listed), ordered=True)
    if kind == "labelbox-export" or (hasattr(ground_truths, "columns") and hasattr(ground_truths, "data_rows")):
        from labelmetrics.formats.labelbox_export import from_labelbox_export

        export = from_labelbox_export(ground_truths) if kind else ground_truths
        rows = export.data_rows if table is None else table
        guess = _read(predictions, bad_lines)
        return Sides(export.columns, guess, rows, canonical=(True, not guess.listed))
    if workers is not None and workers > 1 and all(is_file):
        with ThreadPoolExecutor(2) as pool:
            logs = [BadLines(file=bad_lines.file), BadLines(file=bad_lines.file)]
            truth, guess = pool.map(_read, (ground_truths, predictions), logs)
        for log in logs:
            bad_lines.extend(log)
    else:
        truth, guess = _read(ground_truths, bad_lines), _read(predictions, bad_lines)
    # Positions mean something in lists of labels only; lines may come in any order.
    return Sides(truth, guess, table, canonical=(not truth.listed, not guess.listed))


def _format(path: str | Path, given: Format | None) -> Format:
    if given is not None:
        return given
    head = _head(path)
    if b'"dataRow"' in head:
        return "ndjson"
    if b'"data_row"' in head:
        return "labelbox-export"
    return "coco" if b'"image_id"' in head or b'"images"' in head else "ndjson"


def _head(path: str | Path) -> bytes:
    """The beginning of a file; of standard input what has arrived, which stays there to be read."""
    if str(path) == "-":
        peek = getattr(sys.stdin.buffer, "peek", None)
        return b"" if peek is None else bytes(peek(SNIFFED))
    with open_bytes(path) as stream:
        try:
            return stream.read(SNIFFED)
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error}") from error


def _read(side: Any, bad_lines: BadLines) -> Columns:
    if isinstance(side, str | Path):
        return read_annotations(side, bad_lines)
    if hasattr(side, "column_names"):
        return read_table(side).columns
    if not isinstance(side, Iterable) or isinstance(side, Mapping | bytes) or hasattr(side, "annotations"):
        raise InputError(f"annotations are a path, a table, or a list of labels or lines, not {type(side).__name__}")
    items = iter(side)
    first = next(items, None)
    if first is None:
        return Columns.empty()
    whole = chain([first], items)
    if isinstance(first, Mapping):
        return read_lines_of(whole, bad_lines)
    if hasattr(first, "annotations") and hasattr(first, "data"):
        return columns_of_labels(whole)
    raise InputError(
        f"annotations are given as Label objects or as annotation lines, not as {type(first).__name__}; "
        "put annotations of a data row into a Label"
    )
