"""Take the picture of ``docs/report.md`` from the sample: ``python docs/make_report_picture.py``.

Needs playwright and a Chromium.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

import labelmetrics as lm

WIDTH, HEIGHT = 1180, 860


def taken(page_file: Path) -> bytes:
    """The upper part of the page, with the slider at the best confidence."""
    with sync_playwright() as running:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = running.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(page_file.as_uri())
        page.locator("#best").click()
        content = page.screenshot()
        browser.close()
    return content


def main() -> None:
    """Write ``docs/images/report.png``."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lm.write_sample(folder / "demo")
        evaluation = lm.evaluate(
            folder / "demo" / "ground_truth.ndjson",
            folder / "demo" / "predictions.ndjson",
            data_rows=folder / "demo" / "data_rows.ndjson",
        )
        lm.report(evaluation, title="Street scenes").save(folder / "report.html")
        content = taken(folder / "report.html")
    (Path(__file__).parent / "images" / "report.png").write_bytes(content)


if __name__ == "__main__":
    main()
