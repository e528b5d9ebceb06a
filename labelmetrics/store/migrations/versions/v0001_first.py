"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
LONG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "dataset",
        sa.Column("number", LONG, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_dataset")),
        sa.UniqueConstraint("id", name=op.f("uq_dataset_id")),
    )
    op.create_table(
        "file",
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_file")),
    )
    op.create_table(
        "metric_form",
        sa.Column("number", LONG, nullable=False),
        sa.Column("aggregation", sa.Text(), nullable=False),
        sa.Column("keys", sa.Text(), nullable=False),
        sa.Column("dtype", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_metric_form")),
        sa.UniqueConstraint("aggregation", "keys", "dtype", name=op.f("uq_metric_form_aggregation_keys_dtype")),
    )
    op.create_table(
        "model",
        sa.Column("number", LONG, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("ontology_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_model")),
        sa.UniqueConstraint("id", name=op.f("uq_model_id")),
    )
    op.create_index(op.f("ix_model_name"), "model", ["name"], unique=False)
    op.create_table(
        "ontology",
        sa.Column("number", LONG, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=True),
        sa.Column("normalized", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_ontology")),
        sa.UniqueConstraint("id", name=op.f("uq_ontology_id")),
    )
    op.create_table(
        "setting",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_setting")),
    )
    op.create_table(
        "task",
        sa.Column("number", LONG, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("completion", sa.Integer(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("errors", sa.JSON(), nullable=True),
        sa.Column("metadata", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_task")),
        sa.UniqueConstraint("id", name=op.f("uq_task_id")),
    )
    op.create_table(
        "data_row",
        sa.Column("number", LONG, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("dataset", LONG, nullable=True),
        sa.Column("global_key", sa.Text(), nullable=True),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("row_data", sa.Text(), nullable=True),
        sa.Column("media", sa.JSON(), nullable=True),
        sa.Column("metadata", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["dataset"], ["dataset.number"], name=op.f("fk_data_row_dataset"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_data_row")),
        sa.UniqueConstraint("global_key", name=op.f("uq_data_row_global_key")),
        sa.UniqueConstraint("id", name=op.f("uq_data_row_id")),
    )
    op.create_index(op.f("ix_data_row_dataset"), "data_row", ["dataset"], unique=False)
    op.create_index(op.f("ix_data_row_external_id"), "data_row", ["external_id"], unique=False)
    op.create_table(
        "run",
        sa.Column("number", LONG, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("model", LONG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("config", sa.JSON(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("status_message", sa.Text(), nullable=True),
        sa.Column("status_metadata", sa.JSON(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("annotations_revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["model"], ["model.number"], name=op.f("fk_run_model"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_run")),
        sa.UniqueConstraint("id", name=op.f("uq_run_id")),
    )
    op.create_index(op.f("ix_run_model"), "run", ["model"], unique=False)
    op.create_table(
        "annotation",
        sa.Column("run", LONG, nullable=False),
        sa.Column("side", sa.Integer(), nullable=False),
        sa.Column("data_row", sa.BigInteger(), nullable=False),
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("import", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["run.number"], name=op.f("fk_annotation_run"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", "side", "data_row", "uuid", name=op.f("pk_annotation")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "evaluation",
        sa.Column("run", LONG, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["run.number"], name=op.f("fk_evaluation_run"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", name=op.f("pk_evaluation")),
    )
    op.create_table(
        "import",
        sa.Column("number", LONG, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("run", LONG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("bytes_done", sa.BigInteger(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=True),
        sa.Column("input_token", sa.Text(), nullable=False),
        sa.Column("status_token", sa.Text(), nullable=False),
        sa.Column("error_token", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["run"], ["run.number"], name=op.f("fk_import_run"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_import")),
        sa.UniqueConstraint("error_token", name=op.f("uq_import_error_token")),
        sa.UniqueConstraint("id", name=op.f("uq_import_id")),
        sa.UniqueConstraint("input_token", name=op.f("uq_import_input_token")),
        sa.UniqueConstraint("run", "name", name=op.f("uq_import_run_name")),
        sa.UniqueConstraint("status_token", name=op.f("uq_import_status_token")),
    )
    op.create_index(op.f("ix_import_state"), "import", ["state"], unique=False)
    op.create_table(
        "metric_key",
        sa.Column("number", LONG, nullable=False),
        sa.Column("run", LONG, nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("feature", sa.Text(), nullable=True),
        sa.Column("subclass", sa.Text(), nullable=True),
        sa.Column("aggregation", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["run.number"], name=op.f("fk_metric_key_run"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_metric_key")),
    )
    op.create_index(op.f("ix_metric_key_run"), "metric_key", ["run"], unique=False)
    op.create_table(
        "run_row",
        sa.Column("run", LONG, nullable=False),
        sa.Column("data_row", LONG, nullable=False),
        sa.Column("split", sa.Text(), nullable=False),
        sa.Column("label_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["data_row"], ["data_row.number"], name=op.f("fk_run_row_data_row"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["run"], ["run.number"], name=op.f("fk_run_row_run"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", "data_row", name=op.f("pk_run_row")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_run_row_data_row", "run_row", ["data_row"], unique=False)
    op.create_table(
        "run_summary",
        sa.Column("run", LONG, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("annotations_revision", sa.Integer(), nullable=False),
        sa.Column("summary", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["run.number"], name=op.f("fk_run_summary_run"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", name=op.f("pk_run_summary")),
    )
    op.create_table(
        "slice_row",
        sa.Column("run", LONG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("data_row", LONG, nullable=False),
        sa.ForeignKeyConstraint(
            ["data_row"], ["data_row.number"], name=op.f("fk_slice_row_data_row"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["run"], ["run.number"], name=op.f("fk_slice_row_run"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", "name", "data_row", name=op.f("pk_slice_row")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "import_part",
        sa.Column("import", LONG, nullable=False),
        sa.Column("first_line", sa.Integer(), nullable=False),
        sa.Column("statuses", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["import"], ["import.number"], name=op.f("fk_import_part_import"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("import", "first_line", name=op.f("pk_import_part")),
    )
    op.create_table(
        "metric",
        sa.Column("metric_key", LONG, nullable=False),
        sa.Column("data_row", sa.BigInteger(), nullable=False),
        sa.Column("form", sa.Integer(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("uuid", sa.Text(), nullable=True),
        sa.Column("import", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["metric_key"], ["metric_key.number"], name=op.f("fk_metric_metric_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("metric_key", "data_row", name=op.f("pk_metric")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "metric_key_form",
        sa.Column("metric_key", LONG, nullable=False),
        sa.Column("form", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["metric_key"], ["metric_key.number"], name=op.f("fk_metric_key_form_metric_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("metric_key", "form", name=op.f("pk_metric_key_form")),
        sqlite_with_rowid=False,
    )
