"""Estimated costs, computed again with the prices that are known now.

A call is priced at its own date. A cost that a provider gave is never touched, and a row whose
cost stays the same is not written. Prices are worked out once a model, and SQL multiplies; the few
models whose prices are no product of tokens and factors are asked for call by call.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import psycopg
from psycopg import sql

from target_telemetry_postgres.pricing.prices import OWN_VERSION, Priced, Prices, Tokens
from target_telemetry_postgres.pricing.rates import Rate, rates

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from uuid import UUID

    from target_telemetry_postgres.postgres.database import Database

#: Calls of one transaction: where SQL multiplies, and where each is asked for.
SLICE: Final = 50_000
BATCH: Final = 5_000
ESTIMATED: Final = "estimated"
UNPRICED: Final = "unpriced"
_SOURCES: Final = [ESTIMATED, UNPRICED]

Connection = psycopg.Connection[tuple[Any, ...]]


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


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which calls are asked for."""

    table: sql.Identifier
    since: datetime | None = None
    model: str | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """What the conditions of a query say."""
        return {"sources": _SOURCES, "since": self.since, "model": self.model}


def reprice(
    database: Database,
    prices: Prices,
    *,
    since: datetime | None = None,
    model: str | None = None,
    dry_run: bool = False,
) -> list[ModelChange]:
    """Price the estimated and the unpriced calls again, a span of time a transaction."""
    chosen = Chosen(sql.Identifier(database.schema, "llm_calls"), since, model)
    changes: dict[str, ModelChange] = {}
    book = Book(prices)
    with database.connect(purpose="reprice") as connection:
        for span in _spans(connection, chosen):
            _price_span(connection, chosen, span, book, changes, dry_run=dry_run)
        connection.commit()
        connection.autocommit = True
        for batch in _batches(connection, chosen, book.asked):
            updates = list(_changed(batch, prices, changes))
            if updates and not dry_run:
                _write(connection, chosen.table, updates)
    return sorted(changes.values(), key=lambda change: (-change.changed, change.model))


class Book:
    """The rates of the models that were met so far."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self._rates: dict[tuple[str, str | None], list[Rate] | None] = {}

    def learn(self, models: Iterable[tuple[str, str | None]]) -> None:
        """Work out the rates of these models and providers."""
        for model, provider in models:
            self._rates[model, provider] = rates(self._prices, model, provider)

    @property
    def asked(self) -> list[tuple[str, str | None]]:
        """The models of which each call has to be asked for."""
        return [key for key, found in self._rates.items() if found is None]

    def columns(self) -> dict[str, list[Any]]:
        """Every rate, a list a column; a model without a price has a row with nothing in it."""
        nothing: list[tuple[Any, ...]] = [(None,) * len(Rate._fields)]
        rows = [
            (*key, found is None, *one)
            for key, found in self._rates.items()
            for one in (found or nothing)
        ]
        names = ("names", "providers", "asks", *Rate._fields)
        return {name: [row[place] for row in rows] for place, name in enumerate(names)}


#: A span of the calls' own times, both ends included; None is without an end.
Span = tuple["datetime | None", "datetime | None"]


def _spans(connection: Connection, chosen: Chosen) -> Iterator[Span]:
    """Cut time into pieces of about so many calls, in the order in which most were stored.

    Each ends just before an instant that begins the next, so no two share a call.
    """
    query = sql.SQL(
        """select "timestamp" from {table}
        where "timestamp" > coalesce(%(after)s, '-infinity'::timestamptz)
        order by "timestamp" offset %(size)s limit 1"""
    ).format(table=chosen.table)
    after = chosen.since
    while True:
        found = connection.execute(query, {"after": after, "size": SLICE - 1}).fetchone()
        connection.commit()
        yield after, found[0] if found else None
        if found is None:
            return
        after = found[0]


_UPDATE: Final = """written as (
  update {table} as stored
  set estimated_cost = priced.cost, cost_source = %(source)s, price_version = priced.version
  from priced
  where stored.call_id = priced.call_id and stored.cost_source = any(%(sources)s)
    and (priced.cost <> priced.before or priced.cost is not null and priced.before is null)
)"""
_NO_UPDATE: Final = "written as (select)"


def _price_span(
    connection: Connection,
    chosen: Chosen,
    span: Span,
    book: Book,
    changes: dict[str, ModelChange],
    *,
    dry_run: bool,
) -> None:
    """Price the calls of one span in one transaction; again when it holds a model not met yet."""
    update = sql.SQL(_NO_UPDATE if dry_run else _UPDATE).format(table=chosen.table)
    text = (files(__package__) / "reprice.sql").read_text(encoding="utf-8")
    query = sql.SQL(text).format(table=chosen.table, update=update)
    limits = {"from": span[0], "to": span[1], "own": OWN_VERSION, "source": ESTIMATED}
    while True:
        rows = connection.execute(query, chosen.parameters | limits | book.columns()).fetchall()
        unknown = [(model, provider) for model, provider, is_unknown, *_ in rows if is_unknown]
        if not unknown:
            break
        connection.rollback()
        book.learn(unknown)
    connection.commit()
    for model, _, _, calls, changed, before, after, unpriced in rows:
        change = changes.setdefault(model, ModelChange(model))
        change.calls += calls
        change.changed += changed
        change.before += before
        change.after += after
        change.unpriced += unpriced


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
    connection: Connection, chosen: Chosen, models: list[tuple[str, str | None]]
) -> Iterator[list[Call]]:
    """Walk the key of these models' calls: memory stays flat."""
    if not models:
        return
    query = sql.SQL(
        """
        select call_id, "timestamp", provider, model, input_tokens, output_tokens,
          cache_read_tokens, cache_write_tokens, reasoning_tokens, estimated_cost, price_version
        from {table}
        where cost_source = any(%(sources)s)
          and (model, coalesce(provider, chr(1))) in (
            select name, coalesce(provider, chr(1))
            from unnest(%(names)s::text[], %(providers)s::text[]) as asked (name, provider)
          )
          and "timestamp" is not null
          and (%(since)s::timestamptz is null or "timestamp" >= %(since)s)
          and (%(after)s::uuid is null or call_id > %(after)s)
        order by call_id
        limit %(batch)s
        """
    ).format(table=chosen.table)
    names = {"names": [name for name, _ in models], "providers": [place for _, place in models]}
    after: UUID | None = None
    while True:
        rows = connection.execute(
            query, chosen.parameters | names | {"after": after, "batch": BATCH}
        ).fetchall()
        if not rows:
            return
        calls = [Call(*row) for row in rows]
        yield calls
        after = calls[-1].call_id


def _write(
    connection: Connection, table: sql.Identifier, updates: list[tuple[UUID, Priced]]
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
        ).format(table=table),
        {
            "ids": [call_id for call_id, _ in updates],
            "costs": [priced.cost for _, priced in updates],
            "versions": [priced.version for _, priced in updates],
            "source": ESTIMATED,
            "sources": [ESTIMATED, UNPRICED],
        },
    )
