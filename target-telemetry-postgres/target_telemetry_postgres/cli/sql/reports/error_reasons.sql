-- Why LLM calls fail: messages that differ only in numbers and quoted words are one reason.
-- needs: llm_calls.error_message
with failures as (
  select
    coalesce(
      nullif(
        left(
          regexp_replace(
            regexp_replace(
              regexp_replace(error_message, '''[^'']*''|"[^"]*"', '…', 'g'), '\d+', '#', 'g'
            ),
            '\s+', ' ', 'g'
          ),
          120
        ),
        ''
      ),
      '(no message)'
    ) as reason,
    coalesce(finish_reason, '(none)') as finish_reason,
    model,
    estimated_cost,
    "timestamp"
  from llm_calls
  where "timestamp" >= %(since)s and "timestamp" < %(until)s
    and not success
)
select
  reason,
  finish_reason,
  count(*) as failures,
  round(count(*)::numeric / sum(count(*)) over (), 3) as share,
  count(distinct model) as models,
  round(sum(estimated_cost), 6) as cost,
  max("timestamp") as last_seen
from failures
group by 1, 2
order by failures desc, last_seen desc, 1, 2
limit %(limit)s
