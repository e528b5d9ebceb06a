"""Platform NDJSON: lines of annotations and metrics, to models and back.

:func:`parse_json` and :func:`parse_line` give the models of one line, :func:`read` those of a file;
:func:`to_lines` and :func:`write_lines` go the other way. :class:`NDJsonConverter` has the names that people know from
the Labelbox SDK. Millions of lines are not read here but in columns, with this as the way that finds what is wrong.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, cast

from labelmetrics.errors import Fault, InputError
from labelmetrics.formats._parsing import BENCHMARK, Parsed, parse_json, parse_line
from labelmetrics.formats._writing import to_lines
from labelmetrics.formats.output import open_output
from labelmetrics.kernels.batch import DataRowKey
from labelmetrics.types import GenericDataRowData, Label
from labelmetrics.types.base import kind_of_value

__all__ = ["NDJsonConverter", "Parsed", "parse_json", "parse_line", "read", "read_lines", "to_lines", "write_lines"]

_BOM = b"\xef\xbb\xbf"


def read_lines(source: str | Path | Iterable[bytes] | Iterable[str]) -> Iterator[tuple[int, bytes]]:
    """Lines of a file that are not blank, with their numbers, counted from 1.

    Parameters
    ----------
    source : str, Path or file
        NDJSON, perhaps compressed by gzip or zstd and with a byte order mark or CRLF; or a JSON array, whose elements
        then are the lines; ``"-"`` is standard input. An open file is read as it is, line by line.

    Raises
    ------
    InputError
        The file cannot be read or unpacked, or a line is longer than 64 MiB.
    """
    if isinstance(source, str | Path):
        from labelmetrics.formats.blocks import read_blocks

        for block in read_blocks(source):
            yield from block.lines()
        return
    for number, line in enumerate(cast("Iterable[bytes | str]", source), 1):
        text = line.encode() if isinstance(line, str) else line
        text = (text.removeprefix(_BOM) if number == 1 else text).strip(b" \t\r\n")
        if text:
            yield number, text


def read(
    source: str | Path | Iterable[bytes] | Iterable[str], on_fault: Callable[[Fault], object] | None = None
) -> Iterator[Parsed]:
    r"""Models of all lines of a file.

    Parameters
    ----------
    source : str, Path or file
        As in :func:`read_lines`.
    on_fault : callable, optional
        Called with each fault; its lines are passed over. Without it, all faults are raised together in the end.

    Yields
    ------
    Parsed
        Data row and model.

    Raises
    ------
    InputError
        The file cannot be read, or without ``on_fault`` there are bad lines.

    Examples
    --------
    >>> import io
    >>> line = b'{"dataRow": {"id": "r1"}, "metricName": "m", "metricValue": 1}'
    >>> [parsed.data_row.value for parsed in read(io.BytesIO(line))]
    ['r1']
    >>> list(read(io.BytesIO(line + b"\n{"), on_fault=print))  # doctest: +ELLIPSIS
    line 2: unexpected end of data, at column 2 [syntax]
    [Parsed(...)]
    """
    name = str(source) if isinstance(source, str | Path) else getattr(source, "name", None)
    faults: list[Fault] = []
    for number, text in read_lines(source):
        try:
            yield from parse_json(text)
        except InputError as error:
            for fault in error.faults:
                (on_fault or faults.append)(replace(fault, file=name and str(name), line=number))
    if faults:
        raise InputError("there are lines that cannot be read", faults)


def write_lines(path: str | Path, lines: Iterable[Mapping[str, Any]]) -> int:
    """Write lines to a file, which appears when it is complete.

    Parameters
    ----------
    path : str or Path
        The file; compressed if it ends in ``.gz`` or ``.zst``; ``"-"`` is standard output.
    lines : iterable of mapping
        The lines, e.g. of :func:`to_lines`.

    Returns
    -------
    int
        Number of lines.

    Examples
    --------
    >>> write_lines("-", [{"uuid": "u1", "metricValue": 0.5}])
    {"uuid":"u1","metricValue":0.5}
    1
    """
    with open_output(path) as stream:
        text = io.TextIOWrapper(stream, "utf-8", newline="\n", write_through=True)
        count = _write(text, lines)
        text.detach()
    return count


def _write(file: IO[str], lines: Iterable[Mapping[str, Any]]) -> int:
    import ndjson

    writer = ndjson.writer(file, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    count = 0
    for line in lines:
        writer.writerow(line)
        count += 1
    return count


class NDJsonConverter:
    """Labels to lines and back, under the names of the Labelbox SDK.

    Examples
    --------
    >>> from labelmetrics.types import ImageData, ScalarMetric
    >>> metric = ScalarMetric(metric_name="iou_custom", value=0.5)
    >>> lines = list(NDJsonConverter.serialize([Label(data=ImageData(uid="r1"), annotations=[metric])]))
    >>> lines[0]["dataRow"], lines[0]["metricValue"]
    ({'id': 'r1'}, 0.5)
    >>> next(NDJsonConverter.deserialize(lines)).annotations[0].value
    0.5
    """

    @staticmethod
    def serialize(labels: Iterable[Label]) -> Iterator[dict[str, Any]]:
        """Lines of all labels; see :func:`to_lines`.

        Raises
        ------
        InputError
            One label, or what is none.

        Examples
        --------
        >>> from labelmetrics.types import ImageData, ScalarMetric
        >>> metrics = [ScalarMetric(metric_name="iou_custom", value=0.5)]
        >>> label = Label(data=ImageData(uid="r1"), annotations=metrics)
        >>> [line["metricName"] for line in NDJsonConverter.serialize([label])]
        ['iou_custom']
        """
        if isinstance(labels, Label):
            raise InputError("expected a list of labels, got one Label: put it into a list")
        for label in labels:
            if not isinstance(label, Label):
                raise InputError(f"expected labels, got {kind_of_value(label)}")
            yield from to_lines(label)

    @staticmethod
    def deserialize(lines: Iterable[Mapping[str, Any]]) -> Iterator[Label]:
        """One label for each data row that the lines name, in the order in which they first name them.

        Raises
        ------
        InputError
            With the faults of all lines, before any label.

        Examples
        --------
        >>> line = {"dataRow": {"globalKey": "k1"}, "name": "cat", "point": {"x": 1, "y": 2}}
        >>> [label.data.global_key for label in NDJsonConverter.deserialize([line, line])]
        ['k1']
        """
        found: dict[DataRowKey, list[Any]] = {}
        faults: list[Fault] = []
        for number, line in enumerate(lines, 1):
            try:
                for data_row, annotation in parse_line(line):
                    found.setdefault(data_row, []).append(annotation)
            except InputError as error:
                faults += [replace(fault, line=number) for fault in error.faults]
        if faults:
            raise InputError("there are lines that cannot be read", faults)
        for key, listed in found.items():
            yield Label(
                data=GenericDataRowData(**{"uid" if key.kind == "id" else "global_key": key.value}),
                annotations=listed,
                is_benchmark_reference=any(one.extra.get(BENCHMARK) for one in listed),
            )
