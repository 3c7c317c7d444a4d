"""The command `target-telemetry-postgres`, which is also `python -m target_telemetry_postgres`."""

from target_telemetry_postgres._shared import program


def main() -> None:
    """Run the target."""
    program.run("target_telemetry_postgres.target", "TargetTelemetryPostgres")


if __name__ == "__main__":
    main()
