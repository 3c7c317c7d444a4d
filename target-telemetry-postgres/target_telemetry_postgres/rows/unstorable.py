"""Characters that Postgres cannot store: NUL, and halves of surrogate pairs.

They are dropped wherever they occur, in keys and values at any depth, and counted, so that the
run can say once how many there were.
"""

from __future__ import annotations

import re
from typing import Any, Final

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_HALF: Final = re.compile(rb"\\u[dD][89a-fA-F]")
#: What only looks like them: a backslash that is meant, and a whole pair.
_HARMLESS: Final = re.compile(rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")


def suspect(text: bytes, *, json: bool) -> bool:
    """Whether JSON text may hold such characters where the block way would not notice.

    Strings are decoded there, and half a pair is noticed; JSON is passed on as it is.
    """
    if b"\\u0000" not in text and not (json and _HALF.search(text)):
        return False
    rest = _HARMLESS.sub(b" ", text)
    return b"\\u0000" in rest or (json and _HALF.search(rest) is not None)


def scrub_text(text: str) -> tuple[str, int]:
    """The text without what cannot be stored, and how many characters went."""
    return _UNSTORABLE.subn("", text)


def scrub(value: Any) -> tuple[Any, int]:
    """The value without what cannot be stored, and how many characters went."""
    if isinstance(value, str):
        return scrub_text(value)
    if isinstance(value, dict):
        dropped = 0
        clean: dict[str, Any] = {}
        for name, inner in value.items():
            clean_name, in_name = scrub_text(name)
            clean[clean_name], in_value = scrub(inner)
            dropped += in_name + in_value
        return clean, dropped
    if isinstance(value, list):
        pairs = [scrub(inner) for inner in value]
        return [inner for inner, _ in pairs], sum(count for _, count in pairs)
    return value, 0
