"""One transaction: rows, rejects, the ledger, and the state that follows them."""
