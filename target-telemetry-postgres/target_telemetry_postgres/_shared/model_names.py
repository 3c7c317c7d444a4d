"""A model's name as tools write it → the names under which a price book may know it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Reference = tuple[str, str | None]  # a model, and the provider to look it up at

_REGION = re.compile(r"^(?:us|eu|apac|jp|au|ca|sa|global|us-gov)\.(?=[a-z0-9-]+\.)")
_EFFORT = re.compile(r"-(?:none|minimal|low|medium|high|xhigh)(?:-thinking)?$|-thinking$")
_ROUTE = re.compile(r":(?:free|beta|extended|nitro|floor|online|thinking|exacto)$")
_CONTEXT = re.compile(r"\[[0-9]+[mk]\]$")


def references(model: str, provider: str | None) -> Iterator[Reference]:
    """What to ask for, best guess first: the name as it is, then with less around it.

    Covers `vendor/model` slugs, Bedrock ids (`us.anthropic.claude-…`), names as people read them
    (`Claude Haiku 4.5`) and the reasoning effort that Cursor appends (`gpt-5-high`). A `-fast`
    suffix stays: it costs more, so the plain model's price would be wrong.
    """
    seen: set[Reference] = set()
    for name in _forms(model):
        for reference in _places(name, provider):
            if reference not in seen:
                seen.add(reference)
                yield reference


def _forms(model: str) -> Iterator[str]:
    name = model.strip()
    yield name
    name = _CONTEXT.sub("", name.lower().replace(" ", "-").replace("_", "-"))
    yield name
    if name.endswith(":free"):
        return
    name = _ROUTE.sub("", name)
    yield name
    yield name.replace(".", "-")
    shorter = _EFFORT.sub("", name)
    if shorter != name:
        yield shorter
        yield shorter.replace(".", "-")


def _places(name: str, provider: str | None) -> Iterator[Reference]:
    if provider is not None:
        yield name, provider
    vendor, slash, rest = name.partition("/")
    if slash:
        # Gateways write `openai/gpt-4o-mini` for OpenAI's own; OpenRouter names itself elsewhere.
        yield rest, vendor
        yield name, "openrouter"
        yield rest, None
        return
    yield name, None
    without_region = _REGION.sub("", name)
    if without_region != name or re.match(r"[a-z0-9-]+\.[a-z]", name):
        yield name, "aws"
        yield without_region, "aws"
