"""A database as a URL and as environment variables, for programs of others."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from psycopg.conninfo import conninfo_to_dict

if TYPE_CHECKING:
    from target_telemetry_postgres.postgres.database import Database

# libpq reads these from the environment, where no process list shows them.
_SECRET_VARIABLES = {"password": "PGPASSWORD", "sslpassword": "PGSSLPASSWORD"}


def public_url(conninfo: str) -> str:
    """A libpq URL without its secrets; a socket's folder goes into the query."""
    parts = {
        name: str(value)
        for name, value in conninfo_to_dict(conninfo).items()
        if value is not None and name not in _SECRET_VARIABLES
    }
    user = quote(parts.pop("user", ""), safe="")
    host, port = parts.pop("host", ""), parts.pop("port", "")
    database = quote(parts.pop("dbname", ""), safe="")
    plain = bool(host) and "," not in host and not host.startswith("/") and ":" not in host
    authority = f"{user}@" if user else ""
    if plain:
        authority += host + (f":{port}" if port else "")
    else:
        parts |= {name: value for name, value in (("host", host), ("port", port)) if value}
    # How long a dead peer goes unnoticed is this program's affair, not the reader's.
    query = urlencode(
        {
            name: value
            for name, value in parts.items()
            if not name.startswith("keepalives") and name != "tcp_user_timeout"
        },
        quote_via=quote,
    )
    return f"postgresql://{authority}/{database}" + (f"?{query}" if query else "")


def secret_environment(conninfo: str) -> dict[str, str]:
    """The secrets of a connection as libpq's environment variables."""
    parts = conninfo_to_dict(conninfo)
    return {
        variable: str(parts[name])
        for name, variable in _SECRET_VARIABLES.items()
        if parts.get(name)
    }


def meltano_uri(database: Database) -> str:
    """What Meltano's system database is called when it lives in the schema meltano of this one."""
    url = database.sqlalchemy_url()
    options = f"{url.query.get('options', '')} -csearch_path=meltano".strip()
    return url.update_query_dict({"options": options}).render_as_string(hide_password=False)
