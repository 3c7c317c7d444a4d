"""Coverage reports in the artifacts of a run."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from tap_github_actions._shared.coverage import Limits, read_artifact
from tap_github_actions.api.paging import read_all
from tap_github_actions.errors import DeniedError, NotFoundError
from tap_github_actions.identity import made_id
from tap_github_actions.times import format_time, parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from tap_github_actions._shared.coverage import Report
    from tap_github_actions.api.client import Client

_logger = logging.getLogger("tap-github-actions")


@dataclass(frozen=True, slots=True)
class CoverageReader:
    """Finds, downloads and reads a run's coverage artifacts."""

    client: Client
    globs: Sequence[str]
    limits: Limits = field(default_factory=Limits)

    def read(
        self, path: str, attempt: dict[str, Any], until: datetime | None
    ) -> Iterator[dict[str, Any]]:
        """Yield the reports of an attempt.

        Args:
            path: `/repos/{owner}/{name}`.
            attempt: The attempt's record. Artifacts belong to a run; those made before this attempt
                began were left by an earlier one, and are read with it.
            until: When the next attempt began, whose artifacts follow; None for the latest.
        """
        began = parse_time(attempt["started_at"])
        for artifact in self._listed(path, attempt["github_run_id"]):
            made = parse_time(artifact.get("created_at"))
            if made is not None and began is not None and made < began:
                continue
            if until is not None and (made is None or made >= until):
                continue
            name = str(artifact["name"])
            content = self._download(path, artifact)
            if content is None:
                continue
            measured = format_time(made) or attempt["completed_at"]
            reading = read_artifact(content, name, limits=self.limits)
            for skipped in reading.skipped:
                _logger.info(
                    "%s: run %d, coverage report %s was not read: %s",
                    *(attempt["repository"], attempt["github_run_id"]),
                    *(skipped.name, skipped.reason),
                )
            for report in reading.reports:
                yield snapshot(attempt, report, measured)

    def _listed(self, path: str, run_id: int) -> Iterator[dict[str, Any]]:
        for artifact in read_all(
            self.client, f"{path}/actions/runs/{run_id}/artifacts", "artifacts"
        ):
            wanted = any(fnmatchcase(str(artifact["name"]), glob) for glob in self.globs)
            if wanted and not artifact.get("expired"):
                yield artifact

    def _download(self, path: str, artifact: dict[str, Any]) -> bytes | None:
        name, size = artifact["name"], artifact.get("size_in_bytes") or 0
        limit = self.limits.archive_bytes
        content = None
        try:
            if size <= limit:
                content = self.client.download(
                    f"{path}/actions/artifacts/{artifact['id']}/zip", limit
                )
        except (NotFoundError, DeniedError) as error:
            _logger.warning("Artifact %s cannot be downloaded: %s", name, error)
            return None
        if content is None:
            _logger.warning("Artifact %s is larger than %s bytes and was not read", name, limit)
        return content


def snapshot(attempt: dict[str, Any], report: Report, measured_at: str | None) -> dict[str, Any]:
    """Return the record of one report, whose name begins with that of its artifact."""
    parts = (
        attempt["repository_id"],
        attempt["github_run_id"],
        attempt["run_attempt"],
        report.report_name,
    )
    return {
        "snapshot_id": made_id("tap-gh-coverage", *parts),
        "repository": attempt["repository"],
        "branch": attempt["branch"],
        "commit_sha": attempt["commit_sha"],
        "github_run_id": attempt["github_run_id"],
        "run_attempt": attempt["run_attempt"],
        "report_name": report.report_name,
        "format": report.format,
        "lines_covered": report.lines_covered,
        "lines_total": report.lines_total,
        "branches_covered": report.branches_covered,
        "branches_total": report.branches_total,
        "percent": report.percent,
        "measured_at": measured_at,
    }
