-- The jobs that are told apart: those that take the most time.
select concat_ws(chr(31), repository, workflow, job) as value
from job_facts
where at >= %(since)s and at < %(until)s
  and (%(repositories)s::text[] is null or repository = any(%(repositories)s))
group by 1
order by sum(seconds) desc nulls last, 1
limit 60
