-- Calls of language models.
select count(*) as calls
from call_facts
where $__timeFilter(at)
  and model in (${model:sqlstring})
