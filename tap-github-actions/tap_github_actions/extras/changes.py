"""Pull requests and deployments: those that have changed since they were last asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tap_github_actions.api.paging import read_all, read_page
from tap_github_actions.extras.records import deployment_record, pull_request_record
from tap_github_actions.times import parse_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_github_actions.api.client import Client

OVERLAP = timedelta(minutes=10)
AT_A_TIME = 20
DEPLOYMENT_LIVES = timedelta(days=14)
"""How long after its creation the statuses of a deployment are still looked at."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """Some records, and up to which change everything has been read once they are stored."""

    records: list[Json]
    until: datetime


@dataclass(frozen=True, slots=True)
class Changes:
    """Reads what has changed in one repository, the oldest change first."""

    client: Client
    path: str
    repository: str
    repository_id: int

    def pull_requests(self, since: datetime) -> Iterator[Part]:
        """Yield the pull requests changed since: two requests for each, one for a hundred."""
        changed = self._listed(
            "pulls",
            {"state": "all", "sort": "updated", "direction": "desc"},
            lambda pull: moment_of(pull, "updated_at") < since,
        )
        return self._read(changed, since, self._pull_request)

    def deployments(self, since: datetime) -> Iterator[Part]:
        """Yield the deployments changed since: a request for each, one for a hundred."""
        horizon = since - DEPLOYMENT_LIVES
        changed = self._listed(
            "deployments", {}, lambda each: moment_of(each, "created_at") < horizon
        )
        return self._read(changed, since, self._deployment)

    def _listed(
        self, kind: str, params: dict[str, str | int], is_past: Callable[[Json], bool]
    ) -> list[Json]:
        found: dict[int, Json] = {}
        offset = 0
        while True:
            page = read_page(self.client, f"{self.path}/{kind}", kind, offset, params=params)
            for item in page.items:
                found.setdefault(item["id"], item)
            if page.is_last or not page.items or is_past(page.items[-1]):
                return [item for item in found.values() if not is_past(item)]
            offset = page.end

    def _read(
        self, found: list[Json], since: datetime, read: Callable[[Json], Json]
    ) -> Iterator[Part]:
        changed = sorted(
            (item for item in found if moment_of(item, "updated_at") >= since),
            key=lambda item: moment_of(item, "updated_at"),
        )
        for at in range(0, len(changed), AT_A_TIME):
            part = changed[at : at + AT_A_TIME]
            yield Part([read(item) for item in part], moment_of(part[-1], "updated_at"))

    def _pull_request(self, pull: Json) -> Json:
        path = f"{self.path}/pulls/{pull['number']}"
        whole = self.client.get_object(path)
        commits = self.client.get(f"{path}/commits", {"per_page": 1}).body
        first = commits[0] if isinstance(commits, list) and commits else None
        return pull_request_record(
            whole, first, repository=self.repository, repository_id=self.repository_id
        )

    def _deployment(self, deployment: Json) -> Json:
        path = f"{self.path}/deployments/{deployment['id']}/statuses"
        statuses = list(read_all(self.client, path, "statuses"))
        return deployment_record(
            deployment, statuses, repository=self.repository, repository_id=self.repository_id
        )


def moment_of(item: Json, key: str) -> datetime:
    """Return an instant of a payload.

    Raises:
        ValueError: It has none.
    """
    moment = parse_time(item.get(key))
    if moment is None:
        raise ValueError(f"GitHub shows {item.get('id')} without {key}")
    return moment
