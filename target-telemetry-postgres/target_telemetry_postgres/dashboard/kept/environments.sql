-- The environments that are told apart.
select environment as value
from call_facts
where at >= %(since)s and at < %(until)s
  and (%(repositories)s::text[] is null or repository = any(%(repositories)s))
group by 1
order by count(*) desc, 1
limit %(fewer)s
