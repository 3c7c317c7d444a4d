"""Rows out of one store and into another: export and import."""
