"""Records that cannot be stored: end the run, or keep them aside and go on."""

from __future__ import annotations

import uuid
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql

from target_telemetry_postgres.errors import RecordError
from target_telemetry_postgres.rows.depth import shallow
from target_telemetry_postgres.rows.rejection import Rejection, json_of
from target_telemetry_postgres.rows.unstorable import scrub, scrub_text

if TYPE_CHECKING:
    from collections.abc import Sequence

_INSERT = sql.SQL(
    "INSERT INTO {} (reject_id, run_id, stream, line_number, column_name, reason, record)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s::jsonb) ON CONFLICT (reject_id) DO NOTHING"
)
#: As many digits as jsonb holds before the point, and after it.
_DIGITS_BEFORE: Final = 131_072
_DIGITS_AFTER: Final = 16_383
_NAMESPACE: Final = uuid.UUID("6f1f3c1e-4d0a-5b8e-9a57-2c6f0d4b7e21")


class Rejects:
    """What `invalid_record_treatment` and `max_rejects` say, and how many there were."""

    def __init__(self, *, quarantine: bool, most: int) -> None:
        self.quarantine = quarantine
        self._most = most
        self._waiting: list[Rejection] = []
        self._stored = 0
        self.run_id: str | None = None

    def take(self, rejection: Rejection, line: int) -> None:
        """One more; it is stored with the next flush.

        Raises:
            InvalidRecord: Unless rejected records are quarantined.
        """
        located = replace(rejection, line=line)
        if not self.quarantine:
            raise located.error()
        self._waiting.append(located)

    def drain(self) -> list[Rejection]:
        """Those that wait."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def store(
        self,
        connection: psycopg.Connection[tuple[Any, ...]],
        table: sql.Identifier,
        rejections: Sequence[Rejection],
    ) -> None:
        """Write them into `rejected_records`, in the transaction of the flush they belong to."""
        if not self.quarantine:
            raise min(rejections, key=lambda one: one.line or 0).error()
        with connection.cursor() as cursor:
            cursor.executemany(
                _INSERT.format(table),
                [self._values(rejection) for rejection in rejections],
            )

    def count(self, rejections: Sequence[Rejection]) -> None:
        """After the commit: so many are stored now.

        Raises:
            RecordError: Past `max_rejects`.
        """
        self._stored += len(rejections)
        if rejections and self._stored > self._most:
            raise RecordError(
                f"{self._stored:,} records were rejected, more than max_rejects "
                f"({self._most:,}); the last: {rejections[-1].sentence()}. All of them are in "
                "rejected_records with their reasons."
            )

    def _values(self, rejection: Rejection) -> tuple[Any, ...]:
        record, _ = scrub(shallow(rejection.record))
        reason, _ = scrub_text(rejection.reason)
        column, _ = scrub_text(rejection.column or "")
        text = json_of(_storable(record))
        # The same record refused for the same reason is the same row, however often it comes.
        identity = f"{rejection.stream}\0{column}\0{reason}\0{text}"
        return (
            uuid.uuid5(_NAMESPACE, identity),
            self.run_id,
            rejection.stream,
            rejection.line,
            column or None,
            reason,
            text,
        )


def _storable(value: Any) -> Any:
    """The record with numbers that jsonb cannot hold as text."""
    if isinstance(value, dict):
        return {name: _storable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_storable(inner) for inner in value]
    if isinstance(value, Decimal) and value.is_finite():
        before, after = value.adjusted() + 1, -int(value.as_tuple().exponent)
        if before > _DIGITS_BEFORE or after > _DIGITS_AFTER:
            return str(value)
    return value
