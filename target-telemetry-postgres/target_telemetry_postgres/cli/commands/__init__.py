"""The subcommands of `telemetry`, one a module."""
