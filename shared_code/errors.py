"""Failures in plain words: the class that carries a sentence, and the sentence for the others."""

from __future__ import annotations

import os


class PlainError(Exception):
    """One plain sentence: what happened, where, and what to do. Shown without a traceback."""


class ReaderGoneError(PlainError):
    """Whoever read this program's output has stopped."""


def is_debugging() -> bool:
    """Whether tracebacks were asked for; the variable means the same in every program."""
    return os.environ.get("TELEMETRY_DEBUG", "").strip().lower() in {"1", "true", "yes", "on"}


def sentence(error: BaseException) -> str:
    """What to say of an error: one line, and for a defect how to see more."""
    text = " ".join(str(error).split())
    if isinstance(error, PlainError):
        return text
    if type(error).__name__ == "JSONDecodeError":  # of json or of simplejson, which the SDK uses
        return f"A --config, --catalog or --state file is not JSON: {text}."
    if isinstance(error, OSError):
        reason = (error.strerror or text).rstrip(".")
        return f"{error.filename}: {reason}." if error.filename else f"{reason}."
    if type(error).__module__.startswith("singer_sdk."):
        # The SDK's own are worded for people, too.
        return text or type(error).__name__
    return (
        f"This is a mistake in the program: {type(error).__name__}: {text}. "
        "TELEMETRY_DEBUG=1 shows where."
    )
