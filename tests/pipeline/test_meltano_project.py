"""`meltano.yml` says what the plugins, the workflow and the docs say."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from support.project import ROOT, about

PROJECT: dict[str, Any] = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
WORKFLOW: dict[Any, Any] = yaml.safe_load(
    (ROOT / ".github/workflows/telemetry.yml").read_text(encoding="utf-8")
)
PLUGINS = {
    plugin["name"]: plugin for group in PROJECT["plugins"].values() for plugin in group
}
KINDS = {"integer": "integer", "number": "decimal", "boolean": "boolean", "array": "array",
         "object": "object"}


def meltano_settings(executable: str) -> dict[str, tuple[str, bool]]:
    """Setting name to (kind, sensitive), as the plugin itself describes them."""
    found = {}
    for name, schema in about(executable)["settings"]["properties"].items():
        types = schema.get("type", "string")
        first = next((t for t in ([types] if isinstance(types, str) else types) if t != "null"))
        found[name] = (KINDS.get(first, "string"), bool(schema.get("secret")))
    return found


@pytest.mark.parametrize("plugin", PLUGINS)
def test_each_setting_of_a_plugin_is_in_meltano_yml_with_its_kind(plugin: str) -> None:
    declared = {
        setting["name"]: (setting.get("kind", "string"), setting.get("sensitive", False))
        for setting in PLUGINS[plugin]["settings"]
    }
    assert declared == meltano_settings(plugin)


def test_the_schedules_have_the_cron_of_the_workflow() -> None:
    crons = {entry["cron"] for entry in WORKFLOW[True]["schedule"]}
    assert crons == {schedule["interval"] for schedule in PROJECT["schedules"]} == {"0 */6 * * *"}


def test_the_workflow_runs_each_schedule_in_a_step_of_its_own() -> None:
    steps = [step.get("run", "") for step in WORKFLOW["jobs"]["ingest"]["steps"]]
    for schedule in PROJECT["schedules"]:
        assert sum(f"schedule run {schedule['name']}" in run for run in steps) == 1


def test_ingest_all_reads_the_files_before_github() -> None:
    jobs = {job["name"]: job["tasks"] for job in PROJECT["jobs"]}
    assert jobs["ingest-all"] == jobs["ingest-csv"] + jobs["ingest-github"]


def test_nothing_phones_home() -> None:
    assert PROJECT["send_anonymous_usage_stats"] is False
