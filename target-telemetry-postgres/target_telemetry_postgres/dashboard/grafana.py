"""Dashboards for those who run Grafana: the page's facts in Grafana's own JSON."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from target_telemetry_postgres.dashboard import queries

_SOURCE: Final = {"type": "grafana-postgresql-datasource", "uid": "${datasource}"}
_SCHEMA_VERSION: Final = 42
_TABLE: Final = re.compile(
    r"\b(from|join)(\s+)"
    r"(workflow_runs|workflow_jobs|workflow_steps|runner_prices|llm_calls|pipeline_health)\b"
)
_COLUMNS: Final = 24
_MONEY, _SECONDS, _SHARE, _COUNT = "currencyUSD", "s", "percentunit", "short"


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: which query, how it is drawn, how wide, in which units."""

    query: str
    title: str
    kind: str = "timeseries"
    unit: str = _COUNT
    width: int = 8
    height: int = 8
    stacked: bool = False
    #: Units of single columns of a table.
    units: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard."""

    uid: str
    title: str
    choices: tuple[str, ...]
    panels: tuple[Panel, ...]


def _stat(query: str, title: str, unit: str, width: int) -> Panel:
    return Panel(query, title, "stat", unit, width, 4)


BOARDS: Final = (
    Board(
        "telemetry-ci",
        "Telemetry: CI",
        ("repository", "workflow"),
        (
            _stat("ci_success", "Success, first attempt", _SHARE, 5),
            _stat("ci_failed", "Failed attempts", _COUNT, 5),
            _stat("ci_median", "Run time, median", _SECONDS, 5),
            _stat("ci_green", "Time to green, median", _SECONDS, 5),
            _stat("ci_cost", "Runner cost", _MONEY, 4),
            Panel("ci_outcomes", "Outcome of runs", stacked=True),
            Panel("ci_success_rate", "Success rate", unit=_SHARE),
            Panel("ci_run_time", "Run time", unit=_SECONDS),
            Panel("ci_queue", "Wait for a runner", unit=_SECONDS, width=12),
            Panel("ci_cost_by_workflow", "What runners cost", unit=_MONEY, width=12, stacked=True),
            Panel(
                "ci_jobs", "Jobs: slow, failing, flaky, costly", "table", width=14, height=10,
                units=(("p50", _SECONDS), ("p95", _SECONDS), ("took", _SECONDS), ("cost", _MONEY)),
            ),
            Panel("ci_steps", "Where jobs break", "table", width=10, height=10),
            Panel(
                "ci_failed_runs", "Latest failed runs", "table", width=24, height=10,
                units=(("seconds", _SECONDS),),
            ),
        ),
    ),
    Board(
        "telemetry-llm",
        "Telemetry: LLM calls",
        ("model",),
        (
            _stat("llm_cost", "Cost", _MONEY, 6),
            _stat("llm_calls", "Calls", _COUNT, 6),
            _stat("llm_error_rate_now", "Error rate", _SHARE, 6),
            _stat("llm_unpriced", "Calls without a price", _COUNT, 6),
            Panel("llm_cost_by_model", "Cost by model", unit=_MONEY, width=12, stacked=True),
            Panel("llm_tokens", "Tokens", width=12, stacked=True),
            Panel("llm_latency", "Latency", unit="ms", width=12),
            Panel("llm_error_rate", "Error rate over time", unit=_SHARE, width=12),
            Panel(
                "llm_models", "Models side by side", "table", width=24,
                units=(
                    ("cost", _MONEY), ("per success", _MONEY), ("error rate", _SHARE),
                    ("p50", "ms"), ("p95", "ms"),
                ),
            ),
            Panel("llm_reasons", "Why calls fail", "table", width=12),
            Panel(
                "llm_phases", "Where the money goes", "table", width=12, units=(("cost", _MONEY),)
            ),
        ),
    ),
    Board(
        "telemetry-pipelines",
        "Telemetry: pipelines",
        (),
        (
            _stat("health_lag", "Furthest behind", _SECONDS, 8),
            _stat("health_failed", "Streams that failed", _COUNT, 8),
            _stat("health_rejected", "Rejected rows, 7 days", _COUNT, 8),
            Panel(
                "health_streams", "Streams", "table", width=24, height=12,
                units=(("lag", _SECONDS),),
            ),
        ),
    ),
)  # fmt: skip

PROVISIONING: Final = """\
# Copy to Grafana's provisioning/dashboards/, and the .json files to the folder named below.
apiVersion: 1
providers:
  - name: telemetry
    folder: Telemetry
    type: file
    allowUiUpdates: false
    options:
      path: /var/lib/grafana/dashboards/telemetry
"""


def query_of(name: str, schema: str) -> str:
    """A panel's query with its facts, its tables named with their schema."""
    text = queries.compose(queries.read("panels", name)).strip()
    quoted = schema if re.fullmatch(r"[a-z_][a-z0-9_]*", schema) else f'"{schema}"'
    return _TABLE.sub(lambda found: f"{found[1]}{found[2]}{quoted}.{found[3]}", text)


def dashboards(schema: str) -> dict[str, dict[str, Any]]:
    """Every dashboard by the name of its file."""
    return {f"{board.uid}.json": _dashboard(board, schema) for board in BOARDS}


def _dashboard(board: Board, schema: str) -> dict[str, Any]:
    return {
        "uid": board.uid,
        "title": board.title,
        "tags": ["telemetry"],
        "schemaVersion": _SCHEMA_VERSION,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "5m",
        "time": {"from": "now-30d", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": []},
        "links": [],
        "templating": {"list": [_source_variable(), *(_choice(n, schema) for n in board.choices)]},
        "panels": _laid(board, schema),
    }


def _source_variable() -> dict[str, Any]:
    return {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": _SOURCE["type"],
        "multi": False,
        "includeAll": False,
        "refresh": 1,
        "current": {},
    }


def _choice(name: str, schema: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "query",
        "datasource": dict(_SOURCE),
        "query": query_of(f"choose_{name}", schema),
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "current": {"text": ["All"], "value": ["$__all"]},
        "sort": 1,
    }


def _laid(board: Board, schema: str) -> list[dict[str, Any]]:
    """The panels in rows from left to right."""
    laid, left, top, tallest = [], 0, 0, 0
    for number, panel in enumerate(board.panels, start=1):
        if left + panel.width > _COLUMNS:
            left, top, tallest = 0, top + tallest, 0
        place = {"x": left, "y": top, "w": panel.width, "h": panel.height}
        laid.append(_panel(panel, number, place, schema))
        left, tallest = left + panel.width, max(tallest, panel.height)
    return laid


def _panel(panel: Panel, number: int, place: dict[str, int], schema: str) -> dict[str, Any]:
    series = panel.kind == "timeseries"
    custom = {"drawStyle": "bars", "fillOpacity": 80, "stacking": {"mode": "normal"}}
    made: dict[str, Any] = {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": queries.purpose(queries.read("panels", panel.query)),
        "datasource": dict(_SOURCE),
        "gridPos": place,
        "fieldConfig": {
            "defaults": {"unit": panel.unit, **({"custom": custom} if panel.stacked else {})},
            "overrides": [
                {
                    "matcher": {"id": "byName", "options": column},
                    "properties": [{"id": "unit", "value": unit}],
                }
                for column, unit in panel.units
            ],
        },
        "targets": [
            {
                "refId": "A",
                "datasource": dict(_SOURCE),
                "editorMode": "code",
                "rawQuery": True,
                "format": "time_series" if series else "table",
                "rawSql": query_of(panel.query, schema),
            }
        ],
    }
    if series:
        made["options"] = {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "none"},
        }
    return made
