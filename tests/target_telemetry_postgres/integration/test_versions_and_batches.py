"""ACTIVATE_VERSION and BATCH messages."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from support.singer import record, schema
from target_telemetry_postgres.errors import RecordError

if TYPE_CHECKING:
    from pathlib import Path

    from support.singer import Loader

INTEGER = {"type": ["null", "integer"]}
STREAM = schema("s", {"id": INTEGER}, ["id"])


def activate(version: int) -> dict[str, Any]:
    return {"type": "ACTIVATE_VERSION", "stream": "s", "version": version}


def version(number: int, *ids: int) -> list[dict[str, Any]]:
    return [record("s", {"id": one}, version=number) for one in ids]


def test_rows_of_an_earlier_version_are_marked(loader: Loader) -> None:
    loader.load(STREAM, version(1, 1, 2, 3), activate(1))
    loader.load(STREAM, version(2, 2, 3), activate(2))
    assert [(row["id"], row["_sdc_deleted_at"] is None) for row in loader.table("s")] == [
        (1, False),
        (2, True),
        (3, True),
    ]
    assert loader.ledger("s")["rows_deleted"] == 1


def test_a_row_that_comes_back_is_alive_again(loader: Loader) -> None:
    loader.load(STREAM, version(1, 1, 2), activate(1))
    loader.load(STREAM, version(2, 2), activate(2))
    loader.load(STREAM, version(3, 1, 2), activate(3))
    assert [row["_sdc_deleted_at"] for row in loader.table("s")] == [None, None]


def test_rows_of_an_earlier_version_are_deleted_with_hard_delete(loader: Loader) -> None:
    loader.load(STREAM, record("s", {"id": 0}))
    loader.load(STREAM, version(1, 1, 2), activate(1), hard_delete=True)
    assert [row["id"] for row in loader.table("s")] == [1, 2]


def test_versions_are_left_alone_when_told_so(loader: Loader) -> None:
    loader.load(STREAM, version(1, 1), activate(1), process_activate_version_messages=False)
    assert loader.table("s") == [{"id": 1}]


@pytest.mark.parametrize("compression", ["gzip", None])
def test_batch_files_are_checked_and_loaded_like_records(
    loader: Loader, tmp_path: Path, compression: str | None
) -> None:
    text = "".join(json.dumps({"id": n, "t": f"a\0{n}"}) + "\n" for n in range(25))
    file = tmp_path / "batch.jsonl"
    if compression:
        file.write_bytes(gzip.compress(text.encode()))
    else:
        file.write_text(text)
    loader.load(
        schema("s", {"id": INTEGER, "t": {"type": "string"}}, ["id"]),
        {
            "type": "BATCH",
            "stream": "s",
            "encoding": {"format": "jsonl", "compression": compression},
            "manifest": [file.as_uri()],
        },
        add_record_metadata=True,
        batch_size_rows=10,
    )
    rows = loader.table("s")
    assert [row["t"] for row in rows] == [f"a{n}" for n in range(25)]
    assert all(row["_sdc_received_at"] for row in rows)


def test_a_bad_record_in_a_batch_file_is_refused(loader: Loader, tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_text('{"id": "x"}\n')
    with pytest.raises(Exception, match="not of type"):
        loader.load(
            STREAM,
            {
                "type": "BATCH",
                "stream": "s",
                "encoding": {"format": "jsonl"},
                "manifest": [(tmp_path / "b.jsonl").as_uri()],
            },
        )


@pytest.mark.parametrize("name", ["nowhere/b.jsonl.gz", "broken.jsonl.gz", "cut.jsonl.gz"])
def test_a_batch_file_that_cannot_be_read_is_named(
    loader: Loader, tmp_path: Path, name: str
) -> None:
    (tmp_path / "broken.jsonl.gz").write_bytes(b'{"id": 1}\n')
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(b'{"id": 1}\n' * 1000)[:-20])
    file = (tmp_path / name).as_uri()
    message = {"type": "BATCH", "stream": "s", "manifest": [file]}
    with pytest.raises(RecordError, match="cannot be read") as caught:
        loader.load(STREAM, {**message, "encoding": {"format": "jsonl", "compression": "gzip"}})
    assert name in str(caught.value)
    assert not (tmp_path / "nowhere").exists()
