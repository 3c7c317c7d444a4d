"""The command `target-telemetry-postgres`, which is also `python -m target_telemetry_postgres`."""

import gc

# Nothing that is imported is ever garbage. To look for some, and once more at the end, takes 0.1 s.
gc.disable()

from target_telemetry_postgres.target import TargetTelemetryPostgres  # noqa: E402 - after the line above

gc.freeze()
gc.enable()


def main() -> None:
    """Run the target."""
    TargetTelemetryPostgres.cli()


if __name__ == "__main__":
    main()
