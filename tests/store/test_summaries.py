from __future__ import annotations

import pytest
from stores import Run

from labelmetrics.errors import NotFoundError
from labelmetrics.store import models
from labelmetrics.store.summaries import RunSummary, run_to_sum_up, sum_up, summary_of, summed_up


def test_a_summary_is_kept_until_the_run_changes(run: Run) -> None:
    run.register("a", "b")
    line = {"metricName": "m", "metricValue": {"0.1": 3, "0.5": 1}, "aggregation": "SUM"}
    run.put([{**line, "dataRow": {"globalKey": key}} for key in "ab"])
    with run.store.read() as connection:
        assert run_to_sum_up(connection) == run.id
        assert summary_of(connection, run.id) is None
    sum_up(run.store, run.id)
    expected = RunSummary(data_rows=2, metrics=2, confidence=0.1, figures=(("m", 6.0),))
    with run.store.read() as connection:
        assert run_to_sum_up(connection) is None
        assert summary_of(connection, run.id) == (expected, True)
        assert summed_up(connection, run.id) == expected
    run.register("c")
    with run.store.read() as connection:
        assert summary_of(connection, run.id) == (expected, False)
        assert run_to_sum_up(connection) == run.id


def test_nothing_is_summed_up_while_an_import_is_to_be_done(run: Run) -> None:
    run.send([])
    with run.store.read() as connection:
        assert run_to_sum_up(connection) is None


def test_metrics_that_do_not_go_together_have_no_figures(run: Run) -> None:
    run.register("a", "b")
    line = {"metricName": "m", "aggregation": "SUM"}
    values = {"a": 1, "b": {"0.1": 3, "0.5": 1}}
    run.put([{**line, "metricValue": value, "dataRow": {"globalKey": key}} for key, value in values.items()])
    with run.store.read() as connection:
        assert summed_up(connection, run.id).metrics == 2


def test_a_run_that_is_gone_is_passed_over(run: Run) -> None:
    with run.store.write() as connection:
        models.delete_runs(connection, [run.id])
    sum_up(run.store, run.id)
    with run.store.read() as connection, pytest.raises(NotFoundError):
        summed_up(connection, run.id)
