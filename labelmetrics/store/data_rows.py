"""Data rows: the datasets they stand in, the runs they take part in, their splits and slices."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, insert, select, update

from labelmetrics.errors import NotFoundError, SettingError, UnknownRowsError
from labelmetrics.store import schema
from labelmetrics.store.ids import new_id, now, time_of
from labelmetrics.store.models import run_number, touch

__all__ = [
    "SPLITS",
    "DataRow",
    "Dataset",
    "KnownRow",
    "RowFault",
    "RowSpec",
    "RunDataRow",
    "assign",
    "count_newer_rows",
    "count_run_rows",
    "create_dataset",
    "data_row",
    "dataset",
    "dataset_rows",
    "datasets",
    "delete_rows",
    "known_rows",
    "register",
    "register_table",
    "row_keys",
    "rows_by_external_ids",
    "rows_by_global_keys",
    "run_rows",
    "set_slice",
    "slice_members",
    "slices",
    "split_counts",
    "unregister",
    "update_dataset",
    "update_row",
    "upsert_rows",
]

SPLITS = ("TRAINING", "VALIDATION", "TEST", "UNASSIGNED")
AT_ONCE = 5_000
"""Keys that one statement names; both databases take more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A dataset, and how many data rows it has."""

    id: str
    name: str
    description: str | None
    created_at: datetime
    updated_at: datetime
    row_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRow:
    """A data row.

    Parameters
    ----------
    id : str
        Its id.
    global_key, external_id : str or None
        What its owners call it; a global key is that of one data row.
    row_data : str or None
        Where its image, video or text is.
    dataset_id : str or None
        Its dataset.
    media : dict or None
        What is known of its media: ``width``, ``height``, ...
    metadata : dict or None
        What else is noted.
    created_at, updated_at : datetime
        When it was made and last changed (UTC).
    """

    id: str
    global_key: str | None
    external_id: str | None
    row_data: str | None
    dataset_id: str | None
    media: dict[str, Any] | None
    metadata: Any
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDataRow:
    """A data row of a model run: its split and, perhaps, the label it was registered with."""

    run_id: str
    split: str
    label_id: str | None
    data_row: DataRow


class KnownRow(NamedTuple):
    """A data row as it is known inside, and by its keys."""

    number: int
    id: str
    global_key: str | None


class RowSpec(NamedTuple):
    """What a data row is to be.

    Parameters
    ----------
    key : tuple
        ``("ID", id)`` or ``("GKEY", global key)`` of one that is there, ``("AUTO", "")`` for a new one.
    dataset_id, global_key, external_id, row_data, media, metadata
        As those of :class:`DataRow`; what is ``None`` stays as it is.
    """

    key: tuple[Literal["AUTO", "ID", "GKEY"], str] = ("AUTO", "")
    dataset_id: str | None = None
    global_key: str | None = None
    external_id: str | None = None
    row_data: str | None = None
    media: dict[str, Any] | None = None
    metadata: Any = None


class RowFault(NamedTuple):
    """Why a data row could not be made."""

    message: str
    spec: RowSpec


# ---- datasets


def create_dataset(connection: Connection, name: str, description: str | None = None) -> Dataset:
    """Make a dataset; several may have one name."""
    moment, made = now(), new_id()
    values = {"id": made, "name": name, "description": description, "created_at": moment, "updated_at": moment}
    connection.execute(insert(schema.dataset).values(values))
    found = dataset(connection, made)
    assert found is not None
    return found


def dataset(connection: Connection, id: str) -> Dataset | None:
    """The dataset of an id; ``None`` where there is none."""
    row = connection.execute(_datasets().where(schema.dataset.c.id == id)).first()
    return None if row is None else _dataset(row)


def datasets(connection: Connection, *, name: str | None = None, skip: int = 0, first: int = 100) -> list[Dataset]:
    """Datasets, the newest first; all, or those of a name."""
    query = _datasets().order_by(schema.dataset.c.number.desc()).offset(skip).limit(first)
    if name is not None:
        query = query.where(schema.dataset.c.name == name)
    return [_dataset(row) for row in connection.execute(query)]


def update_dataset(
    connection: Connection,
    id: str,
    *,
    name: str | None = None,
    description: str | None = None,
    deleted: bool = False,
) -> Dataset:
    """Change a dataset, or delete it with its data rows; what is ``None`` stays as it is.

    Raises
    ------
    NotFoundError
        There is no such dataset.
    """
    found = dataset(connection, id)
    if found is None:
        raise NotFoundError("dataset", id)
    here = schema.dataset.c.id == id
    if deleted:
        number = select(schema.dataset.c.number).where(here).scalar_subquery()
        ids = connection.execute(select(schema.data_row.c.id).where(schema.data_row.c.dataset == number)).scalars()
        delete_rows(connection, ids.all())
        connection.execute(delete(schema.dataset).where(here))
        return found
    given = {"name": name, "description": description}
    changed = {key: value for key, value in given.items() if value is not None}
    connection.execute(update(schema.dataset).where(here).values(updated_at=now(), **changed))
    return dataset(connection, id) or found


def dataset_rows(
    connection: Connection,
    id: str,
    *,
    after: str | None = None,
    first: int = 100,
    global_key: str | None = None,
    external_id: str | None = None,
    row_data: str | None = None,
) -> list[DataRow]:
    """Data rows of a dataset, in the order in which they were made; those behind ``after``, the id of one."""
    query = _rows().where(schema.dataset.c.id == id).order_by(schema.data_row.c.number).limit(first)
    for name, value in (("global_key", global_key), ("external_id", external_id), ("row_data", row_data)):
        if value is not None:
            query = query.where(schema.data_row.c[name] == value)
    return [_row(row) for row in connection.execute(_behind(query, after))]


# ---- data rows


def upsert_rows(connection: Connection, specs: Sequence[RowSpec]) -> list[DataRow | RowFault]:
    """Make data rows, or change those that are there; one that cannot be says why, and the others stay."""
    parents = {row.id: row.number for row in connection.execute(select(schema.dataset.c.id, schema.dataset.c.number))}
    taken = {
        row.global_key: row.id
        for row in _in_batches(
            connection,
            select(schema.data_row.c.global_key, schema.data_row.c.id),
            schema.data_row.c.global_key,
            [spec.global_key for spec in specs if spec.global_key is not None],
        )
    }
    ids: list[str | RowFault] = []
    for spec in specs:
        done = _upsert(connection, spec, parents, taken)
        ids.append(done)
        if isinstance(done, str) and spec.global_key is not None:
            taken[spec.global_key] = done
    made = [one for one in ids if isinstance(one, str)]
    there = {row.id: _row(row) for row in _in_batches(connection, _rows(), schema.data_row.c.id, made)}
    return [one if isinstance(one, RowFault) else there[one] for one in ids]


def _upsert(
    connection: Connection, spec: RowSpec, parents: Mapping[str, int], taken: Mapping[str, str]
) -> str | RowFault:
    kind, key = spec.key
    columns = schema.data_row.c
    if spec.dataset_id is not None and spec.dataset_id not in parents:
        return RowFault(f"there is no dataset {spec.dataset_id!r}", spec)
    values: dict[str, Any] = {
        name: value for name, value in zip(RowSpec._fields[2:], spec[2:], strict=True) if value is not None
    }
    if spec.dataset_id is not None:
        values["dataset"] = parents[spec.dataset_id]
    there: str | None = None
    if kind != "AUTO":
        column = columns.id if kind == "ID" else columns.global_key
        there = connection.execute(select(columns.id).where(column == key)).scalar()
        if there is None and kind == "ID":
            return RowFault(f"there is no data row {key!r}", spec)
        if there is None:
            values.setdefault("global_key", key)
    owner = taken.get(values.get("global_key", ""))
    if owner is not None and owner != there:
        return RowFault(f"Duplicate global key: '{values['global_key']}'", spec)
    moment = now()
    if there is None:
        there = new_id()
        connection.execute(insert(schema.data_row).values(id=there, created_at=moment, updated_at=moment, **values))
    else:
        connection.execute(update(schema.data_row).where(columns.id == there).values(updated_at=moment, **values))
    return there


def newest_row(connection: Connection) -> int:
    """Number of the data row that was made last; 0 where there is none."""
    return connection.execute(select(func.max(schema.data_row.c.number))).scalar() or 0


def count_newer_rows(connection: Connection, number: int) -> int:
    """How many data rows were made after one."""
    return connection.execute(select(func.count()).where(schema.data_row.c.number > number)).scalar_one()


def data_row(connection: Connection, id: str) -> DataRow | None:
    """The data row of an id; ``None`` where there is none."""
    row = connection.execute(_rows().where(schema.data_row.c.id == id)).first()
    return None if row is None else _row(row)


def rows_by_global_keys(connection: Connection, keys: Collection[str]) -> dict[str, DataRow]:
    """Data rows of global keys; those that are not known are left out."""
    found = (_row(row) for row in _in_batches(connection, _rows(), schema.data_row.c.global_key, keys))
    return {row.global_key: row for row in found if row.global_key is not None}


def rows_by_external_ids(connection: Connection, ids: Collection[str]) -> dict[str, list[DataRow]]:
    """Data rows of external ids, of which several may have one."""
    found: dict[str, list[DataRow]] = {}
    for row in _in_batches(connection, _rows(), schema.data_row.c.external_id, ids):
        found.setdefault(row.external_id, []).append(_row(row))
    return found


def update_row(connection: Connection, id: str, **values: Any) -> DataRow:
    """Change ``global_key``, ``external_id``, ``row_data``, ``media`` or ``metadata`` of a data row.

    Raises
    ------
    NotFoundError
        There is no such data row.
    """
    (done,) = upsert_rows(connection, [RowSpec(key=("ID", id), **values)])
    if isinstance(done, RowFault):
        if data_row(connection, id) is None:
            raise NotFoundError("data row", id)
        raise SettingError(done.message)
    return done


def delete_rows(connection: Connection, ids: Collection[str]) -> int:
    """Delete data rows with all that runs know of them, and say how many there were."""
    numbers = [
        row.number for row in _in_batches(connection, select(schema.data_row.c.number), schema.data_row.c.id, ids)
    ]
    for some in _batches(numbers):
        in_runs = select(schema.run_row.c.run).where(schema.run_row.c.data_row.in_(some)).distinct()
        for run in connection.execute(in_runs).scalars().all():
            _forget(connection, run, some)
        connection.execute(delete(schema.data_row).where(schema.data_row.c.number.in_(some)))
    return len(numbers)


# ---- data rows of a run


def register(
    connection: Connection,
    run_id: str,
    *,
    ids: Iterable[str] = (),
    global_keys: Iterable[str] = (),
    create: bool = False,
) -> int:
    """Let data rows take part in a run, and say how many are new in it.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        A transaction that writes.
    run_id : str
        The run.
    ids, global_keys : iterable of str
        The data rows.
    create : bool, default False
        Whether those that do not exist are made.

    Raises
    ------
    NotFoundError
        There is no such run.
    UnknownRowsError
        Data rows do not exist.
    """
    table = [{"id": one} for one in ids] + [{"globalKey": key} for key in global_keys]
    return register_table(connection, run_id, table, create=create)


def register_table(
    connection: Connection, run_id: str, rows: Iterable[Mapping[str, Any]], *, create: bool = True
) -> int:
    """Let the data rows of a table take part in a run; what the table says of them is noted.

    Parameters
    ----------
    connection, run_id
        As for :func:`register`.
    rows : iterable of mappings
        With ``id``, ``globalKey`` or both, and ``media_path``, ``width``, ``height``, ``split`` and ``metadata`` where
        they are known.
    create : bool, default True
        Whether data rows that do not exist are made.

    Returns
    -------
    int
        How many are new in the run.

    Raises
    ------
    NotFoundError, UnknownRowsError
        As for :func:`register`.
    SettingError
        A row without a key, or with a split that does not exist.
    """
    run = run_number(connection, run_id)
    added = 0
    remaining = iter(rows)
    while some := list(islice(remaining, AT_ONCE)):
        added += _register(connection, run, some, create=create)
    touch(connection, run, annotations=True)
    return added


def _register(connection: Connection, run: int, rows: Sequence[Mapping[str, Any]], *, create: bool) -> int:
    keys = [_key_of(row) for row in rows]
    numbers = _numbers(connection, keys)
    absent = list(dict.fromkeys(key for key in keys if key not in numbers))
    if absent:
        if not create:
            raise UnknownRowsError([value for _, value in absent])
        _make(connection, dict(zip(keys, rows, strict=True)), absent)
        numbers |= _numbers(connection, absent)
    here = set(_present(connection, run, numbers.values()))
    fresh = list(dict.fromkeys(numbers[key] for key in keys if numbers[key] not in here))
    if fresh:
        connection.execute(
            insert(schema.run_row), [{"run": run, "data_row": number, "split": "UNASSIGNED"} for number in fresh]
        )
    _note(connection, run, [(numbers[key], row) for key, row in zip(keys, rows, strict=True)])
    return len(fresh)


def _make(
    connection: Connection, rows: Mapping[tuple[str, str], Mapping[str, Any]], absent: Sequence[tuple[str, str]]
) -> None:
    """Make the data rows of some keys."""
    moment = now()
    global_keys = {key: rows[key].get("globalKey") for key in absent}
    taken = _numbers(connection, [("globalKey", key) for key in global_keys.values() if key is not None])
    if taken:
        _, key = next(iter(taken))
        raise SettingError(f"the global key {key!r} is that of another data row")
    connection.execute(
        insert(schema.data_row),
        [
            {
                "id": value if kind == "id" else new_id(),
                "global_key": global_keys[kind, value],
                "created_at": moment,
                "updated_at": moment,
            }
            for kind, value in absent
        ],
    )


def _note(connection: Connection, run: int, rows: Sequence[tuple[int, Mapping[str, Any]]]) -> None:
    """Note what a table says of data rows."""
    moment, columns = now(), schema.data_row.c
    noted: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for number, row in rows:
        size = {name: row[name] for name in ("width", "height") if row.get(name) is not None}
        values = {"row_data": row.get("media_path"), "media": size or None, "metadata": row.get("metadata")}
        values = {name: value for name, value in values.items() if value is not None}
        if values:
            noted.setdefault((*values,), []).append({"_number": number, "updated_at": moment, **values})
    for alike in noted.values():
        connection.execute(update(schema.data_row).where(columns.number == bindparam("_number")), alike)
    by_split: dict[str, list[int]] = {}
    for number, row in rows:
        if row.get("split") is not None:
            by_split.setdefault(_split(row["split"]), []).append(number)
    for split, some in by_split.items():
        _assign(connection, run, split, some)


def unregister(connection: Connection, run_id: str, ids: Collection[str]) -> int:
    """Take data rows out of a run, with their metrics and annotations there, and say how many there were."""
    run = run_number(connection, run_id)
    numbers = [*_numbers(connection, [("id", one) for one in ids]).values()]
    here = _present(connection, run, numbers)
    for some in _batches(here):
        _forget(connection, run, some)
    touch(connection, run, metrics=True, annotations=True)
    return len(here)


def assign(
    connection: Connection, run_id: str, split: str, *, ids: Iterable[str] = (), global_keys: Iterable[str] = ()
) -> int:
    """Put data rows of a run into a split, and say how many.

    Raises
    ------
    NotFoundError
        There is no such run.
    UnknownRowsError
        Data rows that do not exist, or are not in the run.
    SettingError
        There is no such split.
    """
    run = run_number(connection, run_id)
    name = _split(split)
    keys: list[tuple[str, str]] = [("id", one) for one in ids] + [("globalKey", key) for key in global_keys]
    numbers = _numbers(connection, keys)
    here = set(_present(connection, run, numbers.values()))
    absent = [value for kind, value in keys if numbers.get((kind, value)) not in here]
    if absent:
        raise UnknownRowsError(absent)
    _assign(connection, run, name, [*here])
    touch(connection, run, annotations=True)
    return len(here)


def run_rows(
    connection: Connection,
    run_id: str,
    *,
    after: str | None = None,
    first: int = 100,
    split: str | None = None,
) -> list[RunDataRow]:
    """Data rows of a run, in the order in which they were made; those behind ``after``, the id of one."""
    run = run_number(connection, run_id)
    query = (
        _rows(schema.run_row.c.split, schema.run_row.c.label_id)
        .join(schema.run_row, schema.run_row.c.data_row == schema.data_row.c.number)
        .where(schema.run_row.c.run == run)
        .order_by(schema.data_row.c.number)
        .limit(first)
    )
    if split is not None:
        query = query.where(schema.run_row.c.split == _split(split))
    return [
        RunDataRow(run_id=run_id, split=row.split, label_id=row.label_id, data_row=_row(row))
        for row in connection.execute(_behind(query, after))
    ]


def count_run_rows(connection: Connection, run_id: str) -> int:
    """How many data rows take part in a run."""
    return sum(split_counts(connection, run_id).values())


def split_counts(connection: Connection, run_id: str) -> dict[str, int]:
    """How many data rows of a run each split has."""
    run = run_number(connection, run_id)
    columns = schema.run_row.c
    query = select(columns.split, func.count()).where(columns.run == run).group_by(columns.split)
    found = {row[0]: row[1] for row in connection.execute(query)}
    return {split: found[split] for split in SPLITS if split in found}


def known_rows(connection: Connection, run: int, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], KnownRow]:
    """The data rows of some keys (kind and value) that take part in a run; those that do not are left out."""
    columns = schema.data_row.c
    query = select(columns.number, columns.id, columns.global_key)
    found: dict[tuple[str, str], KnownRow] = {}
    for kind, column, place in (("id", columns.id, 1), ("globalKey", columns.global_key, 2)):
        values = [value for of, value in keys if of == kind]
        for row in _in_batches(connection, query, column, values):
            found[kind, row[place]] = KnownRow(*row)
    # Asked for by itself: in one query, the database would look through all rows of the run for a few keys.
    present = set(_present(connection, run, [row.number for row in found.values()]))
    return {key: row for key, row in found.items() if row.number in present}


def row_keys(connection: Connection, run: int) -> Iterator[tuple[KnownRow, str]]:
    """The data rows of a run with their splits, by number."""
    columns = schema.data_row.c
    query = (
        select(columns.number, columns.id, columns.global_key, schema.run_row.c.split)
        .join(schema.run_row, schema.run_row.c.data_row == columns.number)
        .where(schema.run_row.c.run == run)
        .order_by(columns.number)
    )
    for row in connection.execute(query):
        yield KnownRow(*row[:3]), row[3]


# ---- slices


def set_slice(connection: Connection, run_id: str, name: str, keys: Iterable[str]) -> int:
    """Say which data rows of a run a slice has: ids and global keys, also as ``id:...`` and ``globalKey:...``.

    Returns
    -------
    int
        How many they are; none deletes the slice.

    Raises
    ------
    NotFoundError
        There is no such run.
    UnknownRowsError
        Data rows that are not in the run.
    """
    run = run_number(connection, run_id)
    forms = {key: _forms(key) for key in keys}
    known = known_rows(connection, run, [form for some in forms.values() for form in some])
    members, absent = [], []
    for key, some in forms.items():
        row = next((known[form] for form in some if form in known), None)
        absent.append(key) if row is None else members.append(row.number)
    if absent:
        raise UnknownRowsError(absent)
    columns = schema.slice_row.c
    connection.execute(delete(schema.slice_row).where(columns.run == run, columns.name == name))
    distinct = sorted(set(members))
    if distinct:
        rows = [{"run": run, "name": name, "data_row": number} for number in distinct]
        connection.execute(insert(schema.slice_row), rows)
    return len(distinct)


def slices(connection: Connection, run_id: str) -> dict[str, int]:
    """How many data rows each slice of a run has."""
    columns = schema.slice_row.c
    query = (
        select(columns.name, func.count())
        .where(columns.run == run_number(connection, run_id))
        .group_by(columns.name)
        .order_by(columns.name)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def slice_members(connection: Connection, run: int) -> dict[str, list[int]]:
    """Numbers of the data rows of each slice of a run."""
    columns = schema.slice_row.c
    query = select(columns.name, columns.data_row).where(columns.run == run).order_by(columns.name, columns.data_row)
    found: dict[str, list[int]] = {}
    for name, number in connection.execute(query):
        found.setdefault(name, []).append(number)
    return found


# ---- underneath


def _forms(key: str) -> tuple[tuple[str, str], ...]:
    kind, _, value = key.partition(":")
    exact = ((kind, value),) if kind in ("id", "globalKey") else ()
    return (*exact, ("id", key), ("globalKey", key))


def _key_of(row: Mapping[str, Any]) -> tuple[str, str]:
    for kind in ("id", "globalKey"):
        value = row.get(kind)
        if value is not None:
            if not isinstance(value, str) or not value:
                raise SettingError(f"{kind} of a data row is a text, got {value!r}")
            return kind, value
    raise SettingError("a data row has an id or a globalKey")


def _split(name: Any) -> str:
    if name not in SPLITS:
        raise SettingError(f"there is no split {name!r}; there are {', '.join(SPLITS)}")
    return str(name)


def _numbers(connection: Connection, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], int]:
    columns = schema.data_row.c
    found = {}
    for kind, column in (("id", columns.id), ("globalKey", columns.global_key)):
        values = [value for of, value in keys if of == kind]
        for row in _in_batches(connection, select(column, columns.number), column, values):
            found[kind, row[0]] = row[1]
    return found


def _present(connection: Connection, run: int, numbers: Collection[int]) -> list[int]:
    columns = schema.run_row.c
    query = select(columns.data_row).where(columns.run == run)
    return [row.data_row for row in _in_batches(connection, query, columns.data_row, numbers)]


def _assign(connection: Connection, run: int, split: str, numbers: Sequence[int]) -> None:
    columns = schema.run_row.c
    for some in _batches(numbers):
        here = (columns.run == run) & columns.data_row.in_(some)
        connection.execute(update(schema.run_row).where(here).values(split=split))


def _forget(connection: Connection, run: int, numbers: Sequence[int]) -> None:
    """Take data rows out of a run, with all that it knows of them."""
    keys = select(schema.metric_key.c.number).where(schema.metric_key.c.run == run)
    metrics, notes = schema.metric.c, schema.annotation.c
    connection.execute(delete(schema.metric).where(metrics.metric_key.in_(keys), metrics.data_row.in_(numbers)))
    connection.execute(
        delete(schema.annotation).where(notes.run == run, notes.side.in_((0, 1)), notes.data_row.in_(numbers))
    )
    for table in (schema.slice_row, schema.run_row):
        connection.execute(delete(table).where(table.c.run == run, table.c.data_row.in_(numbers)))


def _batches(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), AT_ONCE):
        yield values[start : start + AT_ONCE]


def _in_batches(connection: Connection, query: Select[Any], column: Any, values: Collection[Any]) -> Iterator[Any]:
    """Rows where a column has one of some values."""
    # Given as one JSON text: a parameter for each value takes several times as long as finding its row.
    for some in _batches(list(dict.fromkeys(values))):
        listed = func.json_each(json.dumps(some)).table_valued("value")
        yield from connection.execute(query.where(column.in_(select(listed.c.value)))).all()


def _behind(query: Select[Any], after: str | None) -> Select[Any]:
    if after is None:
        return query
    columns = schema.data_row.c
    other = schema.data_row.alias()
    return query.where(columns.number > select(other.c.number).where(other.c.id == after).scalar_subquery())


def _datasets() -> Select[Any]:
    columns = schema.data_row.c
    number = select(func.count()).where(columns.dataset == schema.dataset.c.number).scalar_subquery()
    return select(schema.dataset, number.label("row_count"))


def _dataset(row: Row[Any]) -> Dataset:
    values = dict(row._mapping)
    del values["number"]
    return Dataset(**_with_times(values))


def _rows(*more: Any) -> Select[Any]:
    joined = schema.data_row.outerjoin(schema.dataset, schema.data_row.c.dataset == schema.dataset.c.number)
    return select(schema.data_row, schema.dataset.c.id.label("dataset_id"), *more).select_from(joined)


def _row(row: Row[Any]) -> DataRow:
    values = {name: row._mapping[name] for name in DataRow.__dataclass_fields__}
    return DataRow(**_with_times(values))


def _with_times(values: dict[str, Any]) -> dict[str, Any]:
    return values | {name: time_of(values[name]) for name in ("created_at", "updated_at")}
