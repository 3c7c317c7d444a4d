"""The `telemetry` command: a module a subcommand, a `.sql` file a report.

The database driver, the migrations and the prices are imported by the functions that use them:
`--help` and completion answer in a tenth of a second.
"""

from __future__ import annotations

from target_telemetry_postgres.cli.app import main

__all__ = ["main"]
