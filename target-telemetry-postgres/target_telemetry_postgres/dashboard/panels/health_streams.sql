-- The ledger of the target: each stream's newest load, and its last 7 days.
select
  stream, last_status as status, last_loaded_at as "last loaded",
  extract(epoch from lag)::float8 as "lag", runs_7_days as loads,
  failed_runs_7_days as failed, rows_read_7_days as "rows read",
  rows_rejected_7_days as rejected, next_prune_at as "next rows go", last_error as error
from pipeline_health
order by stream
