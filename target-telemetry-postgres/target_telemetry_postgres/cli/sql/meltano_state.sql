-- Where Meltano's jobs resume, when Meltano keeps its state in this database.
select state_id, updated_at, completed_state
from meltano.state
order by state_id
