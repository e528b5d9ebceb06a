"""The table of data rows, and the rule that brings the keys of both sides together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from labelmetrics.errors import DataRowError, Fault, InputError, MissingRowsError, SettingError
from labelmetrics.formats.blocks import open_bytes, read_blocks
from labelmetrics.formats.storage import is_url, path_of
from labelmetrics.kernels.batch import Coded, Columns, DataRowKey, DataRowKeys

if TYPE_CHECKING:
    import pyarrow as pa

SPLITS = ("TRAINING", "VALIDATION", "TEST", "UNASSIGNED")
NAMES = {"mediaPath": "media_path", "global_key": "globalKey", "uid": "id", "row_data": "media_path"}

Missing = Literal["error", "empty", "skip"]
TableInput = Any


def table_schema() -> pa.Schema:
    """Schema of the table of data rows; ``metadata`` is JSON text."""
    import pyarrow as pa

    return pa.schema(
        [
            ("id", pa.string()),
            ("globalKey", pa.string()),
            ("media_path", pa.string()),
            ("width", pa.int64()),
            ("height", pa.int64()),
            ("split", pa.string()),
            ("metadata", pa.string()),
        ]
    )


def read_data_rows(source: TableInput) -> pa.Table:
    """Read a table of data rows.

    Parameters
    ----------
    source : path, Arrow table, pandas DataFrame or iterable of mappings
        Columns ``id``, ``globalKey``, ``mediaPath``, ``width``, ``height``, ``split`` and ``metadata``; each row has
        an id or a global key. Files are NDJSON, CSV or Parquet.

    Returns
    -------
    pyarrow.Table
        With the columns of :func:`table_schema`.

    Raises
    ------
    InputError
        A column is unknown, a row has no key, a key occurs twice, or a value is of the wrong type.
    """
    import pyarrow as pa

    name = str(source) if isinstance(source, str | Path) else "data_rows"
    try:
        table = _load(source)
    except InputError:
        raise
    except (AttributeError, KeyError, OSError, OverflowError, TypeError, ValueError, pa.ArrowException) as error:
        raise InputError(f"{name}: is not a table of data rows: {error}") from error
    table = table.rename_columns([NAMES.get(column, column) for column in table.column_names])
    schema = table_schema()
    twice = sorted({column for column in table.column_names if table.column_names.count(column) > 1})
    if twice:
        raise InputError(f"{name}: two columns are {' and '.join(twice)}")
    unknown = [column for column in table.column_names if column not in schema.names]
    if unknown:
        raise InputError(
            f"{name}: unknown columns {', '.join(unknown)}; known are {', '.join(schema.names)}"
            " (anything else belongs into metadata)"
        )
    columns = []
    for field in schema:
        column = table.column(field.name) if field.name in table.column_names else pa.nulls(len(table), field.type)
        columns.append(_cast(column, field, name))
    result = pa.table(columns, schema=schema)
    _check(result, name)
    return result


def _load(source: TableInput) -> pa.Table:
    import pyarrow as pa

    if isinstance(source, pa.Table):
        return source
    if isinstance(source, str | Path):
        suffix = Path(str(source).removesuffix(".gz").removesuffix(".zst")).suffix
        if suffix == ".parquet":
            import pyarrow.parquet

            return pyarrow.parquet.read_table(path_of(source).open("rb") if is_url(source) else source)
        if suffix == ".csv":
            import pyarrow.csv

            texts = {field.name for field in table_schema() if pa.types.is_string(field.type)}
            texts |= {alias for alias, column in NAMES.items() if column in texts}
            options = pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(texts, pa.string()), strings_can_be_null=True
            )
            with open_bytes(source) as stream:
                return pyarrow.csv.read_csv(stream, convert_options=options)
        return _from_lines(str(source))
    if hasattr(source, "iloc"):
        return pa.Table.from_pandas(source, preserve_index=False)
    if hasattr(source, "__arrow_c_stream__") or hasattr(source, "__arrow_c_array__"):
        return pa.table(source)
    return _from_mappings([dict(row) for row in source])


def _from_lines(path: str) -> pa.Table:
    import orjson

    rows, faults = [], []
    for block in read_blocks(path):
        for number, line in block.lines():
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                faults.append(Fault(rule="syntax", message=error.msg, file=path, line=number))
                continue
            if isinstance(row, dict):
                rows.append(row)
            else:
                faults.append(Fault(rule="type", message="expected an object", file=path, line=number))
    if faults:
        raise InputError(f"{path}: is not a table of data rows", faults)
    return _from_mappings(rows)


def _from_mappings(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    import pyarrow as pa

    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {}
    for name in names:
        values = [row.get(name) for row in rows]
        columns[name] = pa.array(_json_texts(values) if name == "metadata" else values)
    return pa.table(columns)


def _json_texts(values: Sequence[Any]) -> list[str | None]:
    import orjson

    return [value if value is None or isinstance(value, str) else orjson.dumps(value).decode() for value in values]


def _cast(column: Any, field: pa.Field, name: str) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_string_view(column.type):
        column = column.cast(pa.string())
    if field.name == "metadata" and pa.types.is_struct(column.type):
        column = pa.array(_json_texts(column.to_pylist()), pa.string())
    kind = column.type
    if pa.types.is_string(field.type):
        expected, fits = "text", pa.types.is_string(kind) or pa.types.is_large_string(kind)
    else:
        expected, fits = "whole numbers", pa.types.is_integer(kind) or pa.types.is_floating(kind)
    if not fits and not pa.types.is_null(kind):
        raise InputError(f"{name}: column {field.name} holds {kind}, expected {expected}")
    try:
        column = column.cast(field.type)
        # A key without a character is none.
        return pc.if_else(pc.equal(column, ""), None, column) if field.name in ("id", "globalKey") else column
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(f"{name}: column {field.name} does not hold {field.type}: {error}") from error


def _check(table: pa.Table, name: str) -> None:
    faults = []
    keys = {kind: table.column(kind).to_pylist() for kind in ("id", "globalKey")}
    for index, pair in enumerate(zip(*keys.values(), strict=True), 1):
        if pair == (None, None):
            faults.append(Fault(rule="data-row", message="needs an id or a globalKey", file=name, line=index))
    for kind, values in keys.items():
        seen: dict[str, int] = {}
        for index, value in enumerate(values, 1):
            if value and seen.setdefault(value, index) != index:
                message = f"the same {kind} as row {seen[value]}"
                faults.append(
                    Fault(rule="duplicate-data-row", message=message, file=name, line=index, data_row=f"{kind}:{value}")
                )
    for side in ("width", "height"):
        for index, size in enumerate(table.column(side).to_pylist(), 1):
            if size is not None and size < 1:
                message = f"expected a size in pixels, got {size}"
                faults.append(Fault(rule="size", message=message, file=name, line=index, path=f"$.{side}"))
    for index, split in enumerate(table.column("split").to_pylist(), 1):
        if split is not None and split not in SPLITS:
            message = f"split must be one of {', '.join(SPLITS)}, got {split!r}"
            faults.append(Fault(rule="split", message=message, file=name, line=index, path="$.split"))
    for index, metadata in enumerate(table.column("metadata").to_pylist(), 1):
        if metadata is not None and not _is_object(metadata):
            message = "expected a JSON object"
            faults.append(Fault(rule="metadata", message=message, file=name, line=index, path="$.metadata"))
    if faults:
        raise InputError(f"{name}: the table of data rows has faults", faults)


def _is_object(text: str) -> bool:
    import orjson

    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False


@dataclass(frozen=True, slots=True)
class Rows:
    """The data rows of an evaluation and how they are keyed.

    Parameters
    ----------
    kind : str
        ``"id"`` or ``"globalKey"``.
    keys : list of str
        Their keys, sorted by their bytes.
    table : pyarrow.Table
        One row each, in the order of ``keys``.
    """

    kind: str
    keys: list[str]
    table: pa.Table


def check_missing(missing_ground_truth: Missing, missing_predictions: Missing) -> None:
    """Refuse ways to take data rows of one side that do not exist.

    Raises
    ------
    SettingError
        Naming the first one.
    """
    for name, value in (("missing_ground_truth", missing_ground_truth), ("missing_predictions", missing_predictions)):
        if value not in ("error", "empty", "skip"):
            raise SettingError(f"{name} must be error, empty or skip, got {value!r}")


def settle(
    ground_truth: Columns,
    prediction: Columns,
    table: pa.Table | None,
    *,
    missing_ground_truth: Missing = "error",
    missing_predictions: Missing = "empty",
    kind: str | None = None,
) -> tuple[Columns, Columns, Rows]:
    """Bring the data-row keys of both sides to one kind, and settle which data rows are compared.

    ``kind`` is given where these data rows are a part of a larger input.

    Returns
    -------
    ground_truth, prediction : Columns
        With data rows as text, coded as indices into the rows that are compared; without the annotations of others.
    rows : Rows
        The data rows that are compared.

    Raises
    ------
    DataRowError
        The keys of the two sides do not fit together, or a side is missing where that is an error.
    """
    check_missing(missing_ground_truth, missing_predictions)
    kind = kind or kind_of(ground_truth.key_kinds, prediction.key_kinds, table)
    lookup = _lookup(table, kind)
    sides = [_Keyed.of(side, lookup, kind) for side in (ground_truth, prediction)]
    listed = set(table.column(kind).to_pylist()) if table is not None else set()
    labelled, predicted = sides[0].named | listed, sides[1].named
    keys = labelled | predicted
    unlabelled, unpredicted = predicted - labelled, labelled - predicted
    wrong = sides[1].numbers(unlabelled) if unlabelled else {}
    if wrong and missing_ground_truth == "error":
        apart = min(labelled) if labelled and labelled.isdisjoint(predicted) else None
        raise MissingRowsError("ground_truth", kind, wrong, apart=apart)
    if unpredicted and missing_predictions == "error":
        raise MissingRowsError("prediction", kind, dict.fromkeys(unpredicted, 0))
    if missing_ground_truth == "skip":
        keys -= unlabelled
    if missing_predictions == "skip":
        keys -= unpredicted
    ordered = sorted(keys)
    truth, guess = (side.among(ordered) for side in sides)
    return truth, guess, Rows(kind, ordered, _arrange(table, kind, ordered))


def kind_of(truth: set[str], guess: set[str], table: pa.Table | None) -> str:
    """What data rows are named by, from the kinds of keys that occur on both sides and the table of data rows.

    Raises
    ------
    DataRowError
        They do not fit together.
    """
    kinds = [truth, guess]
    used = truth | guess
    if len(used) == 1 and (table is None or not _has_null(table, min(used))):
        return min(used)
    if table is not None:
        complete = [kind for kind in ("globalKey", "id") if not _has_null(table, kind)]
        if complete:
            return next((kind for kind in complete if kind in used), complete[0])
        raise DataRowError("the table of data rows must give every row an id, or every row a globalKey")
    if not used:
        return "globalKey"
    names = ("the ground truths", "the predictions")
    faults = [
        Fault(
            rule="data-row-keys",
            message=f"{name} name data rows by {' and '.join(sorted(side)) or 'nothing'}",
            remedy="give a table of data rows with id and globalKey (data_rows=, --data-rows)",
        )
        for name, side in zip(names, kinds, strict=True)
    ]
    raise DataRowError("data rows are named by id and by globalKey, so they cannot be paired", faults)


def _has_null(table: pa.Table, kind: str) -> bool:
    return bool(table.column(kind).null_count)


def _lookup(table: pa.Table | None, kind: str) -> dict[str, dict[str, str]]:
    """Keys of one kind by those of each kind."""
    if table is None:
        return {}
    targets = table.column(kind).to_pylist()
    return {source: dict(zip(table.column(source).to_pylist(), targets, strict=True)) for source in ("id", "globalKey")}


@dataclass(frozen=True, slots=True)
class _Keyed:
    """One side, with its data rows as text of one kind.

    Parameters
    ----------
    columns : Columns
        The side.
    texts : list of str
        Each of the distinct values of its data rows as text.
    named : set of str
        Data rows that the side names, with annotations or without.
    """

    columns: Columns
    texts: list[str]
    named: set[str]

    @classmethod
    def of(cls, columns: Columns, lookup: Mapping[str, Mapping[str, str]], kind: str) -> _Keyed:
        def key_of(key: DataRowKey) -> str:
            # A row that the table does not know keeps its key if that is of the right kind.
            found = lookup[key.kind].get(key.value) if lookup else None
            if found is None:
                if key.kind != kind:
                    raise DataRowError(
                        "a data row is not in the table of data rows",
                        [Fault(rule="unknown-data-row", message=f"no row has this {key.kind}", data_row=str(key))],
                    )
                return key.value
            return found

        values = columns.data_row.values
        if lookup:
            texts = list(map(key_of, values))
        else:
            texts = values.texts if isinstance(values, DataRowKeys) else [key.value for key in values]
        used = np.zeros(len(values), bool)
        used[columns.data_row.codes] = True
        named = set(compress(texts, used.tolist()))
        named.update(key_of(key) for key in columns.listed)
        return cls(columns, texts, named)

    def numbers(self, rows: set[str]) -> dict[str, int]:
        """Number of annotations of those of some data rows that have any."""
        found: dict[str, int] = {}
        numbers = np.bincount(self.columns.data_row.codes, minlength=len(self.texts)).tolist()
        for row, n in zip(self.texts, numbers, strict=True):
            if n and row in rows:
                found[row] = found.get(row, 0) + n
        return found

    def among(self, rows: list[str]) -> Columns:
        """The annotations of some data rows, coded by them."""
        position = dict(zip(rows, range(len(rows)), strict=True))
        codes = np.array([*map(position.get, self.texts, repeat(-1)), -1], np.int64)[self.columns.data_row.codes]
        keep = codes >= 0
        if keep.all():
            return replace(self.columns, data_row=Coded(codes, rows))
        return replace(self.columns.take(keep), data_row=Coded(codes[keep], rows))


def _arrange(table: pa.Table | None, kind: str, keys: Sequence[str]) -> pa.Table:
    """The table with one row per key, in the order of the keys; rows that it lacks have a key only."""
    import pyarrow as pa

    own = pa.array(keys, pa.string())
    if table is None:
        return pa.table(
            [own if field.name == kind else pa.nulls(len(keys), field.type) for field in table_schema()],
            schema=table_schema(),
        )
    positions = {key: index for index, key in enumerate(table.column(kind).to_pylist())}
    taken = table.take(pa.array([positions.get(key) for key in keys], pa.int64()))
    return taken.set_column(taken.column_names.index(kind), kind, own)


def diagonals(table: pa.Table) -> Any:
    """Diagonal of each image of a table of data rows in pixels, NaN where its size is unknown."""
    sizes = [table.column(side).cast("float64").to_numpy() for side in ("width", "height")]
    return np.hypot(*sizes)
