"""What a job's labels say about the machine it ran on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_SYSTEMS = (
    (re.compile(r"^(ubuntu|linux)\b"), "Linux"),
    (re.compile(r"^windows\b"), "Windows"),
    (re.compile(r"^macos\b"), "macOS"),
)
_ARCHITECTURES = {"x64": "X64", "x86": "X86", "arm": "ARM", "arm64": "ARM64"}
_HOSTED = re.compile(r"^(ubuntu|windows)-(latest|[0-9][0-9.]*)(-arm)?$")
_HOSTED_MACOS = re.compile(r"^macos-(latest|[0-9]+)(-large|-xlarge|-intel)?$")
LAST_INTEL_MACOS = 13


def operating_system(labels: Iterable[object]) -> str | None:
    """Return the operating system, as GitHub's `runner.os` writes it."""
    for label in labels:
        for pattern, name in _SYSTEMS:
            if pattern.match(str(label).lower()):
                return name
    return None


def architecture(labels: Iterable[object]) -> str | None:
    """Return the architecture, as GitHub's `runner.arch` writes it.

    A runner of one's own says it with a label; GitHub's standard labels stand for one each.
    """
    names = [str(label).lower() for label in labels]
    for name in names:
        if name in _ARCHITECTURES:
            return _ARCHITECTURES[name]
    for name in names:
        if found := _HOSTED.match(name):
            return "ARM64" if found[3] else "X64"
        if found := _HOSTED_MACOS.match(name):
            return _of_macos(found[1], found[2])
    return None


def _of_macos(version: str, size: str | None) -> str:
    if size in ("-large", "-intel"):
        return "X64"
    is_old = version.isdigit() and int(version) <= LAST_INTEL_MACOS
    return "X64" if is_old and size is None else "ARM64"
