"""Rows that wait for their table, and what makes them ready."""
