"""`python -m bench dashboard`: a large store, its page, and the page in a browser."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.dashboard.browser import look
from bench.dashboard.rows import fill
from bench.measure import run
from bench.options import parser
from bench.page import table, write_fragment
from bench.target.environments import UnavailableError
from bench.target.rounds import TEMPLATE, make_template
from bench.target.server import scratch_server

if TYPE_CHECKING:
    from collections.abc import Sequence

_BUDGETS: Final = {
    "build": "20 s",
    "memory of the command": "200 MB",
    "page": "3 MB",
    "ready": "1.5 s",
    "a filter changed, median": "0.3 s",
    "a filter changed, slowest": "",
    "JavaScript heap": "60 MB",
}


def main(arguments: Sequence[str]) -> int:
    """Measure, print the section, and keep it for the page."""
    options = parser("dashboard", __doc__)
    options.add_argument("--scale", type=float, default=1.0, help="of the store (default 1)")
    options.add_argument("--rounds", type=int, default=3, help="rounds in the browser (default 3)")
    chosen = options.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="bench-dashboard-") as place, scratch_server() as all_:
        folder = Path(place)
        make_template(all_)
        with all_.fresh("page", template=TEMPLATE) as server:
            amounts = fill(server, chosen.scale)
            page = folder / "page.html"
            done = run(
                [
                    str(Path(sys.executable).with_name("telemetry")),
                    "dashboard",
                    "--output",
                    str(page),
                ],
                log=folder / "log",
                environment={"TARGET_TELEMETRY_POSTGRES_SQLALCHEMY_URL": server.url},
            )
            if done.code:
                print(f"bench: the page was not written: {done.words}", file=sys.stderr)
                return 1
        figures = {
            "build": f"{done.seconds:.1f} s",
            "memory of the command": f"{done.peak_bytes / 2**20:.0f} MB",
            "page": f"{page.stat().st_size / 1e6:.2f} MB",
        }
        try:
            seen = look(page, chosen.rounds)
        except UnavailableError as error:
            print(f"bench: not measured in a browser: {error}.", file=sys.stderr)
        else:
            figures |= {
                "ready": f"{seen['ready'] / 1000:.2f} s",
                "a filter changed, median": f"{seen['filter'] / 1000:.2f} s",
                "a filter changed, slowest": f"{seen['slowest'] / 1000:.2f} s",
                "JavaScript heap": f"{seen['heap'] / 2**20:.0f} MB",
            }
    markdown = _section(amounts, figures)
    print(markdown)
    if chosen.page:
        write_fragment("dashboard", markdown)
    return 0


def _section(amounts: dict[str, int], figures: dict[str, str]) -> str:
    rows = [(name, figure, _BUDGETS[name]) for name, figure in figures.items()]
    return (
        "## The page\n\n"
        f"`telemetry dashboard` on {amounts['llm_calls']:,} LLM calls, "
        f"{amounts['workflow_runs']:,} runs, {amounts['workflow_jobs']:,} jobs and "
        f"{amounts['workflow_steps']:,} steps of 186 days, and its page from disk in headless "
        "Chromium, 1,440 by 900. Ready: from the start of loading until the charts in sight are "
        "drawn. A filter: until the next frame shows everything in sight.\n\n"
        + table(("", "measured", "to stay within"), rows)
    )
