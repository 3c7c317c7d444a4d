"""`telemetry grant` on a real server: what each role may do, tried as that role."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from support.sample_rows import call, estimate, insert
from support.telemetry_command import telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.telemetry_command import Ran
    from target_telemetry_postgres.postgres.database import Database


@dataclass
class Roles:
    """Roles of their own for each test: a server's roles are shared by its databases."""

    database: Database
    url: str
    suffix: str

    @property
    def writer(self) -> str:
        return f"writer_{self.suffix}"

    @property
    def reader(self) -> str:
        return f"reader_{self.suffix}"

    def grant(self, *more: str) -> Ran:
        return telemetry(
            *("--url", self.url, "grant", "--writer", self.writer, "--reader", self.reader), *more
        )

    @contextmanager
    def acting_as(self, role: str) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(self.database.conninfo, autocommit=True) as connection:
            connection.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
            connection.execute("set search_path to telemetry")
            yield connection

    def refused(self, role: str, statement: str) -> bool:
        with self.acting_as(role) as connection:
            try:
                connection.execute(statement)
            except psycopg.errors.InsufficientPrivilege:
                return True
        return False


@pytest.fixture
def roles(database: Database, database_url: str) -> Iterator[Roles]:
    made = Roles(database, database_url, uuid.uuid4().hex[:10])
    yield made
    with psycopg.connect(database.conninfo, autocommit=True) as connection:
        found = connection.execute(
            "select rolname from pg_roles where rolname like %s order by 1", [f"%_{made.suffix}"]
        ).fetchall()
        for (role,) in found:
            name = sql.Identifier(role)
            connection.execute(sql.SQL("drop owned by {} cascade").format(name))
        for (role,) in found:
            connection.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))


def test_the_writer_loads_rows_and_changes_no_table(roles: Roles) -> None:
    ran = roles.grant()
    assert ran.code == 0, ran.err
    with roles.acting_as(roles.writer) as connection:
        connection.execute("create temporary table stage (a int)")
        connection.execute("insert into llm_calls (call_id) values (gen_random_uuid())")
        connection.execute("update llm_calls set notes = 'x'")
        connection.execute("delete from llm_calls")
        connection.execute("select * from version")
    for statement in (
        "create table mine (a int)",
        "alter table llm_calls add column mine int",
        "drop table llm_calls",
        "truncate llm_calls",
        "update version set version_num = '0'",
    ):
        assert roles.refused(roles.writer, statement), statement


def test_the_writer_may_write_tables_that_come_later(roles: Roles) -> None:
    roles.grant()
    with roles.database.connect() as connection:
        connection.execute("create table telemetry.later (a int)")
    with roles.acting_as(roles.writer) as connection:
        connection.execute("insert into later values (1)")
    assert roles.refused(roles.reader, "select * from later")
    assert roles.grant("--reader-table", "later").code == 0
    assert not roles.refused(roles.reader, "select * from later")
    roles.grant()
    assert roles.refused(roles.reader, "select * from later")


def test_the_reader_sees_views_and_figures_but_nothing_that_was_written_or_said(
    roles: Roles,
) -> None:
    insert(roles.database, "llm_calls", call(1, notes="secret plans", user_id="a@example.org"))
    roles.grant()
    with roles.acting_as(roles.reader) as connection:
        connection.execute("select * from pipeline_health")
        connection.execute("select * from workflow_runs")
        connection.execute("select model, estimated_cost, session_id from llm_calls")
        assert connection.execute("select count(*) from llm_calls").fetchone() == (1,)
    for statement in (
        "select notes from llm_calls",
        "select * from llm_calls",
        "select user_id from llm_calls",
        "select * from rejected_records",
        "select * from llm_csv_rejects",
        "insert into llm_calls (call_id) values (gen_random_uuid())",
        "delete from workflow_runs",
        "create table mine (a int)",
    ):
        assert roles.refused(roles.reader, statement), statement


def test_granting_again_changes_nothing(roles: Roles) -> None:
    acl = (
        "select relname, relacl::text, (select array_agg(attacl::text) from pg_attribute a "
        "where a.attrelid = c.oid) from pg_class c "
        "where relnamespace = 'telemetry'::regnamespace order by 1"
    )
    roles.grant()
    with roles.database.connect() as connection:
        before = connection.execute(acl).fetchall()
    ran = roles.grant()
    assert ran.code == 0, ran.err
    with roles.database.connect() as connection:
        assert connection.execute(acl).fetchall() == before


def test_a_dry_run_prints_sql_that_an_administrator_can_run(roles: Roles) -> None:
    planned = roles.grant("--dry-run")
    assert planned.code == 0, planned.err
    with roles.database.connect() as connection:
        known = connection.execute("select from pg_roles where rolname = %s", [roles.writer])
        assert known.fetchone() is None
        connection.execute(planned.out.encode())
    assert not roles.refused(roles.reader, "select * from workflow_runs")


def test_a_member_gets_the_role_and_a_stranger_is_refused(roles: Roles) -> None:
    user = f"ann_{roles.suffix}"
    ran = roles.grant("--add-reader", user)
    assert (ran.code, f"no role {user}" in ran.err) == (1, True)
    with roles.database.connect() as connection:
        connection.execute(sql.SQL("create role {} login").format(sql.Identifier(user)))
    assert roles.grant("--add-reader", user).code == 0
    assert not roles.refused(user, "select * from workflow_runs")
    assert roles.refused(user, "select * from rejected_records")


def test_an_owner_without_superuser_can_grant(roles: Roles) -> None:
    owner = f"owner_{roles.suffix}"
    with roles.database.connect() as connection:
        connection.execute(sql.SQL("create role {} login createrole").format(sql.Identifier(owner)))
        connection.execute(
            sql.SQL("grant create on database {} to {} with grant option").format(
                sql.Identifier(roles.database.conninfo.split("dbname=")[1].split()[0]),
                sql.Identifier(owner),
            )
        )
    url = roles.url.replace("postgres@", f"{owner}@")
    options = ("--url", url, "--schema", "theirs")
    migrated = telemetry(*options, "migrate")
    assert migrated.code == 0, migrated.err
    ran = telemetry(*options, "grant", "--writer", roles.writer, "--reader", roles.reader)
    assert ran.code == 0, ran.err
    assert not roles.refused(roles.reader, "select * from theirs.workflow_runs")


def test_a_user_who_may_not_grant_is_told_what_to_do(roles: Roles) -> None:
    roles.grant()
    user = f"bob_{roles.suffix}"
    with roles.database.connect() as connection:
        connection.execute(sql.SQL("create role {} login").format(sql.Identifier(user)))
    roles.grant("--add-writer", user)
    url = roles.url.replace("postgres@", f"{user}@")
    ran = telemetry("--url", url, "grant", "--writer", f"w_{roles.suffix}")
    assert (ran.code, ran.err.count("\n")) == (1, 1), ran.err
    assert "--dry-run" in ran.err


def test_there_must_be_tables_to_grant_on(empty_database_url: str) -> None:
    ran = telemetry("--url", empty_database_url, "grant")
    assert (ran.code, "telemetry migrate" in ran.err) == (1, True)


def test_readers_see_figures_of_estimates_and_not_what_was_to_be_made(roles: Roles) -> None:
    insert(roles.database, "token_estimation_v2_events", estimate(1))
    roles.grant()
    table = "token_estimation_v2_events"
    assert not roles.refused(roles.reader, f"select event_id, smape_percent from {table}")
    assert roles.refused(roles.reader, f"select deliverables_json from {table}")
    assert roles.refused(roles.reader, f"delete from {table}")
    assert not roles.refused(roles.writer, f"delete from {table}")
