"""The dashboards keep the rules that Grafana's own linter has, and those of file provisioning."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from target_telemetry_postgres.dashboard.grafana import PROVISIONING, dashboards

BOARDS = dashboards("telemetry")
PANELS = [(name, panel) for name, board in BOARDS.items() for panel in board["panels"]]
SOURCE = {"type": "grafana-postgresql-datasource", "uid": "${datasource}"}
named = pytest.mark.parametrize(
    ("name", "panel"), PANELS, ids=[f"{name} {panel['title']}" for name, panel in PANELS]
)


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_a_dashboard_can_be_provisioned_from_a_file(board: dict[str, Any]) -> None:
    assert "__inputs" not in json.dumps(board)
    assert board["editable"] is False
    assert board["schemaVersion"] == 42
    assert re.fullmatch(r"[a-z-]{1,40}", board["uid"])
    assert board["title"]
    first, *choices = board["templating"]["list"]
    assert (first["name"], first["type"], first["query"]) == (
        "datasource",
        "datasource",
        SOURCE["type"],
    )
    for choice in choices:
        assert choice["datasource"] == SOURCE
        assert (choice["refresh"], choice["multi"], choice["includeAll"]) == (2, True, True)


@named
def test_a_panel_says_what_it_shows(name: str, panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith("."), name
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["datasource"] == SOURCE
    for target in panel["targets"]:
        assert target["datasource"] == SOURCE
        assert target["rawSql"]
        assert not re.search(r"\b(from|join) (workflow_|llm_calls|pipeline_)", target["rawSql"])


@named
def test_a_panel_uses_only_variables_that_its_dashboard_has(
    name: str, panel: dict[str, Any]
) -> None:
    has = {variable["name"] for variable in BOARDS[name]["templating"]["list"]}
    for target in panel["targets"]:
        assert set(re.findall(r"\$\{(\w+)", target["rawSql"])) <= has


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_panels_have_their_own_ids_and_places(board: dict[str, Any]) -> None:
    taken = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken
                taken.add((x, y))
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    titles = [panel["title"] for panel in board["panels"]]
    assert len(set(titles)) == len(titles)


def test_the_provisioning_example_is_yaml_that_names_a_folder() -> None:
    (provider,) = yaml.safe_load(PROVISIONING)["providers"]
    assert provider["type"] == "file"
    assert provider["options"]["path"].startswith("/")
