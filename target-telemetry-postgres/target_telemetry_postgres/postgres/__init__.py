"""Connections, their failures, migrations and roles."""
