"""What is not about Actions alone: pull requests, deployments, annotations, billing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from github_simulator.answers import Answer, not_found, refusal
from github_simulator.clock import iso
from github_simulator.paging import Paging, link_header

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from github_simulator.model import Deployment, PullRequest, Repository
    from github_simulator.world import World


def denied(repository: Repository, kind: str) -> Answer | None:
    """Return the refusal where the token may not read this."""
    if kind not in repository.denied:
        return None
    return refusal(403, "Resource not accessible by integration")


def listed(items: Sequence[Any], query: Mapping[str, str], url: str) -> Answer:
    """Return a page of a list that has no name."""
    paging = Paging.from_query(query)
    answer = Answer.json(paging.cut(list(items)))
    answer.headers.update(link_header(url, query, paging.last_page(len(items))))
    return answer


def pull_requests(repository: Repository, query: Mapping[str, str], url: str, now: int) -> Answer:
    """Return the pull requests, the one updated last first where that is asked for."""
    key = "updated" if query.get("sort") == "updated" else "created"
    shown = [pull for pull in repository.pull_requests if pull.updated <= now]
    shown.sort(key=lambda pull: getattr(pull, key), reverse=query.get("direction") != "asc")
    if query.get("state", "open") != "all":
        shown = [pull for pull in shown if pull.state == query.get("state", "open")]
    return listed([pull_request(repository, pull) for pull in shown], query, url)


def pull_request(
    repository: Repository, pull: PullRequest, *, whole: bool = False
) -> dict[str, Any]:
    """Return a pull request; its sizes only by itself."""
    ends = iso(pull.merged) if pull.merged else None
    payload: dict[str, Any] = {
        "id": pull.id,
        "number": pull.number,
        "state": pull.state,
        "title": f"Change {pull.number}",
        "draft": False,
        "user": {"login": pull.author} if pull.author else None,
        "created_at": iso(pull.created),
        "updated_at": iso(pull.updated),
        "closed_at": ends if pull.state == "closed" else None,
        "merged_at": ends,
        "merge_commit_sha": f"{pull.id:040x}",
        "head": {"ref": f"change-{pull.number}", "sha": f"{pull.number:040x}"},
        "base": {"ref": repository.default_branch},
        "html_url": f"https://github.com/{repository.full_name}/pull/{pull.number}",
    }
    if whole:
        payload |= {
            "additions": pull.additions,
            "deletions": pull.deletions,
            "changed_files": 3,
            "commits": 2,
        }
    return payload


def one_pull_request(repository: Repository, number: int, *, commits: bool) -> Answer:
    """Return a pull request, or its commits."""
    found = next((each for each in repository.pull_requests if each.number == number), None)
    if found is None:
        return not_found("/pulls/pulls")
    if not commits:
        return Answer.json(pull_request(repository, found, whole=True))
    author = {"name": "Octocat", "date": iso(found.first_commit)}
    return Answer.json([{"sha": f"{number:040x}", "commit": {"author": author}}])


def deployments(repository: Repository, query: Mapping[str, str], url: str, now: int) -> Answer:
    """Return the deployments, the newest first."""
    shown = [each for each in repository.deployments if each.created <= now]
    shown.sort(key=lambda each: each.created, reverse=True)
    return listed([deployment(each, now) for each in shown], query, url)


def deployment(each: Deployment, now: int) -> dict[str, Any]:
    """Return a deployment."""
    moments = [each.created, *(moment for _, moment in each.statuses if moment <= now)]
    return {
        "id": each.id,
        "sha": each.sha,
        "ref": "main",
        "task": "deploy",
        "environment": each.environment,
        "creator": {"login": "octocat"},
        "created_at": iso(each.created),
        "updated_at": iso(max(moments)),
    }


def statuses(repository: Repository, number: int, now: int) -> Answer:
    """Return the statuses of a deployment, the newest first."""
    found = next((each for each in repository.deployments if each.id == number), None)
    if found is None:
        return not_found("/deployments/statuses")
    shown = [
        {"id": found.id * 100 + index, "state": state, "created_at": iso(moment)}
        for index, (state, moment) in enumerate(found.statuses)
        if moment <= now
    ]
    return Answer.json(shown[::-1])


def annotations(world: World, repository: Repository, job_id: int) -> Answer:
    """Return the annotations of a job, whose id is that of its check run."""
    known = world.jobs.get(job_id)
    if known is None or known[0].repository is not repository:
        return not_found("/checks/runs")
    return Answer.json(
        [
            {
                "path": ".github",
                "start_line": 1,
                "end_line": 1,
                "annotation_level": level,
                "title": "",
                "message": message,
                "raw_details": None,
            }
            for level, message in known[2].annotations
        ]
    )


def usage(world: World, owner: str, query: Mapping[str, str]) -> Answer:
    """Return the billing report of a month, where there is one."""
    lines = world.usage.get(owner)
    if lines is None:
        return not_found("/billing/usage")
    month = f"{int(query['year'])}-{int(query['month']):02}"
    return Answer.json({"usageItems": [each for each in lines if each["date"].startswith(month)]})
