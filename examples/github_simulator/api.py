"""The endpoints: from a path to an answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from github_simulator import beyond
from github_simulator.answers import PAGINATION_LIMITED, Answer, not_found, refusal
from github_simulator.limits import rate_limit_payload
from github_simulator.listing import Listing, ListingRules
from github_simulator.paging import Paging, link_header
from github_simulator.payloads import Payloads
from github_simulator.states import current_attempt, exists

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from github_simulator.callers import Caller
    from github_simulator.model import Artifact, Attempt, Repository, Run, Workflow
    from github_simulator.stutter import Stutter
    from github_simulator.world import World

RUNS_DOCS = "/actions/workflow-runs"
JOBS_DOCS = "/actions/workflow-jobs"
ARTIFACT_DOCS = "/actions/artifacts"
BLOCKED = {
    403: "Resource not accessible by personal access token",
    404: "Not Found",
    451: "Repository access blocked",
}
IN_REPOSITORY = re.compile(r"^/(?:repos/([^/]+/[^/]+)|repositories/(\d+))(/.*)?$")


@dataclass(frozen=True, slots=True)
class Question:
    """A request for something in one repository."""

    repository: Repository
    rest: str
    """The path after the repository."""
    parts: tuple[str, ...]
    """The ids and names in it."""
    query: Mapping[str, str]

    @property
    def with_pull_requests(self) -> bool:
        """Whether the caller did not exclude them."""
        return self.query.get("exclude_pull_requests", "").lower() != "true"


class Api:
    """Answers requests about one world."""

    def __init__(
        self, world: World, base: str, blob_base: str, rules: ListingRules, stutter: Stutter
    ) -> None:
        self._stutter = stutter
        self._world = world
        self._base = base
        self._blob_base = blob_base
        self._listing = Listing(rules)
        self._payloads = Payloads(base)
        self._routes: list[tuple[re.Pattern[str], Callable[[Question], Answer]]] = [
            (re.compile(f"^{pattern}$"), handler)
            for pattern, handler in (
                ("/?", self._show_repository),
                ("/actions/runs", self._run_listing),
                (r"/actions/runs/(\d+)", self._run),
                (r"/actions/runs/(\d+)/jobs", self._run_jobs),
                (r"/actions/runs/(\d+)/artifacts", self._run_artifacts),
                (r"/actions/runs/(\d+)/attempts/(\d+)", self._attempt),
                (r"/actions/runs/(\d+)/attempts/(\d+)/jobs", self._attempt_jobs),
                (r"/actions/jobs/(\d+)", self._job),
                ("/actions/workflows", self._workflows),
                ("/actions/workflows/([^/]+)", self._workflow),
                ("/actions/workflows/([^/]+)/runs", self._workflow_runs),
                ("/actions/artifacts", self._artifacts),
                (r"/actions/artifacts/(\d+)", self._artifact),
                (r"/actions/artifacts/(\d+)/zip", self._artifact_zip),
                ("/(pulls)", self._pull_requests),
                (r"/(pulls)/(\d+)(/commits)?", self._pull_request),
                ("/(deployments)", self._deployments),
                (r"/(deployments)/(\d+)/statuses", self._statuses),
                (r"/(check-runs)/(\d+)/annotations", self._annotations),
            )
        ]

    def answer(self, path: str, query: Mapping[str, str], caller: Caller, version: str) -> Answer:
        """Answer one GET request."""
        if found := IN_REPOSITORY.match(path):
            return self._in_repository(found, query, caller)
        if path == "/rate_limit":
            return Answer.json(rate_limit_payload(caller.quota, version))
        if path == "/installation/repositories":
            return self._installation_repositories(query, caller)
        if found := re.match(r"^/(?:orgs|users)/([^/]+)/repos$", path):
            return self._owned_repositories(found[1], path, query, caller)
        return self._about_nobody(path, query)

    def _about_nobody(self, path: str, query: Mapping[str, str]) -> Answer:
        if found := re.match(r"^/(?:organizations|users)/([^/]+)/settings/billing/usage$", path):
            return beyond.usage(self._world, found[1], query)
        if path in ("", "/"):
            return Answer.json({"current_user_url": f"{self._base}/user"})
        return not_found()

    # -- one repository ----------------------------------------------------------------------

    def _in_repository(
        self, found: re.Match[str], query: Mapping[str, str], caller: Caller
    ) -> Answer:
        name, number, rest = found[1], found[2], found[3] or ""
        repository = (
            self._world.repository_named(name)
            if name
            else self._world.repositories.get(int(number))
        )
        if repository is None or not self._may_see(caller, repository):
            return not_found("/repos/repos#get-a-repository")
        if name and name.lower() != repository.full_name.lower():
            return self._moved(repository, rest, query)
        if repository.blocked is not None:
            answer = refusal(repository.blocked, BLOCKED[repository.blocked], RUNS_DOCS)
            answer.headers["X-Accepted-GitHub-Permissions"] = "actions=read"
            return answer
        return self._resource(repository, rest, query)

    def _resource(self, repository: Repository, rest: str, query: Mapping[str, str]) -> Answer:
        for pattern, handler in self._routes:
            if found := pattern.match(rest):
                return handler(Question(repository, rest, found.groups(), query))
        return not_found()

    def _moved(self, repository: Repository, rest: str, query: Mapping[str, str]) -> Answer:
        target = f"{self._base}/repositories/{repository.id}{rest}"
        if query:
            target += f"?{urlencode(query)}"
        moved = refusal(301, "Moved Permanently", "/guides/best-practices", url=target)
        moved.headers["Location"] = target
        return moved

    # -- runs, attempts, jobs ----------------------------------------------------------------

    def _show_repository(self, question: Question) -> Answer:
        return Answer.json(self._payloads.full_repository(question.repository))

    def _run_listing(self, question: Question, workflow: Workflow | None = None) -> Answer:
        now = self._world.clock.now()
        page = self._listing.page(question.repository, workflow, question.query, now)
        if page.refused:
            return refusal(422, PAGINATION_LIMITED, RUNS_DOCS)
        runs = [
            self._payloads.run(
                run, current_attempt(run, now), now, pull_requests=question.with_pull_requests
            )
            for run in page.runs
        ]
        answer = Answer.json({"total_count": page.total_count, "workflow_runs": runs})
        answer.headers.update(link_header(self._url(question), question.query, page.last_page))
        return answer

    def _run(self, question: Question) -> Answer:
        if (run := self._existing(question)) is None:
            return not_found(RUNS_DOCS)
        return self._shown(question, run, current_attempt(run, self._world.clock.now()))

    def _attempt(self, question: Question) -> Answer:
        if (known := self._existing_attempt(question)) is None:
            return not_found(RUNS_DOCS)
        return self._shown(question, *known, of_attempt=True)

    def _run_jobs(self, question: Question) -> Answer:
        if (run := self._existing(question)) is None:
            return not_found(JOBS_DOCS)
        now = self._world.clock.now()
        if question.query.get("filter", "latest") == "all":
            shown = [attempt for attempt in run.attempts if attempt.started <= now]
        else:
            shown = [current_attempt(run, now)]
        return self._jobs(question, run, shown)

    def _attempt_jobs(self, question: Question) -> Answer:
        if (known := self._existing_attempt(question)) is None:
            return not_found(JOBS_DOCS)
        run, attempt = known
        if self._world.clock.now() < run.poisoned_until:
            return refusal(502, "Server Error")
        return self._jobs(question, run, [attempt])

    def _job(self, question: Question) -> Answer:
        now = self._world.clock.now()
        known = self._world.jobs.get(int(question.parts[0]))
        if known is None or known[0].repository is not question.repository:
            return not_found(JOBS_DOCS)
        run, attempt, job = known
        if not exists(run, now) or job.created > now:
            return not_found(JOBS_DOCS)
        return Answer.json(self._payloads.job(run, attempt, job, now))

    def _existing(self, question: Question) -> Run | None:
        run = self._world.runs.get(int(question.parts[0]))
        if run is None or run.repository is not question.repository or self._stutter.hides():
            return None
        return run if exists(run, self._world.clock.now()) else None

    def _existing_attempt(self, question: Question) -> tuple[Run, Attempt] | None:
        if (run := self._existing(question)) is None:
            return None
        for attempt in run.attempts:
            begun = attempt.started <= self._world.clock.now()
            if begun and attempt.number == int(question.parts[1]):
                return run, attempt
        return None

    def _shown(
        self, question: Question, run: Run, attempt: Attempt, *, of_attempt: bool = False
    ) -> Answer:
        return Answer.json(
            self._payloads.run(
                run,
                attempt,
                self._world.clock.now(),
                of_attempt=of_attempt,
                pull_requests=question.with_pull_requests,
            )
        )

    def _jobs(self, question: Question, run: Run, attempts: Sequence[Attempt]) -> Answer:
        now = self._world.clock.now()
        shown = [
            (attempt, job) for attempt in attempts for job in attempt.jobs if job.created <= now
        ]
        page = Paging.from_query(question.query).cut(shown)
        items = [self._payloads.job(run, attempt, job, now) for attempt, job in page]
        withheld = bool(items) and self._stutter.empties()
        answer = self._listed(question, "jobs", [] if withheld else items, len(shown))
        answer.withheld = withheld
        return answer

    # -- beyond Actions ----------------------------------------------------------------------

    def _pull_requests(self, question: Question) -> Answer:
        repository, now = question.repository, self._world.clock.now()
        return beyond.denied(repository, question.parts[0]) or beyond.pull_requests(
            repository, question.query, self._url(question), now
        )

    def _pull_request(self, question: Question) -> Answer:
        number, commits = int(question.parts[1]), question.rest.endswith("/commits")
        return beyond.denied(question.repository, "pulls") or beyond.one_pull_request(
            question.repository, number, commits=commits
        )

    def _deployments(self, question: Question) -> Answer:
        repository, now = question.repository, self._world.clock.now()
        return beyond.denied(repository, question.parts[0]) or beyond.deployments(
            repository, question.query, self._url(question), now
        )

    def _statuses(self, question: Question) -> Answer:
        number, now = int(question.parts[1]), self._world.clock.now()
        return beyond.denied(question.repository, "deployments") or beyond.statuses(
            question.repository, number, now
        )

    def _annotations(self, question: Question) -> Answer:
        number = int(question.parts[1])
        return beyond.denied(question.repository, "check-runs") or beyond.annotations(
            self._world, question.repository, number
        )

    # -- workflows ---------------------------------------------------------------------------

    def _workflows(self, question: Question) -> Answer:
        workflows = question.repository.workflows
        page = Paging.from_query(question.query).cut(workflows)
        items = [self._payloads.workflow(workflow) for workflow in page]
        return self._listed(question, "workflows", items, len(workflows))

    def _workflow(self, question: Question) -> Answer:
        if (workflow := self._known_workflow(question)) is None:
            return not_found("/actions/workflows")
        return Answer.json(self._payloads.workflow(workflow))

    def _workflow_runs(self, question: Question) -> Answer:
        if (workflow := self._known_workflow(question)) is None:
            return not_found("/actions/workflows")
        return self._run_listing(question, workflow)

    @staticmethod
    def _known_workflow(question: Question) -> Workflow | None:
        for workflow in question.repository.workflows:
            if question.parts[0] in (str(workflow.id), workflow.path.rsplit("/", 1)[-1]):
                return workflow
        return None

    # -- artifacts ---------------------------------------------------------------------------

    def _artifacts(self, question: Question) -> Answer:
        now = self._world.clock.now()
        owners = [run for run in question.repository.runs if exists(run, now)]
        return self._artifact_listing(question, owners)

    def _run_artifacts(self, question: Question) -> Answer:
        if (run := self._existing(question)) is None:
            return not_found(ARTIFACT_DOCS)
        return self._artifact_listing(question, [run])

    def _artifact_listing(self, question: Question, owners: Sequence[Run]) -> Answer:
        now = self._world.clock.now()
        name = question.query.get("name")
        shown = [
            (run, artifact)
            for run in owners
            for artifact in run.artifacts
            if artifact.created <= now and name in (None, artifact.name)
        ]
        shown.sort(key=lambda pair: pair[1].created, reverse=True)
        page = Paging.from_query(question.query).cut(shown)
        items = [self._payloads.artifact(run, artifact) for run, artifact in page]
        return self._listed(question, "artifacts", items, len(shown))

    def _artifact(self, question: Question) -> Answer:
        if (known := self._existing_artifact(question)) is None:
            return not_found(ARTIFACT_DOCS)
        return Answer.json(self._payloads.artifact(*known))

    def _artifact_zip(self, question: Question) -> Answer:
        if (known := self._existing_artifact(question)) is None:
            return not_found(ARTIFACT_DOCS)
        artifact = known[1]
        if artifact.expired:
            return refusal(410, "Artifact has expired", ARTIFACT_DOCS)
        return Answer(302, headers={"Location": f"{self._blob_base}/artifact/{artifact.id}.zip"})

    def _existing_artifact(self, question: Question) -> tuple[Run, Artifact] | None:
        known = self._world.artifacts.get(int(question.parts[0]))
        if known is None or known[0].repository is not question.repository:
            return None
        return known if exists(known[0], self._world.clock.now()) else None

    # -- repositories ------------------------------------------------------------------------

    def _may_see(self, caller: Caller, repository: Repository) -> bool:
        if not repository.private or caller.repositories is None:
            return True
        return any(fnmatchcase(repository.full_name, name) for name in caller.repositories)

    def _owned_repositories(
        self, owner: str, path: str, query: Mapping[str, str], caller: Caller
    ) -> Answer:
        owned = [
            repository
            for repository in self._world.repositories.values()
            if repository.owner.lower() == owner.lower()
        ]
        if not owned:
            return not_found("/repos/repos#list-organization-repositories")
        visible = [repository for repository in owned if self._may_see(caller, repository)]
        visible.sort(key=lambda repository: repository.full_name)
        paging = Paging.from_query(query)
        page = paging.cut(visible)
        answer = Answer.json([self._payloads.full_repository(repository) for repository in page])
        last = paging.last_page(len(visible))
        answer.headers.update(link_header(f"{self._base}{path}", query, last))
        return answer

    def _installation_repositories(self, query: Mapping[str, str], caller: Caller) -> Answer:
        if not caller.installation:
            return refusal(403, "You must authenticate with an installation access token.")
        granted = [
            repository
            for repository in self._world.repositories.values()
            if caller.repositories is None or repository.full_name in caller.repositories
        ]
        paging = Paging.from_query(query)
        page = [self._payloads.full_repository(repository) for repository in paging.cut(granted)]
        answer = Answer.json({"total_count": len(granted), "repositories": page})
        url = f"{self._base}/installation/repositories"
        answer.headers.update(link_header(url, query, paging.last_page(len(granted))))
        return answer

    # -- pages -------------------------------------------------------------------------------

    def _url(self, question: Question) -> str:
        """Return the address that `Link` headers use: it names the repository by its id."""
        return f"{self._base}/repositories/{question.repository.id}{question.rest}"

    def _listed(
        self, question: Question, name: str, items: list[dict[str, Any]], total: int
    ) -> Answer:
        answer = Answer.json({"total_count": total, name: items})
        last = Paging.from_query(question.query).last_page(total)
        answer.headers.update(link_header(self._url(question), question.query, last))
        return answer
