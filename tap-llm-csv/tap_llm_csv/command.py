"""What `--files` prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tap_llm_csv import settings
from tap_llm_csv.dialects.model import HeaderError
from tap_llm_csv.errors import FileError
from tap_llm_csv.files.memory import Memory
from tap_llm_csv.files.survey import Survey
from tap_llm_csv.loading.prepare import Preparer
from tap_llm_csv.plans.choose import Planner

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_llm_csv.files.job import Ready


def describe_files(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line of JSON for each file that the settings name: what it is taken for."""
    preparer = Preparer(Planner())
    survey = Survey(settings.load(config), Memory({}))
    for job in survey.jobs():
        entry: dict[str, Any] = {"path": job.path, "size_bytes": job.disk.size, "status": "ready"}
        ready = None
        try:
            ready = preparer.ready(job)
        except (FileError, HeaderError) as error:
            entry |= {"status": "failed", "message": str(error)}
        else:
            entry |= {"status": "empty"} if ready is None else _taken_for(ready)
        if ready is not None:
            preparer.release(ready)
        yield json.dumps(entry, ensure_ascii=False)
    for path, failure in survey.failed:
        entry = {"path": path, "size_bytes": 0, "status": "failed", "message": str(failure)}
        yield json.dumps(entry, ensure_ascii=False)


def _taken_for(job: Ready) -> dict[str, str]:
    return {
        "stream": job.plan.stream,
        "dialect": job.plan.dialect,
        "mode": "append" if job.stored is None else "snapshot",
    }
