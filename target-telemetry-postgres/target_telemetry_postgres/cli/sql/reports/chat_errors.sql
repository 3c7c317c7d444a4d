-- How often chat requests fail, by kind of error and the step that failed.
-- The rate is the share of all requests.
with requests as (
  select *, count(*) over () as all_requests
  from chat_telemetry_log
  where created_at >= %(since)s and created_at < %(until)s
)
select
  coalesce(error_type, '(none)') as error_type,
  coalesce(failed_step, '(none)') as failed_step,
  count(*) as failed,
  round(count(*)::numeric / max(all_requests), 4) as error_rate,
  count(distinct user_id) as users,
  min(created_at) as first_seen,
  max(created_at) as last_seen
from requests
where error_type is not null or failed_step is not null
group by 1, 2
order by failed desc, 1, 2
limit %(limit)s
