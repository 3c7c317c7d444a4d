"""How Alembic runs these migrations: in the transaction that `migrate.py` opened.

`target_telemetry_postgres.postgres.migrate` opens the connection, takes the lock and puts the
schema first in the search path, so the migrations name no schema. The ledger's migrations put
`ledger_prefix` before their names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic import context

from target_telemetry_postgres.models import Base

if TYPE_CHECKING:
    from target_telemetry_postgres.postgres.store import Store


def run(connection: object, store: Store) -> None:
    """Run what was asked for in the transaction that is already open."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        version_table=store.version_table,
        version_table_schema=store.schema,
        compare_type=True,
        compare_server_default=True,
        ledger_prefix=store.prefix,
    )
    context.run_migrations()


run(context.config.attributes["connection"], context.config.attributes["store"])
