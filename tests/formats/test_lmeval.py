"""Evaluation files are written part by part, with the same bytes however they are cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import labelmetrics as lm
from labelmetrics.formats import lmeval, output
from labelmetrics.formats.lmeval import EvaluationWriter


def test_parts_give_the_bytes_of_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "GROUP_ROWS", 7)
    truths, guesses = datasets.dataset(3, rows=6)
    whole = lm.evaluate(truths, guesses, buffer=5.0, answer_names="question/answer")
    whole.save(tmp_path / "whole.lmeval")
    expected = {file.name: file.read_bytes() for file in (tmp_path / "whole.lmeval").iterdir()}
    rows = whole.results.rows
    for cut in (0, 2, 5, 6):
        with EvaluationWriter(tmp_path / "parts.lmeval") as writer:
            for names in (rows[:cut], rows[cut:]):
                writer.append(of_rows(whole.tables(), names))
            writer.finish(whole.manifest)
        found = {file.name: file.read_bytes() for file in (tmp_path / "parts.lmeval").iterdir()}
        assert found.keys() == expected.keys()
        assert [name for name in found if found[name] != expected[name]] == []


def of_rows(tables: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """The tables of some data rows that follow each other, their objects numbered from 0."""
    wanted = pa.array(names, pa.string())

    def chosen(name: str, column: str = "data_row") -> Any:
        return tables[name].filter(pc.is_in(tables[name].column(column).cast(pa.string()), wanted))

    objects = chosen("objects")
    numbers = objects.column("object").combine_chunks()
    parts = {
        "objects": objects,
        "pairs": tables["pairs"].filter(pc.is_in(tables["pairs"].column("ground_truth"), numbers)),
        "counts": chosen("counts"),
        "iou": chosen("iou"),
        "data_rows": chosen("data_rows", "globalKey"),
        "metrics": tables["metrics"],
    }
    start = pc.min(numbers).as_py() or 0
    return {name: lmeval._renumbered(table, -start) for name, table in parts.items()}


def test_nothing_is_left_of_an_unfinished_file(tmp_path: Path) -> None:
    evaluation = lm.evaluate([], [])

    def fail() -> None:
        with EvaluationWriter(tmp_path / "x.lmeval") as writer:
            writer.append(evaluation.tables())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(tmp_path.iterdir()) == []
