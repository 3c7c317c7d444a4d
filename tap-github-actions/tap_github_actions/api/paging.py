"""Reading lists page by page, with smaller pages where GitHub fails on large ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_github_actions.api.answers import is_list_of_things
from tap_github_actions.errors import IncompleteError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from tap_github_actions.api.client import Client

PAGE_SIZES = (100, 50, 25, 10)
TRIES_A_SIZE = 4


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list."""

    items: list[dict[str, Any]]
    start: int
    end: int
    """Where the next page begins."""
    is_last: bool
    moment: datetime
    etag: str | None = None
    unchanged: bool = False
    total: int | None = None
    """What GitHub says about the list's length: a hint when it shrinks, never a proof."""


def page_sizes(offset: int, largest: int = PAGE_SIZES[0]) -> list[int]:
    """Return the sizes to try at an offset: those that divide it, so that no item is skipped."""
    sizes = [size for size in PAGE_SIZES if size <= largest and offset % size == 0]
    return sizes or [PAGE_SIZES[-1]]


def read_page(
    client: Client,
    path: str,
    key: str,
    offset: int = 0,
    *,
    params: Mapping[str, str | int] | None = None,
    etag: str | None = None,
    largest: int = PAGE_SIZES[0],
) -> Page:
    """Read the items from an offset on, as many as GitHub manages to give.

    Raises:
        UnavailableError: Not even the smallest page could be read.
    """
    problem: UnavailableError | None = None
    for size in page_sizes(offset, largest):
        number = offset // size
        asked: dict[str, str | int] = {**(params or {}), "per_page": size}
        if number:
            asked["page"] = number + 1
        try:
            answer = client.get(path, asked, etag=etag, tries=TRIES_A_SIZE)
        except UnavailableError as error:
            problem = error
            etag = None  # it stands for the page of full size
            continue
        if answer.unchanged:
            return Page([], 0, size, False, answer.moment, etag, unchanged=True)
        is_named = isinstance(answer.body, dict)
        items = answer.body.get(key) if is_named else answer.body
        total = answer.body.get("total_count") if is_named else None
        if not is_list_of_things(items):
            # Taken for an empty list, it would be a proof that there is nothing.
            problem = UnavailableError(f"GitHub's answer for {path} is not a list of {key}.")
            etag = None
            continue
        return Page(
            items=items,
            start=number * size,
            end=(number + 1) * size,
            # `total_count` is no proof of anything, and a short page may be followed by another.
            is_last=not answer.has_next and len(items) < size,
            moment=answer.moment,
            etag=answer.headers.get("ETag"),
            total=total if isinstance(total, int) else None,
        )
    if problem is None:
        raise UnavailableError(f"No page size fits offset {offset} of {path}.")
    raise problem


def read_all(
    client: Client, path: str, key: str, params: Mapping[str, str | int] | None = None
) -> Iterator[dict[str, Any]]:
    """Yield every item of a list once.

    Raises:
        IncompleteError: There are fewer than GitHub counts: it has them, and does not show them.
    """
    offset, seen, largest = 0, set(), PAGE_SIZES[0]
    while True:
        page = read_page(client, path, key, offset, params=params, largest=largest)
        # What was too large once is so again, and each try of it costs a pause.
        largest = page.end - page.start
        for item in page.items:
            if item["id"] not in seen:
                seen.add(item["id"])
                yield item
        if page.is_last or not page.items:
            if page.total is not None and len(seen) < page.total:
                raise IncompleteError(
                    f"GitHub counts {page.total} {key} in {path} and shows {len(seen)}."
                )
            return
        offset = page.end
