"""Into a schema that is somebody else's: their names stay theirs, and ours stay out of the way."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from support.postgres import url_of
from support.singer import Loader, record, records, schema
from support.telemetry_command import telemetry
from target_telemetry_postgres.cli.checks.database import check
from target_telemetry_postgres.cli.session import Session
from target_telemetry_postgres.errors import MigrationError, RecordError
from target_telemetry_postgres.postgres import migrate
from target_telemetry_postgres.postgres.revisions import known, ledger_tables, scripts
from target_telemetry_postgres.table_names import (
    LEDGER_PREFIX,
    SYSTEMS,
    VERSION_TABLE,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.postgres import PostgresServer
    from target_telemetry_postgres.postgres.database import Database

LEDGER = {LEDGER_PREFIX + name for name in (VERSION_TABLE, *ledger_tables())}
FILES = list(known(scripts()).values())
MADE = {
    system: {
        name for one in known(scripts()).values() if one.branch == system for name in one.makes
    }
    for system in SYSTEMS
}
OUR_NAMES = [VERSION_TABLE, *ledger_tables(), *sorted(set().union(*MADE.values()))]
TEXT = {"type": ["null", "string"]}
INTEGER = {"type": ["null", "integer"]}
MOMENT = {"type": ["null", "string"], "format": "date-time"}
#: A stream of our own shape, or most of it.
CALLS = schema(
    "llm_calls",
    {
        "call_id": {"type": ["string"], "format": "uuid"},
        "timestamp": MOMENT,
        "model": TEXT,
        "input_tokens": INTEGER,
        "team": TEXT,
    },
    ["call_id"],
)
RUNS = schema(
    "workflow_runs",
    {"github_run_id": {"type": ["integer"]}, "run_attempt": {"type": ["integer"]}, "branch": TEXT},
    ["github_run_id", "run_attempt"],
)


def call(**more: Any) -> dict[str, Any]:
    return record("llm_calls", {"call_id": str(uuid.uuid4()), "model": "m"} | more)


def run(number: int) -> dict[str, Any]:
    return record("workflow_runs", {"github_run_id": number, "run_attempt": 1, "branch": "main"})


@pytest.fixture
def guest(postgres_server: PostgresServer, empty_database: Database) -> Loader:
    """A target on a database that has never seen it, and a schema of somebody else's name."""
    name = postgres_server.dbname(empty_database)
    database = postgres_server.database(name, "analytics")
    return Loader(database, url_of(database.conninfo), {"default_target_schema": database.schema})


def relations(loader: Loader) -> set[str]:
    found = loader.query(
        "SELECT relname::text FROM pg_class WHERE relnamespace = to_regnamespace(%s)"
        " AND relkind IN ('r', 'v')",
        f'"{loader.database.schema}"',
    )
    return {name for (name,) in found}


def test_beside_four_tables_of_another_tap_there_is_only_the_ledger(guest: Loader) -> None:
    names = {"customers", "orders", "order_lines", "products"}
    for name in names:
        guest.load(schema(name, {"id": INTEGER, "name": TEXT}, ["id"]), record(name, {"id": 1}))

    assert relations(guest) == names | LEDGER
    ledger = guest.table(LEDGER_PREFIX + "ingest_runs")
    assert {(row["stream"], row["status"], row["rows_inserted"]) for row in ledger} == {
        (name, "succeeded", 1) for name in names
    }


def test_streams_that_have_every_name_of_ours_are_tables_like_any_other(guest: Loader) -> None:
    shapes = [
        schema(name, {"id": {"type": ["integer"]}, "created_at": MOMENT}, ["id"])
        for name in OUR_NAMES
    ]
    for times in (1, 2):
        rows = [{"id": n, "created_at": "2001-01-01T00:00:00Z"} for n in range(2 * times)]
        guest.load(shapes, [line for name in OUR_NAMES for line in records(name, rows)])

    assert relations(guest) == {*OUR_NAMES} | LEDGER
    # Twenty years old, and yet nobody's retention: no policy was set for these tables.
    for name in OUR_NAMES:
        assert [row["id"] for row in guest.table(name)] == [0, 1, 2, 3]
    assert migrate.pending(guest.database) == []


def test_a_stream_of_our_shape_brings_its_system_and_no_other(guest: Loader) -> None:
    guest.load(CALLS, call(), call(team="a"))

    assert relations(guest) == LEDGER | MADE["llm"]
    assert {row["team"] for row in guest.table("llm_calls")} == {None, "a"}
    assert all(row["id"] and row["created_at"] for row in guest.table("llm_calls"))
    assert migrate.pending(guest.database) == []

    guest.load(RUNS, run(1))

    assert relations(guest) == LEDGER | MADE["llm"] | MADE["pipelines"]


def test_rows_past_their_retention_are_refused_from_the_first_load_on(guest: Loader) -> None:
    old = schema("llm_calls", {**CALLS["schema"]["properties"], "created_at": MOMENT}, ["call_id"])

    now = "2026-11-01T00:00:00Z"
    guest.load(old, call(created_at="2001-01-01T00:00:00Z"), call(created_at=now))

    assert len(guest.table("llm_calls")) == 1
    (ledger,) = guest.table(LEDGER_PREFIX + "ingest_runs")
    assert (ledger["rows_expired"], ledger["rows_pruned"]) == (1, 0)


def test_a_table_of_theirs_that_fits_is_used(guest: Loader, caplog: Any) -> None:
    guest.execute("CREATE SCHEMA analytics")
    guest.execute(
        "CREATE TABLE analytics.llm_calls (call_id uuid PRIMARY KEY, model text, mine text,"
        " created_at timestamptz DEFAULT '2001-01-01')"
    )
    guest.execute("INSERT INTO analytics.llm_calls VALUES (gen_random_uuid(), 'm', 'mine')")

    guest.load(CALLS, call(), call())

    assert relations(guest) == LEDGER | {"llm_calls"}
    # They are past the six months that our own table has, and theirs has none.
    assert len(guest.table("llm_calls")) == 3
    told = [one.getMessage() for one in caplog.records if "of its own" in one.getMessage()]
    assert len(told) == 1
    assert '"llm_calls" of its own' in told[0]


def test_a_table_of_theirs_that_does_not_fit_is_named_in_one_sentence(guest: Loader) -> None:
    guest.execute("CREATE SCHEMA analytics")
    guest.execute("CREATE TABLE analytics.llm_calls (id text PRIMARY KEY, model integer)")

    with pytest.raises(RecordError, match=r'table "analytics"."llm_calls"'):
        guest.load(CALLS, call())

    assert guest.types("llm_calls") == {"id": "text", "model": "integer"}


def test_what_is_theirs_does_not_keep_the_other_streams_of_a_system_away(guest: Loader) -> None:
    guest.execute("CREATE SCHEMA analytics")
    guest.execute("CREATE TABLE analytics.workflows (id text PRIMARY KEY)")

    guest.load(RUNS, run(1), run(2))
    guest.load(RUNS, run(2), run(3))

    assert relations(guest) == LEDGER | {"workflows", "workflow_runs"}
    assert len(guest.table("workflow_runs")) == 3
    asked = telemetry("--url", guest.url, "--schema", "analytics", "migrate", "pipelines")
    assert (asked.code, '"workflows" of its own' in asked.err) == (1, True), asked.err


def test_a_stream_may_not_take_a_name_of_the_ledger_elsewhere(guest: Loader) -> None:
    name = LEDGER_PREFIX + "ingest_runs"

    with pytest.raises(RecordError, match="target's own"):
        guest.load(schema(name, {"id": INTEGER}))


def test_what_is_rejected_is_kept_beside_their_table_of_that_name(guest: Loader) -> None:
    shape = schema("rejected_records", {"id": {"type": ["integer"]}}, ["id"])

    guest.load(
        shape,
        records("rejected_records", [{"id": 1}, {"id": "x"}]),
        invalid_record_treatment="quarantine",
    )

    assert guest.table("rejected_records") == [{"id": 1}]
    (kept,) = guest.table(LEDGER_PREFIX + "rejected_records")
    assert kept["record"] == {"id": "x"}


def test_a_system_that_is_behind_is_named_when_migrations_are_only_checked(guest: Loader) -> None:
    migrate.upgrade(guest.database)

    guest.load(schema("other", {"id": INTEGER}), migrate="check")
    with pytest.raises(MigrationError, match=r"no tables of llm yet.*`telemetry migrate llm`"):
        guest.load(CALLS, call(), migrate="check")
    assert telemetry(*options(guest), "migrate", "llm").code == 0
    guest.load(CALLS, call(), migrate="check")

    assert len(guest.table("llm_calls")) == 1


# --- With migrate: off -------------------------------------------------------------------------


@pytest.fixture
def tenant(postgres_server: PostgresServer, guest: Loader) -> Iterator[Loader]:
    """A role that may make its own tables in one schema that is there, and nothing else."""
    name = postgres_server.dbname(guest.database)
    with postgres_server.role() as role:
        guest.execute(f"CREATE SCHEMA analytics; GRANT USAGE, CREATE ON SCHEMA analytics TO {role}")
        database = postgres_server.database(name, "analytics", user=role)
        settings = {"default_target_schema": "analytics", "migrate": "off"}
        yield Loader(database, url_of(database.conninfo), settings)
        postgres_server.drop_database(name)


def test_without_migrations_an_empty_schema_is_loaded_and_has_nothing_else(
    tenant: Loader, caplog: Any
) -> None:
    caplog.set_level("INFO")
    shapes = [schema(name, {"id": {"type": ["integer"]}}, ["id"]) for name in OUR_NAMES]
    rows = [record(name, {"id": number}) for name in OUR_NAMES for number in (1, 2)]
    for _ in range(2):
        tenant.load(shapes, rows, schema("log", {"id": INTEGER}), record("log", {"id": 1}))

    assert relations(tenant) == {*OUR_NAMES, "log"}
    assert {len(tenant.table(name)) for name in (*OUR_NAMES, "log")} == {2}
    assert "has no ledger and migrate is off" in caplog.text
    assert "workflows: 2 read, 0 inserted, 0 updated, 2 unchanged" in caplog.text


def test_without_migrations_our_own_streams_are_tables_like_any_other(tenant: Loader) -> None:
    tenant.load(CALLS, call(), RUNS, run(1), run(2))

    assert relations(tenant) == {"llm_calls", "workflow_runs"}
    assert len(tenant.table("workflow_runs")) == 2


def test_without_a_ledger_there_is_nowhere_for_rejected_records(tenant: Loader) -> None:
    with pytest.raises(MigrationError, match="no ledger to keep rejected records in"):
        tenant.load(CALLS, invalid_record_treatment="quarantine")


def test_without_migrations_a_schema_must_be_there(guest: Loader) -> None:
    with pytest.raises(MigrationError, match=r'"analytics" is not there.*`telemetry migrate`'):
        guest.load(CALLS, migrate="off")


# --- The command -------------------------------------------------------------------------------


def options(loader: Loader) -> tuple[str, ...]:
    return ("--url", loader.url, "--schema", loader.database.schema)


@pytest.fixture
def filled(guest: Loader) -> Loader:
    """Their tables with our names, one of them full of text where we have times, and our calls."""
    odd = schema("workflow_runs", {"id": TEXT, "started_at": TEXT, "conclusion": INTEGER}, ["id"])
    guest.load(odd, record("workflow_runs", {"id": "a", "started_at": "soon", "conclusion": 3}))
    guest.load(schema("ingest_runs", {"id": TEXT}, ["id"]), record("ingest_runs", {"id": "a"}))
    guest.load(schema("version", {"id": TEXT}, ["id"]), record("version", {"id": "a"}))
    guest.load(CALLS, call(timestamp="2026-01-01T00:00:00Z"))
    return guest


def test_the_command_tells_theirs_from_ours(filled: Loader) -> None:
    stats = telemetry(*options(filled), "stats", "--json")
    tables = {table["table"]: table for table in stats.json["tables"]}

    assert {"version", "ingest_runs", "workflow_runs", "llm_calls"} < set(tables)
    assert LEDGER_PREFIX + VERSION_TABLE not in tables
    assert tables[LEDGER_PREFIX + "ingest_runs"]["rows"] == 4
    assert tables[LEDGER_PREFIX + "ingest_runs"]["success_rate"] == 1
    assert tables["workflow_runs"]["first"] is None
    assert tables["llm_calls"]["first"].startswith("2026-01-01")

    status = telemetry(*options(filled), "status", "--json").json
    streams = {row["stream"]: row["last_status"] for row in status["streams"]}
    assert set(streams) == {"workflow_runs", "ingest_runs", "version", "llm_calls"}
    assert (set(status["latest"]), status["pending_migrations"]) == ({"llm_calls"}, [])
    assert [row["table"] for row in status["retention"]] == ["llm_calls"]


def test_the_command_works_among_tables_of_others(filled: Loader) -> None:
    for words in (
        "stats",
        "status",
        "migrate --check",
        "prune --dry-run",
        "report cost-per-model",
        "grant --dry-run",
        "export version",
        "export ingest_runs",
    ):
        ran = telemetry(*options(filled), *words.split())
        assert (ran.code, ran.err) == (0, ""), words

    found = list(check(Session(url=filled.url, schema=filled.database.schema)))
    assert {finding.level for finding in found} == {"ok"}


def test_readers_get_ours_and_nothing_of_theirs(filled: Loader) -> None:
    said = telemetry(*options(filled), "grant", "--dry-run").out
    opened = [line for line in said.splitlines() if line.startswith("grant select")]
    opened = [line for line in opened if line.endswith('to "telemetry_reader";')]

    named = {line.split('"analytics"."')[1].split('"')[0] for line in opened}
    assert named == {
        *(LEDGER_PREFIX + name for name in (VERSION_TABLE, "ingest_runs", "retention_policies")),
        LEDGER_PREFIX + "pipeline_health",
        *(MADE["llm"] - {"llm_csv_rejects"}),
    }
    assert not any("error" in line for line in opened if "ingest_runs" in line)


def test_migrate_brings_the_systems_that_nothing_is_in_the_way_of(filled: Loader) -> None:
    ran = telemetry(*options(filled), "migrate")

    assert ran.code == 1
    assert "Applied coverage/0001_snapshots" in ran.out
    assert '"workflow_runs" of its own, so the tables of pipelines are not made' in ran.err
    assert MADE["coverage"] < relations(filled)
    assert not {"workflow_jobs", "runner_prices"} & relations(filled)


def test_what_is_exported_here_goes_into_telemetry_there_and_back(
    filled: Loader, postgres_server: PostgresServer, tmp_path: Any
) -> None:
    filled.execute("DROP TABLE ingest_runs, version, workflow_runs")
    filled.execute("ALTER TABLE llm_calls DROP COLUMN team")
    home = postgres_server.database(postgres_server.make_database(migrated=True))
    other = postgres_server.database(postgres_server.make_database(), "elsewhere")

    for here, there in ((filled.database, home), (home, other)):
        folder = tmp_path / there.schema
        exported = telemetry(
            *("--url", url_of(here.conninfo), "--schema", here.schema),
            *("export", "--all", "--output", str(folder)),
        )
        assert exported.code == 0, exported.err
        imported = telemetry(
            *("--url", url_of(there.conninfo), "--schema", there.schema, "import", str(folder))
        )
        assert imported.code == 0, imported.err

    last = Loader(other, url_of(other.conninfo))
    first = {row["run_id"] for row in filled.table(LEDGER_PREFIX + "ingest_runs")}
    assert {row["run_id"] for row in last.table(LEDGER_PREFIX + "ingest_runs")} == first
    assert [row["model"] for row in last.table("llm_calls")] == ["m"]
    assert migrate.drift(other) == []


def test_a_table_of_theirs_that_a_later_version_names_as_ours_stays_theirs(
    loader: Loader, caplog: Any
) -> None:
    migrate.downgrade(loader.database, "pipelines@pipelines_0002")
    theirs = schema("repositories", {"id": TEXT}, ["id"])
    loader.execute("CREATE TABLE repositories (id text PRIMARY KEY)")

    loader.load(theirs, record("repositories", {"id": "a"}), RUNS, run(1))

    assert loader.table("repositories") == [{"id": "a"}]
    assert len(loader.table("workflow_runs")) == 1
    assert '"repositories" of its own' in caplog.text
