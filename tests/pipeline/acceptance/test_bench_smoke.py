"""The benchmark measures what it says, on a small scale; no figure of it is asserted."""

from __future__ import annotations

import subprocess
import sys

from support.project import ROOT, clean_environment


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_the_target_and_the_floor_load_reload_and_change_the_same_rows() -> None:
    options = ["--rows", "2000", "--rounds", "1", "--only", "floor", "ours", "--no-page"]
    done = bench("target", *options)
    assert done.returncode == 0, done.stderr
    assert "2,000 records" in done.stdout
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    assert any("target-telemetry-postgres" in row for row in rows)
    assert any(row.startswith("| rows updated by an identical reload | 0 | 0 |") for row in rows)
    assert any(row.startswith("| rows updated when all changed | 2,000 | 2,000 |") for row in rows)


def test_an_unknown_part_is_refused_with_the_ones_there_are() -> None:
    done = bench("everything")
    assert done.returncode == 2
    assert "no part 'everything'" in done.stderr
    assert "pipeline" in done.stderr
