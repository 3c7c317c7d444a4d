"""One file from its bookmark to its end: rows, refusals, and files that changed."""
