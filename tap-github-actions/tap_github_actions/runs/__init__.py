"""Runs and their attempts: what is listed, what is remembered, what becomes a record."""
