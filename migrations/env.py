"""How Alembic runs these migrations: in the transaction that `migrate.py` opened.

`target_telemetry_postgres.postgres.migrate` opens the connection, takes the lock and puts the
schema first in the search path, so the migrations name no schema.
"""

from __future__ import annotations

from alembic import context

from target_telemetry_postgres.models import Base
from target_telemetry_postgres.table_names import VERSION_TABLE


def run(connection: object, schema: str) -> None:
    """Run what was asked for in the transaction that is already open."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        version_table=VERSION_TABLE,
        version_table_schema=schema,
        compare_type=True,
        compare_server_default=True,
    )
    context.run_migrations()


run(context.config.attributes["connection"], context.config.attributes["schema"])
