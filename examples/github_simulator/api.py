"""The endpoints: from a path to an answer."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from github_simulator.answers import PAGINATION_LIMITED, Answer, not_found, refusal
from github_simulator.limits import rate_limit_payload
from github_simulator.listing import Listing, ListingRules, Paging
from github_simulator.payloads import Payloads
from github_simulator.states import current_attempt, exists

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from github_simulator.callers import Caller
    from github_simulator.model import Artifact, Attempt, Job, Repository, Run, Workflow
    from github_simulator.world import World

RUNS_DOCS = "/actions/workflow-runs"
BLOCKED = {
    403: "Resource not accessible by personal access token",
    404: "Not Found",
    451: "Repository access blocked",
}
IN_REPOSITORY = re.compile(r"^/(?:repos/([^/]+/[^/]+)|repositories/(\d+))(/.*)?$")


class Api:
    """Answers requests about one world."""

    def __init__(self, world: World, base: str, blob_base: str, rules: ListingRules) -> None:
        self._world = world
        self._base = base
        self._blob_base = blob_base
        self._listing = Listing(rules)
        self._payloads = Payloads(base)

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
        if rest in ("", "/"):
            return Answer.json(self._payloads.full_repository(repository))
        if rest == "/actions/runs":
            return self._run_listing(repository, None, rest, query)
        if rest == "/actions/workflows":
            items = [self._payloads.workflow(workflow) for workflow in repository.workflows]
            return self._listed(repository, rest, query, "workflows", items)
        if rest == "/actions/artifacts":
            return self._artifacts(repository, None, rest, query)
        if found := re.match(r"^/actions/workflows/([^/]+)(/runs)?$", rest):
            return self._workflow(repository, found, rest, query)
        if found := re.match(r"^/actions/jobs/(\d+)$", rest):
            return self._job(repository, int(found[1]))
        if found := re.match(r"^/actions/artifacts/(\d+)(/zip)?$", rest):
            return self._artifact(repository, int(found[1]), download=bool(found[2]))
        if found := re.match(r"^/actions/runs/(\d+)(/.*)?$", rest):
            run = self._world.runs.get(int(found[1]))
            if run is None or run.repository is not repository:
                return not_found(RUNS_DOCS)
            if not exists(run, self._world.clock.now()):
                return not_found(RUNS_DOCS)
            return self._run(run, found[2] or "", rest, query)
        return not_found()

    def _moved(self, repository: Repository, rest: str, query: Mapping[str, str]) -> Answer:
        target = f"{self._base}/repositories/{repository.id}{rest}"
        if query:
            target += f"?{urlencode(query)}"
        moved = refusal(301, "Moved Permanently", "/guides/best-practices", url=target)
        moved.headers["Location"] = target
        return moved

    # -- runs, attempts, jobs ----------------------------------------------------------------

    def _run_listing(
        self,
        repository: Repository,
        workflow: Workflow | None,
        rest: str,
        query: Mapping[str, str],
    ) -> Answer:
        now = self._world.clock.now()
        page = self._listing.page(repository, workflow, query, now)
        if page.refused:
            return refusal(422, PAGINATION_LIMITED, RUNS_DOCS)
        with_pulls = query.get("exclude_pull_requests", "").lower() != "true"
        runs = [
            self._payloads.run(run, current_attempt(run, now), now, pull_requests=with_pulls)
            for run in page.runs
        ]
        answer = Answer.json({"total_count": page.total_count, "workflow_runs": runs})
        self._link(answer, repository, rest, query, page.last_page)
        return answer

    def _run(self, run: Run, rest: str, whole: str, query: Mapping[str, str]) -> Answer:
        now = self._world.clock.now()
        with_pulls = query.get("exclude_pull_requests", "").lower() != "true"
        if rest == "":
            attempt = current_attempt(run, now)
            return Answer.json(self._payloads.run(run, attempt, now, pull_requests=with_pulls))
        if rest == "/jobs":
            shown = [attempt for attempt in run.attempts if attempt.started <= now]
            if query.get("filter", "latest") != "all":
                shown = [current_attempt(run, now)]
            return self._jobs(run, shown, whole, query)
        if rest == "/artifacts":
            return self._artifacts(run.repository, run, whole, query)
        if found := re.match(r"^/attempts/(\d+)(/jobs)?$", rest):
            number = int(found[1])
            for attempt in run.attempts:
                if attempt.number == number and attempt.started <= now:
                    if found[2]:
                        return self._jobs(run, [attempt], whole, query)
                    return Answer.json(
                        self._payloads.run(
                            run, attempt, now, of_attempt=True, pull_requests=with_pulls
                        )
                    )
        return not_found(RUNS_DOCS)

    def _jobs(
        self, run: Run, attempts: Sequence[Attempt], rest: str, query: Mapping[str, str]
    ) -> Answer:
        now = self._world.clock.now()
        shown: list[tuple[Attempt, Job]] = [
            (attempt, job) for attempt in attempts for job in attempt.jobs if job.created <= now
        ]
        items = [self._payloads.job(run, attempt, job, now) for attempt, job in shown]
        return self._listed(run.repository, rest, query, "jobs", items)

    def _job(self, repository: Repository, number: int) -> Answer:
        now = self._world.clock.now()
        known = self._world.jobs.get(number)
        if known is None or known[0].repository is not repository:
            return not_found("/actions/workflow-jobs")
        run, attempt, job = known
        if not exists(run, now) or job.created > now:
            return not_found("/actions/workflow-jobs")
        return Answer.json(self._payloads.job(run, attempt, job, now))

    def _workflow(
        self,
        repository: Repository,
        found: re.Match[str],
        rest: str,
        query: Mapping[str, str],
    ) -> Answer:
        for workflow in repository.workflows:
            if found[1] in (str(workflow.id), workflow.path.rsplit("/", 1)[-1]):
                if found[2]:
                    return self._run_listing(repository, workflow, rest, query)
                return Answer.json(self._payloads.workflow(workflow))
        return not_found("/actions/workflows")

    # -- artifacts ---------------------------------------------------------------------------

    def _artifacts(
        self, repository: Repository, run: Run | None, rest: str, query: Mapping[str, str]
    ) -> Answer:
        now = self._world.clock.now()
        pattern = query.get("name")
        owners = [run] if run else [known for known in repository.runs if exists(known, now)]
        shown: list[tuple[Run, Artifact]] = [
            (owner, artifact)
            for owner in owners
            for artifact in owner.artifacts
            if artifact.created <= now and (pattern is None or artifact.name == pattern)
        ]
        shown.sort(key=lambda pair: pair[1].created, reverse=True)
        items = [self._payloads.artifact(owner, artifact) for owner, artifact in shown]
        return self._listed(repository, rest, query, "artifacts", items)

    def _artifact(self, repository: Repository, number: int, *, download: bool) -> Answer:
        known = self._world.artifacts.get(number)
        if known is None or known[0].repository is not repository:
            return not_found("/actions/artifacts")
        run, artifact = known
        if not exists(run, self._world.clock.now()):
            return not_found("/actions/artifacts")
        if not download:
            return Answer.json(self._payloads.artifact(run, artifact))
        if artifact.expired:
            return refusal(410, "Artifact has expired", "/actions/artifacts")
        return Answer(302, headers={"Location": f"{self._blob_base}/artifact/{number}.zip"})

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
        items = [self._payloads.full_repository(repository) for repository in visible]
        paging = Paging.from_query(query)
        answer = Answer.json(items[paging.offset : paging.offset + paging.per_page])
        self._link_to(answer, f"{self._base}{path}", query, paging.last_page(len(items)))
        return answer

    def _installation_repositories(self, query: Mapping[str, str], caller: Caller) -> Answer:
        if not caller.installation:
            return refusal(403, "You must authenticate with an installation access token.")
        items = [
            self._payloads.full_repository(repository)
            for repository in self._world.repositories.values()
            if caller.repositories is None or repository.full_name in caller.repositories
        ]
        paging = Paging.from_query(query)
        shown = items[paging.offset : paging.offset + paging.per_page]
        answer = Answer.json({"total_count": len(items), "repositories": shown})
        url = f"{self._base}/installation/repositories"
        self._link_to(answer, url, query, paging.last_page(len(items)))
        return answer

    # -- pages -------------------------------------------------------------------------------

    def _listed(
        self,
        repository: Repository,
        rest: str,
        query: Mapping[str, str],
        name: str,
        items: list[dict[str, Any]],
    ) -> Answer:
        paging = Paging.from_query(query)
        shown = items[paging.offset : paging.offset + paging.per_page]
        answer = Answer.json({"total_count": len(items), name: shown})
        self._link(answer, repository, rest, query, paging.last_page(len(items)))
        return answer

    def _link(
        self,
        answer: Answer,
        repository: Repository,
        rest: str,
        query: Mapping[str, str],
        last: int,
    ) -> None:
        """Add the `Link` header, which names the repository by its id."""
        self._link_to(answer, f"{self._base}/repositories/{repository.id}{rest}", query, last)

    @staticmethod
    def _link_to(answer: Answer, url: str, query: Mapping[str, str], last: int) -> None:
        page = Paging.from_query(query).page
        targets: list[tuple[str, int]] = []
        if page > 1:
            targets.append(("prev", min(page - 1, last)))
        if page < last:
            targets += [("next", page + 1), ("last", last)]
        if page > 1:
            targets.append(("first", 1))
        if targets:
            answer.headers["Link"] = ", ".join(
                f'<{url}?{urlencode({**query, "page": number})}>; rel="{relation}"'
                for relation, number in targets
            )
