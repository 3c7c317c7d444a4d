"""The Singer streams: names, keys, schemas. What fills them is in `sync/`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Stream
from singer_sdk import typing as th
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from singer_sdk import Tap
    from singer_sdk.helpers import types

_TEXT = th.StringType(nullable=True)
_WHOLE = th.IntegerType(nullable=True)
_NUMBER = th.NumberType(nullable=True)
_FLAG = th.BooleanType(nullable=True)
_TIME = th.DateTimeType(nullable=True)


def _schema(key: dict[str, th.JSONTypeHelper[Any]], **columns: Any) -> dict[str, Any]:
    keys = [th.Property(name, kind, required=True) for name, kind in key.items()]
    return th.PropertiesList(
        *keys, *(th.Property(name, kind) for name, kind in columns.items())
    ).to_dict()


class GitHubStream(Stream):
    """A stream that is filled while runs are read, together with the others."""

    def __init__(self, tap: Tap, read_everything: Callable[[], None]) -> None:
        super().__init__(tap)
        self._read_everything = read_everything
        self.forced_replication_method = "INCREMENTAL"
        self.is_announced = False

    @override
    def get_records(self, context: types.Context | None) -> Iterable[types.Record]:
        """Return nothing: records of all streams come from one pass over the repositories."""
        return ()

    @override
    def _sync_records(
        self, context: types.Context | None = None, *, write_messages: bool = True
    ) -> Generator[dict[str, Any], Any, Any]:
        """Make the one pass, if this is the first stream to be synced."""
        self._read_everything()
        yield from ()

    @override
    def _write_schema_message(self) -> None:
        """Announce the stream once."""
        if not self.is_announced:
            self.is_announced = True
            super()._write_schema_message()

    @override
    def _write_state_message(self) -> None:
        """Leave the state to the one pass: only it knows what is covered."""

    @override
    def finalize_state_progress_markers(self, state: dict[str, Any] | None = None) -> None:
        """Leave the state as it is; it carries no markers."""


class WorkflowRuns(GitHubStream):
    """One record for each completed attempt of a run."""

    name = "workflow_runs"
    primary_keys: ClassVar[tuple[str, ...]] = ("github_run_id", "run_attempt")
    schema: ClassVar[dict[str, Any]] = _schema(
        {"github_run_id": th.IntegerType(), "run_attempt": th.IntegerType()},
        repository=_TEXT,
        repository_id=_WHOLE,
        workflow_id=_WHOLE,
        workflow_name=_TEXT,
        workflow_path=_TEXT,
        workflow_group=_TEXT,
        run_number=_WHOLE,
        display_title=_TEXT,
        branch=_TEXT,
        commit_sha=_TEXT,
        event_type=_TEXT,
        status=_TEXT,
        conclusion=_TEXT,
        actor=_TEXT,
        triggering_actor=_TEXT,
        run_created_at=_TIME,
        started_at=_TIME,
        completed_at=_TIME,
        duration_seconds=_NUMBER,
        github_updated_at=_TIME,
        html_url=_TEXT,
        pull_request_numbers=th.ArrayType(th.IntegerType(), nullable=True),
        head_repository=_TEXT,
        head_commit_at=_TIME,
        head_commit_author=_TEXT,
        check_suite_id=_WHOLE,
        referenced_workflows=th.ArrayType(th.StringType(), nullable=True),
        repository_private=_FLAG,
        default_branch=_TEXT,
    )


class WorkflowJobs(GitHubStream):
    """One record for each job of a completed attempt."""

    name = "workflow_jobs"
    primary_keys: ClassVar[tuple[str, ...]] = ("github_job_id",)
    schema: ClassVar[dict[str, Any]] = _schema(
        {"github_job_id": th.IntegerType()},
        github_run_id=_WHOLE,
        run_attempt=_WHOLE,
        repository=_TEXT,
        workflow_name=_TEXT,
        workflow_group=_TEXT,
        job_name=_TEXT,
        status=_TEXT,
        conclusion=_TEXT,
        queued_at=_TIME,
        started_at=_TIME,
        completed_at=_TIME,
        queued_seconds=_NUMBER,
        duration_seconds=_NUMBER,
        is_carried_over=_FLAG,
        runner_name=_TEXT,
        runner_group=_TEXT,
        runner_labels=th.ArrayType(th.StringType(), nullable=True),
        runner_id=_WHOLE,
        runner_os=_TEXT,
        runner_arch=_TEXT,
        check_run_url=_TEXT,
        branch=_TEXT,
        commit_sha=_TEXT,
        html_url=_TEXT,
    )


class WorkflowSteps(GitHubStream):
    """One record for each step of a job."""

    name = "workflow_steps"
    primary_keys: ClassVar[tuple[str, ...]] = ("github_job_id", "step_number")
    schema: ClassVar[dict[str, Any]] = _schema(
        {"github_job_id": th.IntegerType(), "step_number": th.IntegerType()},
        repository=_TEXT,
        github_run_id=_WHOLE,
        run_attempt=_WHOLE,
        step_name=_TEXT,
        status=_TEXT,
        conclusion=_TEXT,
        started_at=_TIME,
        completed_at=_TIME,
        duration_seconds=_NUMBER,
    )


class Workflows(GitHubStream):
    """One record for each workflow file."""

    name = "workflows"
    primary_keys: ClassVar[tuple[str, ...]] = ("workflow_id",)
    schema: ClassVar[dict[str, Any]] = _schema(
        {"workflow_id": th.IntegerType()},
        repository=_TEXT,
        repository_id=_WHOLE,
        workflow_name=_TEXT,
        workflow_path=_TEXT,
        state=_TEXT,
        workflow_created_at=_TIME,
        workflow_updated_at=_TIME,
        html_url=_TEXT,
    )


class CoverageSnapshots(GitHubStream):
    """One record for each coverage report found in a run's artifacts."""

    name = "coverage_snapshots"
    primary_keys: ClassVar[tuple[str, ...]] = ("snapshot_id",)
    schema: ClassVar[dict[str, Any]] = _schema(
        {"snapshot_id": th.UUIDType()},
        repository=_TEXT,
        branch=_TEXT,
        commit_sha=_TEXT,
        github_run_id=_WHOLE,
        run_attempt=_WHOLE,
        report_name=_TEXT,
        format=_TEXT,
        lines_covered=_WHOLE,
        lines_total=_WHOLE,
        branches_covered=_WHOLE,
        branches_total=_WHOLE,
        percent=_NUMBER,
        measured_at=_TIME,
    )


class Repositories(GitHubStream):
    """One record for each repository that is read."""

    name = "repositories"
    primary_keys: ClassVar[tuple[str, ...]] = ("repository_id",)
    schema: ClassVar[dict[str, Any]] = _schema(
        {"repository_id": th.IntegerType()},
        repository=_TEXT,
        private=_FLAG,
        visibility=_TEXT,
        archived=_FLAG,
        fork=_FLAG,
        default_branch=_TEXT,
        size=_WHOLE,
        repository_created_at=_TIME,
        pushed_at=_TIME,
        html_url=_TEXT,
    )


class GitHubGaps(GitHubStream):
    """One record for each thing that GitHub has not shown when it was asked for."""

    name = "github_gaps"
    primary_keys: ClassVar[tuple[str, ...]] = ("gap_id",)
    schema: ClassVar[dict[str, Any]] = _schema(
        {"gap_id": th.UUIDType()},
        repository=_TEXT,
        repository_id=_WHOLE,
        github_run_id=_WHOLE,
        run_attempt=_WHOLE,
        what=_TEXT,
        reason=_TEXT,
        first_seen=_TIME,
        last_tried=_TIME,
        tries=_WHOLE,
        resolved_at=_TIME,
    )


class PullRequests(GitHubStream):
    """One record for each pull request; two requests for each that has changed."""

    name = "pull_requests"
    selected_by_default = False
    primary_keys: ClassVar[tuple[str, ...]] = ("pull_request_id",)
    schema: ClassVar[dict[str, Any]] = _schema(
        {"pull_request_id": th.IntegerType()},
        repository=_TEXT,
        repository_id=_WHOLE,
        number=_WHOLE,
        title=_TEXT,
        state=_TEXT,
        is_draft=_FLAG,
        author=_TEXT,
        base_branch=_TEXT,
        head_branch=_TEXT,
        head_sha=_TEXT,
        merge_commit_sha=_TEXT,
        additions=_WHOLE,
        deletions=_WHOLE,
        changed_files=_WHOLE,
        commits=_WHOLE,
        first_commit_at=_TIME,
        pr_created_at=_TIME,
        pr_updated_at=_TIME,
        merged_at=_TIME,
        closed_at=_TIME,
        html_url=_TEXT,
    )


class Deployments(GitHubStream):
    """One record for each deployment with what its statuses say."""

    name = "deployments"
    selected_by_default = False
    primary_keys: ClassVar[tuple[str, ...]] = ("deployment_id",)
    schema: ClassVar[dict[str, Any]] = _schema(
        {"deployment_id": th.IntegerType()},
        repository=_TEXT,
        repository_id=_WHOLE,
        environment=_TEXT,
        task=_TEXT,
        ref=_TEXT,
        commit_sha=_TEXT,
        creator=_TEXT,
        state=_TEXT,
        deployed_at=_TIME,
        succeeded_at=_TIME,
        failed_at=_TIME,
        github_updated_at=_TIME,
    )


class JobAnnotations(GitHubStream):
    """One record for each annotation of a failed job: why it failed."""

    name = "job_annotations"
    selected_by_default = False
    primary_keys: ClassVar[tuple[str, ...]] = ("annotation_id",)
    schema: ClassVar[dict[str, Any]] = _schema(
        {"annotation_id": th.UUIDType()},
        github_job_id=_WHOLE,
        github_run_id=_WHOLE,
        run_attempt=_WHOLE,
        repository=_TEXT,
        workflow_name=_TEXT,
        job_name=_TEXT,
        annotation_level=_TEXT,
        title=_TEXT,
        message=_TEXT,
        path=_TEXT,
        start_line=_WHOLE,
        end_line=_WHOLE,
        job_completed_at=_TIME,
    )


class BillingUsage(GitHubStream):
    """One record for each day, SKU and repository that GitHub has billed."""

    name = "billing_usage"
    selected_by_default = False
    primary_keys: ClassVar[tuple[str, ...]] = ("usage_id",)
    schema: ClassVar[dict[str, Any]] = _schema(
        {"usage_id": th.UUIDType()},
        owner=_TEXT,
        usage_date=th.DateType(nullable=True),
        product=_TEXT,
        sku=_TEXT,
        repository=_TEXT,
        quantity=_NUMBER,
        unit_type=_TEXT,
        price_per_unit=_NUMBER,
        gross_amount=_NUMBER,
        discount_amount=_NUMBER,
        net_amount=_NUMBER,
    )


STREAMS: tuple[type[GitHubStream], ...] = (
    WorkflowRuns,
    WorkflowJobs,
    WorkflowSteps,
    Workflows,
    CoverageSnapshots,
    Repositories,
    GitHubGaps,
    PullRequests,
    Deployments,
    JobAnnotations,
    BillingUsage,
)
