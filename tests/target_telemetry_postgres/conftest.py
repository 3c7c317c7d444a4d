"""Fixtures of the target's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.singer import Loader

if TYPE_CHECKING:
    from target_telemetry_postgres.postgres.database import Database


@pytest.fixture
def loader(database: Database, database_url: str) -> Loader:
    """A target on a fresh, migrated database."""
    return Loader(database, database_url)
