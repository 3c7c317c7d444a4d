-- Costs given by a provider and costs estimated here are kept apart.
select coalesce(cost_source, 'unknown') as cost_source, count(*) as rows, sum(estimated_cost) as cost
from llm_calls
group by 1
order by 1
