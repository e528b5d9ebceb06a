from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from labelmetrics.errors import NotFoundError
from labelmetrics.store import Store, models


def test_models_and_runs_are_listed_the_newest_first(store: Store) -> None:
    with store.write() as connection:
        made = [models.create_model(connection, name) for name in ("a", "b", "a")]
        runs = [models.create_run(connection, made[0].id, f"run {n}", {"lr": n}) for n in range(3)]
        assert [model.id for model in models.models(connection)] == [model.id for model in reversed(made)]
        assert [model.id for model in models.models(connection, name="a")] == [made[2].id, made[0].id]
        assert [model.id for model in models.models(connection, skip=1, first=1)] == [made[1].id]
        assert [run.name for run in models.runs(connection, model_id=made[0].id)] == ["run 2", "run 1", "run 0"]
        assert models.runs(connection, model_id=made[1].id) == []
        assert [run.id for run in models.runs(connection, name="run 1")] == [runs[1].id]
        assert models.run(connection, runs[2].id) == runs[2]
        assert models.counts(connection) == {made[0].id: 3}
    assert runs[2].config == {"lr": 2}
    assert runs[2].model_id == made[0].id
    assert abs(runs[2].created_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert len(made[0].id) == 25


def test_config_and_status_are_noted(store: Store) -> None:
    with store.write() as connection:
        model = models.create_model(connection, "a")
        run = models.create_run(connection, model.id, "r")
        assert models.set_config(connection, run.id, {"a": [1, None]}).config == {"a": [1, None]}
        assert models.set_config(connection, run.id, None).config is None
        told = models.set_status(connection, run.id, "FAILED", "no memory", {"epoch": 3})
    assert (told.status, told.status_message, told.status_metadata) == ("FAILED", "no memory", {"epoch": 3})
    assert told.updated_at > run.updated_at


def test_deleting_a_model_deletes_its_runs(store: Store) -> None:
    with store.write() as connection:
        keep, gone = (models.create_model(connection, name) for name in ("keep", "gone"))
        kept = models.create_run(connection, keep.id, "r")
        lost = models.create_run(connection, gone.id, "r")
        assert models.delete_models(connection, [gone.id, "no such"]) == 1
        assert models.run(connection, lost.id) is None
        assert models.run(connection, kept.id) == kept
        assert models.delete_runs(connection, [kept.id]) == 1
        assert models.runs(connection) == []


def test_what_is_not_there_is_told(store: Store) -> None:
    with store.write() as connection:
        assert models.model(connection, "m") is None
        assert models.run(connection, "r") is None
        with pytest.raises(NotFoundError, match="there is no model 'm'"):
            models.create_run(connection, "m", "r")
        with pytest.raises(NotFoundError, match="there is no model run 'r'"):
            models.run_number(connection, "r")
        with pytest.raises(NotFoundError, match="there is no model run 'r'"):
            models.set_config(connection, "r", {})


def test_names_may_hold_anything(store: Store) -> None:
    name = "Robert'); DROP TABLE model;-- <b>\"é中\U0001f600\n"
    with store.write() as connection:
        model = models.create_model(connection, name)
        assert models.models(connection, name=name) == [model]
