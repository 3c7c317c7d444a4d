"""What a record is: its schema, its cells, its times, its identity."""
