"""One record to one row, plainly or quickly, or the reason why not."""
