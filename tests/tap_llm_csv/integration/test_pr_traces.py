"""Traces of pull requests in files: batches, single events, documents, Agent Trace records."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support.llm_csv import Machine

if TYPE_CHECKING:
    from pathlib import Path

EDIT = {"seq": 1, "ts": "2025-11-08T21:00:00Z", "type": "edit", "payload": {"file": "a.py"}}
TEST = {"seq": 2, "ts": "2025-11-08T21:08:00Z", "type": "test", "payload": {"failed": 0}}
BATCH = {
    "pr_id": "owner/repo#123", "repo_name": "owner/repo", "branch": "fix", "status": "open",
    "events": [EDIT, TEST],
}  # fmt: skip
UNNUMBERED = {"ts": "2025-11-08T21:09:00Z", "type": "edit", "payload": {"file": "a.py"}}


def lines(folder: Path, *values: Any, name: str = "traces.ndjson") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
    return path


def append(path: Path, *values: Any) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(value) + "\n" for value in values)


def read(path: Path | str, **config: Any) -> Machine:
    machine = Machine(path, **config)
    machine.run()
    return machine


def traces(machine: Machine) -> list[dict[str, Any]]:
    return list(machine.tables["pr_traces"].values())


def events(machine: Machine) -> list[dict[str, Any]]:
    return list(machine.tables["pr_trace_events"].values())


def test_a_flat_batch_is_a_trace_and_its_events(tmp_path: Path) -> None:
    machine = read(lines(tmp_path, BATCH))
    (trace,) = traces(machine)
    assert (trace["pr_id"], trace["repository"], trace["branch"], trace["status"]) == (
        "owner/repo#123", "owner/repo", "fix", "open",
    )  # fmt: skip
    assert [(event["seq"], event["type"], event["payload"]) for event in events(machine)] == [
        (1, "edit", {"file": "a.py"}), (2, "test", {"failed": 0}),
    ]  # fmt: skip
    assert {event["trace_id"] for event in events(machine)} == {trace["trace_id"]}


def test_a_batch_by_subject_says_the_same_as_a_flat_one(tmp_path: Path) -> None:
    batch = {
        "trace_id": "t-1",
        "repo": {"name": "owner/repo", "branch": "fix", "language": ["python", "sql"]},
        "pr": {
            "pr_id": "owner/repo#123", "title": "Fix", "status": "merged",
            "created_at": "2025-11-08T20:00:00Z", "merged_at": "2025-11-09T08:00:00+01:00",
        },
        "developer": {"user_id": "ana", "ide_version": "0.9.2", "os": "macOS"},
        "timeline": {"start_time": "2025-11-08T21:00:00Z", "duration_seconds": 480},
        "events": [EDIT, TEST],
    }  # fmt: skip
    (trace,) = traces(read(lines(tmp_path, batch)))
    assert {name: value for name, value in trace.items() if name != "duration_seconds"} == {
        "trace_id": "t-1", "repository": "owner/repo", "branch": "fix",
        "language": ["python", "sql"], "pr_id": "owner/repo#123", "title": "Fix",
        "status": "merged", "pr_created_at": "2025-11-08T20:00:00+00:00",
        "merged_at": "2025-11-09T07:00:00+00:00", "user_id": "ana", "ide_version": "0.9.2",
        "os": "macOS", "start_time": "2025-11-08T21:00:00+00:00",
    }  # fmt: skip


def test_a_batch_without_a_trace_finds_the_trace_of_its_pull_request_again(tmp_path: Path) -> None:
    first = read(lines(tmp_path, BATCH))
    replayed = read(lines(tmp_path, {**BATCH, "status": "merged"}, name="later.ndjson"))
    assert [trace["trace_id"] for trace in traces(first)] == list(replayed.tables["pr_traces"])
    assert {event["event_id"] for event in events(first)} == set(replayed.tables["pr_trace_events"])


def test_the_same_batch_again_brings_no_event_and_a_changed_field_brings_one(
    tmp_path: Path,
) -> None:
    path = lines(tmp_path, BATCH, BATCH)
    machine = read(path)
    assert len(events(machine)) == 2
    changed = {**TEST, "payload": {"failed": 1}}
    append(path, {**BATCH, "events": [EDIT, changed]})
    machine.run()
    assert len(events(machine)) == 3


def test_the_order_of_a_payloads_keys_and_the_offset_of_a_time_do_not_make_another_event(
    tmp_path: Path,
) -> None:
    one = {**UNNUMBERED, "payload": {"a": 1, "b": [1, 2]}}
    same = {**UNNUMBERED, "ts": "2025-11-08T22:09:00+01:00", "payload": {"b": [1, 2], "a": 1}}
    path = lines(tmp_path, {**BATCH, "events": [one]}, {**BATCH, "events": [same]})
    assert len(events(read(path))) == 1


def test_equal_events_without_a_number_are_as_many_and_a_replay_of_them_is_none(
    tmp_path: Path,
) -> None:
    batch = {**BATCH, "events": [UNNUMBERED, UNNUMBERED, EDIT]}
    path = lines(tmp_path, batch)
    machine = read(path)
    assert [event.get("seq") for event in events(machine)] == [None, None, 1]
    append(path, batch, {**BATCH, "events": [UNNUMBERED]})
    machine.run()
    assert len(events(machine)) == 3


def test_a_line_an_event_tells_of_its_trace_once(tmp_path: Path) -> None:
    one = {"trace_id": "t-1", **EDIT, "pr_id": "owner/repo#1", "user_id": "ana"}
    machine = read(lines(tmp_path, one, {"trace_id": "t-1", **TEST}, {"trace_id": "t-1", **TEST}))
    assert traces(machine) == [{"trace_id": "t-1", "pr_id": "owner/repo#1", "user_id": "ana"}]
    assert [event["seq"] for event in events(machine)] == [1, 2]


def test_lines_that_were_read_in_two_runs_are_numbered_as_in_one(tmp_path: Path) -> None:
    event = {"trace_id": "t-1", **UNNUMBERED}
    path = lines(tmp_path, event)
    machine = read(path)
    append(path, event)
    machine.run()
    assert set(machine.tables["pr_trace_events"]) == set(read(path).tables["pr_trace_events"])
    assert len(events(machine)) == 2


def test_an_event_that_nobody_timed_happened_when_it_came_in(tmp_path: Path) -> None:
    event = {
        "trace_id": "t-1", "type": "deploy", "received_at": "2025-11-08T21:00:00",
        "payload": {"session_id": "s-1"},
    }  # fmt: skip
    (stored,) = events(read(lines(tmp_path, event)))
    assert stored["ts"] == stored["received_at"] == "2025-11-08T21:00:00+00:00"
    assert (stored["type"], stored["session_id"]) == ("deploy", "s-1")


def test_a_batch_of_one_session_says_so_once(tmp_path: Path) -> None:
    batch = {**BATCH, "session_id": "s-1", "events": [EDIT, {**TEST, "session_id": "s-2"}]}
    machine = read(lines(tmp_path, batch))
    assert [event["session_id"] for event in events(machine)] == ["s-1", "s-2"]


def test_an_event_that_has_an_id_keeps_it(tmp_path: Path) -> None:
    machine = read(lines(tmp_path, {"trace_id": "t-1", "event_id": "mine", **EDIT}))
    assert list(machine.tables["pr_trace_events"]) == ["mine"]


def test_an_agent_trace_record_is_one_event_that_keeps_its_id(tmp_path: Path) -> None:
    record = {
        "version": "0.1", "id": "0e2f4f5a-9f3e-4f57-8f36-2f2d7d1f8a11",
        "timestamp": "2026-01-23T10:00:00Z", "vcs": {"type": "git", "revision": "a1b2c3d"},
        "files": [{"path": "a.py", "conversations": []}],
        "metadata": {"session_id": "s-7", "pr_id": "owner/repo#123"},
    }  # fmt: skip
    other = {**record, "id": "0e2f4f5a-9f3e-4f57-8f36-2f2d7d1f8a12", "metadata": {}}
    machine = read(lines(tmp_path, record, other, BATCH))
    first, second, *_ = events(machine)
    assert first["event_id"] == record["id"]
    assert (first["type"], first["session_id"]) == ("agent_trace", "s-7")
    assert first["payload"]["vcs"] == {"type": "git", "revision": "a1b2c3d"}
    batch = next(trace for trace in traces(machine) if trace.get("repository"))
    assert first["trace_id"] == batch["trace_id"] != second["trace_id"]


def test_a_batch_may_be_a_document_of_many_lines(tmp_path: Path) -> None:
    folder = tmp_path / "pr-traces"
    folder.mkdir()
    path = folder / "batch.json"
    path.write_text(json.dumps(BATCH, indent=2), encoding="utf-8")
    machine = read(folder)
    assert set(machine.tables["pr_trace_events"]) == set(
        read(lines(tmp_path, BATCH)).tables["pr_trace_events"]
    )
    machine.run()
    assert machine.sent["pr_trace_events"] == 0
    path.write_text(json.dumps([BATCH, {**BATCH, "events": [UNNUMBERED]}], indent=1))
    machine.run()
    assert len(events(machine)) == 3


def test_a_document_that_is_still_being_written_waits(tmp_path: Path) -> None:
    path = tmp_path / "batch.json"
    whole = json.dumps(BATCH, indent=2)
    path.write_text(whole[:-40], encoding="utf-8")
    machine = read(path)
    assert (events(machine), machine.tables["llm_csv_rejects"]) == ([], {})
    path.write_text(whole, encoding="utf-8")
    machine.run()
    assert len(events(machine)) == 2


def test_a_document_that_is_no_trace_is_named(tmp_path: Path) -> None:
    path = tmp_path / "package.json"
    path.write_text(json.dumps({"name": "app", "version": "1.0"}, indent=2))
    (failure,) = Machine(path).run().failures
    assert "it is one JSON document and not an object a line" in failure


@pytest.mark.parametrize(
    ("events_", "sentence"),
    [
        ([EDIT, {**TEST, "ts": "later"}], 'event 2 of 2: ts is "later"'),
        ([{"seq": 1, "payload": {}}], "event 1 of 1: the header has no type"),
        ([{**EDIT, "seq": "one"}], 'event 1 of 1: seq is "one"'),
        ([{"seq": 1, "type": "edit"}], "event 1 of 1: the header has no column for ts"),
        (["edit"], "event 1 of 1 is no object"),
        ([{**EDIT, "trace_id": "other"}], "event 1 of 1 belongs to another trace"),
    ],
)  # fmt: skip
def test_a_batch_is_stored_whole_or_not_at_all(
    events_: list[Any], sentence: str, tmp_path: Path
) -> None:
    path = lines(tmp_path, {**BATCH, "events": events_}, {**BATCH, "events": [UNNUMBERED]})
    machine = Machine(path)
    summary = machine.run()
    (reject,) = machine.tables["llm_csv_rejects"].values()
    assert sentence in reject["message"]
    assert (summary.counts.read, summary.counts.emitted, summary.counts.rejected) == (2, 1, 1)
    assert len(events(machine)) == 1


def test_a_batch_that_names_neither_trace_nor_pull_request_is_refused(tmp_path: Path) -> None:
    path = lines(tmp_path, {"pr_id": None, "events": [EDIT]}, BATCH)
    (reject,) = read(path).tables["llm_csv_rejects"].values()
    assert reject["column_name"] == "trace_id"


def test_traces_alone_can_be_selected(tmp_path: Path) -> None:
    machine = Machine(lines(tmp_path, BATCH))
    machine.selected = {"pr_traces"}
    machine.run()
    assert (len(traces(machine)), events(machine)) == (1, [])


def test_a_payload_can_be_redacted_without_making_other_events(tmp_path: Path) -> None:
    path = lines(tmp_path, BATCH)
    plain = read(path)
    hidden = read(path, redact={"payload": "drop", "user_id": "hash"}, redact_key="k")
    assert set(plain.tables["pr_trace_events"]) == set(hidden.tables["pr_trace_events"])
    assert {event["payload"] for event in events(hidden)} == {None}


def test_the_folders_that_programs_write_to_are_read_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("records", "pr-traces"):
        (tmp_path / ".telemetry" / folder).mkdir(parents=True)
    lines(tmp_path, {"trace_id": "t-1", **EDIT}, name=".telemetry/records/pr_trace_events.ndjson")
    (tmp_path / ".telemetry/pr-traces/b.json").write_text(json.dumps(BATCH, indent=2))
    machine = read("")
    assert len(events(machine)) == 3


def test_a_batch_may_be_many_megabytes(tmp_path: Path) -> None:
    diff = "x" * 5_000
    long = [{**EDIT, "seq": number, "payload": {"diff": diff}} for number in range(500)]
    machine = read(lines(tmp_path, {**BATCH, "events": long}, BATCH))
    assert len(events(machine)) == 502
    (tmp_path / "pr-traces").mkdir()
    document = tmp_path / "pr-traces" / "batch.json"
    document.write_text(json.dumps({**BATCH, "events": long}, indent=2), encoding="utf-8")
    assert len(events(read(document))) == 500


def test_other_names_for_the_columns_are_mapped_by_settings(tmp_path: Path) -> None:
    path = tmp_path / "ours.csv"
    path.write_text("trace,at,kind\nt-1,2026-10-05T10:00:00Z,edit\n", encoding="utf-8")
    of_events = {"trace_id": "trace", "ts": "at", "type": "kind"}
    entry = {"path": str(path), "stream": "pr_trace_events", "column_map": of_events}
    machine = Machine("", files=[entry])
    machine.run()
    (event,) = events(machine)
    assert (event["trace_id"], event["type"]) == ("t-1", "edit")
    named = {"path": str(path), "stream": "pr_traces", "column_map": {"trace_id": "trace"}}
    machine = Machine("", files=[named])
    machine.run()
    assert list(machine.tables["pr_traces"]) == ["t-1"]
