-- The SQL that chats run most, by its fingerprint: the same text but for blanks and letter case.
select
  sql_fingerprint as fingerprint,
  count(*) as requests,
  count(distinct user_id) as users,
  count(*) filter (where error_type is not null or failed_step is not null) as failed,
  round(percentile_cont(0.5) within group (order by sql_execution_duration_ms)::numeric, 0)
    as p50_ms,
  round(avg(result_row_count), 1) as mean_result_rows,
  left((array_agg(generated_sql order by created_at desc, log_id))[1], 200) as latest_sql
from chat_telemetry_log
where created_at >= %(since)s and created_at < %(until)s
  and sql_fingerprint is not null
group by 1
order by requests desc, 1
limit %(limit)s
