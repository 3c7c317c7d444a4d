"""A Meltano project of one job, with the programs of this environment instead of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench.pipeline.files import tap


def write_project(folder: Path, url: str) -> None:
    """Write `meltano.yml`; the log's path comes from TAP_LLM_CSV_PATH. JSON is YAML too."""
    target = Path(sys.executable).with_name("target-telemetry-postgres")
    project = {
        "default_environment": "bench",
        "environments": [{"name": "bench"}],
        "project_id": "telemetry-bench",
        "send_anonymous_usage_stats": False,
        "plugins": {
            "extractors": [
                {
                    "name": "tap-llm-csv",
                    "namespace": "tap_llm_csv",
                    "executable": tap(),
                    "capabilities": ["catalog", "discover", "state"],
                    "settings": [{"name": "path"}],
                }
            ],
            "loaders": [
                {
                    "name": "target-telemetry-postgres",
                    "namespace": "target_telemetry_postgres",
                    "executable": str(target),
                    "settings": [{"name": "sqlalchemy_url", "sensitive": True}],
                    "config": {"sqlalchemy_url": url},
                }
            ],
        },
    }
    (folder / "meltano.yml").write_text(json.dumps(project, indent=2), encoding="utf-8")


def meltano_run() -> list[str]:
    """The command that this part is about."""
    meltano = Path(sys.executable).with_name("meltano")
    return [str(meltano), "run", "tap-llm-csv", "target-telemetry-postgres"]
