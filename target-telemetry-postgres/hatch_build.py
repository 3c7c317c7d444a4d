"""Puts the migrations into the package.

In the repository they lie at the top, beside the packages; in a source distribution beside this
file. An editable install takes them from the repository, where they may change.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class MigrationsHook(BuildHookInterface):  # type: ignore[type-arg] # hatchling's own are untyped
    """Adds `migrations` to what is built."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Say where the migrations are and where they go."""
        if version == "editable":
            return
        here = Path(self.root, "migrations")
        source = here if here.is_dir() else Path(self.root).parent / "migrations"
        inside = (
            "migrations" if self.target_name == "sdist" else "target_telemetry_postgres/migrations"
        )
        for path in sorted(source.rglob("*.py")):
            if path.is_file():
                build_data["force_include"][str(path)] = f"{inside}/{path.relative_to(source)}"
