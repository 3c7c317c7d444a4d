-- Prices the calls of one span of time with the rates that are given, and tells it by model.
-- Each step is materialized: else the planner writes a step's expression out wherever it is used.
with rate as (
  select * from unnest(
    %(names)s::text[], %(providers)s::text[], %(asks)s::bool[], %(start)s::timestamptz[],
    %(end)s::timestamptz[], %(from_time)s::time[], %(to_time)s::time[], %(over)s::bigint[],
    %(upto)s::bigint[], %(version)s::text[], %(call)s::numeric[], %(given)s::numeric[],
    %(made)s::numeric[], %(read)s::numeric[], %(write)s::numeric[], %(reasoning)s::numeric[]
  ) as rate (name, provider, asks, start, "end", from_time, to_time, over, upto, version,
    call, given, made, read, write, reasoning)
),
known as (select distinct name, coalesce(provider, chr(1)) as provider, asks from rate),
counted as materialized (
  select
    stored.call_id, stored.model, stored.provider, stored.estimated_cost as before,
    rate.version, known.name is null as is_unknown,
    -- A cost by a team's own price gives way only to another own price.
    case when coalesce(stored.cache_read_tokens, 0) + coalesce(stored.cache_write_tokens, 0)
        <= stored.input_tokens
      and (rate.reasoning = 0 or coalesce(stored.reasoning_tokens, 0) <= stored.output_tokens)
      and (stored.price_version is distinct from %(own)s or rate.version = %(own)s)
    then rate.call
      + stored.input_tokens * rate.given
      + stored.output_tokens * rate.made
      + coalesce(stored.cache_read_tokens, 0) * rate.read
      + coalesce(stored.cache_write_tokens, 0) * rate.write
      + coalesce(stored.reasoning_tokens, 0) * rate.reasoning
    end as exact
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
    and (rate.upto is null or stored.input_tokens <= rate.upto)
  where stored.cost_source = any(%(sources)s)
    and stored.model is not null
    and (%(model)s::text is null or stored.model = %(model)s)
    and (%(from)s::timestamptz is null or stored."timestamp" >= %(from)s)
    and (%(to)s::timestamptz is null or stored."timestamp" < %(to)s)
    and stored."timestamp" is not null
    and not coalesce(known.asks, false)
),
cut as materialized (select *, trunc(exact, 12) as down from counted),
priced as materialized (
  select call_id, model, provider, before, version, is_unknown,
    -- To the twelfth place, and from the middle to the even digit, as the tap does.
    case when exact >= 1000000 then null
      when exact - down > 5e-13 or exact - down = 5e-13 and down * 1e12 %% 2 = 1 then down + 1e-12
      else down
    end as cost
  from cut
),
{update}
select model, provider, is_unknown, count(*),
  count(*) filter (where cost <> before or cost is not null and before is null),
  coalesce(sum(before), 0), coalesce(sum(coalesce(cost, before)), 0),
  count(*) filter (where cost is null and before is null)
from priced
group by model, provider, is_unknown
