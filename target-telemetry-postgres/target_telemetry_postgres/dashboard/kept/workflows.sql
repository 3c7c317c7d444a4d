-- The workflows that are told apart; the others of a repository are one.
select concat_ws(chr(31), repository, workflow) as value
from run_facts
where at >= %(since)s and at < %(until)s
  and (%(repositories)s::text[] is null or repository = any(%(repositories)s))
group by 1
order by count(*) desc, 1
limit 200
