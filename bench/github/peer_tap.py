"""Starts meltanolabs-tap-github in its own environment, aimed at another address.

It checks its token at api.github.com whatever its settings say; here that goes to the address in
BENCH_GITHUB_URL like everything else. Nothing else about it is changed.
"""

from __future__ import annotations

import os
from typing import Any

import requests
from tap_github.tap import TapGitHub  # type: ignore[import-not-found]  # only in its environment

PUBLIC = "https://api.github.com"
send = requests.Session.send


def send_here(
    session: requests.Session, request: requests.PreparedRequest, **options: Any
) -> requests.Response:
    """Send a request to the simulator when it is meant for GitHub."""
    if request.url and request.url.startswith(PUBLIC):
        request.url = os.environ["BENCH_GITHUB_URL"] + request.url[len(PUBLIC) :]
    return send(session, request, **options)


requests.Session.send = send_here  # type: ignore[assignment, method-assign]  # its whole purpose

if __name__ == "__main__":
    TapGitHub.cli()
