"""Estimated costs, computed again with the prices that are known now.

A call is priced at its own date. A cost that a provider gave is never touched, and a row whose
cost stays the same is not written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from psycopg import sql

from target_telemetry_postgres.pricing.prices import OWN_VERSION, Priced, Prices, Tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from uuid import UUID

    import psycopg

    from target_telemetry_postgres.postgres.database import Database

BATCH: Final = 5_000
ESTIMATED: Final = "estimated"
UNPRICED: Final = "unpriced"


class Call(NamedTuple):
    """What of a call its price depends on, and the cost it has."""

    call_id: UUID
    timestamp: datetime
    provider: str | None
    model: str
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cost: Decimal | None
    price_version: str | None

    @property
    def tokens(self) -> Tokens:
        """What the call used."""
        return Tokens(
            self.input_tokens,
            self.output_tokens,
            self.cache_read_tokens or 0,
            self.cache_write_tokens or 0,
            self.reasoning_tokens or 0,
        )


@dataclass
class ModelChange:
    """What repricing did to the calls of one model."""

    model: str
    calls: int = 0
    changed: int = 0
    unpriced: int = 0
    before: Decimal = field(default_factory=Decimal)
    after: Decimal = field(default_factory=Decimal)


def reprice(
    database: Database,
    prices: Prices,
    *,
    since: datetime | None = None,
    model: str | None = None,
    dry_run: bool = False,
) -> list[ModelChange]:
    """Price the estimated and the unpriced calls again, a batch a transaction."""
    changes: dict[str, ModelChange] = {}
    with database.connect(autocommit=True, purpose="reprice") as connection:
        for batch in _batches(connection, database.schema, since, model):
            updates = list(_changed(batch, prices, changes))
            if updates and not dry_run:
                _write(connection, database.schema, updates)
    return sorted(changes.values(), key=lambda change: (-change.changed, change.model))


def _changed(
    calls: Iterable[Call], prices: Prices, changes: dict[str, ModelChange]
) -> Iterator[tuple[UUID, Priced]]:
    """The calls whose cost is another now."""
    for call in calls:
        change = changes.setdefault(call.model, ModelChange(call.model))
        priced = new_price(call, prices)
        cost = priced.cost if priced else call.cost
        change.calls += 1
        change.before += call.cost or 0
        change.after += cost or 0
        change.unpriced += cost is None
        if priced and priced.cost != call.cost:
            change.changed += 1
            yield call.call_id, priced


def new_price(call: Call, prices: Prices) -> Priced | None:
    """What the call costs now; None where what is stored stays.

    A price that is not known any more leaves the cost that was estimated with it, and a cost by a
    team's own price gives way only to another own price.
    """
    priced = prices.price(call.model, call.provider, call.timestamp, call.tokens)
    if priced and call.price_version == OWN_VERSION != priced.version:
        return None
    return priced


def _batches(
    connection: psycopg.Connection[Any], schema: str, since: datetime | None, model: str | None
) -> Iterator[list[Call]]:
    """Walk the key: no long transaction holds up vacuum, and memory stays flat."""
    query = sql.SQL(
        """
        select call_id, "timestamp", provider, model, input_tokens, output_tokens,
          cache_read_tokens, cache_write_tokens, reasoning_tokens, estimated_cost, price_version
        from {table}
        where cost_source = any(%(sources)s)
          and model is not null
          and "timestamp" is not null
          and (%(since)s::timestamptz is null or "timestamp" >= %(since)s)
          and (%(model)s::text is null or model = %(model)s)
          and (%(after)s::uuid is null or call_id > %(after)s)
        order by call_id
        limit %(batch)s
        """
    ).format(table=sql.Identifier(schema, "llm_calls"))
    after: UUID | None = None
    while True:
        rows = connection.execute(
            query,
            {
                "sources": [ESTIMATED, UNPRICED],
                "since": since,
                "model": model,
                "after": after,
                "batch": BATCH,
            },
        ).fetchall()
        if not rows:
            return
        calls = [Call(*row) for row in rows]
        yield calls
        after = calls[-1].call_id


def _write(
    connection: psycopg.Connection[Any], schema: str, updates: list[tuple[UUID, Priced]]
) -> None:
    connection.execute(
        sql.SQL(
            """
            update {table} as calls
            set estimated_cost = new.cost, cost_source = %(source)s, price_version = new.version
            from unnest(%(ids)s::uuid[], %(costs)s::numeric[], %(versions)s::text[])
              as new (call_id, cost, version)
            where calls.call_id = new.call_id
              and calls.cost_source = any(%(sources)s)
            """
        ).format(table=sql.Identifier(schema, "llm_calls")),
        {
            "ids": [call_id for call_id, _ in updates],
            "costs": [priced.cost for _, priced in updates],
            "versions": [priced.version for _, priced in updates],
            "source": ESTIMATED,
            "sources": [ESTIMATED, UNPRICED],
        },
    )
