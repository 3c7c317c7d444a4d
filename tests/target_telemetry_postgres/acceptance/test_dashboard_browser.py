"""The page in a real browser: it works, it is quiet, and what is hostile in the data stays text."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.browser import Looked, chromium, show
from support.postgres import url_of
from support.sample_rows import call, insert, job, run
from support.telemetry_command import telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.postgres import PostgresServer
    from target_telemetry_postgres.postgres.database import Database

NOW = datetime.now(timezone.utc)
HOSTILE = (
    "</script><script>window.taken = 1</script>",
    "<img src=x onerror='window.taken = 1'>",
    '=HYPERLINK("https://evil.example")',
    "{{data}} \u202eright to left \u0000".replace("\u0000", "\u0007"),
)


def at(days: float) -> datetime:
    return NOW - timedelta(days=days)


@pytest.fixture(scope="module")
def store(postgres_server: PostgresServer) -> Iterator[Database]:
    """Sixty days of runs, every fifth failing, with hostile words wherever people write them."""
    name = postgres_server.make_database(migrated=True)
    database = postgres_server.database(name)
    for number in range(120):
        hostile = HOSTILE[number % len(HOSTILE)]
        failed = "failure" if number % 5 == 0 else "success"
        insert(
            database,
            "workflow_runs",
            run(
                number + 1,
                started_at=at(number / 2),
                completed_at=at(number / 2) + timedelta(minutes=5),
                conclusion=failed,
                display_title=hostile,
                workflow_name=hostile if number % 2 else "CI",
                branch=("main", "feature/x", hostile)[number % 3],
                html_url=f"https://github.com/octo/repo/actions/runs/{number + 1}",
            ),
        )
        insert(
            database,
            "workflow_jobs",
            job(
                number + 1,
                number + 1,
                started_at=at(number / 2),
                conclusion=failed,
                job_name=hostile,
                runner_labels=["ubuntu-latest"],
            ),
        )
        insert(
            database,
            "llm_calls",
            call(
                number + 1,
                timestamp=at(number / 2),
                model=hostile if number % 3 == 0 else "gpt-5",
                success=number % 4 != 0,
                error_message=hostile,
                prompt_name=hostile,
                duration_ms=1000 + number,
            ),
        )
    insert(
        database,
        "workflow_runs",
        run(999, started_at=at(1), conclusion="failure", repository="octo/evil",
            html_url="javascript:window.taken=1//actions/runs/999"),
    )  # fmt: skip
    yield database
    postgres_server.drop_database(name)


@pytest.fixture(scope="module")
def page(store: Database, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "page.html"
    ran = telemetry("--url", url_of(store.conninfo), "dashboard", "--output", str(file))
    assert ran.code == 0, ran.err
    return file


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_it_is_quiet_fits_and_hurts_nobody(
    browser: Any, page: Path, width: int, scheme: str
) -> None:
    looked = show(browser, page, viewport={"width": width, "height": 850}, color_scheme=scheme)
    looked.scroll_through()
    assert looked.page.evaluate("document.documentElement.dataset.theme") == scheme
    assert looked.page.evaluate("document.documentElement.scrollWidth") <= width
    assert looked.page.locator(".canvas svg").count() >= 9
    looked.page.eval_on_selector_all(
        ".buttons button[aria-expanded]", "buttons => buttons.forEach(button => button.click())"
    )
    assert serious(looked) == []
    assert looked.complaints == []
    looked.close()


def serious(looked: Looked) -> list[str]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    source = Path(axe.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
    looked.page.evaluate(f"() => {{ {source} }}")
    found = looked.page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {one['help']}: {[node['html'][:200] for node in one['nodes']][:3]}"
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
    ]


def test_what_is_hostile_is_shown_as_text(browser: Any, page: Path) -> None:
    looked = show(browser, page)
    looked.scroll_through()
    assert looked.page.evaluate("window.taken") is None
    titles = looked.page.locator("#card-failed tbody th").all_inner_texts()
    assert any(HOSTILE[0] in title for title in titles)
    assert looked.page.locator("main img").count() == 0
    links = looked.page.eval_on_selector_all("main a[href]", "all => all.map(a => a.href)")
    assert links
    assert all(link.startswith(("https://github.com/", "file:")) for link in links)
    assert looked.complaints == []
    looked.close()


def test_a_csv_holds_the_cards_rows_and_no_formula(
    browser: Any, page: Path, tmp_path: Path
) -> None:
    looked = show(browser, page)
    with looked.page.expect_download() as download:
        looked.page.locator("#card-jobs .buttons button", has_text="csv").click()
    path = tmp_path / "jobs.csv"
    download.value.save_as(path)
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header[:2] == ["job", "runs"]
    assert [row[0] for row in rows] == [
        "'" + row[0] if row[0].startswith("=") else row[0] for row in looked.card("jobs")
    ]
    assert looked.complaints == []
    looked.close()


def test_a_filter_narrows_every_number_and_the_address_keeps_it(browser: Any, page: Path) -> None:
    looked = show(browser, page, "#range=90")
    assert looked.tiles()["calls"] == 120
    looked.page.locator("details[data-filter=model] summary").click()
    looked.page.get_by_label("gpt-5", exact=True).check()
    looked.wait()
    assert looked.tiles()["calls"] == 80
    assert sum(row[1] for row in looked.card("models")) == 80
    assert "model=gpt-5" in looked.page.url
    again = Looked(browser, looked.page.url)
    assert again.tiles() == looked.tiles()
    looked.page.locator("button.clear").click()
    looked.wait()
    assert looked.tiles()["calls"] == 120
    again.close()
    looked.close()


def test_dragging_over_a_chart_sets_the_range_of_the_page(browser: Any, page: Path) -> None:
    looked = show(browser, page)
    plot = looked.page.locator("#card-outcomes .plot")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    mouse, middle = looked.page.mouse, box["y"] + box["height"] / 2
    mouse.move(box["x"] + box["width"] * 0.4, middle)
    mouse.down()
    mouse.move(box["x"] + box["width"] * 0.6, middle, steps=5)
    mouse.up()
    looked.wait()
    assert "from=" in looked.page.url
    assert 3 <= len(looked.card("outcomes")) <= 10
    looked.close()


def test_a_point_opens_its_runs_by_mouse_and_by_keys(browser: Any, page: Path) -> None:
    looked = show(browser, page, "#range=90")
    plot = looked.page.locator("#card-outcomes .plot")
    plot.scroll_into_view_if_needed()
    plot.click()
    dialog = looked.page.locator("dialog.drill")
    assert dialog.locator("h2").inner_text().split(": ")[1].endswith("failed attempts")
    assert dialog.locator("a").first.get_attribute("href").startswith("https://github.com/octo/")
    looked.page.keyboard.press("Escape")
    assert dialog.count() == 0
    plot.focus()
    looked.page.keyboard.press("ArrowRight")
    looked.page.keyboard.press("ArrowLeft")
    told = plot.get_attribute("aria-valuetext")
    assert "success" in told
    assert "failed" in told
    looked.page.keyboard.press("Enter")
    assert dialog.count() == 1
    looked.page.keyboard.press("Escape")
    assert looked.complaints == []
    looked.close()


def test_a_new_range_compares_only_where_data_reaches_back(browser: Any, page: Path) -> None:
    looked = show(browser, page, "#range=7")
    assert "before" in looked.page.locator("#tile-calls .change").inner_text()
    looked.choose("range=90")
    assert looked.page.locator("#tile-calls .change").inner_text() == ""
    assert "No earlier period" in looked.page.locator("main").inner_text()
    looked.close()


def test_on_paper_every_chart_is_drawn_and_light(browser: Any, page: Path, tmp_path: Path) -> None:
    looked = show(browser, page, color_scheme="dark")
    pdf = looked.page.pdf(path=tmp_path / "page.pdf")
    assert pdf.startswith(b"%PDF")
    drawn = looked.page.locator(".canvas svg").count()
    assert drawn >= 9
    assert looked.page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert looked.complaints == []
    looked.close()


def test_the_served_page_shows_what_came_meanwhile(browser: Any, store: Database) -> None:
    command = [
        sys.executable, "-c", "from target_telemetry_postgres.cli import main; main()",
        "--url", url_of(store.conninfo), "dashboard", "--serve",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().split()[0]
        try:
            looked = Looked(browser, address + "#range=90")
            calls = looked.tiles()["calls"]
            insert(store, "llm_calls", call(5000, timestamp=at(0.1)))
            looked.page.reload()
            looked.wait()
            assert looked.tiles()["calls"] == (calls or 0) + 1
            assert looked.complaints == []
            looked.close()
        finally:
            server.terminate()
            deadline = time.monotonic() + 20
            while server.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)


def test_an_empty_store_says_how_to_fill_it(
    browser: Any, database_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "page.html"
    assert telemetry("--url", database_url, "dashboard", "--output", str(file)).code == 0
    looked = show(browser, file)
    words = looked.page.locator("main").inner_text()
    assert "meltano run tap-github-actions target-telemetry-postgres" in words
    assert "meltano run tap-llm-csv target-telemetry-postgres" in words
    assert looked.page.locator(".card.empty").count() <= 1
    assert serious(looked) == []
    assert looked.complaints == []
    looked.close()
