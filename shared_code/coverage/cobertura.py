"""Cobertura XML, as pytest-cov, gcovr, JaCoCo converters and .NET write it."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException  # type: ignore[import-untyped]  # has no types
from defusedxml.ElementTree import iterparse  # type: ignore[import-untyped]  # has no types

from .report import Totals, UnreadableError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

FORMAT = "cobertura"
BRANCHES = re.compile(r"\(([0-9]{1,15})/([0-9]{1,15})\)")
COUNT = re.compile(r"[0-9]{1,15}")
TOTALS = ("lines-covered", "lines-valid", "branches-covered", "branches-valid")


def parse(data: bytes) -> Totals:
    """Return a report's totals: those of the root where it gives them, else counted.

    A document type or an entity makes it unreadable: some writers add the document type of
    Cobertura, which is stripped before parsing because nothing in it matters here.

    Raises:
        UnreadableError: It is not a Cobertura report.
    """
    counted = _Counter()
    root: Element | None = None
    try:
        for event, element in iterparse(
            io.BytesIO(without_doctype(data)),
            events=("start", "end"),
            forbid_dtd=True,
            forbid_entities=True,
            forbid_external=True,
        ):
            if root is None:
                root = element
                if element.tag != "coverage":
                    raise UnreadableError(f"its root is <{element.tag[:40]}>, not <coverage>")
            elif event == "end" and element is not root:
                counted.see(element)
    except DefusedXmlException:
        raise UnreadableError(
            "it declares a document type or entities, which are not read"
        ) from None
    except (ParseError, ValueError, LookupError):
        raise UnreadableError("it is not well-formed XML") from None
    if root is None:
        raise UnreadableError("it is empty")
    return _declared(root) or counted.totals()


def without_doctype(data: bytes) -> bytes:
    """Remove Cobertura's own document type, which has no internal subset.

    Any other one stays, and makes the parser refuse the file.
    """
    return (
        re.sub(rb"<!DOCTYPE\s+coverage\s+(SYSTEM|PUBLIC)[^<>\[\]]*>", b"", data[:4096], count=1)
        + data[4096:]
    )


def _declared(root: Element) -> Totals | None:
    """Return the totals in the root's attributes, if it gives those of lines."""
    covered, valid, branches_covered, branches_valid = (whole(root.get(name)) for name in TOTALS)
    if covered is None or valid is None:
        return None
    if branches_covered is None or not branches_valid:
        # Where branches were not measured, writers say "0 of 0".
        return Totals((covered, valid))
    return Totals((covered, valid), (branches_covered, branches_valid))


def whole(text: str | None) -> int | None:
    """Read an attribute that holds a count."""
    return int(text) if text is not None and COUNT.fullmatch(text) else None


class _Counter:
    """Counts the lines of classes; those that are repeated under methods count once."""

    def __init__(self) -> None:
        self._hit: dict[tuple[int, str], bool] = {}
        self._branches: dict[tuple[int, str], tuple[int, int]] = {}
        self._class = 0
        self._complete = False

    def see(self, element: Element) -> None:
        if element.tag == "class":
            self._class += 1
            self._complete = True
        elif element.tag == "line":
            key = (self._class, element.get("number") or "")
            hits = whole(element.get("hits"))
            if hits is None:
                raise UnreadableError("a <line> has no number of hits")
            self._hit[key] = self._hit.get(key, False) or hits > 0
            if found := BRANCHES.search(element.get("condition-coverage") or ""):
                self._branches[key] = int(found[1]), int(found[2])
        element.clear()

    def totals(self) -> Totals:
        if not self._hit and not self._complete:
            raise UnreadableError("it has neither totals nor lines")
        covered = sum(self._hit.values())
        if not self._branches:
            return Totals((covered, len(self._hit)))
        branches = self._branches.values()
        return Totals(
            (covered, len(self._hit)),
            (sum(each[0] for each in branches), sum(each[1] for each in branches)),
        )
