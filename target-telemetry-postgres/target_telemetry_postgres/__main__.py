"""The command `target-telemetry-postgres`, which is also `python -m target_telemetry_postgres`."""

from target_telemetry_postgres._shared import program
from target_telemetry_postgres.intake.rest import read_on_for_meltano


def main() -> None:
    """Run the target."""
    program.run(
        "target_telemetry_postgres.target",
        "TargetTelemetryPostgres",
        when_failed=read_on_for_meltano,
    )


if __name__ == "__main__":
    main()
