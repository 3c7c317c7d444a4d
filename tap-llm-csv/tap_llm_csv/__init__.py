"""Singer tap for LLM-call telemetry in CSV and NDJSON files that grow, rotate and break."""
