from __future__ import annotations

from stores import Run

from labelmetrics.store import models
from labelmetrics.store.cleaning import clean
from labelmetrics.store.evaluations import evaluate_run


def test_what_belongs_to_nothing_is_removed(run: Run) -> None:
    run.register("a")
    box = {"dataRow": {"globalKey": "a"}, "name": "cat", "bbox": {"top": 0, "left": 0, "height": 1, "width": 1}}
    run.put([box], "truth", "ground_truths")
    run.put([{**box, "confidence": 0.5}], "guess")
    evaluate_run(run.store, run.id)
    (run.store.files / "lost.ndjson").write_text("")
    (run.store.files / "incoming").mkdir()
    assert clean(run.store) == 0  # it is new
    assert clean(run.store, age=0) == 1
    assert len(list(run.store.files.iterdir())) == 3
    with run.store.write() as connection:
        models.delete_runs(connection, [run.id])
    assert clean(run.store, age=0) == 3
    assert [path.name for path in run.store.files.iterdir()] == ["incoming"]
    assert list(run.store.evaluations.iterdir()) == []
