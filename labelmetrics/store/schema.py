"""The tables of the store.

Rows are known inside by whole numbers, which are short and keep what belongs together close on disk, and outside by
their ids. Only the types and constraints that SQLite and PostgreSQL share are used. Metrics and annotations do not
refer to their data rows by constraint: they would need an index each, and importing would take twice as long.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

__all__ = ["metadata"]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


LONG = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows only in columns of this very name


def _number() -> Column[int]:
    return Column("number", LONG, primary_key=True)


def _id() -> Column[str]:
    return Column("id", Text, nullable=False, unique=True)


def _in(name: str, parent: str, *, primary_key: bool = False, index: bool = False) -> Column[int]:
    """A column that names a row of another table, and goes with it."""
    key = ForeignKey(f"{parent}.number", ondelete="CASCADE")
    return Column(name, LONG, key, nullable=False, primary_key=primary_key, index=index)


def _time(name: str, *, nullable: bool = False) -> Column[int]:
    """Microseconds since 1970, UTC: neither database keeps zones alike."""
    return Column(name, BigInteger, nullable=nullable)


setting = Table(
    "setting",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

model = Table(
    "model",
    metadata,
    _number(),
    _id(),
    Column("name", Text, nullable=False, index=True),
    Column("ontology_id", Text),
    _time("created_at"),
)

run = Table(
    "run",
    metadata,
    _number(),
    _id(),
    _in("model", "model", index=True),
    Column("name", Text, nullable=False),
    Column("config", JSON),
    Column("created_by", Text),
    _time("created_at"),
    _time("updated_at"),
    Column("status", Text),
    Column("status_message", Text),
    Column("status_metadata", JSON),
    # They rise with every change of the run's metrics, and of its ground truth, predictions and data rows.
    Column("revision", Integer, nullable=False),
    Column("annotations_revision", Integer, nullable=False),
)

ontology = Table(
    "ontology",
    metadata,
    _number(),
    _id(),
    Column("name", Text, nullable=False),
    Column("media_type", Text),
    Column("normalized", JSON, nullable=False),
    _time("created_at"),
    _time("updated_at"),
)

dataset = Table(
    "dataset",
    metadata,
    _number(),
    _id(),
    Column("name", Text, nullable=False),
    Column("description", Text),
    _time("created_at"),
    _time("updated_at"),
)

data_row = Table(
    "data_row",
    metadata,
    _number(),
    _id(),
    Column("dataset", LONG, ForeignKey("dataset.number", ondelete="CASCADE"), index=True),
    Column("global_key", Text, unique=True),
    Column("external_id", Text, index=True),
    Column("row_data", Text),
    Column("media", JSON),
    Column("metadata", JSON),
    _time("created_at"),
    _time("updated_at"),
)

run_row = Table(
    "run_row",
    metadata,
    _in("run", "run", primary_key=True),
    _in("data_row", "data_row", primary_key=True),
    Column("split", Text, nullable=False),
    Column("label_id", Text),
    Index("ix_run_row_data_row", "data_row"),
    sqlite_with_rowid=False,
)

slice_row = Table(
    "slice_row",
    metadata,
    _in("run", "run", primary_key=True),
    Column("name", Text, primary_key=True),
    _in("data_row", "data_row", primary_key=True),
    sqlite_with_rowid=False,
)

import_ = Table(
    "import",
    metadata,
    _number(),
    _id(),
    _in("run", "run"),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False, index=True),
    Column("file", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("bytes_done", BigInteger, nullable=False),
    Column("lines", BigInteger, nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("error", Text),
    Column("created_by", Text),
    Column("input_token", Text, nullable=False, unique=True),
    Column("status_token", Text, nullable=False, unique=True),
    Column("error_token", Text, nullable=False, unique=True),
    _time("created_at"),
    _time("finished_at", nullable=True),
    UniqueConstraint("run", "name"),
)

import_part = Table(
    "import_part",
    metadata,
    _in("import", "import", primary_key=True),
    Column("first_line", Integer, primary_key=True),
    Column("statuses", LargeBinary, nullable=False),
    Column("failures", LargeBinary),
)
"""Statuses of some lines: NDJSON in Zstandard; those of failures once more, where there are any."""

metric_key = Table(
    "metric_key",
    metadata,
    _number(),
    _in("run", "run", index=True),
    Column("name", Text),
    Column("feature", Text),
    Column("subclass", Text),
    Column("aggregation", Text, nullable=False),
)

metric_form = Table(
    "metric_form",
    metadata,
    _number(),
    Column("aggregation", Text, nullable=False),
    Column("keys", Text, nullable=False),
    Column("dtype", Text, nullable=False),
    UniqueConstraint("aggregation", "keys", "dtype"),
)
"""What the numbers of a metric mean: its aggregation, its confidence keys (JSON), and how numbers are packed."""

metric_key_form = Table(
    "metric_key_form",
    metadata,
    _in("metric_key", "metric_key", primary_key=True),
    Column("form", Integer, primary_key=True),
    sqlite_with_rowid=False,
)
"""Forms that the metrics of a key have or had: where it is one, none of them has to be looked at to know it."""

metric = Table(
    "metric",
    metadata,
    _in("metric_key", "metric_key", primary_key=True),
    Column("data_row", BigInteger, primary_key=True),
    Column("form", Integer, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("uuid", Text),
    Column("import", Integer, nullable=False),
    sqlite_with_rowid=False,
)

annotation = Table(
    "annotation",
    metadata,
    _in("run", "run", primary_key=True),
    Column("side", Integer, primary_key=True),
    Column("data_row", BigInteger, primary_key=True),
    Column("uuid", Text, primary_key=True),
    Column("line", Text, nullable=False),
    Column("import", Integer, nullable=False),
    sqlite_with_rowid=False,
)

evaluation = Table(
    "evaluation",
    metadata,
    _in("run", "run", primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("path", Text),
    Column("summary", Text),
    Column("error", Text),
    _time("created_at"),
)

run_summary = Table(
    "run_summary",
    metadata,
    _in("run", "run", primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("annotations_revision", Integer, nullable=False),
    Column("summary", JSON, nullable=False),
)
"""What lists show of a run: computed when nothing else is to be done, since it takes as long as reading its metrics."""

task = Table(
    "task",
    metadata,
    _number(),
    _id(),
    Column("type", Text, nullable=False),
    Column("name", Text),
    Column("status", Text, nullable=False),
    Column("completion", Integer, nullable=False),
    Column("result", JSON),
    Column("errors", JSON),
    Column("metadata", JSON),
    _time("created_at"),
    _time("updated_at"),
)

file = Table(
    "file",
    metadata,
    Column("token", Text, primary_key=True),
    Column("path", Text, nullable=False),
    Column("name", Text),
    Column("media_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    _time("created_at"),
)
