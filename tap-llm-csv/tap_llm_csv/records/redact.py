"""The `redact` setting: what of a column is stored.

`{"notes": "drop", "user_id": "hash", "error_message": "truncate:80", "extra.prompt": "drop"}`

A hash is a keyed one where `redact_key` is set. Without a key it still hides a value from a reader
of the table, but not from somebody who can guess values (e-mail addresses are few), so the tap
warns. It runs after a record's identity was taken: turning it on does not give calls new keys.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any

from tap_llm_csv.records.schemas import SCHEMAS, Record, column_kind

Change = Callable[[Any], Any]

_TRUNCATED_TO = 80
_KEY_BYTES = 64
_NEVER = frozenset({"source", "source_file", "source_line"})


class RedactError(ValueError):
    """The `redact` setting cannot be understood."""


def compile_rules(
    rules: Mapping[str, str], key: str | None, stream: str
) -> Callable[[Record], None] | None:
    """A function that changes a record as the rules ask; None where none concerns the stream."""
    check_rules(rules)
    if rules.get("notes") and "error_message" not in rules:
        rules = {**rules, "error_message": rules["notes"]}  # a failure's message is its notes
    changes = [
        (*_target(name), _change(rule, key))
        for name, rule in rules.items()
        if column_kind(stream, name.partition(".")[0]) is not None
    ]
    if not changes:
        return None

    def redact(record: Record) -> None:
        for column, inner, change in changes:
            value = record.get(column)
            if value is None:
                continue
            if inner is None:
                record[column] = change(value)
            elif value.get(inner) is not None:
                record[column] = {**value, inner: change(value[inner])}

    return redact


def check_rules(rules: Mapping[str, str]) -> None:
    """Raise `RedactError` for a rule that could never do what was meant."""
    for name, rule in rules.items():
        column, _, inner = name.partition(".")
        kinds = {column_kind(stream, column) for stream in SCHEMAS} - {None}
        if not kinds or column in _NEVER:
            raise RedactError(f"redact: there is no column {name} to redact")
        if inner and kinds != {"object"}:
            raise RedactError(f"redact: {column} has nothing inside it, so {name} is not a column")
        action, _, size = str(rule).partition(":")
        if action not in {"drop", "hash", "truncate"} or (size and action != "truncate"):
            raise RedactError(f"redact: {name} is {rule}; it can be drop, hash or truncate:80")
        if size and not (size.isascii() and size.isdigit()):
            raise RedactError(f"redact: {name} is {rule}; {size} is not a number of characters")
        if action != "drop" and not inner and kinds != {"text"}:
            raise RedactError(f"redact: {name} is no text, so it can only be dropped")


def guessable(rules: Mapping[str, str], key: str | None) -> list[str]:
    """The columns whose hashes could be guessed for want of a key."""
    return [] if key else sorted(name for name, rule in rules.items() if rule == "hash")


def _target(name: str) -> tuple[str, str | None]:
    column, _, inner = name.partition(".")
    return column, inner or None


def _change(rule: str, key: str | None) -> Change:
    action, _, size = rule.partition(":")
    if action == "drop":
        return lambda _value: None
    if action == "truncate":
        length = int(size or _TRUNCATED_TO)
        return lambda value: _text(value)[:length]
    secret = (key or "").encode()
    if len(secret) > _KEY_BYTES:
        secret = blake2b(secret).digest()
    return lambda value: blake2b(_plain(value).encode(), digest_size=16, key=secret).hexdigest()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _plain(value: Any) -> str:
    """One person is one hash, however an e-mail address was typed."""
    text = _text(value).strip()
    return text.lower() if "@" in text else text
