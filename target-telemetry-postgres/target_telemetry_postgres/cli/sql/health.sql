-- One row a stream, from the view that the migrations make; shares and failures of seven days.
select
  stream,
  last_status,
  last_started_at,
  last_loaded_at,
  last_changed_at,
  round(extract(epoch from lag)::numeric, 0) as lag_seconds,
  rows_read,
  rows_inserted + rows_updated as rows_loaded,
  rejected_share_7_days as rejected_share,
  runs_7_days as runs,
  failed_runs_7_days as failed_runs,
  last_error,
  last_pruned_at,
  next_prune_at
from {pipeline_health}
order by stream
