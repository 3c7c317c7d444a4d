"""Which rows are too old, and how they go."""
