"""Figures with matplotlib hold the numbers that the functions beside them give."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import builders as b
import matplotlib as mpl
import numpy as np
import pytest
from datasets import dataset, label

import labelmetrics as lm
from labelmetrics.errors import SettingError

mpl.use("Agg")
from matplotlib import pyplot

FUNCTIONS = [lm.plot.precision_recall, lm.plot.f1_curve, lm.plot.reliability, lm.plot.confidence, lm.plot.overlap]


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def evaluation() -> lm.Evaluation:
    return lm.evaluate(*dataset(3, coarse=True, scored=True, rows=20), missing_ground_truth="empty", buffer=70.0)


def heights(ax: Any) -> np.ndarray[Any, Any]:
    """Heights of the bars, series by series."""
    return np.array([[bar.get_height() for bar in bars] for bars in ax.containers])


def test_curves_are_those_of_the_evaluation(evaluation: lm.Evaluation) -> None:
    names = evaluation.results.features[:3]
    ax = lm.plot.precision_recall(evaluation, names)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == names
    for name, line in zip(names, ax.lines, strict=True):
        curve = lm.precision_recall(evaluation, name)
        np.testing.assert_array_equal(line.get_xydata(), np.column_stack([curve.recall, curve.precision]))


def test_the_dot_is_the_best_confidence(evaluation: lm.Evaluation) -> None:
    best = lm.best_confidence(evaluation)["(all)"]
    dot = lm.plot.f1_curve(evaluation).lines[-1]
    assert dot.get_xydata().tolist() == [[best.confidence, best.f1]]


def test_bars_of_reliability_are_the_calibration(evaluation: lm.Evaluation) -> None:
    found = lm.calibration(evaluation, bins=5)
    ax = lm.plot.reliability(evaluation, bins=5)
    assert heights(ax)[0].tolist() == found.precision[found.count > 0].tolist()
    assert f"{found.ece:.3f}" in ax.get_title()


def test_bars_of_distributions_add_up_to_the_counts(evaluation: lm.Evaluation) -> None:
    for row in evaluation.summary():
        name = None if row.feature == "(all)" else row.feature
        ax = lm.plot.confidence(evaluation, name)
        assert heights(ax).sum(axis=1).tolist() == [row.tp, row.fp]
        assert heights(lm.plot.overlap(evaluation, name)).sum() == row.tp
        pyplot.close("all")


def test_cells_are_those_of_the_table(evaluation: lm.Evaluation) -> None:
    table = evaluation.confusion_table()
    ax = lm.plot.confusion(evaluation)
    assert [text.get_text() for text in ax.get_yticklabels()] == table.features
    shown = {(text.get_position()[1], text.get_position()[0]): text.get_text() for text in ax.texts}
    assert shown == {tuple(at): str(table.counts[tuple(at)]) for at in np.argwhere(table.counts).tolist()}


def test_of_many_classes_those_are_drawn_that_are_confused() -> None:
    def boxes(*names: str) -> list[Any]:
        return [b.square(20 * index, name) for index, name in enumerate(names)]

    evaluation = lm.evaluate([label("a", boxes("ape", "bee", "cow"))], [label("a", boxes("ape", "cow", "cow"))])
    ax = lm.plot.confusion(evaluation, most=2)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["bee", "cow", "(background)"]


@pytest.mark.parametrize("draw", [*FUNCTIONS, lm.plot.confusion])
def test_axes_that_are_given_are_drawn_into_and_returned(draw: Any, evaluation: lm.Evaluation) -> None:
    _, ax = pyplot.subplots()
    assert draw(evaluation, ax=ax) is ax
    assert ax.has_data()
    assert len(pyplot.get_fignums()) == 1


@pytest.mark.parametrize("draw", [*FUNCTIONS, lm.plot.confusion])
def test_nothing_can_be_drawn_too(draw: Any) -> None:
    draw(lm.evaluate([], [])).figure.canvas.draw()


@pytest.mark.parametrize("draw", FUNCTIONS)
def test_names_are_no_formulas(draw: Any) -> None:
    name = "$\\frac{$"
    sides = [label("a", [b.square(0, name)])], [label("a", [b.square(0, name, confidence=0.5)])]
    ax = draw(lm.evaluate(*sides), name)
    ax.figure.canvas.draw()
    assert name in ax.get_title()


@pytest.mark.parametrize("draw", FUNCTIONS)
def test_a_feature_that_is_not_there_is_refused(draw: Any, evaluation: lm.Evaluation) -> None:
    with pytest.raises(SettingError, match="there is no feature 'nobody'"):
        draw(evaluation, "nobody")


@pytest.mark.parametrize("draw", [lm.plot.reliability, lm.plot.confidence, lm.plot.overlap])
def test_bins_are_at_least_one(draw: Any, evaluation: lm.Evaluation) -> None:
    with pytest.raises(SettingError, match="bins must be at least 1"):
        draw(evaluation, bins=0)


def test_classes_are_at_least_one(evaluation: lm.Evaluation) -> None:
    with pytest.raises(SettingError, match="most must be at least 1"):
        lm.plot.confusion(evaluation, most=0)


def test_it_says_what_to_install(evaluation: lm.Evaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'labelmetrics\[plot\]'"):
        lm.plot.f1_curve(evaluation)
