"""Which files there are, which of them is which, and how far each was read."""
