"""`make browser run` and then `.venv/bin/python docs/screenshots.py`: the pictures of the page.

They are made from the demo's page, so that they show what a reader sees after `make run`.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / ".telemetry" / "dashboard.html"
FOLDER = ROOT / "docs" / "pictures"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PICTURES = {
    "dashboard-light": {"width": 1440, "height": 1100, "scheme": "light"},
    "dashboard-dark": {"width": 1440, "height": 1100, "scheme": "dark"},
    "dashboard-phone": {"width": 390, "height": 1100, "scheme": "light"},
}


def main() -> int:
    """Take the pictures; 1 where something is missing."""
    page = Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None or not page.is_file():
        print(f"A browser ({', '.join(BROWSERS)}) and {page} are needed; `make run` writes it.")
        return 1
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name, how in PICTURES.items():
            shown = browser.new_page(
                viewport={"width": int(how["width"]), "height": int(how["height"])},
                color_scheme="dark" if how["scheme"] == "dark" else "light",
            )
            shown.goto(page.resolve().as_uri())
            shown.wait_for_selector("html[data-ready]")
            shown.wait_for_timeout(300)
            shown.screenshot(path=FOLDER / f"{name}.png")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
