"""Input from anything that yields lines: whole, at once where it is slow, and before it fails."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import msgspec
import pytest

from support.random_records import plan
from support.singer import record, records, schema, state
from target_telemetry_postgres.intake import lines
from target_telemetry_postgres.rows.block_decoder import _CHOICES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.singer import Loader


def test_lines_need_no_line_ends_of_their_own() -> None:
    assert b"".join(lines.chunks(iter(["one", "two\n", b"three"]))) == b"one\ntwo\nthree\n"


def test_a_buffered_source_is_read_as_it_comes() -> None:
    source = io.BufferedReader(io.BytesIO(b"one\ntwo\nth"))
    assert list(lines.chunks(source)) == [b"one\ntwo\n", b"th"]


def test_lines_of_a_slow_source_do_not_wait_for_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "IDLE_SECONDS", 0)
    assert list(lines.chunks(iter(["one\n", "two\n"])))[:2] == [b"one\n", b"two\n"]


def test_what_came_before_a_source_failed_is_passed_on() -> None:
    def source() -> Iterator[str]:
        yield "one\n"
        raise OSError("the tape tore")

    taken = lines.chunks(source())
    assert next(taken) == b"one\n"
    with pytest.raises(OSError, match="tore"):
        next(taken)


def test_so_many_choices_of_properties_have_a_decoder_and_complete_records_always() -> None:
    names = [f"p{number}" for number in range(40)]
    made = plan({name: {"type": "integer"} for name in names}, validate=True)
    rows = [json.dumps(dict.fromkeys(names[number:], 1)).encode() for number in range(40)]
    found = [made.block.texts(msgspec.Raw(row)) is not None for row in rows[1:]]
    assert found == [True] * _CHOICES + [False] * (39 - _CHOICES)
    assert made.block.texts(msgspec.Raw(rows[0])) is not None
    assert [made.block.texts(msgspec.Raw(row)) is not None for row in rows[1:]] == found


def test_another_client_encoding_loses_no_character(
    loader: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    loader.execute("CREATE TABLE s (id bigint PRIMARY KEY, t varchar(3))")
    rows = [{"id": number, "t": "日本"} for number in range(5)]
    loader.load(
        schema("s", {"id": {"type": "integer"}, "t": {"type": "string"}}, ["id"]),
        records("s", rows),
        record("s", {"id": 9, "t": "日本日本"}),
        state(done=1),
        invalid_record_treatment="quarantine",
    )
    monkeypatch.delenv("PGCLIENTENCODING")
    assert [row["t"] for row in loader.table("s")] == ["日本"] * 5
    assert loader.ledger("s")["rows_rejected"] == 1


def test_a_byte_order_mark_before_the_first_message_is_skipped(loader: Loader) -> None:
    stream = schema("s", {"id": {"type": "integer"}}, ["id"])
    loader.load("\ufeff" + json.dumps(stream), records("s", [{"id": n} for n in range(3)]))
    assert len(loader.table("s")) == 3
