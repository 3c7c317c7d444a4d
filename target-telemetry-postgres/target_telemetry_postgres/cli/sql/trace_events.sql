-- The events of traces, in the order in which they happened.
select
  places.trace_id, places.event_id, places.seq, events.ts, events.received_at, events.type,
  events.payload, events.session_id
from pr_trace_order places
join pr_trace_events events using (event_id)
where places.trace_id = any(%(traces)s)
order by places.trace_id, places.position
