"""A header to the functions that turn its rows into records."""
