"""An artifact → the coverage reports in it; which form a file has is told by its content."""

from __future__ import annotations

from dataclasses import dataclass

from . import cobertura, json_reports, lcov
from .archive import Limits, unpack
from .report import Report, Skipped, UnreadableError

SNIFFED = 64 * 1024
UTF8_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Reading:
    """What an artifact gave: its reports, and what could not be read."""

    reports: tuple[Report, ...]
    skipped: tuple[Skipped, ...]


def read_artifact(content: bytes, artifact: str, *, limits: Limits | None = None) -> Reading:
    """Read every coverage report of an artifact's zip file.

    Args:
        content: The zip file as downloaded.
        artifact: The artifact's name; a report is named `artifact/path in the zip`.
        limits: How much to read.

    Returns:
        The reports, and the files that looked like reports but cannot be read. Files that do not
        look like one (sources, pictures, HTML) are passed over in silence.
    """
    reports: list[Report] = []
    skipped: list[Skipped] = []
    try:
        for member in unpack(content, limits or Limits()):
            if isinstance(member, Skipped):
                skipped.append(Skipped(f"{artifact}/{member.name}", member.reason))
                continue
            name = f"{artifact}/{member[0]}"
            if looks_like_report(member[1]):
                try:
                    reports.append(read_report(member[1], name))
                except UnreadableError as error:
                    skipped.append(Skipped(name, str(error)))
    except UnreadableError as error:
        skipped.append(Skipped(artifact, str(error)))
    return Reading(tuple(reports), tuple(skipped))


def read_report(data: bytes, name: str) -> Report:
    """Read one report.

    Raises:
        UnreadableError: It is no report, or not one that can be believed; the text says why.
    """
    start = data.removeprefix(UTF8_MARK).lstrip()[:1]
    if start == b"<":
        return cobertura.parse(data).report(name, cobertura.FORMAT)
    if start == b"{":
        form, totals = json_reports.parse(data.removeprefix(UTF8_MARK))
        return totals.report(name, form)
    return lcov.parse(data.removeprefix(UTF8_MARK)).report(name, lcov.FORMAT)


def looks_like_report(data: bytes) -> bool:
    """Whether a file's beginning is that of one of the forms."""
    head = data[:SNIFFED].removeprefix(UTF8_MARK).lstrip()
    if head.startswith(b"<"):
        return b"<coverage" in head
    if head.startswith(b"{"):
        return b'"total' in data
    return head.startswith((b"TN:", b"SF:")) or b"\nSF:" in head
