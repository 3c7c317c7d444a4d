"""Coverage reports inside artifact zips: Cobertura XML, lcov, istanbul and coverage.py JSON."""

from __future__ import annotations

from tap_github_actions.coverage.archive import Limits
from tap_github_actions.coverage.report import Report, Skipped, UnreadableError
from tap_github_actions.coverage.reports import Reading, read_artifact, read_report

__all__ = [
    "Limits",
    "Reading",
    "Report",
    "Skipped",
    "UnreadableError",
    "read_artifact",
    "read_report",
]
