from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, text

from labelmetrics.errors import StoreError
from labelmetrics.store import Store, models, schema
from labelmetrics.store.migrations import HEAD, versions
from labelmetrics.store.settings import setting_of, write_setting


def test_a_new_store_is_there_again_when_it_is_opened_again(tmp_path: Path) -> None:
    with Store.open(tmp_path / "a" / "b") as store, store.write() as connection:
        models.create_model(connection, "detector", "ontology")
    with Store.open(tmp_path / "a" / "b") as store, store.read() as connection:
        (model,) = models.models(connection)
    assert (model.name, model.ontology_id) == ("detector", "ontology")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o077 == 0


def test_the_versions_lead_to_the_tables_of_the_schema(store: Store) -> None:
    with store.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
        made = {row[0]: row[1] for row in connection.execute(text("SELECT name, sql FROM sqlite_master"))}
    for name in ("run_row", "slice_row", "metric", "annotation"):
        assert made[name].strip().endswith("WITHOUT ROWID"), name


def test_head_is_the_last_version() -> None:
    files = sorted(path.stem for path in Path(versions.__path__[0]).glob("v*.py"))
    assert files[-1].startswith(f"v{HEAD}_")


def test_a_store_of_a_later_version_is_refused(store: Store) -> None:
    with store.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"version 9999 .* a later labelmetrics has written it"):
        Store.open(store.folder)
    assert (store.folder / "store.db.9999").exists()  # as it was


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_text("something else, and long enough to be read as a header " * 10)
    with pytest.raises(StoreError, match=r"store.db: file is not a database"):
        Store.open(tmp_path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="Not a directory"):
        Store.open(tmp_path / "file" / "home")


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.write() as connection:
        models.create_model(connection, "detector")
        raise ZeroDivisionError
    with store.read() as connection:
        assert models.models(connection) == []


def test_readers_see_one_state_while_another_writes(store: Store) -> None:
    with store.read() as reading:
        assert models.models(reading) == []
        with store.write() as writing:
            models.create_model(writing, "detector")
        assert models.models(reading) == []
    with store.read() as reading:
        assert len(models.models(reading)) == 1


def test_other_processes_read_and_write(store: Store) -> None:
    program = (
        "import sys; from labelmetrics.store import Store, models\n"
        "with Store.open(sys.argv[1]) as store:\n"
        "    for n in range(20):\n"
        "        with store.write() as connection: models.create_model(connection, f'{sys.argv[2]} {n}')\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", program, str(store.folder), name]) for name in ("one", "two", "three")
    ]
    for process in processes:
        assert process.wait(60) == 0
    with store.read() as connection:
        assert len({model.name for model in models.models(connection)}) == 60


def test_two_processes_make_a_new_store_at_once(tmp_path: Path) -> None:
    program = "import sys; from labelmetrics.store import Store; Store.open(sys.argv[1]).close()"
    processes = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "home")]) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0, 0, 0, 0]


def test_a_backup_holds_everything(store: Store, tmp_path: Path) -> None:
    with store.write() as connection:
        models.create_model(connection, "detector")
    target = tmp_path / "copy.db"
    store.backup(target)
    with sqlite3.connect(target) as copy:
        assert copy.execute("SELECT name FROM model").fetchall() == [("detector",)]
    with pytest.raises(StoreError, match="is there already"):
        store.backup(target)
    with pytest.raises(StoreError, match=r"copy\.db: No such file"):
        store.backup(tmp_path / "absent" / "copy.db")


def test_settings_are_replaced(store: Store) -> None:
    with store.write() as connection:
        assert setting_of(connection, "key") is None
        write_setting(connection, "key", "one")
        write_setting(connection, "key", "two")
        assert setting_of(connection, "key") == "two"


def test_rows_that_belong_to_nothing_are_refused(store: Store) -> None:
    with pytest.raises(Exception, match="FOREIGN KEY"), store.write() as connection:
        values = {"run": 7, "data_row": 7, "split": "TEST"}
        connection.execute(insert(schema.run_row).values(**values))
