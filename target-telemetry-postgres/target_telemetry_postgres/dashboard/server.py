"""The page with live data, for a browser on this machine."""

from __future__ import annotations

from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final

from target_telemetry_postgres.dashboard.page import assemble
from target_telemetry_postgres.errors import ConfigError, TelemetryError

if TYPE_CHECKING:
    from collections.abc import Callable

LOOPBACK: Final = "127.0.0.1"


def open_server(port: int, data: Callable[[], bytes]) -> ThreadingHTTPServer:
    """Listen on loopback.

    Args:
        port: 0 takes one that is free.
        data: Reads the store, each time that a browser asks.

    Raises:
        ConfigError: The port is taken.
    """
    page = assemble(None).encode()

    class Handler(_Handler):
        answers = {  # noqa: RUF012 - one server, one handler
            "/": ("text/html; charset=utf-8", lambda: page),
            "/data": ("application/octet-stream", data),
        }

    try:
        return ThreadingHTTPServer((LOOPBACK, port), Handler)
    except OSError as error:
        raise ConfigError(
            f"Port {port} of this machine cannot be listened on ({error.strerror}); "
            "--port 0 takes a free one."
        ) from error


class _Handler(BaseHTTPRequestHandler):
    """Answers for two addresses, and only to who asked for this machine by name."""

    answers: dict[str, tuple[str, Callable[[], bytes]]]
    server_version = "telemetry"
    sys_version = ""

    def do_GET(self) -> None:
        """Send the page or its data."""
        # A web page elsewhere may let its own name point here; it must not read the answer.
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        kind, read = self.answers.get(self.path.partition("?")[0], ("", None))
        if host not in {LOOPBACK, "localhost"}:
            self._send(HTTPStatus.FORBIDDEN, "text/plain", b"Ask for 127.0.0.1 or localhost.\n")
        elif read is None:
            self._send(HTTPStatus.NOT_FOUND, "text/plain", b"There is / and /data.\n")
        else:
            try:
                body = read()
            except TelemetryError as error:
                self._send(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", f"{error}\n".encode())
            else:
                self._send(HTTPStatus.OK, kind, body)

    def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: whoever started it sees the page."""
