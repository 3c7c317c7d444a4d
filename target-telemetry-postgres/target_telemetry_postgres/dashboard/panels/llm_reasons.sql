-- Error messages of failed calls, digits as #, a bracket at the end cut.
select error, count(*) as calls
from call_facts
where $__timeFilter(at)
  and model in (${model:sqlstring})
  and success is false
group by 1
order by calls desc, 1
limit 40
