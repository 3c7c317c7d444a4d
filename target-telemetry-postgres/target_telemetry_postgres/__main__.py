"""`python -m target_telemetry_postgres`."""

from target_telemetry_postgres.target import TargetTelemetryPostgres

TargetTelemetryPostgres.cli()
