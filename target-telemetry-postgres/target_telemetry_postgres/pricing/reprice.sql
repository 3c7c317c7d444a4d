-- Prices the calls of one span of time with the rates that are given, and tells it by model.
with rate as (
  select * from unnest(
    %(names)s::text[], %(providers)s::text[], %(asks)s::bool[], %(start)s::timestamptz[],
    %(end)s::timestamptz[], %(from_time)s::time[], %(to_time)s::time[], %(over)s::bigint[], %(upto)s::bigint[], %(version)s::text[],
    %(call)s::numeric[], %(given)s::numeric[], %(made)s::numeric[], %(read)s::numeric[],
    %(write)s::numeric[], %(reasoning)s::numeric[]
  ) as rate (name, provider, asks, start, "end", from_time, to_time, over, upto, version,
    call, given, made, read, write, reasoning)
),
known as (select distinct name, coalesce(provider, chr(1)) as provider, asks from rate),
priced as (
  select
    stored.call_id, stored.model, stored.provider, stored.estimated_cost as before, rate.version,
    known.name is null as is_unknown,
    -- A cost by a team's own price gives way only to another own price.
    case when rounded.cost < 1000000
      and (stored.price_version is distinct from %(own)s or rate.version = %(own)s)
    then rounded.cost end as cost
  from {table} as stored
  left join known
    on known.name = stored.model and known.provider = coalesce(stored.provider, chr(1))
  left join rate
    on rate.name = stored.model
    and coalesce(rate.provider, chr(1)) = coalesce(stored.provider, chr(1))
    and (rate.start is null or stored."timestamp" >= rate.start)
    and (rate."end" is null or stored."timestamp" < rate."end")
    and (stored."timestamp" at time zone 'UTC')::time >= rate.from_time
    and (rate.to_time is null or (stored."timestamp" at time zone 'UTC')::time < rate.to_time)
    and stored.input_tokens > rate.over
    and (rate.upto is null or stored.input_tokens <= rate.upto),
  lateral (
    select coalesce(stored.cache_read_tokens, 0) as read,
      coalesce(stored.cache_write_tokens, 0) as write,
      coalesce(stored.reasoning_tokens, 0) as reasoning
  ) as used,
  lateral (
    select case when used.read + used.write <= stored.input_tokens
      and (rate.reasoning = 0 or used.reasoning <= stored.output_tokens)
    then rate.call + stored.input_tokens * rate.given + stored.output_tokens * rate.made
      + used.read * rate.read + used.write * rate.write + used.reasoning * rate.reasoning
    end as cost
  ) as exact,
  lateral (select trunc(exact.cost, 12) as down) as cut,
  -- To the twelfth place, and from the middle to the even digit, as the tap does.
  lateral (
    select case when exact.cost >= 1000000 then null
      when exact.cost - cut.down > 5e-13
        or exact.cost - cut.down = 5e-13 and cut.down * 1e12 %% 2 = 1 then cut.down + 1e-12
      else cut.down end as cost
  ) as rounded
  where stored.cost_source = any(%(sources)s)
    and stored.model is not null
    and (%(model)s::text is null or stored.model = %(model)s)
    and (%(from)s::timestamptz is null or stored."timestamp" >= %(from)s)
    and (%(to)s::timestamptz is null or stored."timestamp" < %(to)s)
    and stored."timestamp" is not null
    and not coalesce(known.asks, false)
),
{update}
select model, provider, is_unknown, count(*),
  count(*) filter (where cost <> before or cost is not null and before is null),
  coalesce(sum(before), 0), coalesce(sum(coalesce(cost, before)), 0),
  count(*) filter (where cost is null and before is null)
from priced
group by model, provider, is_unknown
