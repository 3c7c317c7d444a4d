"""A failure of Postgres → one plain sentence, and whether trying again may help. No I/O."""

from __future__ import annotations

import re
from typing import Final, Protocol

import psycopg

from target_telemetry_postgres.errors import DatabaseError
from target_telemetry_postgres.postgres.conninfo import secrets_of

#: SQLSTATEs after which the same work may succeed: the connection went (08), the server stops or
#: starts (57P0x), is full (53300), or two transactions were in each other's way (40xxx, 55P03).
_TRANSIENT_STATES: Final = frozenset(
    {"57P01", "57P02", "57P03", "57P05", "53300", "40001", "40P01", "55P03", "25P03"}
)

#: While connecting libpq gives text only. These pass by themselves.
_TRANSIENT_TEXT: Final = re.compile(
    r"connection refused|no such file or directory|timed? ?out|timeout expired"
    r"|server closed the connection|connection reset|broken pipe|network is unreachable"
    r"|no route to host|temporary failure in name resolution|starting up|shutting down"
    r"|in recovery mode|not yet accepting connections|too many (clients|connections)"
    r"|remaining connection slots|connection is lost|connection is closed"
    r"|terminating connection|ssl syscall error|eof detected",
    re.IGNORECASE,
)

_BY_STATE: Final = {
    "28P01": "refused the password for {place}; check user and password (or ~/.pgpass)",
    "28000": "refused to let this user in: {place}; check user, TLS mode and pg_hba.conf",
    "3D000": "has no such database: {place}; create it or correct the name",
    "42501": "does not allow this to the role of {place}: {detail}; grant it the right, "
    "or set migrate to off when an administrator migrates",
    "25006": "is read-only at {place}; it is probably a replica, connect to the primary",
    "53100": "has no disk space left at {place}; free some (telemetry prune) and run again, "
    "nothing was half-written",
    "53200": "is out of memory at {place}: {detail}; lower batch_size_rows or give it more",
    "53300": "has no free connection at {place}; wait, or raise max_connections",
    "55P03": "kept {place} waiting for a lock longer than lock_timeout_seconds; "
    "another session holds the table, see pg_locks",
    "57014": "cancelled the statement at {place}: {detail}",
    "57P01": "at {place} was shut down; run again when it is back",
    "57P03": "at {place} is starting or stopping; run again when it is up",
}

_BY_TEXT: Final = (
    (r"password authentication failed|no password supplied", _BY_STATE["28P01"]),
    (r'database ".*" does not exist', _BY_STATE["3D000"]),
    (r'role ".*" does not exist', "knows no such user: {place}; create the role or correct it"),
    (r"no pg_hba\.conf entry|authentication failed|not permitted to log in", _BY_STATE["28000"]),
    (r"too many (clients|connections)|remaining connection slots", _BY_STATE["53300"]),
    (r"starting up|shutting down|not yet accepting", _BY_STATE["57P03"]),
    (
        r"certificate|ssl error|does not support ssl|root\.crt|sslmode",
        "and this machine do not agree on TLS for {place}: {detail}; check ssl_mode and its files",
    ),
    (
        r"could not translate host name|name resolution|name or service not known",
        "cannot be found: {place}; check the host name",
    ),
    (
        r"connection refused|no such file|no route|unreachable|timed? ?out|timeout expired",
        "cannot be reached: {place}; is it running, and are host and port right?",
    ),
    (
        r"server closed|connection reset|broken pipe|is lost|is closed|terminating|eof detected",
        "broke the connection: {place}; see the server's log",
    ),
)


def is_transient(error: psycopg.Error) -> bool:
    """Whether doing the same again, on a new connection, may succeed."""
    state = error.sqlstate
    if state is not None:
        return state in _TRANSIENT_STATES or state.startswith("08")
    return isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)) and bool(
        _TRANSIENT_TEXT.search(str(error))
    )


class Server(Protocol):
    """What has to be known of the server that failed."""

    @property
    def conninfo(self) -> str:
        """How it is reached; its secrets are kept out of the sentence."""

    def describe(self) -> str:
        """Which one it is, in words."""


def explain(error: psycopg.Error, server: Server) -> DatabaseError:
    """The sentence for one failure; chain it with `raise … from error`."""
    detail = _detail(error)
    for secret in secrets_of(server.conninfo):
        detail = detail.replace(secret, "***")
    pattern = _BY_STATE.get(error.sqlstate or "")
    if pattern is None and error.sqlstate is None:
        text = str(error)
        pattern = next((p for regex, p in _BY_TEXT if re.search(regex, text, re.IGNORECASE)), None)
    sentence = (pattern or "failed at {place}: {detail}").format(
        place=server.describe(), detail=detail
    )
    ending = "" if sentence.endswith("?") else "."
    return DatabaseError(f"Postgres {sentence}{ending}", transient=is_transient(error))


def _detail(error: psycopg.Error) -> str:
    """Postgres's own words on one line."""
    words = error.diag.message_primary or str(error)
    return " ".join(words.split()).removesuffix(".")
