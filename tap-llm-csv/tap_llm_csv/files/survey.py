"""Which files a run reads, from where, and in which order.

Every file that is there is compared with every bookmark: by its path first, then by its contents.
A bookmark whose file is gone from its path is looked for among that path's neighbours, because a
writer that rotates its log moves away what was not read yet.
"""

# Paths stay the text that the settings give: it is what the ledger and the ids show.
# ruff: noqa: PTH113, PTH116, PTH120

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from tap_llm_csv.errors import FileError, SourceError
from tap_llm_csv.files import sources
from tap_llm_csv.files.bookmark import (
    READ_ERRORS,
    Bookmark,
    is_same,
    open_data,
    packed_as,
    stored_as,
    unreadable,
)
from tap_llm_csv.files.job import Job
from tap_llm_csv.files.rotation import chain_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_llm_csv.settings import Settings, SourceSpec

logger = logging.getLogger("tap-llm-csv")


@dataclass(slots=True)
class Survey:
    """What `survey` found."""

    jobs: list[Job] = field(default_factory=list)
    vanished: dict[str, Bookmark] = field(default_factory=dict)
    replaced: dict[str, Bookmark] = field(default_factory=dict)


def survey(settings: Settings, bookmarks: Mapping[str, Bookmark]) -> Survey:
    """Find the files, and for each the bookmark that holds for it.

    A configured path that is not there and never was is a job with an error.
    """
    found, absent = _find(settings.sources, bookmarks)
    jobs = [_look(path, spec, settings.idle_seconds) for path, spec in found.items()]
    jobs += absent
    unclaimed = dict(bookmarks)
    _claim_by_path(jobs, unclaimed)
    _claim_by_content([job for job in jobs if job.bookmark is None], unclaimed)
    work = Survey(jobs)
    _follow_rotated(work, found, settings, unclaimed)
    paths = {job.path: job for job in work.jobs}
    for file_id, bookmark in unclaimed.items():
        job = paths.get(bookmark.path)
        if job is None:
            work.vanished[file_id] = bookmark
        elif job.bookmark is None and job.error is None:
            work.replaced[file_id] = bookmark
            job.generation = bookmark.generation + 1
    return work


def _find(
    specs: Sequence[SourceSpec], bookmarks: Mapping[str, Bookmark]
) -> tuple[dict[str, SourceSpec], list[Job]]:
    """Map each file to the first entry that names it; tell the entries that name none."""
    found: dict[str, SourceSpec] = {}
    absent: list[Job] = []
    seen: set[str] = set()
    known = {chain_of(bookmark.path) for bookmark in bookmarks.values()}
    for spec in specs:
        try:
            paths = sources.find(spec)
        except SourceError as error:
            paths = []
            if chain_of(spec.path) not in known:
                absent.append(Job(spec.path, spec, packed=None, size=0))
                absent[-1].error = FileError("missing", str(error))
                continue
        if not paths and not spec.is_default:
            logger.warning("%s: nothing to read there", spec.path)
        for path in paths:
            # Two names of one file are one file.
            real = os.path.realpath(path)
            if real not in seen:
                seen.add(real)
                found[path] = spec
    if not found and all(spec.is_default for spec in specs):
        logger.warning("%s: nothing to read there", ", ".join(spec.path for spec in specs))
    return found, absent


def _look(path: str, spec: SourceSpec, idle_seconds: int, *, is_rotated: bool = False) -> Job:
    try:
        status = os.stat(path)
        # Judged by the moment of its size: much may be written while other files are read.
        is_idle = time.time() - status.st_mtime >= idle_seconds
        job = Job(path, spec, packed_as(path), status.st_size, is_idle)
    except OSError as error:
        job = Job(path, spec, packed=None, size=0)
        job.error = unreadable(path, error)
    job.is_rotated = is_rotated
    return job


def _open(job: Job) -> IO[bytes]:
    return open_data(job.path, compressed=job.compressed)


def _matches(job: Job, bookmark: Bookmark) -> bool:
    if bookmark.stored is not None:
        if bookmark.path == job.path or bookmark.stored[0] == job.size:
            job.stored = stored_as(job.path, bookmark.stored if bookmark.path == job.path else None)
        return job.stored == bookmark.stored or bookmark.path == job.path
    if bookmark.packed is not None and bookmark.packed == job.packed:
        return True
    try:
        with _open(job) as file:
            return is_same(file, None if job.compressed else job.size, bookmark)
    except READ_ERRORS as error:
        job.error = unreadable(job.path, error)
        return False


def _claim_by_path(jobs: Sequence[Job], unclaimed: dict[str, Bookmark]) -> None:
    by_path: dict[str, list[str]] = {}
    for file_id, bookmark in unclaimed.items():
        by_path.setdefault(bookmark.path, []).append(file_id)
    for job in jobs:
        for file_id in by_path.get(job.path, ()):
            if job.bookmark is None and job.error is None and _matches(job, unclaimed[file_id]):
                _claim(job, file_id, unclaimed)


def _claim_by_content(jobs: Sequence[Job], unclaimed: dict[str, Bookmark]) -> None:
    """Give files without a bookmark the one that covers most of them, if any does."""
    by_coverage = sorted(unclaimed, key=lambda file_id: -unclaimed[file_id].offset)
    for job in jobs:
        if job.error is not None:
            continue
        for file_id in by_coverage:
            bookmark = unclaimed.get(file_id)
            if bookmark is not None and not bookmark.is_snapshot and _matches(job, bookmark):
                _claim(job, file_id, unclaimed)
                break


def _claim(job: Job, file_id: str, unclaimed: dict[str, Bookmark]) -> None:
    job.file_id = file_id
    job.bookmark = unclaimed.pop(file_id)
    job.generation = job.bookmark.generation


def _follow_rotated(
    work: Survey,
    found: Mapping[str, SourceSpec],
    settings: Settings,
    unclaimed: dict[str, Bookmark],
) -> None:
    """Find what was moved away from a configured path before it was read to its end."""
    for file_id, bookmark in list(unclaimed.items()):
        spec = found.get(bookmark.path) or _spec_of(bookmark.path, settings.sources)
        if spec is None or bookmark.is_snapshot:
            continue
        for path in (bookmark.path, *sources.siblings(bookmark.path)):
            if path in found or not os.path.isfile(path):
                continue
            job = _look(path, spec, settings.idle_seconds, is_rotated=True)
            if job.error is None and _matches(job, bookmark):
                _claim(job, file_id, unclaimed)
                work.jobs.append(job)
                break


def _spec_of(path: str, specs: Sequence[SourceSpec]) -> SourceSpec | None:
    """The entry under which a file was read that is not there any more."""
    folder = os.path.dirname(path)
    return next((spec for spec in specs if folder in {spec.path, os.path.dirname(spec.path)}), None)
