"""Keys of every shape are found, wherever they stand."""

from __future__ import annotations

import pytest

from tap_llm_csv.records.secrets import DROP, HASH, KEEP, masked, may_change

LONG = "Ab1" * 12
KEYS = (
    *(f"gh{letter}_{LONG}" for letter in "pousr"),
    *(f"xox{letter}-{LONG}" for letter in "abposr"),
    *(f"{sign}{'A1B2' * 4}" for sign in ("AKIA", "ASIA")),
    *(
        f"{sign}{LONG}"
        for sign in (
            "sk-", "github_pat_", "glpat-", "AIza", "hf_", "gsk_", "xai-", "r8_", "pplx-", "npm_",
        )
    ),
    f"eyJ{LONG}.eyJ{LONG}.{LONG}",
    f"-----BEGIN RSA PRIVATE KEY-----{LONG}",
)  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("around", ["{}", "said: {}", "Bearer {}", '{{"header": "{}"}}'])
def test_a_key_is_taken_out(key: str, around: str) -> None:
    text = around.format(key)
    assert may_change(text)
    assert may_change(f"nothing\n{text}\nnothing")
    assert masked(text, DROP, None) == around.format("[secret]")
    assert LONG not in masked(text, HASH, "pepper")
    assert masked(text, KEEP, None) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"Authorization: Bearer {LONG}==", "Authorization: Bearer [secret]"),
        ("postgres://me:hunter22@host/db", "postgres://[secret]@host/db"),
        ('sent {"password": "hunter22"}', 'sent {"password": "[secret]"}'),
        ('sent {"OPENAI_API_KEY":"hunter22"}', 'sent {"OPENAI_API_KEY":"[secret]"}'),
    ],
)
def test_what_stands_where_a_secret_stands_is_taken_out(text: str, left: str) -> None:
    assert may_change(text)
    assert masked(text, DROP, None) == left


@pytest.mark.parametrize(
    "text", ["risk-averse and task-driven work", "see https://host/path", "Bearer of bad news"]
)
def test_a_sign_alone_is_no_key(text: str) -> None:
    assert masked(text, DROP, None) == text


def test_plain_words_are_not_looked_through() -> None:
    assert not may_change("Failed: rate limited by provider after 570665 tokens")
