"""Settings, libpq's environment and URLs → one libpq connection string. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from target_telemetry_postgres.errors import ConfigError
from target_telemetry_postgres.settings import ENV_PREFIX, environment

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Any of these in the environment means that a server was chosen there.
LIBPQ_TARGETS: Final = ("PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE")

_PARAMETERS: Final = {
    "host": "host",
    "port": "port",
    "user": "user",
    "password": "password",
    "database": "dbname",
    "ssl_mode": "sslmode",
    "ssl_root_cert": "sslrootcert",
    "ssl_cert": "sslcert",
    "ssl_key": "sslkey",
    "ssl_key_password": "sslpassword",
}
_SECRETS: Final = ("password", "sslpassword")

#: A dead peer is noticed in about a minute and a half, and an idle load survives a firewall.
_KEEPALIVES: Final = {
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 6,
    "tcp_user_timeout": 90_000,
}

_SCHEME: Final = re.compile(r"^postgres(?:ql)?(?:\+\w+)?://", re.IGNORECASE)
#: `user:` and not `host:5432`.
_BEGINS_WITH_PASSWORD: Final = re.compile(r"[^:/?@]*:(?!\d*(?:[/?]|$))")
_URL_HELP: Final = (
    "it should look like postgresql://user:password@host:5432/database, with special characters "
    "in the password percent-encoded."
)


#: What an application's own database is called, and so not asked to hold ours.
DATABASE_URL: Final = "DATABASE_URL"


@dataclass(frozen=True, slots=True)
class Choice:
    """The server to connect to, and what says so."""

    conninfo: str = field(repr=False)
    source: str


def choose(config: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Choice | None:
    """The server that was chosen, or None for the embedded one.

    The settings come first, then `DATABASE_URL`, then libpq's own variables.
    """
    environ = environment(environ)
    fields = {name: config[name] for name in _PARAMETERS if config.get(name) not in (None, "")}
    parts = {_PARAMETERS[name]: value for name, value in fields.items()}
    source, url = "sqlalchemy_url", config.get("sqlalchemy_url")
    if not url and not {"host", "database"} & fields.keys():
        source, url = DATABASE_URL, environ.get(DATABASE_URL)
    elif not url:
        source = " and ".join(name for name in ("host", "database") if name in fields)
    variable = ENV_PREFIX + source.upper()
    outside = next((name for name in LIBPQ_TARGETS if environ.get(name)), None)
    if url:
        # What the URL leaves open, such as a password kept apart from it, the fields may fill.
        parts |= _from_url(str(url), source)
    elif source == DATABASE_URL and outside is not None:
        source = outside
    elif source == DATABASE_URL and {"user", "password"} & fields.keys():
        raise ConfigError(
            "user or password is set but neither host nor database is; set them, or remove "
            "user and password to use the embedded Postgres."
        )
    elif source == DATABASE_URL:
        return None
    if url and environ.get(variable) == url:
        source = variable
    try:
        return Choice(make_conninfo("", **(_KEEPALIVES | parts)), source)
    except psycopg.ProgrammingError:
        raise ConfigError("The connection settings are not understood by libpq.") from None


def _from_url(url: str, source: str) -> dict[str, Any]:
    """The parts of a URL in SQLAlchemy's or libpq's spelling, or of a libpq key=value string."""
    scheme = _SCHEME.match(url)
    if scheme is None and "://" in url:
        other = url.partition(":")[0]
        raise ConfigError(
            f"{source} is a URL of {other} and no Postgres; {_URL_HELP}"
            if other.replace("+", "").isalnum()
            else f"{source} is not a Postgres URL; {_URL_HELP}"
        )
    plain = f"postgresql://{_encode_userinfo(url[scheme.end() :])}" if scheme else url
    try:
        parts = conninfo_to_dict(plain)
    except psycopg.ProgrammingError:
        # libpq's own message quotes the part it stumbled over, which may be the password.
        raise ConfigError(f"{source} is not understood; {_URL_HELP}") from None
    return {name: value for name, value in parts.items() if value not in (None, "")}


def _encode_userinfo(rest: str) -> str:
    """Let a password hold a bare `@`, `/` or space, as SQLAlchemy does and libpq does not.

    libpq would take what follows the slash for the database, and every message would show it.
    """
    head, mark, query = rest.partition("?")
    if "@" not in head and _BEGINS_WITH_PASSWORD.match(rest):
        head, mark, query = rest, "", ""
    userinfo, at, place = head.rpartition("@")
    if "/" in userinfo.partition(":")[0]:
        return rest
    for bare in "@/? ":
        userinfo = userinfo.replace(bare, quote(bare, safe=""))
    return f"{userinfo}{at}{place}{mark}{query}"


def secrets_of(conninfo: str) -> list[str]:
    """The values that no message may show."""
    parts = conninfo_to_dict(conninfo)
    return [str(parts[name]) for name in _SECRETS if parts.get(name)]


def describe(conninfo: str) -> str:
    """`db on host:port as user`, as libpq will resolve it; never a secret."""
    parts: dict[str, Any] = {
        option.keyword.decode(): option.val.decode()
        for option in psycopg.pq.Conninfo.get_defaults()
        if option.val is not None
    }
    parts |= {name: value for name, value in conninfo_to_dict(conninfo).items() if value}
    if service := parts.get("service"):
        return f"service {service}"
    user = parts.get("user", "")
    host = parts.get("host") or parts.get("hostaddr") or "the local socket"
    port = "" if str(host).startswith("/") else f":{parts.get('port', 5432)}"
    return f"database {parts.get('dbname') or user} on {host}{port} as {user or 'the current user'}"
