"""The JSON that GitHub answers with, in the shapes of its REST API version 2022-11-28."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from github_simulator.clock import iso
from github_simulator.states import attempt_status, job_status, updated_at

if TYPE_CHECKING:
    from github_simulator.model import Artifact, Attempt, Job, Repository, Run, Step, Workflow

HTML = "https://github.com"
API = "https://api.github.com"
DOCS = "https://docs.github.com/rest"

USER_LINKS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}
REPOSITORY_LINKS = {
    "forks_url": "/forks",
    "keys_url": "/keys{/key_id}",
    "collaborators_url": "/collaborators{/collaborator}",
    "teams_url": "/teams",
    "hooks_url": "/hooks",
    "issue_events_url": "/issues/events{/number}",
    "events_url": "/events",
    "assignees_url": "/assignees{/user}",
    "branches_url": "/branches{/branch}",
    "tags_url": "/tags",
    "blobs_url": "/git/blobs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "trees_url": "/git/trees{/sha}",
    "statuses_url": "/statuses/{sha}",
    "languages_url": "/languages",
    "stargazers_url": "/stargazers",
    "contributors_url": "/contributors",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "commits_url": "/commits{/sha}",
    "git_commits_url": "/git/commits{/sha}",
    "comments_url": "/comments{/number}",
    "issue_comment_url": "/issues/comments{/number}",
    "contents_url": "/contents/{+path}",
    "compare_url": "/compare/{base}...{head}",
    "merges_url": "/merges",
    "archive_url": "/{archive_format}{/ref}",
    "downloads_url": "/downloads",
    "issues_url": "/issues{/number}",
    "pulls_url": "/pulls{/number}",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "labels_url": "/labels{/name}",
    "releases_url": "/releases{/id}",
    "deployments_url": "/deployments",
}


def node_id(kind: str, number: int) -> str:
    """Return an opaque id in the look of GitHub's."""
    raw = b"\x93\x00\xce" + number.to_bytes(8, "big")
    return f"{kind}_{base64.urlsafe_b64encode(raw).decode().rstrip('=')}"


class Payloads:
    """Builds answers whose links lead back to the simulator."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._users: dict[str, dict[str, Any]] = {}
        self._repositories: dict[tuple[int, str], dict[str, Any]] = {}

    def user(self, login: str | None, *, kind: str = "User") -> dict[str, Any] | None:
        """Return an account, or null for one that no longer exists."""
        if login is None:
            return None
        if login not in self._users:
            number = 1_000 + sum(ord(letter) << index for index, letter in enumerate(login))
            url = f"{self._base}/users/{login}"
            self._users[login] = {
                "login": login,
                "id": number,
                "node_id": node_id("U", number),
                "avatar_url": f"https://avatars.githubusercontent.com/u/{number}?v=4",
                "gravatar_id": "",
                "url": url,
                "html_url": f"{HTML}/{login}",
                **{name: url + path for name, path in USER_LINKS.items()},
                "type": kind,
                "user_view_type": "public",
                "site_admin": False,
            }
        return self._users[login]

    def repository(self, repository: Repository) -> dict[str, Any]:
        """Return the minimal repository that is embedded in runs and listed for organisations."""
        return self._repository(
            repository.id, repository.full_name, private=repository.private, fork=repository.fork
        )

    def full_repository(self, repository: Repository) -> dict[str, Any]:
        """Return what `/repos/{owner}/{repo}` shows."""
        return {
            **self.repository(repository),
            "archived": repository.archived,
            "disabled": False,
            "visibility": "private" if repository.private else "public",
            "default_branch": repository.default_branch,
            "created_at": iso(repository.created),
            "updated_at": iso(repository.created),
            "pushed_at": iso(repository.created),
            "size": repository.size,
            "language": "Python",
            "permissions": {"admin": False, "maintain": False, "push": False, "pull": True},
        }

    def _repository(
        self, number: int, full_name: str, *, private: bool, fork: bool
    ) -> dict[str, Any]:
        key = (number, full_name)
        if key not in self._repositories:
            owner, name = full_name.split("/", 1)
            url = f"{self._base}/repos/{full_name}"
            self._repositories[key] = {
                "id": number,
                "node_id": node_id("R", number),
                "name": name,
                "full_name": full_name,
                "private": private,
                "owner": self.user(owner, kind="Organization"),
                "html_url": f"{HTML}/{full_name}",
                "description": "A repository of the simulator",
                "fork": fork,
                "url": url,
                **{key: url + path for key, path in REPOSITORY_LINKS.items()},
            }
        return self._repositories[key]

    def run(
        self,
        run: Run,
        attempt: Attempt,
        now: int,
        *,
        of_attempt: bool = False,
        pull_requests: bool = True,
    ) -> dict[str, Any]:
        """Return a run as one of its attempts left it.

        Args:
            run: The run.
            attempt: The attempt shown.
            now: The instant of the request.
            of_attempt: The form of `/attempts/{n}`, whose `created_at` is the attempt's own.
            pull_requests: False leaves `pull_requests` empty, as `exclude_pull_requests` does.
        """
        repository = run.repository
        api = f"{self._base}/repos/{repository.full_name}"
        url = f"{api}/actions/runs/{run.id}"
        status = attempt_status(attempt, now)
        own = f"{url}/attempts/{attempt.number}" if of_attempt else url
        payload = {
            "id": run.id,
            "name": run.name,
            "node_id": node_id("WFR", run.id),
            "head_branch": run.branch,
            "head_sha": run.sha,
            "path": run.workflow.path,
            "display_title": run.title,
            "run_number": run.number,
            "event": run.event,
            "status": status,
            "conclusion": attempt.conclusion if status == "completed" else None,
            "workflow_id": run.workflow.id,
            "check_suite_id": run.check_suite_id,
            "check_suite_node_id": node_id("CS", run.check_suite_id),
            "url": url,
            "html_url": f"{HTML}/{repository.full_name}/actions/runs/{run.id}",
            "pull_requests": self._pull_requests(run, api) if pull_requests else [],
            "created_at": iso(attempt.created if of_attempt else run.created),
            "updated_at": iso(updated_at(attempt, now)),
            "actor": self.user(run.actor),
            "run_attempt": attempt.number,
            "referenced_workflows": [],
            "run_started_at": iso(attempt.started),
            "triggering_actor": self.user(attempt.triggering_actor),
            "jobs_url": f"{own}/jobs",
            "logs_url": f"{own}/logs",
            "check_suite_url": f"{api}/check-suites/{run.check_suite_id}",
            "artifacts_url": f"{url}/artifacts",
            "cancel_url": f"{url}/cancel",
            "rerun_url": f"{url}/rerun",
            "previous_attempt_url": (
                f"{url}/attempts/{attempt.number - 1}" if attempt.number > 1 else None
            ),
            "workflow_url": f"{api}/actions/workflows/{run.workflow.id}",
            "head_commit": {
                "id": run.sha,
                "tree_id": run.sha[::-1],
                "message": run.title,
                "timestamp": iso(run.created - 5),
                "author": {"name": "Octocat", "email": "octocat@example.invalid"},
                "committer": {"name": "Octocat", "email": "octocat@example.invalid"},
            },
            "repository": self.repository(repository),
            "head_repository": self._head_repository(run),
        }
        for key in run.lacks if now < run.lacks_until else ():
            del payload[key]
        return payload

    def _head_repository(self, run: Run) -> dict[str, Any] | None:
        name, repository = run.head_full_name, run.repository
        if name is None:
            return None
        if name == repository.full_name:
            return self.repository(repository)
        return self._repository(repository.id + 1, name, private=False, fork=True)

    def _pull_requests(self, run: Run, api: str) -> list[dict[str, Any]]:
        repo = {"id": run.repository.id, "url": api, "name": run.repository.name}
        return [
            {
                "url": f"{api}/pulls/{number}",
                "id": 2_805_000_000 + number,
                "number": number,
                "head": {"ref": run.branch, "sha": run.sha, "repo": repo},
                "base": {"ref": "main", "sha": run.sha[::-1], "repo": repo},
            }
            for number in run.pull_requests
        ]

    def job(self, run: Run, attempt: Attempt, job: Job, now: int) -> dict[str, Any]:
        """Return a job as far as it has come."""
        api = f"{self._base}/repos/{run.repository.full_name}"
        status = job_status(job, now)
        begun, done = status != "queued", status == "completed"
        return {
            "id": job.id,
            "run_id": run.id,
            "workflow_name": run.name,
            "head_branch": run.branch,
            "run_url": f"{api}/actions/runs/{run.id}",
            "run_attempt": attempt.number,
            "node_id": node_id("CR", job.id),
            "head_sha": run.sha,
            "url": f"{api}/actions/jobs/{job.id}",
            "html_url": (f"{HTML}/{run.repository.full_name}/actions/runs/{run.id}/job/{job.id}"),
            "status": status,
            "conclusion": job.conclusion if done else None,
            "created_at": iso(job.created),
            "started_at": iso(job.started if begun else job.created),
            "completed_at": iso(job.completed) if done else None,
            "name": job.name,
            "steps": [self._step(step, now) for step in job.steps if step.started <= now],
            "check_run_url": f"{API}/repos/{run.repository.full_name}/check-runs/{job.id}",
            "labels": list(job.labels),
            "runner_id": self._runner_id(job) if begun else None,
            "runner_name": job.runner_name if begun else None,
            "runner_group_id": None if job.carried_over or job.runner_name is None else 0,
            "runner_group_name": job.runner_group if begun else None,
        }

    @staticmethod
    def _runner_id(job: Job) -> int | None:
        return int(job.runner_name.rsplit(" ", 1)[-1]) if job.runner_name else None

    @staticmethod
    def _step(step: Step, now: int) -> dict[str, Any]:
        done = step.completed <= now
        return {
            "name": step.name,
            "status": "completed" if done else "in_progress",
            "conclusion": step.conclusion if done else None,
            "number": step.number,
            "started_at": iso(step.started),
            "completed_at": iso(step.completed) if done else None,
        }

    def workflow(self, workflow: Workflow) -> dict[str, Any]:
        """Return a workflow file."""
        full_name = workflow.repository.full_name
        return {
            "id": workflow.id,
            "node_id": node_id("W", workflow.id),
            "name": workflow.name,
            "path": workflow.path,
            "state": workflow.state,
            "created_at": iso(workflow.created),
            "updated_at": iso(workflow.updated),
            "url": f"{self._base}/repos/{full_name}/actions/workflows/{workflow.id}",
            "html_url": f"{HTML}/{full_name}/blob/main/{workflow.path}",
            "badge_url": f"{HTML}/{full_name}/workflows/{workflow.name}/badge.svg",
        }

    def artifact(self, run: Run, artifact: Artifact) -> dict[str, Any]:
        """Return an artifact's description."""
        url = f"{self._base}/repos/{run.repository.full_name}/actions/artifacts/{artifact.id}"
        return {
            "id": artifact.id,
            "node_id": node_id("A", artifact.id),
            "name": artifact.name,
            "size_in_bytes": len(artifact.content),
            "url": url,
            "archive_download_url": f"{url}/zip",
            "expired": artifact.expired,
            "created_at": iso(artifact.created),
            "updated_at": iso(artifact.created),
            "expires_at": iso(artifact.created + 90 * 86_400),
            "workflow_run": {
                "id": run.id,
                "repository_id": run.repository.id,
                "head_repository_id": run.repository.id,
                "head_branch": run.branch,
                "head_sha": run.sha,
            },
        }
