"""Estimated costs, computed again with the prices that are known now.

A call is priced at its own date. A cost that a provider gave is never touched, and a row whose
cost stays the same is not written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime
    from uuid import UUID

    import psycopg

    from target_telemetry_postgres.database import Database

    Price = Callable[["Call"], Decimal | None]

BATCH: Final = 5_000
ESTIMATED: Final = "estimated"
UNPRICED: Final = "unpriced"
_STEP: Final = Decimal("1e-12")


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
    cost: Decimal | None


@dataclass
class ModelChange:
    """What repricing did to the calls of one model."""

    model: str
    calls: int = 0
    changed: int = 0
    unpriced: int = 0
    before: Decimal = field(default_factory=Decimal)
    after: Decimal = field(default_factory=Decimal)


def price_version() -> str:
    """Which prices these are, as it is stored beside a cost."""
    return f"genai-prices {version('genai-prices')}"


def current_price(aliases: Mapping[str, str]) -> Price:
    """Price a call with genai-prices; None for a model that has no known price."""
    from genai_prices import Usage, calc_price  # noqa: PLC0415  its table is large

    def price(call: Call) -> Decimal | None:
        usage = Usage(
            input_tokens=call.input_tokens or 0,
            output_tokens=call.output_tokens or 0,
            cache_read_tokens=call.cache_read_tokens or 0,
            cache_write_tokens=call.cache_write_tokens or 0,
        )
        model = aliases.get(call.model, call.model)
        try:
            priced = calc_price(
                usage,
                model,
                provider_id=call.provider,
                genai_request_timestamp=call.timestamp,
            )
        except (LookupError, ValueError):
            return None
        return priced.total_price.quantize(_STEP)

    return price


def reprice(
    database: Database,
    price: Price,
    *,
    since: datetime | None = None,
    model: str | None = None,
    dry_run: bool = False,
) -> list[ModelChange]:
    """Price the estimated and the unpriced calls again, a batch a transaction."""
    changes: dict[str, ModelChange] = {}
    with database.connect(autocommit=True, purpose="reprice") as connection:
        for batch in _batches(connection, database.schema, since, model):
            updates = list(_changed(batch, price, changes))
            if updates and not dry_run:
                _write(connection, database.schema, updates)
    return sorted(changes.values(), key=lambda change: (-change.changed, change.model))


def _changed(
    calls: Iterable[Call], price: Price, changes: dict[str, ModelChange]
) -> Iterator[tuple[UUID, Decimal]]:
    """The calls whose cost is another now.

    A price that is no longer known leaves the cost that was estimated with it.
    """
    for call in calls:
        change = changes.setdefault(call.model, ModelChange(call.model))
        change.calls += 1
        cost = price(call)
        change.before += call.cost or 0
        if cost is None:
            change.after += call.cost or 0
            change.unpriced += call.cost is None
        else:
            change.after += cost
            if cost != call.cost:
                change.changed += 1
                yield call.call_id, cost


def _batches(
    connection: psycopg.Connection[Any], schema: str, since: datetime | None, model: str | None
) -> Iterator[list[Call]]:
    """Walk the key: no long transaction holds up vacuum, and memory stays flat."""
    query = sql.SQL(
        """
        select call_id, "timestamp", provider, model, input_tokens, output_tokens,
          cache_read_tokens, cache_write_tokens, estimated_cost
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
    connection: psycopg.Connection[Any], schema: str, updates: list[tuple[UUID, Decimal]]
) -> None:
    connection.execute(
        sql.SQL(
            """
            update {table} as calls
            set estimated_cost = new.cost, cost_source = %(source)s, price_version = %(version)s
            from unnest(%(ids)s::uuid[], %(costs)s::numeric[]) as new (call_id, cost)
            where calls.call_id = new.call_id
              and calls.cost_source = any(%(sources)s)
            """
        ).format(table=sql.Identifier(schema, "llm_calls")),
        {
            "ids": [call_id for call_id, _ in updates],
            "costs": [cost for _, cost in updates],
            "source": ESTIMATED,
            "version": price_version(),
            "sources": [ESTIMATED, UNPRICED],
        },
    )
