"""What `make run` does: both pipelines on the sample data, then the tables.

LLM calls and the other telemetry come from the files of this folder. GitHub Actions come from the
simulator in `examples/github_simulator`, or from GitHub itself when `GITHUB_REPOSITORY` and a token
are set.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
DATA = ROOT / ".telemetry"
LOGS = DATA / "logs"
TOKEN_VARIABLES = ("TAP_GITHUB_ACTIONS_AUTH_TOKEN", "GITHUB_TOKEN", "GITHUB_PERSONAL_TOKEN")
SIMULATOR_START_SECONDS = 30
LOG_LINE = re.compile(r"\S+ \[\w+ *\] (?:tap|target)-\S+ +(.*)")
TARGET = "target-telemetry-postgres"


class StepError(Exception):
    """A step of the demo ended with an error; its words say which and where its log is."""


def main() -> int:
    """Run the demo; 0 when every step did what it should."""
    LOGS.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    try:
        files = {"TAP_LLM_CSV_PATH": "examples"}
        run_step(1, "the files of examples/", "tap-llm-csv", files)
        with github() as (source, settings):
            run_step(2, f"GitHub Actions from {source}", "tap-github-actions", settings)
    except StepError as error:
        print(error, file=sys.stderr)
        return 1
    print(
        f"[3/3] telemetry stats (both pipelines took {time.monotonic() - started:.0f} s)\n",
        flush=True,
    )
    stats = subprocess.run([BIN / "telemetry", "stats"], cwd=ROOT, check=False)
    if stats.returncode == 0:
        print("\nThe page of it all, to open in a browser: ", end="", flush=True)
        page = subprocess.run([BIN / "telemetry", "dashboard"], cwd=ROOT, check=False)
        if page.returncode:
            return page.returncode
        print(
            "\nNext: run `make run` again (nothing is stored twice), open the database with "
            "`.venv/bin/telemetry psql`,\nor read README.md to connect your own repository, "
            "files and Postgres.",
        )
    return stats.returncode


def run_step(number: int, what: str, tap: str, settings: dict[str, str]) -> None:
    """Run one pipeline through Meltano, showing its summary and keeping its whole log."""
    command = ["meltano", "run", tap, TARGET]
    print(f"[{number}/3] {what}: {' '.join(command)}", flush=True)
    log = LOGS / f"{tap}.log"
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            [BIN / command[0], *command[1:]],
            cwd=ROOT,
            env={**os.environ, "NO_COLOR": "1", **settings},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        wait_visibly(process)
    text = log.read_text(encoding="utf-8", errors="replace")
    if process.returncode != 0:
        tail = "\n".join(text.splitlines()[-15:])
        raise StepError(
            f"{tail}\n'{' '.join(command)}' failed; its last lines are above, "
            f"the whole log is {log.relative_to(ROOT)}.",
        )
    for line in summaries(text):
        print(f"      {line}", flush=True)


def summaries(log: str) -> Iterator[str]:
    """Yield what the tap and the target say that they did."""
    for line in log.splitlines():
        said = LOG_LINE.match(line)
        if said is None:
            continue
        message = said[1].removeprefix("summary: ")
        if "rows read = " in message or message != said[1]:
            yield f"read    {message}"
        elif " read, " in message:
            yield from (
                f"stored  {stream}"
                for stream in message.split("; ")
                if not stream.endswith(": 0 read, 0 inserted, 0 updated, 0 unchanged")
            )


def wait_visibly(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process; on a terminal, show that time passes."""
    started = time.monotonic()
    while True:
        try:
            process.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            if sys.stdout.isatty():
                print(f"\r      … {time.monotonic() - started:.0f} s", end="\r", flush=True)
        else:
            if sys.stdout.isatty():
                print("\r\033[K", end="", flush=True)
            return


@contextmanager
def github() -> Iterator[tuple[str, dict[str, str]]]:
    """Say where the runs come from, and hold the simulator up when it is the source."""
    repository = os.environ.get("GITHUB_REPOSITORY")
    if repository and any(os.environ.get(name) for name in TOKEN_VARIABLES):
        yield repository, {}
        return
    url_file = DATA / "demo-github.url"
    url_file.unlink(missing_ok=True)
    simulator = subprocess.Popen(
        [
            sys.executable,
            *("-m", "github_simulator", "--demo", "--port", "0"),
            *("--anchor-file", DATA / "demo-github.json", "--url-file", url_file),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "examples")},
        stdout=(LOGS / "github-simulator.log").open("w", encoding="utf-8"),
        stderr=subprocess.STDOUT,
    )
    try:
        url = wait_for_url(url_file, simulator)
        yield (
            f"a simulated GitHub on {url}",
            {
                "TAP_GITHUB_ACTIONS_API_URL_BASE": url,
                "TAP_GITHUB_ACTIONS_AUTH_TOKEN": "demo",
                "TAP_GITHUB_ACTIONS_REPOSITORIES": '["octo-org/telemetry-demo"]',
                "TAP_GITHUB_ACTIONS_COVERAGE_ARTIFACTS": '["coverage-*"]',
            },
        )
    finally:
        simulator.terminate()
        simulator.wait()


def wait_for_url(url_file: Path, simulator: subprocess.Popen[bytes]) -> str:
    """Wait until the simulator has written where it listens."""
    deadline = time.monotonic() + SIMULATOR_START_SECONDS
    while time.monotonic() < deadline and simulator.poll() is None:
        if url_file.is_file() and (url := url_file.read_text(encoding="utf-8").strip()):
            return url
        time.sleep(0.05)
    raise StepError(
        "The GitHub simulator did not start; .telemetry/logs/github-simulator.log says why.",
    )


if __name__ == "__main__":
    sys.exit(main())
