from __future__ import annotations

import pytest
from stores import Run

from labelmetrics.errors import NotFoundError, SettingError, UnknownRowsError
from labelmetrics.store import Store, data_rows, exports, models
from labelmetrics.store.data_rows import RowFault, RowSpec


def test_data_rows_are_made_and_changed(store: Store) -> None:
    with store.write() as connection:
        dataset = data_rows.create_dataset(connection, "images", "of cats")
        first, unknown, twice = data_rows.upsert_rows(
            connection,
            [
                RowSpec(dataset_id=dataset.id, global_key="a", row_data="a.jpg", metadata={"camera": 1}),
                RowSpec(dataset_id="none"),
                RowSpec(dataset_id=dataset.id, global_key="a"),
            ],
        )
        assert isinstance(first, data_rows.DataRow)
        assert isinstance(unknown, RowFault)
        assert unknown.message == "there is no dataset 'none'"
        assert isinstance(twice, RowFault)
        assert twice.message == "Duplicate global key: 'a'"
        changed, made, absent = data_rows.upsert_rows(
            connection,
            [
                RowSpec(key=("GKEY", "a"), external_id="x"),
                RowSpec(key=("GKEY", "b"), external_id="x"),
                RowSpec(key=("ID", "zz")),
            ],
        )
        assert isinstance(changed, data_rows.DataRow)
        assert isinstance(made, data_rows.DataRow)
        assert (changed.id, changed.external_id, changed.row_data) == (first.id, "x", "a.jpg")
        assert made.global_key == "b"
        assert isinstance(absent, RowFault)
        assert data_rows.data_row(connection, first.id) == changed
        assert data_rows.rows_by_global_keys(connection, ["a", "c"]) == {"a": changed}
        assert data_rows.rows_by_external_ids(connection, ["x"]) == {"x": [changed, made]}
        with pytest.raises(SettingError, match="Duplicate global key"):
            data_rows.update_row(connection, made.id, global_key="a")
        with pytest.raises(NotFoundError):
            data_rows.update_row(connection, "zz", external_id="y")
        assert data_rows.update_row(connection, made.id, external_id="y").external_id == "y"


def test_datasets_hold_their_rows(store: Store) -> None:
    with store.write() as connection:
        one, two = (data_rows.create_dataset(connection, name) for name in ("one", "two"))
        specs = [RowSpec(dataset_id=one.id, global_key=f"g{n}") for n in range(5)]
        rows = data_rows.upsert_rows(connection, specs)
        ids = [row.id for row in rows if isinstance(row, data_rows.DataRow)]
        assert [row.id for row in data_rows.dataset_rows(connection, one.id, first=2)] == ids[:2]
        assert [row.id for row in data_rows.dataset_rows(connection, one.id, after=ids[1])] == ids[2:]
        assert [row.id for row in data_rows.dataset_rows(connection, one.id, global_key="g3")] == [ids[3]]
        assert [dataset.name for dataset in data_rows.datasets(connection)] == ["two", "one"]
        assert [dataset.row_count for dataset in data_rows.datasets(connection, name="one")] == [5]
        assert data_rows.update_dataset(connection, two.id, name="three").name == "three"
        data_rows.update_dataset(connection, one.id, deleted=True)
        assert data_rows.dataset(connection, one.id) is None
        assert data_rows.data_row(connection, ids[0]) is None
        with pytest.raises(NotFoundError, match="there is no dataset"):
            data_rows.update_dataset(connection, one.id, name="x")


def test_rows_take_part_in_runs(run: Run) -> None:
    with run.store.write() as connection:
        with pytest.raises(UnknownRowsError, match="2 data rows are not known: 'a', 'b'"):
            data_rows.register(connection, run.id, global_keys=["a", "b"])
        assert data_rows.register(connection, run.id, global_keys=["a", "b", "a"], ids=["c"], create=True) == 3
        assert data_rows.register(connection, run.id, global_keys=["b"], ids=["c"]) == 0
        assert data_rows.assign(connection, run.id, "TEST", global_keys=["a"], ids=["c"]) == 2
        with pytest.raises(UnknownRowsError):
            data_rows.assign(connection, run.id, "TEST", ids=["d"])
        with pytest.raises(SettingError, match="there is no split 'test'"):
            data_rows.assign(connection, run.id, "test")
        assert data_rows.split_counts(connection, run.id) == {"TEST": 2, "UNASSIGNED": 1}
        in_test = {
            row.data_row.global_key or row.data_row.id for row in data_rows.run_rows(connection, run.id, split="TEST")
        }
        assert in_test == {"a", "c"}
        first, *others = data_rows.run_rows(connection, run.id)
        assert data_rows.run_rows(connection, run.id, after=first.data_row.id) == others
        assert data_rows.run_rows(connection, run.id, first=1) == [first]
        with pytest.raises(NotFoundError):
            data_rows.register(connection, "none", ids=["c"])


def test_a_table_says_what_rows_are(run: Run) -> None:
    table = [
        {"id": "r1", "globalKey": "g1", "media_path": "a.jpg", "width": 640, "height": 480, "split": "TEST"},
        {"globalKey": "g2", "metadata": {"camera": "left"}},
    ]
    with run.store.write() as connection:
        assert data_rows.register_table(connection, run.id, table) == 2
        one, two = data_rows.run_rows(connection, run.id)
        assert (one.data_row.id, one.data_row.global_key, one.split) == ("r1", "g1", "TEST")
        assert (one.data_row.row_data, one.data_row.media) == ("a.jpg", {"width": 640, "height": 480})
        assert (two.data_row.metadata, two.split) == ({"camera": "left"}, "UNASSIGNED")
        assert data_rows.register_table(connection, run.id, [{"globalKey": "g2", "split": "TRAINING"}]) == 0
        assert data_rows.split_counts(connection, run.id) == {"TRAINING": 1, "TEST": 1}
        for bad in ({}, {"id": 7}, {"id": ""}, {"id": "r9", "globalKey": "g1"}, {"id": "r1", "split": "x"}):
            with pytest.raises(SettingError):
                data_rows.register_table(connection, run.id, [bad])


def test_slices_name_rows_of_the_run(run: Run) -> None:
    run.register("a", "b", ids=["c"])
    with run.store.write() as connection:
        assert data_rows.set_slice(connection, run.id, "night", ["globalKey:a", "c", "id:c"]) == 2
        assert data_rows.set_slice(connection, run.id, "day", ["b"]) == 1
        assert data_rows.slices(connection, run.id) == {"day": 1, "night": 2}
        with pytest.raises(UnknownRowsError, match="'d'"):
            data_rows.set_slice(connection, run.id, "day", ["d"])
        assert data_rows.set_slice(connection, run.id, "day", []) == 0
        assert data_rows.slices(connection, run.id) == {"night": 2}


def test_rows_that_leave_take_all_that_the_run_knows_of_them_along(run: Run) -> None:
    run.register("a", "b")
    line = {"metricName": "m", "metricValue": 1, "aggregation": "SUM"}
    run.put([{**line, "dataRow": {"globalKey": key}} for key in "ab"])
    with run.store.write() as connection:
        data_rows.set_slice(connection, run.id, "all", ["a", "b"])
        gone, kept = data_rows.run_rows(connection, run.id)
        assert data_rows.unregister(connection, run.id, [gone.data_row.id, "unknown"]) == 1
        assert data_rows.run_rows(connection, run.id) == [kept]
        assert data_rows.slices(connection, run.id) == {"all": 1}
        assert b"".join(exports.metric_lines(connection, run.id)).count(b"\n") == 1
        assert data_rows.delete_rows(connection, [kept.data_row.id]) == 1
        assert b"".join(exports.metric_lines(connection, run.id)) == b""
        assert data_rows.data_row(connection, gone.data_row.id) is not None
        found = models.run(connection, run.id)
        assert found is not None
        assert found.revision > 1
