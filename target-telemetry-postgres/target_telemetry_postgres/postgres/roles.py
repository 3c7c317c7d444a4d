"""Who may do what: the statements that make the roles of the pipelines and of the readers.

No superuser is needed anywhere: the owner of the schema grants, and only making a role that is
not there yet needs CREATEROLE.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from psycopg import sql
from psycopg.rows import tuple_row

from target_telemetry_postgres.postgres.revisions import ledger_tables
from target_telemetry_postgres.postgres.store import Store
from target_telemetry_postgres.postgres.store import look as look_at_store
from target_telemetry_postgres.table_names import VERSION_TABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import psycopg

WRITER: Final = "telemetry_writer"
READER: Final = "telemetry_reader"

CHAT: Final = "chat_telemetry_log"

#: What readers see: tables without what somebody wrote or said. Tables that another tap brought
#: along are not here, because nobody has looked at what they hold; `--reader-table` adds one.
READABLE: Final = (
    "workflow_runs",
    "workflow_jobs",
    "workflow_steps",
    "workflows",
    "coverage_snapshots",
    "llm_calls",
    "llm_usage_buckets",
    "llm_csv_files",
    "token_estimation_v2_events",
    "pr_traces",
    "pr_trace_events",
    "ingest_runs",
    "retention_policies",
    "runner_prices",
    "model_prices",
)

#: Columns of those tables that stay with the writers: free text, and who a person is.
SENSITIVE: Final[Mapping[str, tuple[str, ...]]] = {
    "llm_calls": ("notes", "error_message", "extra", "user_id"),
    "token_estimation_v2_events": ("deliverables_json",),
    "pr_traces": ("user_id",),
    "pr_trace_events": ("payload",),
    "ingest_runs": ("error",),
}


@dataclass(frozen=True, slots=True)
class Found:
    """What is there to grant on."""

    database: str
    schema: str
    roles: frozenset[str]
    tables: Mapping[str, tuple[str, ...]]
    views: tuple[str, ...]
    policies: frozenset[str] = frozenset()
    store: Store = field(default=Store("telemetry"))


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for."""

    writer: str = WRITER
    reader: str = READER
    writer_members: tuple[str, ...] = ()
    reader_members: tuple[str, ...] = ()
    reader_tables: tuple[str, ...] = field(default=())


def look(connection: psycopg.Connection[Any], schema: str, plan: Plan) -> Found:
    """Read what is there."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        names = [plan.writer, plan.reader, *plan.writer_members, *plan.reader_members]
        cursor.execute("select rolname from pg_catalog.pg_roles where rolname = any(%s)", [names])
        roles = frozenset(str(name) for (name,) in cursor)
        cursor.execute(
            """
            select c.relname, c.relkind in ('v', 'm'), array_agg(a.attname order by a.attnum)
            from pg_catalog.pg_class c
            join pg_catalog.pg_namespace n on n.oid = c.relnamespace
            join pg_catalog.pg_attribute a
              on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
            where n.nspname = %s and c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition
            group by c.relname, c.relkind
            order by c.relname
            """,
            [schema],
        )
        relations = cursor.fetchall()
        cursor.execute(
            "select policyname from pg_catalog.pg_policies "
            "where schemaname = %s and tablename = %s",
            [schema, CHAT],
        )
        policies = frozenset(str(name) for (name,) in cursor)
        cursor.execute("select current_database()")
        (database,) = cursor.fetchone() or ("",)
    return Found(
        database=str(database),
        schema=schema,
        roles=roles,
        tables={name: tuple(columns) for name, is_view, columns in relations if not is_view},
        views=tuple(name for name, is_view, _ in relations if is_view),
        policies=policies,
        store=look_at_store(connection, schema),
    )


def statements(found: Found, plan: Plan) -> list[sql.Composed]:
    """Everything to run, in order; running it again changes nothing."""
    return [
        *_roles(found, plan),
        *_writer(found, plan.writer),
        *_reader(found, plan.reader, plan.reader_tables),
        *_chat(found, plan.writer),
        *_members(plan.writer, plan.writer_members),
        *_members(plan.reader, plan.reader_members),
    ]


def _roles(found: Found, plan: Plan) -> list[sql.Composed]:
    return [
        sql.SQL("create role {} nologin").format(sql.Identifier(role))
        for role in (plan.writer, plan.reader)
        if role not in found.roles
    ]


def _writer(found: Found, role: str) -> list[sql.Composed]:
    """Rows, and temporary tables to stage them in; no DDL, and the version only to read."""
    names = {
        "role": sql.Identifier(role),
        "schema": sql.Identifier(found.schema),
        "database": sql.Identifier(found.database),
    }
    granted = [
        sql.SQL("grant connect, temporary on database {database} to {role}"),
        sql.SQL("grant usage on schema {schema} to {role}"),
        sql.SQL("revoke create on schema {schema} from {role}"),
        sql.SQL("grant select, insert, update, delete on all tables in schema {schema} to {role}"),
        sql.SQL("grant usage, select on all sequences in schema {schema} to {role}"),
        sql.SQL(
            "alter default privileges in schema {schema} "
            "grant select, insert, update, delete on tables to {role}"
        ),
        sql.SQL(
            "alter default privileges in schema {schema} grant usage, select on sequences to {role}"
        ),
    ]
    if found.store.stored is not None:
        granted.append(sql.SQL("revoke insert, update, delete on {version} from {role}"))
        names["version"] = found.store.table(VERSION_TABLE)
    return [statement.format(**names) for statement in granted]


def _reader(found: Found, role: str, more: Sequence[str]) -> list[sql.Composed]:
    """Views, and tables without what is sensitive. Nothing new by default: somebody looks first."""
    who = sql.Identifier(role)
    schema = sql.Identifier(found.schema)
    granted = [
        sql.SQL("grant connect on database {} to {}").format(sql.Identifier(found.database), who),
        sql.SQL("grant usage on schema {} to {}").format(schema, who),
        sql.SQL("revoke all on all tables in schema {} from {}").format(schema, who),
    ]
    granted.extend(_select(found.schema, name, (), who) for name in _views(found))
    known = {
        found.store.prefix + name if name in ledger_tables() else name: name for name in READABLE
    }
    known[found.store.version_table] = VERSION_TABLE
    tables = [name for name in known if name in found.tables and found.store.owns(name)]
    granted.extend(
        _select(found.schema, name, _open_columns(found.tables[name], known.get(name, name)), who)
        for name in dict.fromkeys((*tables, *more))
    )
    return granted


def _views(found: Found) -> Iterator[str]:
    """All of them in `telemetry`; elsewhere the ledger's, for the others are somebody else's."""
    return (name for name in found.views if found.store.is_ours or found.store.owns(name))


def _open_columns(columns: tuple[str, ...], table: str) -> tuple[str, ...]:
    """The columns to name in the grant; none of them when the whole table is open."""
    hidden = SENSITIVE.get(table, ())
    return tuple(name for name in columns if name not in hidden) if hidden else ()


def _select(
    schema: str, relation: str, columns: Iterable[str], role: sql.Identifier
) -> sql.Composed:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    listed = sql.SQL(" ({})").format(names) if columns else sql.SQL("")
    return sql.SQL("grant select{} on {} to {}").format(
        listed, sql.Identifier(schema, relation), role
    )


def _chat(found: Found, writer: str) -> list[sql.Composed]:
    """What people said: with row-level security on, whoever has no policy sees no row.

    A mistaken `grant select` opens nothing then; a policy must say for which rows.
    """
    if CHAT not in found.tables or not (found.store.is_ours or found.store.owns(CHAT)):
        return []
    table = sql.Identifier(found.schema, CHAT)
    made = [sql.SQL("alter table {} enable row level security").format(table)]
    name = f"{writer}_all"
    if name not in found.policies:
        made.append(
            sql.SQL("create policy {} on {} for all to {} using (true) with check (true)").format(
                sql.Identifier(name), table, sql.Identifier(writer)
            )
        )
    return made


def _members(role: str, members: Sequence[str]) -> list[sql.Composed]:
    return [
        sql.SQL("grant {} to {}").format(sql.Identifier(role), sql.Identifier(member))
        for member in members
    ]
