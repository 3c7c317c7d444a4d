"""A STATE leaves when, and only when, every record before it is committed."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from singer_sdk.exceptions import InvalidRecord

from support.singer import record, records, schema, state
from target_telemetry_postgres.target import TargetTelemetryPostgres

if TYPE_CHECKING:
    from support.singer import Loader

ID = {"id": {"type": "integer"}}


def test_a_state_follows_every_commit(loader: Loader) -> None:
    messages = [schema("s", ID, ["id"])]
    for batch in range(4):
        messages += records("s", [{"id": batch * 10 + n} for n in range(10)])
        messages.append(state(done=batch))
    messages += [record("s", {"id": 1000})]
    states = loader.load(messages, batch_size_rows=10)
    # The STATE after a batch's last record comes too late for that batch's commit.
    assert states == [{"done": 0}, {"done": 1}, {"done": 2}, {"done": 3}]


def test_states_alone_do_not_force_a_flush(loader: Loader) -> None:
    messages = [schema("s", ID, ["id"])]
    for number in range(200):
        messages += [record("s", {"id": number}), state(at=number)]
    assert loader.load(messages) == [{"at": 199}]


def test_after_a_bad_record_what_came_before_is_stored_and_its_state_is_out(loader: Loader) -> None:
    messages = [
        schema("s", ID, ["id"]),
        *records("s", [{"id": n} for n in range(30)]),
        state(at=30),
        record("s", {"id": "x"}),
        state(at=31),
    ]
    out: list[object] = []
    with pytest.raises(InvalidRecord):
        out = loader.load(messages)
    assert out == []
    assert len(loader.table("s")) == 30
    ledger = loader.ledger("s")
    assert ledger["status"] == "failed"
    assert "line 33" in ledger["error"]


def test_a_state_is_passed_on_exactly_as_it_came(
    loader: Loader, capsys: pytest.CaptureFixture[str]
) -> None:
    exact = '{"b": 1.10, "a": 12345678901234567890.123, "ü": "é"}'
    target = TargetTelemetryPostgres(config={"sqlalchemy_url": loader.url})
    target.listen(io.StringIO('{"type": "STATE", "value": ' + exact + "}\n"))
    assert capsys.readouterr().out == exact + "\n"


def test_the_same_state_is_not_repeated(loader: Loader) -> None:
    assert loader.load(schema("s", ID, ["id"]), state(a=1), record("s", {"id": 1}), state(a=1)) == [
        {"a": 1}
    ]
