"""A real browser for the page: one found on the machine, driven by Playwright."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@contextmanager
def chromium() -> Iterator[Any]:
    """Start the browser, or skip with the sentence that says what is missing."""
    driver = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed; `make browser` installs it."
    )
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"No browser was found on this machine; one of {', '.join(NAMES)} will do.")
    with driver.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


class Looked:
    """A page in the browser, and everything that it should not have done."""

    def __init__(self, browser: Any, address: str, **how: Any) -> None:
        how = {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light", **how}
        self.context = browser.new_context(**how)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda said: self.complaints.append(f"{said.type}: {said.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("request", self._asked)
        self.own = address.rsplit("/", 1)[0]
        self.page.goto(address)
        self.wait()

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.own, "data:", "blob:")):
            self.complaints.append(f"request: {request.url}")

    def wait(self) -> None:
        """Until every card has its figures."""
        self.page.wait_for_selector("html[data-ready]", timeout=60_000)

    def choose(self, fragment: str) -> None:
        """Follow an address of this page with other filters."""
        self.page.evaluate(
            "fragment => { delete document.documentElement.dataset.ready;"
            " window.location.hash = fragment; }",
            fragment,
        )
        self.wait()

    def tiles(self) -> dict[str, float | None]:
        """Every tile's figure, unrounded."""
        found = self.page.evaluate(
            "() => [...document.querySelectorAll('.tile')].map(tile =>"
            " [tile.id.slice(5), tile.querySelector('.figure').dataset.value])"
        )
        return {name: float(value) if value != "" else None for name, value in found}

    def card(self, name: str, tab: str | None = None) -> list[list[Any]]:
        """A card's rows, as its CSV has them."""
        if tab is not None:
            self.page.locator(f"#card-{name} .tabs button", has_text=tab).click()
        return list(
            self.page.evaluate(
                "name => { const made = document.getElementById('card-' + name).card.made;"
                " return made.rows.map(row => made.columns.map(column => column.value(row))); }",
                name,
            )
        )

    def scroll_through(self) -> None:
        """So that every chart is drawn."""
        height = self.page.evaluate("document.documentElement.scrollHeight")
        for top in range(0, int(height), 500):
            self.page.evaluate(f"window.scrollTo(0, {top})")
            self.page.wait_for_timeout(60)
        self.page.evaluate("window.scrollTo(0, 0)")

    def close(self) -> None:
        self.context.close()


def show(browser: Any, page: Path, fragment: str = "", **how: Any) -> Looked:
    """Open a page from disk."""
    return Looked(browser, page.as_uri() + fragment, **how)
