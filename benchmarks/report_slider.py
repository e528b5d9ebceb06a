"""How soon the page of a report answers its slider: from the event to the painted frame, whatever stands in view.

    python -m benchmarks.report_slider [REPORT.html] [--repeat 1] [--section s-worst] [--markdown FILE]

Without a report, one of 5,000 generated data rows and 80 features with a baseline is made first. Each section is
scrolled to the top of a window of 1280 x 900 pixels. Then the slider moves up step by step through all its positions,
and once more through all of them in a random order, with a pause of 250 ms after each move is drawn. ``answer`` ends
when the frame after the event has been painted, ``whole page`` when all of the page is drawn, also what is not in view.
Of several repetitions the one whose slowest answer is the fastest counts.

Needs playwright and a Chromium (Debian's package, or ``playwright install chromium``).
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import labelmetrics as lm
from benchmarks import generate
from benchmarks.measure import table

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HEADER = ["in view", "moves", "answer: median", "95 %", "most", "whole page: median", "most"]
SEED = 7

# A message behind a frame's callbacks arrives when that frame has been painted.
MOVES = """
async ([section, seen]) => {
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const painted = () => new Promise((done) => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = done;
    channel.port2.postMessage(0);
  }));
  const slider = document.getElementById("level");
  document.getElementById(section).scrollIntoView();
  await wait(500);
  const found = [];
  for (const level of seen) {
    slider.value = level;
    const start = performance.now();
    slider.dispatchEvent(new Event("input"));
    await painted();
    const answer = performance.now() - start;
    while (pending.length) await painted();
    await painted();
    found.push([answer, performance.now() - start]);
    await wait(250);
  }
  return found;
}
"""


class Run(NamedTuple):
    """Milliseconds of each move, until the answer and until all of the page is drawn."""

    answers: list[float]
    wholes: list[float]

    def cells(self, title: str) -> list[str]:
        late = statistics.quantiles(self.answers, n=20, method="inclusive")[-1]
        values = (statistics.median(self.answers), late, max(self.answers))
        times = [f"{value:.0f} ms" for value in (*values, statistics.median(self.wholes), max(self.wholes))]
        return [title, str(len(self.answers)), *times]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report_slider", description=__doc__.split("\n", 1)[0])
    parser.add_argument("report", type=Path, nargs="?", help="a page that is there already")
    parser.add_argument("--repeat", type=int, default=1, help="runs of each section, of which the best counts")
    parser.add_argument("--section", action="append", help="id of a section, e.g. s-worst; may be given repeatedly")
    parser.add_argument("--markdown", type=Path, help="write the table to this file too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        path = arguments.report or made(Path(name))
        text = measured(path, arguments.repeat, arguments.section)
    print(text)
    if arguments.markdown:
        arguments.markdown.write_text(text, encoding="utf-8")


def made(folder: Path, rows: int = 5_000) -> Path:
    """A report of generated data; its baseline has every second prediction."""
    truths, guesses = generate.coco_like(rows).write(folder)
    fewer = folder / "fewer.ndjson"
    fewer.write_text("".join(guesses.read_text("utf-8").splitlines(keepends=True)[::2]), "utf-8")
    run, before = (lm.evaluate(truths, side) for side in (guesses, fewer))
    target = folder / "report.html"
    lm.report(run, baseline=before).save(target)
    return target


def measured(path: Path, repeat: int, asked: list[str] | None = None) -> str:
    """The best run of each section, as a table."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        found = next(filter(None, map(shutil.which, BROWSERS)), None)
        browser = running.chromium.launch(executable_path=found, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(path.resolve().as_uri())
        rows = [
            best_of([one_run(page, section) for _ in range(repeat)]).cells(page.locator(f"#{section} h2").inner_text())
            for section in asked or sections(page)
        ]
        said = f"{path.stat().st_size / 1e6:.1f} MB, Chromium {browser.version}, {os.cpu_count()} processors"
        browser.close()
    return f"{said}\n\n{table(HEADER, rows)}"


def sections(page: Any) -> list[str]:
    """Ids of the sections that are there."""
    found: list[str] = page.eval_on_selector_all(
        "main > section[id]:not([hidden])", "(all) => all.map((one) => one.id)"
    )
    return found


def best_of(runs: list[Run]) -> Run:
    """The run whose slowest answer is the fastest."""
    return min(runs, key=lambda run: max(run.answers))


def one_run(page: Any, section: str) -> Run:
    """All moves with one section in view."""
    steps = list(range(page.evaluate("levels.length")))
    jumps = random.Random(SEED).sample(steps, len(steps))
    return Run(*map(list, zip(*page.evaluate(MOVES, [section, steps + jumps]), strict=True)))


if __name__ == "__main__":
    main()
