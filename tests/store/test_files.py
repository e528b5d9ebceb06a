from __future__ import annotations

import pytest

from labelmetrics.errors import NotFoundError
from labelmetrics.store import Store, files


def test_files_are_found_by_their_tokens_alone(store: Store) -> None:
    with store.write() as connection:
        made = files.add_file(connection, "x.json", 3, name="é", media_type="application/json")
        other = files.add_file(connection, "x.json", 3)
        assert files.file_of(connection, made.token) == made
        assert files.file_of(connection, "x.json") is None
    assert made.token != other.token
    assert len(made.token) >= 32  # 192 bits
    assert other.media_type == "application/x-ndjson"


def test_tasks_change(store: Store) -> None:
    with store.write() as connection:
        task = files.create_task(connection, "export", status="IN_PROGRESS", metadata={"a": 1})
        assert (task.completion, task.metadata) == (0, {"a": 1})
        done = files.update_task(connection, task.id, status="COMPLETE", completion=100, result={"n": 2})
        assert files.task_of(connection, task.id) == done
        assert (done.status, done.result) == ("COMPLETE", {"n": 2})
        assert files.task_of(connection, "none") is None
        with pytest.raises(NotFoundError, match="there is no task 'none'"):
            files.update_task(connection, "none", status="FAILED")
