"""Whether this store is the one that a state is about: the lines of runs that it has seen.

A tap sends the state that it begins from before anything else. Where that state has run before and
the store has not seen those runs, the rows that it skips are somewhere else, and the run ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import psycopg
from psycopg import sql

from target_telemetry_postgres.errors import StateError

if TYPE_CHECKING:
    from target_telemetry_postgres.postgres.store import Store

Connection = psycopg.Connection[tuple[Any, ...]]

#: What made the table; a store that is behind it, and may not be changed, remembers no lines.
_MADE_BY: Final = "ledger_0003"
_WAYS_ON: Final = (
    "Run with --full-refresh to load everything here, or set accept_unknown_state to load from "
    "there on."
)


class Line(msgspec.Struct):
    """A line of runs, and how many of them there were."""

    id: str
    runs: int


class _State(msgspec.Struct):
    lineage: Line | None = None


_decoder: Final = msgspec.json.Decoder(_State)


def line_of(state: bytes) -> Line | None:
    """The line that a state belongs to; None where its tap keeps none."""
    try:
        return _decoder.decode(state).lineage
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


class Lineages:
    """The lines of runs that a store has seen."""

    def __init__(self, store: Store, place: str, *, state_id: str | None, accepting: bool) -> None:
        self._table = store.table("state_lineages") if _MADE_BY in store.ran else None
        self._place = place
        self._state_id = state_id
        self._accepting = accepting

    def check(self, conn: Connection, line: Line) -> None:
        """Compare what a tap begins from with what was seen here.

        Raises:
            StateError: The rows of some of its runs are not here.
        """
        if self._table is None or self._accepting or not line.runs:
            return
        row = conn.execute(
            sql.SQL("SELECT runs FROM {} WHERE lineage_id = %s").format(self._table), [line.id]
        ).fetchone()
        conn.commit()
        if row is None:
            raise StateError(
                f"The tap's state comes from {_runs(line.runs)}, none of which loaded into "
                f"{self._place}: what it skips is in another database. {_WAYS_ON}"
            )
        if row[0] < line.runs:
            raise StateError(
                f"The tap's state comes from {_runs(line.runs)}, and {self._place} knows of "
                f"{row[0]:,}: it is an older copy, such as a restored backup, without what the "
                f"later runs loaded. {_WAYS_ON}"
            )

    def keep(self, conn: Connection, state: bytes) -> None:
        """Remember the line of a state, in the transaction after which the state is true."""
        line = line_of(state)
        if self._table is None or line is None:
            return
        conn.execute(
            sql.SQL(
                "INSERT INTO {} AS kept (lineage_id, runs, state_id) VALUES (%s, %s, %s)"
                " ON CONFLICT (lineage_id) DO UPDATE SET runs = excluded.runs,"
                " state_id = excluded.state_id, last_seen_at = now()"
                " WHERE kept.runs < excluded.runs"
            ).format(self._table),
            [line.id, line.runs, self._state_id],
        )


def _runs(count: int) -> str:
    return f"{count:,} run{'s' * (count > 1)}"
