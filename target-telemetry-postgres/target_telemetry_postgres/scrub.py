"""Characters that Postgres cannot store: NUL, and halves of surrogate pairs.

They are dropped wherever they occur, in keys and values at any depth, and counted, so that the
run can say once how many there were.
"""

from __future__ import annotations

import re
from typing import Any, Final

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def suspect(line: bytes, *, json: bool) -> bool:
    """Whether a line may hold such characters where the fast road would not notice.

    Text is decoded there, and half a pair is noticed; JSON is passed on as it is.
    """
    return b"\\u0000" in line or (json and (b"\\ud" in line or b"\\uD" in line))


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
