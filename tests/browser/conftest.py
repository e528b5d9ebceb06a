"""A browser for tests that look at pages as people do; without one they are skipped."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# What a page copies is kept in it, since a browser without a window may have no clipboard.
KEEP_COPIES = """
    window.copied = [];
    Object.defineProperty(navigator, "clipboard", {value: {writeText: async (text) => { window.copied.push(text); }}});
"""


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    with playwright.sync_playwright() as running:
        try:
            opened = running.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except playwright.Error as error:
            pytest.skip(f"needs a Chromium that starts (Debian's package chromium, or playwright install): {error}")
        yield opened
        opened.close()


class Opened:
    """A page, with everything that it said and asked for."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.said: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("dialog", lambda dialog: self.said.append(dialog.message))
        page.on("request", lambda request: self.asked.append(request.url))

    def texts(self, selector: str) -> list[str]:
        found: list[str] = self.page.locator(selector).all_inner_texts()
        return found

    def rows(self, selector: str) -> list[list[str]]:
        """Texts of the cells of rows."""
        return [[cell.strip() for cell in text.split("\t")] for text in self.texts(selector)]

    def move(self, level: int) -> None:
        """Move the slider, and wait until everything is drawn."""
        self.page.evaluate(
            """async (level) => {
                const slider = document.getElementById("level");
                slider.value = level;
                slider.dispatchEvent(new Event("input"));
                while (pending.length) await new Promise((done) => setTimeout(done, 5));
            }""",
            level,
        )


@pytest.fixture
def look(browser: Any) -> Callable[..., Any]:
    """Opens a file: ``with look(path, width=390) as opened``."""

    @contextmanager
    def looking(path: Path, width: int = 1280, **options: Any) -> Iterator[Opened]:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        context.add_init_script(KEEP_COPIES)
        opened = Opened(context.new_page())
        opened.page.goto(path.as_uri())
        yield opened
        context.close()

    return looking
