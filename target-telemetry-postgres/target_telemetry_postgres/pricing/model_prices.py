"""The table `model_prices`: what models cost, so that SQL can price a request or a saving.

A chat request has no cost of its own; the reports price each one at its own date. So every model
that a request names is looked up here, in all its dated prices, and so is every model of an LLM
call that could be priced: what a cache saved is the difference of two prices. Rows that somebody
added have no `source` and are never touched, nor is anything added to a model that has such a row.
"""

from __future__ import annotations

from datetime import date, datetime, time, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from psycopg import sql

from target_telemetry_postgres.postgres.store import look
from target_telemetry_postgres.pricing.prices import OWN_VERSION, Prices, book_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import psycopg
    from genai_prices.types import ModelPrice, PriceCalculation, TieredPrices

CHAT: Final = "chat_telemetry_log"
CALLS: Final = "llm_calls"
TABLE: Final = "model_prices"

#: A price without a date holds for every call there ever was.
_ALWAYS: Final = date(2000, 1, 1)
_PARTS: Final = ("input_mtok", "cache_read_mtok", "output_mtok")


class Rate(NamedTuple):
    """What a model costs from a day on, for calls with at least so many tokens of input."""

    valid_from: date
    from_input_tokens: int
    input: Decimal
    cached_input: Decimal
    output: Decimal
    source: str


def learn(
    connection: psycopg.Connection[Any], schema: str, prices: Prices, *, again: bool = False
) -> int:
    """Bring the prices of models up to date.

    Args:
        connection: To the database; it is not committed.
        schema: Where the tables are.
        prices: What models cost.
        again: Look up the models of LLM calls whose prices are known already, too.

    Returns:
        How many rows that changed.
    """
    store = look(connection, schema)
    if not store.owns(TABLE):
        return 0
    models: set[str] = set()
    if store.owns(CHAT):
        models.update(_models_of_requests(connection, schema))
    if store.owns(CALLS):
        models.update(_models_of_calls(connection, schema, again=again))
    return sum(
        _store(connection, schema, model, list(rates_of(model, prices))) for model in sorted(models)
    )


def rates_of(model: str, prices: Prices) -> Iterator[Rate]:
    """All prices of a model that are known; none where they change with the hour."""
    own = prices.own(model)
    if own:
        for price in own:
            start = max(price.start, _ALWAYS)
            yield Rate(start, 0, price.input, price.cache_read, price.output, OWN_VERSION)
        return
    entry = prices.entry(model)
    if entry is None:
        return
    starts = _starts(entry)
    for start in starts:
        at = datetime.combine(start, time(), timezone.utc)
        yield from _by_size(start, entry.model.get_prices(at))


def _starts(entry: PriceCalculation) -> list[date]:
    from genai_prices.types import ModelPrice, StartDateConstraint  # noqa: PLC0415 - large

    conditions = entry.model.prices
    if isinstance(conditions, ModelPrice):
        return [_ALWAYS]
    starts = {_ALWAYS}
    for condition in conditions:
        if isinstance(condition.constraint, StartDateConstraint):
            starts.add(condition.constraint.start_date)
        elif condition.constraint is not None:
            return []
    return sorted(starts)


def _by_size(start: date, price: ModelPrice) -> Iterator[Rate]:
    parts = [getattr(price, name, None) for name in _PARTS]
    if parts[0] is None:
        return
    if parts[1] is None:
        parts[1] = parts[0]
    # A tier holds for calls with more input than its threshold, and for all their tokens.
    sizes = {0, *(tier.start + 1 for part in parts for tier in getattr(part, "tiers", ()))}
    for size in sorted(sizes):
        given, cached, made = (_at_size(part, size) for part in parts)
        yield Rate(start, size, given, cached, made, book_version())


def _at_size(part: Decimal | TieredPrices | None, size: int) -> Decimal:
    if part is None or isinstance(part, Decimal):
        return part or Decimal(0)
    reached = [tier.price for tier in part.tiers if size > tier.start]
    return reached[-1] if reached else part.base


def _models_of_requests(connection: psycopg.Connection[Any], schema: str) -> list[str]:
    """The models that requests name and that nobody has priced by hand."""
    query = sql.SQL(
        """
        select model from (
          select sql_model as model from {chat} union select response_model from {chat}
        ) named
        where model is not null
          and not exists (
            select from {prices} p where p.model = named.model and p.source is null
          )
        order by 1
        """
    ).format(chat=sql.Identifier(schema, CHAT), prices=sql.Identifier(schema, TABLE))
    return [str(row[0]) for row in connection.execute(query).fetchall()]


def _models_of_calls(connection: psycopg.Connection[Any], schema: str, *, again: bool) -> list[str]:
    """The models whose newest call was priced by estimate: one look into an index for each."""
    query = sql.SQL(
        """
        with recursive named as (
          (select model from {calls} where model is not null order by model limit 1)
          union all
          select (
            select c.model from {calls} c where c.model > named.model order by c.model limit 1
          )
          from named
          where named.model is not null
        )
        select model from named
        where model is not null
          and not exists (
            select from {prices} p where p.model = named.model and (p.source is null or not %s)
          )
          and (
            select c.cost_source from {calls} c where c.model = named.model
            order by c."timestamp" desc nulls last limit 1
          ) = 'estimated'
        """
    ).format(calls=sql.Identifier(schema, CALLS), prices=sql.Identifier(schema, TABLE))
    return [str(row[0]) for row in connection.execute(query, [again]).fetchall()]


def _store(
    connection: psycopg.Connection[Any], schema: str, model: str, rates: Iterable[Rate]
) -> int:
    """Write what differs. A price that is not known any more stays: calls were made at it."""
    query = sql.SQL(
        """
        insert into {table} as p (
          model, valid_from, from_input_tokens, input_usd_per_million,
          cached_input_usd_per_million, output_usd_per_million, source
        ) values (%s, %s, %s, %s, %s, %s, %s)
        on conflict (model, valid_from, from_input_tokens) do update set
          input_usd_per_million = excluded.input_usd_per_million,
          cached_input_usd_per_million = excluded.cached_input_usd_per_million,
          output_usd_per_million = excluded.output_usd_per_million,
          source = excluded.source
        where (p.input_usd_per_million, p.cached_input_usd_per_million, p.output_usd_per_million)
          is distinct from (
            excluded.input_usd_per_million, excluded.cached_input_usd_per_million,
            excluded.output_usd_per_million
          )
          and not (p.source = {own} and excluded.source <> {own})
        """
    ).format(table=sql.Identifier(schema, TABLE), own=sql.Literal(OWN_VERSION))
    return sum(connection.execute(query, (model, *rate)).rowcount for rate in rates)
