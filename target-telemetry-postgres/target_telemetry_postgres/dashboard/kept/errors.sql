-- The reasons for which calls fail most often.
select error as value
from call_facts
where at >= %(since)s and at < %(until)s
  and (%(repositories)s::text[] is null or repository = any(%(repositories)s))
  and success is false
group by 1
order by count(*) desc, 1
limit 40
