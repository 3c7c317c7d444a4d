-- Input tokens, what of them was read from a cache, and output tokens.
select
  $__timeGroup(at, $__interval) as "time",
  sum(input_tokens) - coalesce(sum(cache_read_tokens), 0) as "input",
  sum(cache_read_tokens) as "input from cache",
  sum(output_tokens) as "output"
from call_facts
where $__timeFilter(at)
  and model in (${model:sqlstring})
group by 1
order by 1
