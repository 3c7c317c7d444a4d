"""Whether the database can be reached, is migrated, and lets this role do its work."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from target_telemetry_postgres.cli.checks.findings import note, ok, stops, warning
from target_telemetry_postgres.cli.session import read_sql
from target_telemetry_postgres.errors import RetentionError, TelemetryError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from target_telemetry_postgres.cli.checks.findings import Finding
    from target_telemetry_postgres.cli.session import Session
    from target_telemetry_postgres.postgres.database import Database

_MEBIBYTE = 1 << 20
_LOW_DISK = 1 << 30
_NO_DISK = 100 * _MEBIBYTE


def check(session: Session) -> Iterator[Finding]:
    """Connect, then look at rights, migrations, retention and space."""
    try:
        with session.database() as database:
            yield from _inside(session, database)
    except TelemetryError as error:
        yield stops("database", str(error), "Correct the connection settings, or start the server.")


def _inside(session: Session, database: Database) -> Iterator[Finding]:
    with session.reading(database) as reader:
        facts = reader.one(read_sql("privileges.sql"), reader.place())
    yield ok(
        "database",
        f"{database.describe()}: PostgreSQL {facts['server_version']} as {facts['role']}, "
        f"{facts['bytes'] / _MEBIBYTE:,.0f} MiB.",
    )
    if not reader.store.is_ours:
        facts["not_writable"] = [name for name in facts["not_writable"] if reader.store.owns(name)]
    yield from _rights(database, facts, may_migrate=session.config["migrate"] == "auto")
    missing = yield from _migrations(database)
    if not missing:
        yield from _retention(session, database)
    if database.embedded:
        yield _disk(Path(session.config["embedded_path"]))


def _rights(database: Database, facts: dict[str, Any], *, may_migrate: bool) -> Iterator[Finding]:
    area, schema = "privileges", database.schema
    if facts["is_replica"]:
        yield stops("database", "This server is a read-only replica.", "Connect to the primary.")
    if not facts["may_stage"]:
        yield stops(
            area,
            f"{facts['role']} may not make temporary tables, through which rows are loaded.",
            "Run `telemetry grant` as the owner, or: grant temporary on database … to this role.",
        )
    if not facts["schema_exists"]:
        if may_migrate and facts["may_create_schema"]:
            yield note(area, f'Schema "{schema}" is not there yet; the first run makes it.')
        else:
            yield stops(
                area,
                f'Schema "{schema}" is not there, and this run may not make it.',
                "Run `telemetry migrate` with a role that may create schemas in this database.",
            )
        return
    if not facts["may_use"]:
        yield stops(
            area, f'{facts["role"]} may not use schema "{schema}".', "Run `telemetry grant`."
        )
        return
    if may_migrate and not facts["may_create_tables"]:
        yield warning(
            area,
            f'{facts["role"]} may not create tables in "{schema}", so it cannot migrate.',
            "Set migrate to check or off for this role, and migrate with the owner.",
        )
    if facts["not_writable"]:
        yield stops(
            area,
            f"{facts['role']} may not write {', '.join(facts['not_writable'])}.",
            "Load with telemetry_writer or the owner; `telemetry grant --add-writer` gives it.",
        )
    else:
        yield ok(area, f'{facts["role"]} may read and write every table of "{schema}".')


def _migrations(database: Database) -> Generator[Finding, None, bool]:
    from target_telemetry_postgres.postgres.migrate import pending

    missing = pending(database)
    if missing:
        yield warning(
            "migrations",
            f"Pending: {', '.join(map(str, missing))}.",
            "Run `telemetry migrate`; with migrate: auto the next run does.",
        )
    else:
        yield ok("migrations", "The tables are those of this version.")
    return bool(missing)


def _retention(session: Session, database: Database) -> Iterator[Finding]:
    from target_telemetry_postgres.retention.prune import check_policies, parse_policies

    try:
        policies = parse_policies(session.config)
        with database.connect(purpose="doctor") as connection:
            policies = check_policies(connection, database.schema, policies)
    except RetentionError as error:
        yield stops("retention", str(error), 'Correct the setting "retention".')
        return
    kept = ", ".join(f"{policy.table} {policy.keep} by {policy.column}" for policy in policies)
    yield ok("retention", kept or "Everything is kept for ever.")


def _disk(folder: Path) -> Finding:
    place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    said = f"{free / _MEBIBYTE:,.0f} MiB are free at {folder}."
    if free < _NO_DISK:
        return stops("disk", said, "Free some: shorten the retention, `telemetry prune`.")
    if free < _LOW_DISK:
        return warning("disk", said, "Free some soon: shorten the retention, `telemetry prune`.")
    return ok("disk", said)
