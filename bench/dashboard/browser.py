"""A headless browser opens the page, changes its filters, and says how long it took."""

from __future__ import annotations

import shutil
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from bench.target.environments import UnavailableError

if TYPE_CHECKING:
    from pathlib import Path

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_CHANGE: Final = """
async change => {
  const { state } = window.telemetryPage;
  const started = performance.now();
  change === 'range' ? state.choosePreset(state.preset === '30' ? '90' : '30')
    : state.toggle(change[0], change[1], change[2]);
  await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - started;
}
"""


def look(page: Path, rounds: int) -> dict[str, float]:
    """Measure loading, filters and memory.

    Raises:
        UnavailableError: There is no browser, or nothing to drive it with.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise UnavailableError("Playwright is not installed; `make browser` installs it") from error
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        raise UnavailableError("no Chromium was found on this machine")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--enable-precise-memory-info", "--js-flags=--expose-gc"],
        )
        ready = [_load(browser, page) for _ in range(rounds)]
        shown = browser.new_page(viewport={"width": 1440, "height": 900})
        shown.goto(page.as_uri())
        shown.wait_for_selector("html[data-ready]", timeout=120_000)
        changed = [
            shown.evaluate(_CHANGE, change) for _ in range(rounds) for change in _changes(shown)
        ]
        shown.evaluate("() => gc()")
        heap = shown.evaluate("() => performance.memory.usedJSHeapSize")
        browser.close()
    return {
        "ready": median(ready),
        "filter": median(changed),
        "slowest": max(changed),
        "heap": heap,
    }


def _load(browser: Any, page: Path) -> float:
    """Until the figures and charts in sight are there, in milliseconds."""
    shown = browser.new_page(viewport={"width": 1440, "height": 900})
    shown.goto(page.as_uri())
    shown.wait_for_selector(".canvas svg", timeout=120_000)
    ready = shown.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => done(performance.now())))"
    )
    shown.close()
    return float(ready)


def _changes(shown: Any) -> list[Any]:
    """What a reader does: another range, and filters on and off again."""
    choices = shown.evaluate("() => window.telemetryPage.choices")
    made: list[Any] = ["range", "range"]
    for name in ("repository", "workflow", "branch", "model", "phase"):
        if choices[name]:
            made += [[name, choices[name][0], True], [name, choices[name][0], False]]
    return made
