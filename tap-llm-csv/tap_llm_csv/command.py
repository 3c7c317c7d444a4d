"""What `--files` prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tap_llm_csv import settings
from tap_llm_csv.dialects.model import HeaderError
from tap_llm_csv.errors import FileError
from tap_llm_csv.files.survey import survey
from tap_llm_csv.loading.prepare import is_snapshot, prepare
from tap_llm_csv.plans.choose import Planner

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def describe_files(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line of JSON for each file that the settings name: what it is taken for."""
    planner = Planner()
    for job in survey(settings.load(config), {}).jobs:
        entry: dict[str, Any] = {"path": job.path, "size_bytes": job.size, "status": "ready"}
        try:
            if job.error is not None:
                raise job.error
            if not prepare(job, planner):
                entry["status"] = "empty"
        except (FileError, HeaderError) as error:
            entry |= {"status": "failed", "message": str(error)}
        if job.plan is not None:
            entry |= {
                "stream": job.plan.stream,
                "dialect": job.plan.dialect,
                "mode": "snapshot" if is_snapshot(job, job.plan) else "append",
            }
        yield json.dumps(entry, ensure_ascii=False)
