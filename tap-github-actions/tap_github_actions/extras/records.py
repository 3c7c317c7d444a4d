"""GitHub's payloads → records of pull requests, deployments and billed usage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_github_actions.identity import made_id
from tap_github_actions.times import normal_time, parse_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Json = dict[str, Any]
SUCCESS = "success"
FAILURES = ("failure", "error")


def part_of(value: object, *keys: str) -> Any:
    """Return what lies under keys within keys; None where anything on the way is missing."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def pull_request_record(
    pull: Mapping[str, Any], first_commit: object, *, repository: str, repository_id: int
) -> Json:
    """Return the record of a pull request.

    Args:
        pull: The pull request by itself: lists leave the sizes out.
        first_commit: The first of its commits.
        repository: The repository's full name.
        repository_id: Its id.
    """
    return {
        "pull_request_id": pull["id"],
        "repository": repository,
        "repository_id": repository_id,
        "number": pull.get("number"),
        "title": pull.get("title"),
        "state": pull.get("state"),
        "is_draft": pull.get("draft"),
        "author": part_of(pull, "user", "login"),
        "base_branch": part_of(pull, "base", "ref"),
        "head_branch": part_of(pull, "head", "ref"),
        "head_sha": part_of(pull, "head", "sha"),
        "merge_commit_sha": pull.get("merge_commit_sha"),
        "additions": pull.get("additions"),
        "deletions": pull.get("deletions"),
        "changed_files": pull.get("changed_files"),
        "commits": pull.get("commits"),
        "first_commit_at": normal_time(part_of(first_commit, "commit", "author", "date")),
        "pr_created_at": normal_time(pull.get("created_at")),
        "pr_updated_at": normal_time(pull.get("updated_at")),
        "merged_at": normal_time(pull.get("merged_at")),
        "closed_at": normal_time(pull.get("closed_at")),
        "html_url": pull.get("html_url"),
    }


def deployment_record(
    deployment: Mapping[str, Any],
    statuses: Sequence[Mapping[str, Any]],
    *,
    repository: str,
    repository_id: int,
) -> Json:
    """Return the record of a deployment with what its statuses say."""
    ordered = sorted(statuses, key=lambda status: str(status.get("created_at")))
    states = [status.get("state") for status in ordered]
    good = [status.get("created_at") for status in ordered if status.get("state") == SUCCESS]
    bad = [
        status.get("created_at")
        for status in ordered
        if status.get("state") in ("failure", "error")
    ]
    # A deployment that a later one has replaced is inactive, however it went.
    decided = [state for state in states if state != "inactive"]
    return {
        "deployment_id": deployment["id"],
        "repository": repository,
        "repository_id": repository_id,
        "environment": deployment.get("environment"),
        "task": deployment.get("task"),
        "ref": deployment.get("ref"),
        "commit_sha": deployment.get("sha"),
        "creator": part_of(deployment, "creator", "login"),
        "state": decided[-1] if decided else None,
        "deployed_at": normal_time(deployment.get("created_at")),
        "succeeded_at": normal_time(good[0]) if good else None,
        "failed_at": normal_time(bad[0]) if bad else None,
        "github_updated_at": normal_time(deployment.get("updated_at")),
    }


def usage_record(item: Mapping[str, Any], owner: str) -> Json:
    """Return the record of what one SKU cost in one repository on one day."""
    moment = parse_time(item.get("date"))
    day = None if moment is None else moment.date().isoformat()
    told = [item.get(key) for key in ("product", "sku", "unitType", "repositoryName")]
    repository = item.get("repositoryName") or None
    if repository and "/" not in repository:
        repository = f"{item.get('organizationName') or owner}/{repository}"
    return {
        "usage_id": made_id("tap-gh-usage", owner, day, *told),
        "owner": owner,
        "usage_date": day,
        "product": item.get("product"),
        "sku": item.get("sku"),
        "repository": repository,
        "quantity": item.get("quantity"),
        "unit_type": item.get("unitType"),
        "price_per_unit": item.get("pricePerUnit"),
        "gross_amount": item.get("grossAmount"),
        "discount_amount": item.get("discountAmount"),
        "net_amount": item.get("netAmount"),
    }
