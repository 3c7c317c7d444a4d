"""A GitHub that answers whatever a test dictates, for answers that no honest simulator gives."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

NAME = "octo-org/app"
REPOSITORY = {"id": 7, "full_name": NAME}


class Answer(NamedTuple):
    """One answer: anything that JSON can say, or bytes."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = MappingProxyType({})


class ScriptedGitHub(ThreadingHTTPServer):
    """Answers each path as the script says."""

    daemon_threads = True

    def __init__(self, script: Callable[[str], Answer]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script
        self.asked: list[tuple[str, str | None]] = []
        """Path and Authorization header of each request."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ScriptedGitHub

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Authorization")))
        answer = self.server.script(urlsplit(self.path).path)
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name that http.server calls

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def run(number: int = 1, **differing: Any) -> dict[str, Any]:
    """Return the payload of a finished run."""
    return {
        "id": 1000 + number,
        "name": "CI",
        "run_number": number,
        "run_attempt": 1,
        "workflow_id": 5,
        "status": "completed",
        "conclusion": "success",
        "created_at": "2026-11-10T00:00:00Z",
        "run_started_at": "2026-11-10T00:00:00Z",
        "updated_at": "2026-11-10T00:01:00Z",
        "repository": REPOSITORY,
        **differing,
    }


def honest(path: str, **instead: Any) -> Answer:
    """Answer as GitHub would for a repository with one run, but for some kinds of list."""
    if path == f"/repos/{NAME}":
        return Answer(REPOSITORY)
    lists = {
        "runs": ("workflow_runs", [run()]),
        "jobs": ("jobs", []),
        "workflows": ("workflows", []),
    }
    kind = path.rpartition("/")[2]
    if kind in instead:
        return Answer(instead[kind])
    if kind not in lists:
        return Answer({"message": "Not Found"}, 404)
    key, items = lists[kind]
    return Answer({"total_count": len(items), key: items})


@contextmanager
def scripted(script: Callable[[str], Answer]) -> Iterator[ScriptedGitHub]:
    github = ScriptedGitHub(script)
    thread = threading.Thread(target=github.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield github
    finally:
        github.shutdown()
        github.server_close()
