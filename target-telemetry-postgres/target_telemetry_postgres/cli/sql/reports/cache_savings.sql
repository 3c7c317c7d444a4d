-- What reading from caches saved: the tokens read, at the difference of the two prices.
-- What writing to a cache costs more is not taken off; calls without a known price are counted.
with calls as (
  select
    coalesce(c.model, '(none)') as model,
    c.input_tokens,
    c.cache_read_tokens,
    c.cache_write_tokens,
    (
      select p.input_usd_per_million - p.cached_input_usd_per_million
      from model_prices p
      where p.model = c.model
        and p.valid_from <= (c."timestamp" at time zone 'UTC')::date
        and p.from_input_tokens <= coalesce(c.input_tokens, 0)
      order by p.valid_from desc, p.from_input_tokens desc
      limit 1
    ) as saved_per_million
  from llm_calls c
  where c."timestamp" >= %(since)s and c."timestamp" < %(until)s
    and c.cache_read_tokens is not null
)
select
  model,
  count(*) as calls,
  count(*) filter (where cache_read_tokens > 0) as calls_with_hits,
  sum(input_tokens)::bigint as input_tokens,
  sum(cache_read_tokens)::bigint as read_tokens,
  sum(cache_write_tokens)::bigint as written_tokens,
  round(sum(cache_read_tokens) / nullif(sum(input_tokens), 0), 3) as read_share,
  round(sum(cache_read_tokens * saved_per_million) / 1000000, 6) as saved,
  count(*) filter (where cache_read_tokens > 0 and saved_per_million is null)
    as calls_without_price
from calls
group by 1
order by saved desc nulls last, read_tokens desc, 1
limit %(limit)s
