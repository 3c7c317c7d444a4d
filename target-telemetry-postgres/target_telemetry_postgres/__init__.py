"""Singer target for Postgres: keyed upserts, retention, migrations and a ledger of every run."""
