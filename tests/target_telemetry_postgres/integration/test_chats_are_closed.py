"""What people asked and were answered: who can see it, tried by logging in as each role."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from support.postgres import url_of
from support.sample_rows import chat, event, insert, trace
from support.singer import Loader, records, schema
from support.telemetry_command import Ran, telemetry
from target_telemetry_postgres.cli.commands.report import report_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.postgres import PostgresServer
    from target_telemetry_postgres.postgres.database import Database

SECRET = "who earns what?"
EVER = "2020-01-01"
REPORTS = [name for name in report_names() if name.startswith("chat-")]
TEXT = {"type": ["string", "null"]}
CHATS = schema(
    "chat_telemetry_log",
    {
        "log_id": {"type": "string", "format": "uuid"}, "user_id": TEXT, "user_question": TEXT,
        "created_at": {"type": ["string", "null"], "format": "date-time"}, "sql_model": TEXT,
        "is_off_topic": {"type": ["boolean", "null"]}, "generated_sql": TEXT,
    },
    ["log_id"],
)  # fmt: skip


@dataclass
class People:
    """A login for each kind of role; a server's roles are shared by its databases."""

    server: PostgresServer
    database: Database
    suffix: str

    def login(self, kind: str) -> str:
        return f"{kind}_{self.suffix}"

    def url(self, kind: str) -> str:
        return url_of(self.conninfo(kind))

    def conninfo(self, kind: str) -> str:
        dbname = self.server.dbname(self.database)
        return self.server.database(dbname, user=self.login(kind)).conninfo

    def asks(self, kind: str, statement: str) -> list[Any]:
        with psycopg.connect(self.conninfo(kind)) as connection:
            connection.execute("set search_path to telemetry")
            return connection.execute(statement.encode()).fetchall()

    def runs(self, kind: str, *arguments: str) -> Ran:
        return telemetry("--url", self.url(kind), *arguments)


@pytest.fixture
def people(
    postgres_server: PostgresServer, database: Database, database_url: str
) -> Iterator[People]:
    """A writer, a reader, a stranger who was granted the table by mistake, and a superior."""
    made = People(postgres_server, database, uuid.uuid4().hex[:10])
    roles = {name: made.login(name) for name in ("writers", "readers")}
    logins = [made.login(name) for name in ("writer", "reader", "stranger", "auditor")]
    insert(database, "chat_telemetry_log", chat(1, user_question=SECRET, generated_sql="select 1"))
    with database.connect(autocommit=True) as connection:
        for login in logins:
            bypasses = " bypassrls" if login.startswith("auditor") else ""
            connection.execute(
                sql.SQL("create role {} login" + bypasses).format(sql.Identifier(login))
            )
        ran = telemetry(
            "--url", database_url, "grant", "--writer", roles["writers"],
            "--reader", roles["readers"], "--add-writer", logins[0], "--add-reader", logins[1],
        )  # fmt: skip
        assert ran.code == 0, ran.err
        for login in logins[2:]:
            connection.execute(
                sql.SQL(
                    "grant usage on schema telemetry to {0};"
                    "grant select on all tables in schema telemetry to {0}"
                ).format(sql.Identifier(login))
            )
    yield made
    with database.connect(autocommit=True) as connection:
        for role in (*logins, *roles.values()):
            name = sql.Identifier(role)
            connection.execute(sql.SQL("drop owned by {0}; drop role {0}").format(name))


def test_security_is_on_with_one_policy_for_the_writer_alone(people: People) -> None:
    with people.database.connect() as connection:
        enabled = connection.execute(
            "select relrowsecurity from pg_class"
            " where oid = 'telemetry.chat_telemetry_log'::regclass"
        ).fetchone()
        policies = connection.execute(
            "select roles::text[], cmd from pg_policies where tablename = 'chat_telemetry_log'"
        ).fetchall()
    assert enabled == (True,)
    assert policies == [([people.login("writers")], "ALL")]


def test_before_anybody_grants_nobody_but_the_owner_sees_a_row(
    postgres_server: PostgresServer, database: Database
) -> None:
    insert(database, "chat_telemetry_log", chat(1, user_question=SECRET))
    with postgres_server.role() as role:
        with database.connect(autocommit=True) as connection:
            name = sql.Identifier(role)
            connection.execute(
                sql.SQL(
                    "grant usage on schema telemetry to {0};"
                    "grant select on telemetry.chat_telemetry_log to {0}"
                ).format(name)
            )
        as_role = postgres_server.database(postgres_server.dbname(database), user=role)
        with as_role.connect() as connection:
            rows = connection.execute("select * from telemetry.chat_telemetry_log").fetchall()
        with database.connect(autocommit=True) as connection:
            connection.execute(sql.SQL("drop owned by {}").format(name))
    assert rows == []


@pytest.mark.parametrize("kind", ["reader", "stranger"])
def test_readers_and_strangers_get_nothing_out_of_any_command(people: People, kind: str) -> None:
    said = [
        people.runs(kind, "stats", "--json"),
        people.runs(kind, "export", "chat_telemetry_log", "--format", "ndjson"),
        people.runs(kind, "report", "--since", EVER, "--json"),
        *(people.runs(kind, "report", name, "--since", EVER, "--json") for name in REPORTS),
    ]
    assert all(SECRET not in ran.out + ran.err and "select 1" not in ran.out for ran in said)
    stats, export, every, *reports = said
    (figures,) = [row for row in stats.json["tables"] if row["table"] == "chat_telemetry_log"]
    assert figures == {"table": "chat_telemetry_log", "readable": False}
    assert (export.code, "may not read" in export.err) == (1, True), export.err
    assert every.code == 0
    assert not {*REPORTS} & every.json.keys()
    for ran in reports:
        assert (ran.code, 'may not read "chat_telemetry_log"' in ran.err) == (1, True), ran.err


def test_no_view_and_no_function_leads_around_the_lock(people: People) -> None:
    views = people.asks(
        "reader", "select viewname from pg_views where schemaname = 'telemetry' order by 1"
    )
    for (view,) in views:
        assert SECRET not in str(people.asks("reader", f'select * from "{view}"'))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        people.asks("reader", "select * from chat_telemetry_log")
    assert people.asks("stranger", "select * from chat_telemetry_log") == []
    assert people.asks("reader", "select model_cost('m', now(), null, null, null)") == [(0,)]


@pytest.mark.parametrize("kind", ["auditor", "writer"])
def test_who_bypasses_the_lock_or_writes_the_rows_reads_them(people: People, kind: str) -> None:
    assert people.asks(kind, "select user_question from chat_telemetry_log") == [(SECRET,)]
    (row,) = people.runs(kind, "report", "chat-users", "--since", EVER, "--json").json
    assert row["requests"] == 1


def test_the_writer_loads_through_the_stage_and_the_same_again_changes_nothing(
    people: People,
) -> None:
    loader = Loader(people.database, people.url("writer"), {"migrate": "check"})
    rows = [
        {
            "log_id": str(uuid.UUID(int=number)), "user_id": "bo", "user_question": "Why?",
            "created_at": "2026-02-01T12:00:00Z", "is_off_topic": False, "sql_model": "gpt-4o",
            "generated_sql": "SELECT  2",
        }
        for number in range(1, 4)
    ]  # fmt: skip
    for inserted, updated, unchanged in ((2, 1, 0), (0, 0, 3)):
        loader.load(CHATS, records("chat_telemetry_log", rows))
        ledger = loader.ledger("chat_telemetry_log")
        assert (
            ledger["rows_inserted"], ledger["rows_updated"], ledger["rows_unchanged"]
        ) == (inserted, updated, unchanged)  # fmt: skip
    assert {row["sql_fingerprint"] for row in loader.table("chat_telemetry_log")} != {None}
    assert loader.query("select model from model_prices") == [("gpt-4o",)]


def test_readers_see_what_was_measured_of_traces_and_not_what_was_written(people: People) -> None:
    insert(people.database, "pr_traces", trace(1, user_id="ana@example.org"))
    typed = event(1, "trace-1", "command", payload={"command": SECRET, "exit_code": 1})
    insert(people.database, "pr_trace_events", typed)
    assert people.asks("reader", "select failed_commands from pr_trace_measures") == [(1,)]
    for hidden in ("payload from pr_trace_events", "user_id from pr_traces"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            people.asks("reader", f"select {hidden}")
    ran = people.runs("reader", "trace", "octo/repo#1", "--json")
    assert (ran.code, json.loads(ran.out)) == (0, [])
    assert "this role may not read" in ran.err
    (row,) = people.runs(
        "reader", "report", "trace-command-failures", "--since", EVER, "--json"
    ).json
    assert row["failed"] == 1
