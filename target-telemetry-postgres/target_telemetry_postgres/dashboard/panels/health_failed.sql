-- Streams whose newest load did not succeed.
select count(*) filter (where last_status in ('failed', 'interrupted')) as "failed streams"
from pipeline_health
