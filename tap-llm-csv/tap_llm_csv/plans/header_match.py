"""Which dialect a header belongs to: by the set of its names, never by their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_llm_csv.dialects.home_names import looks_like
from tap_llm_csv.dialects.model import Dialect, HeaderError, plain_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SHOWN = 12
# A dialect that needs fewer columns is not told by them.
_TELLING = 3


def choose(names: Sequence[str], dialects: Sequence[Dialect]) -> Dialect:
    """The dialect whose anchors the header contains; of several, the one that says most."""
    present = set(names)
    fits = [
        (max(len(anchors) for anchors in dialect.anchors if anchors <= present), dialect)
        for dialect in dialects
        if any(anchors <= present for anchors in dialect.anchors)
    ]
    if not fits:
        raise _unknown(names, dialects)
    best = max(size for size, _ in fits)
    chosen = [dialect for size, dialect in fits if size == best]
    if len(chosen) > 1:
        several = " and ".join(dialect.name for dialect in chosen)
        raise HeaderError(
            "ambiguous_header", f"the header fits {several}; say which with the dialect setting"
        )
    return chosen[0]


@dataclass(frozen=True)
class Layout:
    """Where things are in a row.

    Attributes:
        cells: The names that the dialect reads, in plain form → their places.
        extras: The names it does not know, as written → their places.
        doubts: Those of them that look like something a call is told by → what they look like.
    """

    cells: Mapping[str, int]
    extras: Mapping[str, int]
    width: int
    doubts: Mapping[str, str]


def layout_of(header: Sequence[str], dialect: Dialect) -> Layout:
    """Find the dialect's columns in a header, and what else it has."""
    names = [plain_name(title) for title in header]
    present = set(names)
    read = {name for column in dialect.columns if (name := column.header_in(present)) is not None}
    read.update(column.tail for column in dialect.columns if column.tail is not None)
    cells: dict[str, int] = {}
    extras: dict[str, int] = {}
    for place, (name, title) in enumerate(zip(names, header, strict=True)):
        if name in read:
            if name in cells:
                raise HeaderError("ambiguous_header", f"the header names {name} twice")
            cells[name] = place
        elif name not in dialect.ignored:
            label = title.lstrip("\ufeff").strip() or f"column {place + 1}"
            extras[label if label not in extras else f"{label} ({place + 1})"] = place
    for headers in dialect.required_headers():
        if not any(name in cells for name in headers):
            raise _missing([" or ".join(headers)], dialect)
    doubts = {
        title: what
        for title in extras
        if plain_name(title) not in dialect.spare and (what := looks_like(title)) is not None
    }
    return Layout(cells, extras, len(header), doubts)


def is_nearly(header: Sequence[str], dialects: Sequence[Dialect], *, but: Dialect) -> bool:
    """Whether a header is that of an export which lost a column, and not what it was taken for."""
    present = {plain_name(title) for title in header}
    unread = present.difference(*(column.headers for column in but.columns))
    for dialect in dialects:
        needed = dialect.required_headers()
        missing = sum(present.isdisjoint(headers) for headers in needed)
        if len(needed) >= _TELLING and missing <= 1 and unread & _known(dialect):
            return dialect.name != but.name
    return False


def _known(dialect: Dialect) -> frozenset[str]:
    return dialect.ignored.union(*(column.headers for column in dialect.columns))


def _missing(columns: Sequence[str], dialect: Dialect) -> HeaderError:
    return HeaderError(
        "missing_required",
        f"the header has no {', '.join(columns)}, which the {dialect.name} dialect needs"
        + (f" ({dialect.hint})" if dialect.hint else ""),
    )


def _unknown(names: Sequence[str], dialects: Sequence[Dialect]) -> HeaderError:
    """Say which dialect was nearly there and what it misses, if any was."""
    present = set(names)
    dialect = max(dialects, key=lambda dialect: len(present & _known(dialect)), default=None)
    if dialect is not None:
        missing = min((anchors - present for anchors in dialect.anchors), key=len)
        if len(missing) <= max(len(anchors) for anchors in dialect.anchors) / 2:
            return _missing(sorted(missing), dialect)
    if any(name[:1].isdecimal() for name in names):
        # What it holds is not repeated: it may be nobody's business.
        return HeaderError(
            "no_header",
            "its first line holds data where the names of the columns should be; add a header",
        )
    listed = ", ".join(name[:40] for name in names[:_SHOWN]) + (
        ", …" if len(names) > _SHOWN else ""
    )
    return HeaderError(
        "unknown_header",
        f"no dialect knows a file with the columns {listed}; "
        "name one with the dialect setting, or describe the file with column_map",
    )
