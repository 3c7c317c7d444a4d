"""Pages: which one was asked for, and the `Link` header that leads to the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping

PER_PAGE = 30
MAX_PER_PAGE = 100

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Paging:
    """The page asked for."""

    page: int = 1
    per_page: int = PER_PAGE

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Paging:
        """Read `page` and `per_page`; what cannot be read counts as not given."""
        page = positive(query.get("page"), 1)
        per_page = positive(query.get("per_page"), PER_PAGE)
        return cls(page, min(per_page, MAX_PER_PAGE))

    def cut(self, items: list[T]) -> list[T]:
        """Return the items on the page."""
        return items[self.offset : self.offset + self.per_page]

    @property
    def offset(self) -> int:
        """Return how many items come before the page."""
        return (self.page - 1) * self.per_page

    def last_page(self, total: int) -> int:
        """Return the number of the last page of so many items."""
        return max(-(-total // self.per_page), 1)


def positive(text: str | None, default: int) -> int:
    """Read a positive number."""
    return int(text) if text and text.isascii() and text.isdigit() and int(text) > 0 else default


def link_header(url: str, query: Mapping[str, str], last: int) -> dict[str, str]:
    """Return the `Link` header of a page; none when there is only one page."""
    page = Paging.from_query(query).page
    targets: list[tuple[str, int]] = []
    if page > 1:
        targets.append(("prev", min(page - 1, last)))
    if page < last:
        targets += [("next", page + 1), ("last", last)]
    if page > 1:
        targets.append(("first", 1))
    if not targets:
        return {}
    return {
        "Link": ", ".join(
            f'<{url}?{urlencode({**query, "page": number})}>; rel="{relation}"'
            for relation, number in targets
        )
    }
