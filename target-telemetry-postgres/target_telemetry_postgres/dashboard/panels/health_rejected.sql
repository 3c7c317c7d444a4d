-- Rows of the last 7 days that did not fit their table.
select coalesce(sum(rows_rejected_7_days), 0)::float8 as "rejected rows"
from pipeline_health
