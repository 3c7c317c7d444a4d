"""Keys and passwords that strayed into a log: known by their column's name, or by their shape."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from tap_llm_csv.records.cells import free_text

if TYPE_CHECKING:
    from collections.abc import Callable

DROP, HASH, KEEP = "drop", "hash", "keep"
MODES = (DROP, HASH, KEEP)

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
# A name is a secret's where it ends in these words; `api_key_name` and `max_tokens` are not.
_NAMES = tuple(
    tuple(name.split())
    for name in (
        "api key", "apikey", "access key", "secret key", "private key", "signing key",
        "encryption key", "auth key", "access token", "auth token", "refresh token", "id token",
        "bearer token", "session token", "secret token", "api token", "github token", "bearer",
        "authorization", "password", "passwd", "pwd", "passphrase", "secret", "secrets",
        "credential", "credentials", "cookie", "cookies", "token",
    )
)  # fmt: skip
_NUMBER = re.compile(r"\s*'?[+-]?[0-9][0-9,._ ]*(?:[eE][+-]?[0-9]+)?\s*")
_LEAST = 16
# Looking for a shape is slow, so a text is asked first for what each of its matches has in it.
_SHAPES_BY_SIGN = (
    ("sk-", r"\bsk-[A-Za-z0-9_-]{16,}"),
    ("ghp_ gho_ ghu_ ghs_ ghr_", r"\bgh[pousr]_[A-Za-z0-9]{20,}"),
    ("github_pat_", r"\bgithub_pat_[A-Za-z0-9_]{20,}"),
    ("glpat-", r"\bglpat-[A-Za-z0-9_-]{16,}"),
    ("AKIA ASIA", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    ("AIza", r"\bAIza[0-9A-Za-z_-]{30,}"),
    ("xox", r"\bxox[abposr]-[A-Za-z0-9-]{10,}"),
    ("hf_", r"\bhf_[A-Za-z0-9]{20,}"),
    ("gsk_", r"\bgsk_[A-Za-z0-9]{20,}"),
    ("xai-", r"\bxai-[A-Za-z0-9]{20,}"),
    ("r8_", r"\br8_[A-Za-z0-9]{20,}"),
    ("pplx-", r"\bpplx-[A-Za-z0-9]{20,}"),
    ("npm_", r"\bnpm_[A-Za-z0-9]{20,}"),
    ("eyJ", r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
    ("-----BEGIN", r"-----BEGIN [A-Z ]*PRIVATE KEY-----[^\"]*"),
    ("Bearer", r"(?<=Bearer )[A-Za-z0-9._~+/-]{16,}=*"),
    ("://", r"(?<=://)[^\s:/@]{1,64}:[^\s/@]{3,}(?=@)"),
)
_SIGNS = tuple(sign for signs, _ in _SHAPES_BY_SIGN for sign in signs.split())
_SHAPES = re.compile("|".join(shape for _, shape in _SHAPES_BY_SIGN))
# `"password": "…"` inside a cell that holds JSON.
_INSIDE = re.compile(
    r'(?P<name>"[^"\\]*(?:api_?key|access_?token|auth_?token|password|passwd|secret|authorization)"'
    r'\s*:\s*")(?P<value>(?:[^"\\]|\\.)+)(?=")',
    re.IGNORECASE,
)
_DROPPED = "[secret]"


def is_secret_name(name: str) -> bool:
    """Whether a column's name says, by whole words, that it holds a secret."""
    words = tuple(word.lower() for word in _WORDS.findall(name))
    return any(words[-len(secret) :] == secret for secret in _NAMES)


def _has_sign(text: str) -> bool:
    """Whether a key may be in a text; without a sign none is."""
    return any(map(text.__contains__, _SIGNS))


def may_change(text: str) -> bool:
    """Whether `masked` may find anything in a text, or in one that is joined of many."""
    return '"' in text or _has_sign(text)


def masked(text: str, how: str, key: str | None) -> str:
    """A text without what is shaped like a key in it."""
    if how == KEEP or len(text) < _LEAST:
        return text
    if _has_sign(text):
        text = _SHAPES.sub(lambda found: _instead(found[0], how, key), text)
    if '"' not in text:
        return text
    return _INSIDE.sub(lambda found: found["name"] + _instead(found["value"], how, key), text)


def reader(name: str, how: str, key: str | None) -> Callable[[str, str], str | None]:
    """What reads the cells of a column that is only kept, not understood."""
    if how == KEEP:
        return free_text
    is_secret = is_secret_name(name)

    def read(cell: str, column: str) -> str | None:
        value = free_text(cell, column)
        if value is None or (len(value) < _LEAST and not is_secret):
            return value
        if is_secret and not _NUMBER.fullmatch(value):
            return None if how == DROP else _hashed(value, key)
        return masked(value, how, key)

    return read


def cleaned(value: Any, how: str, key: str | None) -> Any:
    """A JSON value without secrets, by the names of its members and by their shape."""
    if how == KEEP:
        return value
    if isinstance(value, str):
        return masked(value, how, key)
    if isinstance(value, list):
        return [cleaned(item, how, key) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for name, item in value.items():
        if isinstance(item, str) and is_secret_name(name) and not _NUMBER.fullmatch(item):
            if how == HASH:
                kept[name] = _hashed(item, key)
        else:
            kept[name] = cleaned(item, how, key)
    return kept


def _instead(value: str, how: str, key: str | None) -> str:
    return _DROPPED if how == DROP or value == _DROPPED else _hashed(value, key)


def _hashed(value: str, key: str | None) -> str:
    secret = (key or "").encode()
    if len(secret) > blake2b.MAX_KEY_SIZE:
        secret = blake2b(secret).digest()
    return blake2b(value.encode("utf-8", "replace"), digest_size=16, key=secret).hexdigest()
