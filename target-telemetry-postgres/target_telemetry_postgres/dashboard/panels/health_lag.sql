-- How long ago the stream that is furthest behind last loaded.
select max(extract(epoch from lag))::float8 as "furthest behind"
from pipeline_health
