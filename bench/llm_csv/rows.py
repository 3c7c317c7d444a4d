"""The file that everyone reads: calls in the base format, a few each second, in order."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_HEADER: Final = (
    "timestamp,model,prompt_tokens,completion_tokens,task_success,task_type,duration_ms,notes\n"
)
_MODELS: Final = (
    "claude-sonnet-4-5", "claude-haiku-4-5", "claude-opus-4-5", "gpt-5", "gpt-5-mini", "gpt-4o",
    "gemini-2.5-pro", "gemini-2.5-flash",
)  # fmt: skip
_SUCCEEDS: Final = 0.92
_TYPES: Final = ("plan", "execute", "review", "quick", "debug")
_NOTES: Final = (
    "Phase 5 CI setup", "Fix typo in README", "Phase 6 test suite", "review diff", "",
    "Phase 7.2 release notes: second look at naming", "Failed: rate limited by provider",
)  # fmt: skip


def write_rows(path: Path, count: int) -> Path:
    """Write the file, the same for the same count."""
    rng = random.Random(20261101)
    moment = datetime(2026, 9, 1, tzinfo=timezone.utc)
    with path.open("w", encoding="utf-8") as file:
        file.write(_HEADER)
        for _ in range(count):
            moment += timedelta(seconds=rng.choice((0, 0, 1, 1, 2, 7)))
            file.write(
                f"{moment:%Y-%m-%dT%H:%M:%SZ},{rng.choice(_MODELS)},{rng.randrange(200, 48_000)},"
                f"{rng.randrange(10, 9_000)},{'true' if rng.random() < _SUCCEEDS else 'false'},"
                f"{rng.choice(_TYPES)},{rng.randrange(300, 180_000)},{rng.choice(_NOTES)}\n"
            )
    return path
