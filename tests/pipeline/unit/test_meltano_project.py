"""`meltano.yml` says what the plugins, the workflow and the docs say."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from support.project import ROOT

PROJECT: dict[str, Any] = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
WORKFLOW: dict[Any, Any] = yaml.safe_load(
    (ROOT / ".github/workflows/telemetry.yml").read_text(encoding="utf-8")
)
PLUGINS = {plugin["name"]: plugin for group in PROJECT["plugins"].values() for plugin in group}
SECRETS = {
    "tap-github-actions": {"auth_token", "additional_auth_tokens", "auth_app"},
    "tap-llm-csv": set(),
    "target-telemetry-postgres": {"sqlalchemy_url", "password", "ssl_key_password"},
}


@pytest.mark.parametrize("plugin", PLUGINS)
def test_meltano_hides_the_secrets_of_a_plugin(plugin: str) -> None:
    settings = PLUGINS[plugin]["settings"]
    hidden = {setting["name"] for setting in settings if setting.get("sensitive")}
    assert hidden >= SECRETS[plugin]


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
