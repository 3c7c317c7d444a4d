-- The prompts, users and sources that cost most.
select
  case when grouping(prompt) = 0 then 'prompts' when grouping("user") = 0 then 'users'
    else 'sources' end as kind,
  coalesce(prompt, "user", source) as value
from call_facts
where at >= %(since)s and at < %(until)s
  and (%(repositories)s::text[] is null or repository = any(%(repositories)s))
group by grouping sets ((prompt), ("user"), (source))
order by kind, sum(cost) desc nulls last, count(*) desc, value
