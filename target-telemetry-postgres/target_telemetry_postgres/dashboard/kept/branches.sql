-- The branches that are told apart.
select branch as value
from run_facts
where at >= %(since)s and at < %(until)s
  and (%(repositories)s::text[] is null or repository = any(%(repositories)s))
group by 1
order by count(*) desc, 1
limit 12
