"""A Postgres on loopback with a password, that tests stop and start; and TLS in front of one."""

from __future__ import annotations

import datetime as dt
import ipaddress
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from psycopg.conninfo import make_conninfo

from target_telemetry_postgres.embedded.server import postgres_binary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PASSWORD = "hunter2:/@ %41"
SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"

#: Postgres refuses root, so the same step into another identity as the embedded server takes.
LAUNCHER = """
import os, subprocess, sys
from pathlib import Path
from target_telemetry_postgres.embedded.identity import assume
home, port = Path(sys.argv[1]), sys.argv[3]
ground = assume(home, Path(sys.argv[2]))
data = ground.cluster / "data"
if not data.exists():
    subprocess.run(
        [ground.postgres.with_name("initdb"), "-D", data, "-U", "postgres", "--no-sync",
         "--encoding", "UTF8", "--locale", "C", "--auth-host", "scram-sha-256",
         "--auth-local", "trust", "--pwfile", home / "password"],
        check=True, stdout=subprocess.DEVNULL)
os.execv(ground.postgres, [ground.postgres, "-D", data, "-p", port, "-h", "127.0.0.1",
                           "-k", "", "-F"])
"""


class TcpServer:
    """Host, port, user and password, as a server of one's own has them."""

    host = "127.0.0.1"
    user = "postgres"
    password = PASSWORD

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir()
        (home / "password").write_text(PASSWORD)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> None:
        log = (self.home / "log").open("ab")
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-c", LAUNCHER),
                *(self.home, postgres_binary(self.home / "none"), str(self.port)),
            ],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        while wait:
            with suppress(psycopg.OperationalError):
                psycopg.connect(self.conninfo()).close()
                return
            if self._process.poll() is not None:
                raise RuntimeError((self.home / "log").read_text())
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends connections and stops; SIGKILL is a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait()
            self._process = None

    def restart(self, how: signal.Signals = signal.SIGINT) -> None:
        self.stop(how)
        self.start()

    def conninfo(self, dbname: str = "postgres") -> str:
        return make_conninfo(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            dbname=dbname,
        )


@contextmanager
def tcp_server(home: Path) -> Iterator[TcpServer]:
    """A running server, ended with the block."""
    server = TcpServer(home)
    server.start()
    try:
        yield server
    finally:
        server.stop(signal.SIGQUIT)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Certificates:
    """Files: an authority, and what it signed for the server and for a client."""

    authority: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path


def make_certificates(
    folder: Path, authority: str = "test authority", host: str = "127.0.0.1"
) -> Certificates:
    """An authority of our own; `host` is all that the server's certificate is good for."""
    root_key = ec.generate_private_key(ec.SECP256R1())
    root_name = _name(authority)
    root = _sign(root_name, root_name, root_key, root_key, authority=True)
    (folder / "root.crt").write_bytes(root.public_bytes(serialization.Encoding.PEM))
    for who in ("server", "client"):
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.IPAddress(ipaddress.ip_address(host))] if who == "server" else []
        certificate = _sign(_name(who), root_name, key, root_key, names=names)
        (folder / f"{who}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (folder / f"{who}.key").touch(mode=0o600)
        (folder / f"{who}.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
    files = ("root.crt", "server.crt", "server.key", "client.crt", "client.key")
    return Certificates(*(folder / name for name in files))


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _sign(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    names: list[x509.IPAddress] | None = None,
    authority: bool = False,
) -> x509.Certificate:
    now = dt.datetime.now(dt.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=9))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


class TlsFront:
    """Speaks TLS to clients as Postgres does, and plainly to the server behind it."""

    def __init__(
        self, folder: Path, certificates: Certificates, *, ask_client: bool = False
    ) -> None:
        self._behind = str(folder / ".s.PGSQL.5432")
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificates.server, certificates.server_key)
        if ask_client:
            self._context.load_verify_locations(certificates.authority)
            self._context.verify_mode = ssl.CERT_REQUIRED
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            if client.recv(8) != SSL_REQUEST:
                return
            client.sendall(b"S")
            with (
                self._context.wrap_socket(client, server_side=True) as secure,
                socket.socket(socket.AF_UNIX) as server,
            ):
                server.connect(self._behind)
                back = threading.Thread(target=_pump, args=[server, secure], daemon=True)
                back.start()
                _pump(secure, server)
                back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
