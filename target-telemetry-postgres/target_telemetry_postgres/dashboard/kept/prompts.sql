-- The prompts that cost most.
select prompt as value
from call_facts
where at >= %(since)s and at < %(until)s
  and (%(repositories)s::text[] is null or repository = any(%(repositories)s))
group by 1
order by sum(cost) desc nulls last, count(*) desc, 1
limit 40
