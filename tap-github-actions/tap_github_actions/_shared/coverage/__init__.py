"""Coverage reports inside artifact zips: Cobertura XML, lcov, istanbul and coverage.py JSON."""

from __future__ import annotations

from .archive import Limits
from .report import Report, Skipped, UnreadableError
from .reports import Reading, read_artifact, read_report

__all__ = [
    "Limits",
    "Reading",
    "Report",
    "Skipped",
    "UnreadableError",
    "read_artifact",
    "read_report",
]
