-- One row a traced pull request: what was done until now.
select
  coalesce(trace.pr_created_at, trace.start_time) as at,
  coalesce(trace.repository, '(none)') as repository,
  coalesce(trace.branch, '(none)') as branch,
  coalesce(trace.status, '(none)') as status,
  coalesce(trace.title, trace.pr_id, trace.trace_id) as title,
  trace.pr_id,
  coalesce(measure.events, 0) as events,
  coalesce(measure.edits, 0) as edits,
  coalesce(measure.commits, 0) as commits,
  coalesce(measure.commands, 0) as commands,
  coalesce(measure.failed_commands, 0) as failed_commands,
  coalesce(measure.tests, 0) as tests,
  case when measure.seconds_to_first_test >= 0 then measure.seconds_to_first_test::float8 end
    as seconds_to_first_test,
  (
    select percentile_cont(0.5) within group (order by spell.seconds::float8)
    from pr_trace_red_spells spell
    where spell.trace_id = trace.trace_id
  ) as red_seconds
from pr_traces trace
left join pr_trace_measures measure using (trace_id)
