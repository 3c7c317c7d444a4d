-- How many chat requests per day had nothing to do with the data (UTC days).
select
  date_trunc('day', created_at at time zone 'UTC')::date as day,
  count(*) as requests,
  count(*) filter (where is_off_topic) as off_topic,
  round(avg(case when is_off_topic then 1 else 0 end), 4) as off_topic_rate
from chat_telemetry_log
where created_at >= %(since)s and created_at < %(until)s
group by 1
order by 1 desc
limit %(limit)s
