"""`telemetry export` and `import` on a real server: what goes out comes in again, equal."""

from __future__ import annotations

import csv
import gzip
import io
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from support.postgres import url_of
from support.sample_rows import NOON, call, insert, job, run
from support.telemetry_command import telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.postgres import PostgresServer
    from target_telemetry_postgres.postgres.database import Database

MADE = "generated always as"
NASTY = 'comma, "quote" \\N \\. \\\\ tab\t line\nbreak \x01\x02 ünï ✓'


@pytest.fixture
def other(postgres_server: PostgresServer) -> Iterator[Database]:
    """A second, empty database: the server that somebody moves to."""
    name = postgres_server.make_database()
    yield postgres_server.database(name)
    postgres_server.drop_database(name)


def content(database: Database, table: str, columns: str = "*") -> list[Any]:
    with database.connect() as connection:
        return connection.execute(
            f"select {columns} from telemetry.{table} order by 1, 2"
        ).fetchall()


def fill(database: Database) -> None:
    insert(
        database,
        "workflow_runs",
        run(1, pull_request_numbers=[1, 2], display_title=NASTY),
        run(2, pull_request_numbers=None, display_title=""),
    )
    insert(database, "workflow_jobs", job(1, 1, runner_labels=["a,b", 'c"d', NASTY, ""]))
    insert(
        database,
        "llm_calls",
        call(1, notes=NASTY, extra={"a": [1, {"b": NASTY}], "n": None}, estimated_cost="0.1"),
        call(2, notes=None, estimated_cost="123456.123456789012", created_at=NOON),
        call(3, notes="", input_tokens=2**62, success=None),
    )


def test_a_csv_export_has_a_header_iso_times_and_exact_numbers(
    database: Database, database_url: str
) -> None:
    fill(database)
    ran = telemetry("--url", database_url, "export", "llm_calls")
    assert (ran.code, ran.err) == (0, "")
    rows = {row["call_id"][-1]: row for row in csv.DictReader(io.StringIO(ran.out, newline=""))}
    assert "id" not in rows["1"]
    assert rows["1"]["notes"] == NASTY
    assert rows["1"]["success"] == "true"
    assert rows["1"]["timestamp"] == "2026-02-01T12:01:00+00:00"
    assert rows["2"]["estimated_cost"] == "123456.123456789012"
    assert rows["3"]["input_tokens"] == str(2**62)


def test_an_ndjson_export_is_one_exact_object_a_line(database: Database, database_url: str) -> None:
    fill(database)
    ran = telemetry("--url", database_url, "export", "llm_calls", "--format", "ndjson")
    rows = [json.loads(line, parse_float=Decimal) for line in ran.out.splitlines()]
    by_id = {row["call_id"][-1]: row for row in rows}
    assert by_id["1"]["notes"] == NASTY
    assert by_id["1"]["extra"]["a"][1]["b"] == NASTY
    assert by_id["2"]["estimated_cost"] == Decimal("123456.123456789012")
    assert by_id["3"]["input_tokens"] == 2**62


def test_an_export_takes_chosen_columns_from_a_time_on(
    database: Database, database_url: str
) -> None:
    fill(database)
    ran = telemetry(
        *("--url", database_url, "export", "llm_calls"),
        *("--columns", "model,call_id", "--since", "2026-02-01T12:02:00Z"),
    )
    lines = ran.out.splitlines()
    assert (lines[0], len(lines)) == ("model,call_id", 3)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nope"], 'no table "nope"'),
        (["llm_calls", "--columns", "modell"], "no column modell"),
        (["runner_prices", "--since", "1d"], ""),
    ],
)
def test_a_wrong_export_says_what_there_is(
    arguments: list[str], sentence: str, database_url: str
) -> None:
    ran = telemetry("--url", database_url, "export", *arguments)
    if sentence:
        assert (ran.code, ran.out) == (1, "")
        assert sentence in ran.err
    else:
        assert ran.code == 0, ran.err


def test_an_export_to_a_file_appears_whole_and_packed(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    fill(database)
    path = tmp_path / "calls.ndjson.gz"
    ran = telemetry("--url", database_url, "export", "llm_calls", "--output", str(path))
    assert (ran.code, ran.out) == (0, "")
    with gzip.open(path, "rt") as lines:
        assert len([json.loads(line) for line in lines]) == 3
    assert [file.name for file in tmp_path.iterdir()] == ["calls.ndjson.gz"]


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_everything_moves_to_another_server_once(
    kind: str,
    database: Database,
    other: Database,
    tmp_path: Path,
) -> None:
    database_url, other_url = url_of(database.conninfo), url_of(other.conninfo)
    fill(database)
    with database.connect() as connection:
        connection.execute(
            'create table telemetry."Of Another Tap" ("Key" text primary key, '
            "n numeric(20,5)[], at timestamptz not null, d date)"
        )
        connection.execute(
            'insert into telemetry."Of Another Tap" '
            "values ('a', '{1.5,NULL}', now(), '2026-01-01')"
        )
        connection.execute("create table telemetry.keyless (a int, b text)")
        connection.execute("insert into telemetry.keyless values (1, 'x'), (1, 'x'), (2, null)")
    folder = tmp_path / "exported"
    out = telemetry(
        *("--url", database_url, "export", "--all", "--format", kind, "--output", str(folder))
    )
    assert out.code == 0, out.err
    first = telemetry("--url", other_url, "import", str(folder))
    assert first.code == 0, first.err
    columns = {
        "workflow_runs": "github_run_id, run_attempt, display_title, pull_request_numbers, "
        "started_at, duration_seconds, created_at",
        "workflow_jobs": "github_job_id, runner_labels, is_carried_over",
        "llm_calls": "call_id, notes, extra, estimated_cost, input_tokens, success, created_at",
        '"Of Another Tap"': "*",
        "keyless": "*",
    }
    for table, chosen in columns.items():
        assert content(other, table, chosen) == content(database, table, chosen), table
    second = telemetry("--url", other_url, "import", str(folder))
    assert second.code == 0, second.err
    for line in second.out.splitlines()[1:]:
        _, rows, inserted, updated, unchanged = line.rsplit(maxsplit=4)
        assert (inserted, updated, unchanged) == ("0", "0", rows), line


def test_an_import_updates_what_differs_and_leaves_when_it_was_stored(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    insert(database, "llm_calls", call(1, notes="old", created_at=NOON), call(2))
    path = tmp_path / "llm_calls.csv"
    path.write_text(
        "call_id,notes,created_at\n"
        "00000000-0000-0000-0000-000000000001,first,2020-01-01T00:00:00Z\n"
        "00000000-0000-0000-0000-000000000001,last,2020-01-01T00:00:00Z\n"
        "00000000-0000-0000-0000-000000000003,new,2020-01-01T00:00:00Z\n"
    )
    kept = telemetry("--url", database_url, "import", str(path), "--keep-existing")
    assert kept.code == 0, kept.err
    notes = content(database, "llm_calls", "call_id, notes, created_at")
    assert [row[1] for row in notes] == ["old", None, "new"]
    ran = telemetry("--url", database_url, "import", str(path))
    assert ran.out.splitlines()[1].split() == ["llm_calls", "3", "0", "1", "2"]
    notes = content(database, "llm_calls", "call_id, notes, created_at")
    assert (notes[0][1], notes[0][2]) == ("last", NOON)


@pytest.mark.parametrize(
    ("columns", "key"),
    [
        ("n int, a text, k text primary key, j text) partition by hash (k", "a"),
        ("n int, a text, k text primary key, j json", "a"),
        ("n int, a text, k text unique nulls not distinct, j text", ""),
        (f"n int {MADE} identity, a text, k text {MADE} (a) stored unique, j text", "a"),
    ],
    ids=["partitions", "a type without equality", "a key of NULL", "columns of the database"],
)
def test_a_table_of_any_kind_gets_the_last_row_of_each_key_once(
    columns: str, key: str, database: Database, database_url: str, tmp_path: Path
) -> None:
    with database.connect() as connection:
        connection.execute(f"create table telemetry.t ({columns})")
        if "partition" in columns:
            connection.execute(
                "create table telemetry.t0 partition of telemetry.t "
                "for values with (modulus 1, remainder 0)"
            )
    path = tmp_path / "t.csv"

    def imported(*rows: str, keep: bool = False) -> list[str]:
        path.write_text("".join(f"{line}\n" for line in ("n,a,k,j", *rows)))
        flags = ["--keep-existing"] if keep else []
        ran = telemetry("--url", database_url, "import", str(path), *flags)
        assert ran.code == 0, ran.err
        return ran.out.splitlines()[1].split()[1:]

    rows = [f"1,{key},{key},1", "2,b,b,1", f"3,{key},{key},2"]
    assert imported(*rows) == ["3", "2", "0", "1"]
    assert imported(*rows) == ["3", "0", "0", "3"]
    assert imported("2,b,b,3", "4,c,c,1") == ["2", "1", "1", "0"]
    assert imported("2,b,b,4", "5,d,d,1", "5,d,d,2", keep=True) == ["3", "1", "0", "2"]
    stored = content(database, "t", "coalesce(k, ''), j::text")
    assert stored == [(key, "2"), ("b", "3"), ("c", "1"), ("d", "2")]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("call_id,colour\n1,red\n", "columns that the table"),
        ("notes\nx\n", "lacks call_id"),
        (
            "call_id,input_tokens\n00000000-0000-0000-0000-000000000001,many\n",
            "(COPY llm_calls.csv, line 2, column input_tokens",
        ),
        ("call_id,notes\n00000000-0000-0000-0000-000000000001\n", "missing data"),
    ],
)
def test_a_file_that_does_not_fit_changes_nothing_and_says_where(
    text: str, sentence: str, database: Database, database_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "llm_calls.csv"
    path.write_text(text)
    ran = telemetry("--url", database_url, "import", str(path))
    assert (ran.code, ran.err.count("\n")) == (1, 1), ran.err
    assert sentence in ran.err
    assert content(database, "llm_calls") == []


def test_a_manifest_cannot_smuggle_sql(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a\n1\n")
    (tmp_path / "manifest.json").write_text(
        json.dumps(
            {
                "tables": [
                    {
                        "file": "../t.csv",
                        "rows": 1,
                        "definition": {
                            "name": "t",
                            "key": [],
                            "columns": [
                                {
                                    "name": "a",
                                    "type": "int); drop schema telemetry cascade; --",
                                    "required": False,
                                }
                            ],
                        },
                    }
                ]
            }
        )
    )
    ran = telemetry("--url", database_url, "import", str(tmp_path))
    assert (ran.code, "not the name of a type" in ran.err) == (1, True), ran.err


def test_an_import_needs_a_table_to_go_to(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "somewhere.csv"
    path.write_text("a\n1\n")
    ran = telemetry("--url", database_url, "import", str(path))
    assert (ran.code, "Give the table with --table" in ran.err) == (1, True)
    assert telemetry("--url", database_url, "import", str(tmp_path / "x.csv")).code == 1
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "empty").mkdir()
    assert "holds no" in telemetry("--url", database_url, "import", str(tmp_path / "empty")).err
