"""Objects and arrays nested more deeply than anything here can look through: cut, to be shown."""

from __future__ import annotations

import re
from typing import Any, Final

#: How many levels remain of what is nested too deeply.
DEEPEST: Final = 50
#: Where a level begins or ends; not within a string.
_BRACKETS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|([\[\]{}])', re.DOTALL)


def shallow_text(text: bytes) -> bytes:
    """JSON with an ellipsis for each object and array below many others."""
    kept: list[bytes] = []
    level = since = 0
    for match in _BRACKETS.finditer(text):
        bracket = match[1]
        if bracket is None:
            continue
        if bracket in b"[{":
            level += 1
            if level == DEEPEST + 1:
                kept += [text[since : match.start()], b'"\\u2026"']
        else:
            level -= 1
            if level == DEEPEST:
                since = match.end()
    if level <= DEEPEST:
        kept.append(text[since:])
    return b"".join(kept)


def shallow(value: Any, levels: int = DEEPEST) -> Any:
    """The record with an ellipsis for what is nested too deeply to be looked through."""
    if isinstance(value, dict) and levels:
        return {name: shallow(inner, levels - 1) for name, inner in value.items()}
    if isinstance(value, list) and levels:
        return [shallow(inner, levels - 1) for inner in value]
    return "…" if isinstance(value, dict | list) else value
