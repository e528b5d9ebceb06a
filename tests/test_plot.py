"""Figures with matplotlib hold the numbers that the functions beside them give."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
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
from matplotlib.figure import Figure

OTHERS = [lm.plot.confusion, lm.plot.features]
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


def test_f1_between_two_points_is_that_of_the_higher_one(evaluation: lm.Evaluation) -> None:
    ax = lm.plot.f1_curve(evaluation)
    assert ax.lines[0].get_drawstyle() == "steps-pre"
    x, y = ax.lines[0].get_xdata(), ax.lines[0].get_ydata()
    assert (np.diff(x) >= 0).all()
    curve = lm.f1_curve(evaluation)
    for least in [0.0, *((curve.confidence[1:] + curve.confidence[:-1]) / 2), *curve.confidence]:
        drawn = y[np.searchsorted(x, least, "left")]  # "steps-pre": a value holds to the left of its point
        assert drawn == curve.f1[curve.confidence >= least][-1]


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


def test_features_are_those_of_the_summary(evaluation: lm.Evaluation) -> None:
    summary = evaluation.summary()
    ax = lm.plot.features(evaluation, most=100)
    rows = {f"{row.feature} ({row.ground_truths})": row for row in summary.features}
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert sorted(names) == sorted(rows)
    support = [rows[name].ground_truths for name in names]
    assert support == sorted(support, reverse=True)
    marks = {line.get_label(): line.get_xdata() for line in ax.lines}
    drawn = {"f1": [bar.get_width() for bar in ax.containers[0]], **marks}
    for measure in ("f1", "precision", "recall"):
        expected = [getattr(rows[name], measure) for name in names]
        np.testing.assert_array_equal(drawn[measure], np.array(expected, float))
    assert f"F1 {summary.overall.f1:.3f}" in ax.get_xlabel()


def test_features_that_are_left_out_are_told() -> None:
    names = [f"class {index:02d}" for index in range(80)]
    boxes = [b.square(20 * index, name) for index, name in enumerate(names)]
    evaluation = lm.evaluate([label("a", boxes)], [label("a", boxes[:40])])
    ax = lm.plot.features(evaluation)
    assert len(ax.get_yticklabels()) == 30
    assert "the 30 of 80 features with the most ground truths" in ax.get_title(loc="left")
    ax = lm.plot.confusion(evaluation)
    assert ax.get_yticklabels()[-2].get_text() == "(60 others)"
    drawn = sum(int(text.get_text()) for text in ax.texts)
    assert drawn == evaluation.confusion_table().counts.sum()
    ax.figure.canvas.draw()


def test_features_at_a_confidence_key(evaluation: lm.Evaluation) -> None:
    sides = [label("a", [b.square(0)])], [label("a", [b.square(0, confidence=0.4), b.square(50, confidence=0.9)])]
    keyed = lm.evaluate(*sides, confidences=[0.1, 0.5])
    ax = lm.plot.features(keyed, confidence=0.5)
    assert ax.get_title(loc="left") == "IoU > 0.5, confidence >= 0.5"
    assert [bar.get_width() for bar in ax.containers[0]] == [0.0]
    with pytest.raises(SettingError, match="confidence"):
        lm.plot.features(keyed, confidence=0.7)


def test_counts_are_written_only_where_there_is_room(evaluation: lm.Evaluation) -> None:
    _, ax = pyplot.subplots(figsize=(2, 2))
    assert not lm.plot.confusion(evaluation, ax=ax).texts
    assert lm.plot.confusion(evaluation).texts


def test_of_many_classes_those_are_drawn_that_are_confused() -> None:
    def boxes(*names: str) -> list[Any]:
        return [b.square(20 * index, name) for index, name in enumerate(names)]

    evaluation = lm.evaluate([label("a", boxes("ape", "bee", "cow"))], [label("a", boxes("ape", "cow", "cow"))])
    ax = lm.plot.confusion(evaluation, most=2)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["bee", "cow", "(1 other)", "(background)"]
    assert "the 2 of 3 features that are confused most" in ax.get_title()


@pytest.mark.parametrize("draw", [*FUNCTIONS, *OTHERS])
def test_axes_that_are_given_are_drawn_into_and_returned(draw: Any, evaluation: lm.Evaluation) -> None:
    _, ax = pyplot.subplots()
    assert draw(evaluation, ax=ax) is ax
    assert ax.has_data()
    assert len(pyplot.get_fignums()) == 1


@pytest.mark.parametrize("draw", [*FUNCTIONS, *OTHERS])
def test_nothing_can_be_drawn_too(draw: Any) -> None:
    draw(lm.evaluate([], [])).figure.canvas.draw()


def texts(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.texts if text.get_text()]


def test_empty_figures_say_why() -> None:
    found = lm.evaluate([label("a", [b.square(0)])], [])
    assert texts(lm.plot.precision_recall(found)) == texts(lm.plot.f1_curve(found)) == ["no predictions"]
    assert texts(lm.plot.confidence(found)) == ["no predictions"]
    assert texts(lm.plot.overlap(found)) == ["no matches"]
    assert "no predictions" in lm.plot.reliability(found).get_title()
    wrong = lm.evaluate([], [label("a", [b.square(0, confidence=0.5)])], missing_ground_truth="empty")
    assert texts(lm.plot.precision_recall(wrong)) == ["no ground truths"]
    several = lm.plot.precision_recall(wrong, ["cat"])
    assert [text.get_text() for text in several.get_legend().get_texts()] == ["cat: no ground truths"]


@pytest.mark.parametrize("draw", [*FUNCTIONS, *OTHERS])
def test_empty_figures_leave_room_to_others(draw: Any, evaluation: lm.Evaluation) -> None:
    figure, (top, bottom) = pyplot.subplots(2, figsize=(5, 8), layout="constrained")
    draw(lm.evaluate([], []), ax=top)
    draw(lm.evaluate([], []), ax=bottom)
    figure.canvas.draw()
    assert min(one.get_position().height for one in (top, bottom)) > 0.25


@pytest.mark.parametrize("draw", [*FUNCTIONS, *OTHERS])
def test_answers_alone_can_be_drawn(draw: Any) -> None:
    sides = [label("a", [b.radio("sky", "sunny")])], [label("a", [b.radio("sky", "cloudy", confidence=0.8)])]
    ax = draw(lm.evaluate(*sides))
    ax.figure.canvas.draw()
    assert draw is not lm.plot.confusion or "answers are not compared" in texts(ax)[0]


def test_without_confidences_there_is_a_point_and_a_word_on_it() -> None:
    evaluation = lm.evaluate([label("a", [b.square(0)])], [label("a", [b.square(0), b.square(50)])])
    line = lm.plot.precision_recall(evaluation).lines[0]
    assert line.get_xydata().tolist() == [[1.0, 0.5]]
    assert line.get_marker() == "o"
    assert "none was given" in lm.plot.confidence(evaluation).get_xlabel()


def test_lines_are_told_apart_without_colour(evaluation: lm.Evaluation) -> None:
    lines = lm.plot.precision_recall(evaluation, evaluation.results.features[:4]).lines
    assert len({str(line.get_linestyle()) for line in lines}) == len(lines) == 4
    bars = lm.plot.confidence(evaluation).containers
    assert len({group[0].get_hatch() for group in bars}) == len(bars) == 2


def test_a_name_that_begins_with_an_underscore_is_in_the_legend() -> None:
    sides = [label("a", [b.square(0, "_x")])], [label("a", [b.square(0, "_x", confidence=0.5)])]
    ax = lm.plot.precision_recall(lm.evaluate(*sides), ["_x"])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["'_x'"]


@pytest.mark.parametrize("draw", [*FUNCTIONS, *OTHERS])
def test_what_is_no_axes_is_refused(draw: Any, evaluation: lm.Evaluation) -> None:
    _, grid = pyplot.subplots(2)
    with pytest.raises(SettingError, match="ax must be the Axes of one plot, got ndarray"):
        draw(evaluation, ax=grid)


@pytest.mark.parametrize("draw", [*FUNCTIONS, *OTHERS])
def test_settings_of_matplotlib_stay(draw: Any, evaluation: lm.Evaluation) -> None:
    before = dict(mpl.rcParams)
    draw(evaluation, ax=Figure().subplots())
    assert dict(mpl.rcParams) == before
    assert pyplot.get_fignums() == []


def test_real_data(shared: Path) -> None:
    folder = shared / "coco_val2014_100"
    results = folder / "instances_val2014_fakebbox100_results.json"
    evaluation = lm.evaluate(folder / "instances_val2014_100.json", results)
    for draw in [*FUNCTIONS, *OTHERS]:
        draw(evaluation).figure.canvas.draw()


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


@pytest.mark.parametrize("draw", OTHERS)
def test_features_shown_are_at_least_one(draw: Any, evaluation: lm.Evaluation) -> None:
    with pytest.raises(SettingError, match="most must be at least 1"):
        draw(evaluation, most=0)


@pytest.mark.parametrize("draw", [*FUNCTIONS, *OTHERS])
def test_it_says_what_to_install(draw: Any, evaluation: lm.Evaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(lm.MissingPackageError, match=r"pip install 'labelmetrics\[plot\]'") as caught:
        draw(evaluation)
    assert isinstance(caught.value, ImportError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
