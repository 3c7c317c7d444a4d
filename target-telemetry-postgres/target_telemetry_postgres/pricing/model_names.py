"""The names under which genai-prices may know a model that a tool wrote in its own way.

tap-llm-csv asks for the same names in the same order when it prices a call; a test holds the two
together, since neither package may import the other.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_BEDROCK_REGION = re.compile(r"^(?:us|eu|apac|jp|au|ca|sa|global|us-gov)\.(?=[a-z0-9-]+\.)")
_BEDROCK_VENDOR = re.compile(r"[a-z0-9-]+\.[a-z]")
_CONTEXT_WINDOW = re.compile(r"\[[0-9]+[mk]\]$")
_OPENROUTER_VARIANT = re.compile(r":(?:free|beta|extended|nitro|floor|online|thinking|exacto)$")
_REASONING_EFFORT = re.compile(r"-(?:none|minimal|low|medium|high|xhigh)(?:-thinking)?$|-thinking$")


def candidates(model: str, provider: str | None) -> list[tuple[str, str | None]]:
    """(model, provider) pairs to ask for, the most exact first."""
    return list(
        dict.fromkeys(
            pair for spelling in _spellings(model.strip()) for pair in _at(spelling, provider)
        )
    )


def _spellings(written: str) -> Iterator[str]:
    yield written
    slug = written.lower().replace(" ", "-").replace("_", "-")
    slug = _CONTEXT_WINDOW.sub("", slug)
    yield slug
    if slug.endswith(":free"):
        # What is free somewhere has a price elsewhere, which nobody paid.
        return
    slug = _OPENROUTER_VARIANT.sub("", slug)
    yield from (slug, slug.replace(".", "-"))
    plain = _REASONING_EFFORT.sub("", slug)
    yield from (plain, plain.replace(".", "-"))


def _at(name: str, provider: str | None) -> Iterator[tuple[str, str | None]]:
    if provider is not None:
        yield name, provider
    vendor, slash, rest = name.partition("/")
    if slash:
        yield from ((name, "openrouter"), (rest, vendor), (rest, None))
        return
    yield name, None
    local = _BEDROCK_REGION.sub("", name)
    if local != name or _BEDROCK_VENDOR.match(name):
        yield from ((name, "aws"), (local, "aws"))
