"""HTTP/1.1 on loopback: connections that stay open, whole answers in one write."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

    from github_simulator.answers import Answer

IDLE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    connection: int
    """Which of the open connections it came by."""


class LoopbackServer:
    """Hands each request to a function, together with the means to answer it once."""

    def __init__(
        self, port: int, receive: Callable[[Request, Callable[[Answer], None]], None]
    ) -> None:
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.receive = receive
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        """Serve from a thread."""
        arguments = {"poll_interval": 0.05}
        threading.Thread(
            target=self._server.serve_forever, kwargs=arguments, daemon=True, name=self.url
        ).start()

    def close(self) -> None:
        """Stop serving and break every connection."""
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self.receive: Callable[[Request, Callable[[Answer], None]], None]
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        self._numbers = count()

    def opened(self, connection: socket.socket) -> int:
        with self._open_lock:
            self._open.add(connection)
            return next(self._numbers)

    def closed(self, connection: socket.socket) -> None:
        with self._open_lock:
            self._open.discard(connection)

    def hang_up(self) -> None:
        with self._open_lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet about callers that went away; they are killed in tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.number = self.server.opened(self.connection)

    def finish(self) -> None:
        self.server.closed(self.connection)
        super().finish()

    def _receive(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length:
            self.rfile.read(length)
        parts = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=parts.path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            connection=self.number,
        )
        self.server.receive(request, self._send)

    # The names that BaseHTTPRequestHandler calls.
    do_GET = do_POST = _receive  # noqa: N815

    def _send(self, answer: Answer) -> None:
        if answer.status == 0:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        body = answer.body
        headers = {"Server": "github.com", "Content-Length": str(len(body)), **answer.headers}
        phrase = HTTPStatus(answer.status).phrase
        head = f"HTTP/1.1 {answer.status} {phrase}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        if answer.cut:
            self.close_connection = True
            body = body[: len(body) // 2]
        self.wfile.write(head.encode("latin-1") + b"\r\n" + body)

    def log_message(self, *_: object) -> None:
        """Leave logging to the simulator."""
