"""One HTML file that asks nobody for anything: markup, style, scripts and data laid together."""

from __future__ import annotations

import base64
import hashlib
import html
from importlib.resources import files
from typing import Final

#: In this order: what is used later stands earlier.
SCRIPTS: Final = (
    "data", "time", "format", "state", "figures", "elements", "charts", "cards", "filters",
    "runs", "ci", "lists", "llm", "systems", "pipelines", "main",
)  # fmt: skip
_LIBRARY: Final = "vendor/echarts/echarts.common.min.js"


def assemble(data: bytes | None, *, title: str = "Engineering telemetry") -> str:
    """Lay the page together.

    Args:
        data: The deflated data; without any the page fetches it from the server it came from.
        title: What the browser's tab says.
    """
    style = _front("style.css")
    library = (files(__package__) / _LIBRARY).read_text(encoding="utf-8")
    ours = "(function () {\n'use strict';\n" + "\n".join(map(_script, SCRIPTS)) + "\n})();\n"
    for script in (library, ours):
        _must_stay_one_element(script)
    parts = {
        "title": html.escape(title),
        "policy": html.escape(_policy(style, (library, ours), live=data is None)),
        "style": style,
        "data": base64.b64encode(data).decode() if data is not None else "",
        "library": library,
        "script": ours,
    }
    # Split, not replaced one after the other: what is put in is never searched again.
    pieces = _front("page.html").split("{{")
    laid = [pieces[0]]
    for piece in pieces[1:]:
        name, rest = piece.split("}}", 1)
        laid += [parts[name], rest]
    return "".join(laid)


def _policy(style: str, scripts: tuple[str, ...], *, live: bool) -> str:
    """The page's own scripts and style and nothing else; the charts set style attributes."""
    hashes = " ".join(_hash(script) for script in scripts)
    connect = "'self'" if live else "'none'"
    return (
        f"default-src 'none'; script-src {hashes}; style-src-elem {_hash(style)}; "
        "style-src-attr 'unsafe-inline'; img-src data: blob:; "
        f"connect-src {connect}; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _must_stay_one_element(script: str) -> None:
    if "</script" in script.lower():
        raise ValueError("A script of the page ends its own element.")


def _script(name: str) -> str:
    return _front(f"{name}.js")


def _front(name: str) -> str:
    return (files(__package__) / "front" / name).read_text(encoding="utf-8")
