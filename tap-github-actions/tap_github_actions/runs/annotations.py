"""Why jobs failed: the annotations of their check runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_github_actions.errors import DeniedError, NotFoundError, UnavailableError
from tap_github_actions.identity import made_id
from tap_github_actions.runs.records import is_executed
from tap_github_actions.times import normal_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tap_github_actions.api.client import Client

FAILED = frozenset({"failure", "timed_out", "startup_failure"})
MOST = 100


@dataclass(slots=True)
class AnnotationReader:
    """Reads them; one request a failed job, and none once GitHub has refused."""

    client: Client
    refusal: str = ""
    was_answered: bool = False

    def read(
        self, path: str, repository: str, jobs: Iterable[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """Return the annotations of the failed jobs among those of an attempt.

        Raises:
            UnavailableError: GitHub's answer is no list of annotations.
        """
        found: list[dict[str, Any]] = []
        for job in jobs:
            if job.get("conclusion") not in FAILED or not is_executed(job) or self.refusal:
                continue
            asked = f"{path}/check-runs/{job['id']}/annotations"
            try:
                listed = self.client.get(asked, {"per_page": MOST}).body
            except DeniedError as error:
                self.refusal = str(error)
                continue
            except NotFoundError:
                continue  # the check run is gone, or shown to nobody: the job itself is there
            if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
                raise UnavailableError(f"GitHub's answer for {asked} is no list of annotations.")
            self.was_answered = True
            found += annotation_records(job, listed, repository=repository)
        return found


def annotation_records(
    job: Mapping[str, Any], annotations: Sequence[Mapping[str, Any]], *, repository: str
) -> list[dict[str, Any]]:
    """Return the records of a job's annotations; each is told by its place and its words."""
    counts: dict[tuple[object, ...], int] = {}
    records: list[dict[str, Any]] = []
    for each in annotations:
        told = tuple(
            each.get(key) for key in ("path", "start_line", "end_line", "title", "message")
        )
        counts[told] = counts.get(told, 0) + 1
        records.append(
            {
                "annotation_id": made_id("tap-gh-note", job["id"], *told, counts[told]),
                "github_job_id": job["id"],
                "github_run_id": job.get("run_id"),
                "run_attempt": job.get("run_attempt") or 1,
                "repository": repository,
                "workflow_name": job.get("workflow_name"),
                "job_name": job.get("name"),
                "annotation_level": each.get("annotation_level"),
                "title": each.get("title"),
                "message": each.get("message"),
                "path": each.get("path"),
                "start_line": each.get("start_line"),
                "end_line": each.get("end_line"),
                "job_completed_at": normal_time(job.get("completed_at")),
            }
        )
    return records
