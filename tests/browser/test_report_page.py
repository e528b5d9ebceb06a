"""The report in a browser: it shows what the evaluation says, needs no network, and can be used by everybody."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import builders as b
import pytest
from datasets import dataset, label
from PIL import Image

import labelmetrics as lm

KEYS = [0.0, 0.25, 0.5, 0.75]
HOSTILE = "</script><img src=x onerror=alert(1)>'\"&"
Look = Callable[..., Any]


@pytest.fixture(scope="module")
def run() -> lm.Evaluation:
    sides = dataset(3, coarse=True, scored=True, rows=12)
    return lm.evaluate(*sides, confidences=KEYS, missing_ground_truth="empty", buffer=70.0)


@pytest.fixture(scope="module")
def path(run: lm.Evaluation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of a run and its baseline, with an image."""
    folder = tmp_path_factory.mktemp("report")
    truths, guesses = dataset(3, coarse=True, scored=True, rows=12)
    fewer = [label(one.data.global_key, one.annotations[::2]) for one in guesses]
    before = lm.evaluate(truths, fewer, confidences=KEYS, missing_ground_truth="empty", buffer=70.0)
    for row in run.results.rows:
        Image.new("RGB", (64, 48), (90, 120, 90)).save(folder / f"{row}.png")
    target = folder / "report.html"
    lm.report(run, baseline=before, images=folder, title="A run").save(target)
    return target


def shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def level_of(opened: Any, key: float) -> int:
    found: int = opened.page.evaluate("(key) => levels.indexOf(key)", key)
    return found


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, {"width": 390}], ids=["light", "dark", "narrow"])
def test_it_opens_without_a_fault_and_without_a_network(look: Look, path: Path, options: Any) -> None:
    with look(path, **options) as opened:
        assert opened.said == []
        assert [url for url in opened.asked if not url.startswith("data:")] == [path.as_uri()]
        assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert all(map(str.strip, opened.texts("main > section:not([hidden])")))
        assert opened.page.locator("svg image").count() > 0


def test_the_slider_shows_what_the_evaluation_says(look: Look, path: Path, run: lm.Evaluation) -> None:
    with look(path) as opened:
        for key in KEYS:
            opened.move(level_of(opened, key))
            summary = run.summary(confidence=key)
            whole = summary.overall
            assert opened.texts("#shown") == [f"{key:g}"]
            assert opened.texts("#cards .value")[:6] == [
                *map(shown, (whole.precision, whole.recall, whole.f1)),
                *map(str, (whole.tp, whole.fp, whole.fn)),
            ]
            assert sorted(row[:8] for row in opened.rows("#features tbody tr")) == sorted(
                [one.feature, *map(str, (one.ground_truths, one.tp, one.fp, one.fn))]
                + [shown(value) for value in (one.precision, one.recall, one.f1)]
                for one in summary.features
            )
            assert f"False positives: {whole.fp}" in opened.texts("#reasons h3")
            told = opened.page.locator("#spread svg").last.get_attribute("aria-label")
            assert f"{whole.tp} right and {whole.fp} wrong" in told


SHOWN = """() => ["change", "features", "worst", "suspects"].map((id) => [
    document.getElementById(id).innerText,
    [...document.querySelectorAll(`#${id} path.shape:not([hidden])`)].map((path) => path.outerHTML),
])"""


def test_earlier_moves_leave_no_trace(look: Look, path: Path) -> None:
    with look(path) as opened:
        first = [opened.page.evaluate(SHOWN)]
        for level in range(1, opened.page.evaluate("levels.length")):
            opened.move(level)
            first.append(opened.page.evaluate(SHOWN))
        assert len({str(one) for one in first}) > 2
    for level in (0, len(KEYS), len(first) - 1):
        with look(path) as opened:
            opened.move(len(first) - 1 - level)
            opened.move(level)
            assert opened.page.evaluate(SHOWN) == first[level]


def test_a_feature_is_shown_alone(look: Look, path: Path, run: lm.Evaluation) -> None:
    row = max(run.summary().features, key=lambda one: one.fp)
    with look(path) as opened:
        opened.page.locator("#features button.pick", has_text=row.feature).first.click()
        opened.move(0)
        assert opened.page.locator("#feature option:checked").inner_text() == row.feature
        assert opened.texts("#cards .value")[3:6] == list(map(str, (row.tp, row.fp, row.fn)))
        assert f"False positives: {row.fp}" in opened.texts("#reasons h3")
        told = opened.texts("#worst li:not(.quiet)")
        assert told
        assert all(row.feature in text for text in told)


def test_features_are_sorted_and_filtered(look: Look, path: Path, run: lm.Evaluation) -> None:
    with look(path) as opened:
        opened.page.locator("#features th button", has_text="Feature").click()
        names = [row[0] for row in opened.rows("#features tbody tr")]
        assert names == sorted(run.results.features, key=str.lower)
        assert opened.page.locator("#features th[aria-sort=ascending]").inner_text().startswith("Feature")
        opened.page.locator("#features input").fill("BOX")
        names = [row[0] for row in opened.rows("#features tbody tr")]
        assert names == [one for one in sorted(run.results.features) if "box" in one]


def test_cells_open_what_is_behind_them(look: Look, path: Path) -> None:
    with look(path) as opened:
        cell = opened.page.locator("#matrix td button").first
        cell.click()
        assert opened.page.locator("#behind").is_visible()
        assert opened.page.locator("#behind .picture").count() == int(cell.inner_text())
        opened.page.keyboard.press("Escape")
        assert not opened.page.locator("#behind").is_visible()
        assert opened.page.evaluate("document.activeElement === document.querySelector('#matrix td button')")


def test_all_tables_can_be_copied(look: Look, path: Path, run: lm.Evaluation) -> None:
    with look(path) as opened:
        buttons = opened.page.get_by_role("button", name="as CSV")
        for index in range(buttons.count()):
            buttons.nth(index).click()
        copied = opened.page.evaluate("window.copied")
        assert len(copied) == buttons.count()
        tables = [list(csv.reader(io.StringIO(text))) for text in copied]
        for table in tables:
            assert len(table) > 1
            assert len({len(row) for row in table}) == 1
        (features,) = (table for table in tables if table[0][0] == "Feature" and "GT" in table[0])
        assert sorted((row[0], *row[2:5]) for row in features[1:]) == sorted(
            (one.feature, *map(str, (one.tp, one.fp, one.fn))) for one in run.summary().features
        )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_stands_in_the_way_of_anybody(look: Look, path: Path, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    with look(path, color_scheme=scheme) as opened:
        faults = axe.Axe().run(opened.page).response["violations"]
        opened.page.locator("#worst .picture > button").first.click()
        faults += axe.Axe().run(opened.page).response["violations"]
        assert [(one["id"], one["impact"], one["nodes"][0]["html"]) for one in faults] == []


def test_themes_can_be_changed_and_paper_is_white(look: Look, path: Path) -> None:
    with look(path, color_scheme="dark") as opened:
        ground = "getComputedStyle(document.body).backgroundColor"
        dark = opened.page.evaluate(ground)
        opened.page.locator("#theme").click()
        assert opened.page.evaluate(ground) == "rgb(255, 255, 255)" != dark
        opened.page.locator("#theme").click()
        assert opened.page.evaluate(ground) == dark
        opened.page.emulate_media(media="print")
        assert opened.page.evaluate(ground) == "rgb(255, 255, 255)"


def test_texts_of_others_stay_texts(look: Look, tmp_path: Path) -> None:
    truths = [label(HOSTILE, [b.square(0, HOSTILE), b.square(50, HOSTILE)])]
    guesses = [label(HOSTILE, [b.square(90, HOSTILE, confidence=0.5)])]
    made = lm.report(lm.evaluate(truths, guesses), baseline=lm.evaluate(truths, truths), title=HOSTILE)
    made.save(tmp_path / "report.html")
    with look(tmp_path / "report.html") as opened:
        opened.page.locator("#worst .picture > button").first.click()
        assert opened.said == []
        assert opened.page.locator("img").count() == 0
        assert opened.texts("h1") == [HOSTILE]
        assert opened.texts("#h-behind") == [HOSTILE]
        assert opened.texts("#features button.pick") == [HOSTILE]


def test_without_confidences_there_is_no_slider(look: Look, tmp_path: Path) -> None:
    truths = [label("a", [b.square(0), b.radio("weather", "rain")])]
    guesses = [label("a", [b.square(1), b.radio("weather", "snow")])]
    lm.report(lm.evaluate(truths, guesses)).save(tmp_path / "report.html")
    with look(tmp_path / "report.html") as opened:
        assert opened.said == []
        assert not opened.page.locator("#level").is_visible()
        assert opened.page.locator("#unsliding").is_visible()


@pytest.mark.parametrize(
    "annotations", [[], [b.radio("weather", "rain")], [b.span(0, 5)]], ids=["none", "answer", "text"]
)
def test_there_may_be_nothing_to_draw(look: Look, tmp_path: Path, annotations: list[Any]) -> None:
    lm.report(lm.evaluate([label("a", annotations)], [label("a", [])])).save(tmp_path / "report.html")
    with look(tmp_path / "report.html") as opened:
        assert opened.said == []
        assert all(map(str.strip, opened.texts("main > section:not([hidden])")))


def test_notebooks_show_it_in_a_frame(look: Look, tmp_path: Path, run: lm.Evaluation) -> None:
    (tmp_path / "notebook.html").write_text(f"<!doctype html>{lm.report(run)._repr_html_()}", "utf-8")
    with look(tmp_path / "notebook.html") as opened:
        frame = opened.page.frame_locator("iframe")
        assert frame.locator("#cards .value").first.inner_text() == shown(run.summary().overall.precision)
        assert opened.said == []
