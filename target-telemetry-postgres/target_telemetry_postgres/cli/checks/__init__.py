"""What `telemetry doctor` looks at."""
