-- When each stream last loaded, and what its last week was like.
select
  stream,
  last_status as status,
  extract(epoch from last_loaded_at)::bigint as loaded_at,
  extract(epoch from lag)::bigint as lag_seconds,
  runs_7_days::bigint as loads,
  failed_runs_7_days::bigint as failed_loads,
  rows_read_7_days::bigint as rows_read,
  rows_rejected_7_days::bigint as rows_rejected,
  extract(epoch from next_prune_at)::bigint as next_prune_at,
  case when %(with_errors)s then left(last_error, 300) end as last_error
from pipeline_health
order by stream
