-- The view that the migrations publish: one row a stream.
select * from pipeline_health order by stream
