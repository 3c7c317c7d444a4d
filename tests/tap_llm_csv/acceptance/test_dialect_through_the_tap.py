"""All exports in one folder, read by the real tap in a process of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

FIXTURES = Path(__file__).parents[1] / "fixtures"


def test_a_folder_of_every_export_becomes_calls_buckets_and_coverage(tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    shutil.copytree(
        FIXTURES, folder, ignore=lambda _place, names: [n for n in names if n[-4:] != ".csv"]
    )
    config = tmp_path / "config.json"
    sums = {
        "path": str(folder / "cursor_summary.csv"),
        "constants": {"bucket_start": "2025-07-01", "bucket_end": "2025-08-01"},
    }
    config.write_text(json.dumps({"files": [sums, {"path": str(folder)}]}), encoding="utf-8")
    program = Path(sys.executable).parent / "tap-llm-csv"
    done = subprocess.run(
        [program, "--config", config], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    records: dict[str, list[dict[str, object]]] = {}
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message["type"] == "RECORD":
            records.setdefault(message["stream"], []).append(message["record"])
    assert "llm_csv_rejects" not in records
    calls = Counter(record["source"] for record in records["llm_calls"])
    assert calls == {
        "cursor": 8, "openrouter_generations": 2, "litellm_spendlogs": 2,
        "langfuse_observations": 2, "copilot_requests": 2,
    }  # fmt: skip
    buckets = Counter(record["source"] for record in records["llm_usage_buckets"])
    assert buckets == {
        "anthropic_console_tokens": 4, "anthropic_console_cost": 2, "copilot_usage": 2,
        "openai_completions_usage": 1, "openai_cost": 1, "openrouter_activity": 1,
        "cursor_summary": 1,
    }  # fmt: skip
    assert len(records["coverage_snapshots"]) == 1
    keys = [record["call_id"] for record in records["llm_calls"]]
    assert len(set(keys)) == len(keys)
