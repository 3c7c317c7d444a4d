"""Runs of tap-llm-csv's pass over files, without a process and without Singer lines."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from tap_llm_csv import settings
from tap_llm_csv.sync import Summary, Sync

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

HEADER = "timestamp,model,prompt_tokens,completion_tokens,task_success,task_type,duration_ms,notes"


def row(
    second: int = 0,
    *,
    model: str = "gpt-4o",
    tokens: int = 10,
    notes: str = "",
    success: str = "true",
) -> str:
    """A line of the base format, without its end."""
    minute, second = divmod(second, 60)
    hour, minute = divmod(minute, 60)
    day, hour = divmod(hour, 24)
    return (
        f"2026-02-{day + 1:02d}T{hour:02d}:{minute:02d}:{second:02d}Z,{model},{tokens},5,{success},"
        f"execute,100,{notes}"
    )


class Crash(BaseException):
    """The process dies; nothing after it happens."""


class Machine:
    """A database that upserts, and the state that Meltano would keep, over several runs."""

    KEYS: ClassVar[dict[str, str]] = {
        "llm_calls": "call_id",
        "llm_usage_buckets": "bucket_id",
        "coverage_snapshots": "snapshot_id",
        "chat_telemetry_log": "log_id",
        "pr_traces": "trace_id",
        "pr_trace_events": "event_id",
        "token_estimation_v2_events": "event_id",
        "llm_csv_files": "file_id",
        "llm_csv_rejects": "reject_id",
    }

    def __init__(self, path: Path | str, **config: Any) -> None:
        self.config: dict[str, Any] = {"path": str(path), **config}
        self.state: dict[str, Any] = {}
        self.tables: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        self.sent: dict[str, int] = defaultdict(int)
        self.selected: set[str] | None = None
        self._crash_after: int | None = None

    # --- what the pass sees ---------------------------------------------------------------------

    def wants(self, stream: str) -> bool:
        return self.selected is None or stream in self.selected

    def write(self, stream: str, records: list[dict[str, Any]]) -> None:
        for record in records:
            if self._crash_after is not None:
                if self._crash_after == 0:
                    raise Crash
                self._crash_after -= 1
            known = self.tables[stream].get(record[self.KEYS[stream]], {})
            self.tables[stream][record[self.KEYS[stream]]] = {**known, **record}
            self.sent[stream] += 1

    def lines(self, stream: str) -> Callable[[list[str]], None]:
        """Take records as the fast way sends them."""
        return lambda lines: self.write(
            stream, [json.loads(line, parse_float=Decimal) for line in lines]
        )

    # --- what a test does -----------------------------------------------------------------------

    def run(self, *, crash_after: int | None = None, **config: Any) -> Summary:
        """One run from the state of the last one; a crash keeps the last state that was sent."""
        self.sent = defaultdict(int)
        self._crash_after = crash_after
        bookmarks = json.loads(json.dumps(self.state))

        def keep() -> None:
            self.state = json.loads(json.dumps(bookmarks))

        loaded = settings.load({**self.config, **config}, environment={})
        sync = Sync(loaded, bookmarks, self, keep)
        try:
            sync.run()
        except Crash:
            return sync.summary
        return sync.summary

    def forget(self) -> None:
        """Lose the state, not the database."""
        self.state = {}

    def anew(self) -> Machine:
        """Another database and no state, for the same files."""
        other = Machine(self.config["path"])
        other.config = dict(self.config)
        return other

    @property
    def calls(self) -> list[dict[str, Any]]:
        return list(self.tables["llm_calls"].values())

    @property
    def call_ids(self) -> set[str]:
        return set(self.tables["llm_calls"])

    @property
    def rejects(self) -> list[dict[str, Any]]:
        return list(self.tables["llm_csv_rejects"].values())

    @property
    def files(self) -> list[dict[str, Any]]:
        return list(self.tables["llm_csv_files"].values())

    def notes(self) -> list[str | None]:
        """The notes of all calls, in the order of the file."""
        ordered = sorted(self.calls, key=lambda call: (call["source_file"], call["source_line"]))
        return [call["notes"] for call in ordered]


def check_figures(records: list[Mapping[str, Any]]) -> None:
    """rows_read = rows_emitted + rows_rejected + rows_skipped, in every file."""
    for record in records:
        told = record["rows_emitted"] + record["rows_rejected"] + record["rows_skipped"]
        assert record["rows_read"] == told, record
