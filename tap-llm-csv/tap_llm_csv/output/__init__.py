"""Singer messages, and the ledger of what was read."""
