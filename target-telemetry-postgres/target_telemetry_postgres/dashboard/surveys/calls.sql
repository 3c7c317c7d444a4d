-- How calls are spread over what the page filters by.
select repository, branch, environment, phase, model, count(*)::bigint as calls
from call_facts
where at >= %(since)s and at < %(until)s
  and (%(repositories)s::text[] is null or repository = any(%(repositories)s))
group by 1, 2, 3, 4, 5
order by calls desc, 1, 2, 3, 4, 5
limit 100000
