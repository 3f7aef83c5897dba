"""The shop's side in tests: an authority that signs certificates, and servers on this machine that are sent webhooks."""

import contextlib
import datetime
import http.server
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_LONG_AGO, _LATER = datetime.datetime(2020, 1, 1), datetime.datetime(2090, 1, 1)  # noqa: DTZ001 - as x509 wants them


class Authority:
    """Signs certificates for names; ``trust`` believes them and nobody else's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of a test")])
        self._certificate = self._signed(self._name, self._key, None)
        pem = self._certificate.public_bytes(serialization.Encoding.PEM).decode()
        self.trust = ssl.create_default_context(cadata=pem)

    def context(self, name: str) -> ssl.SSLContext:
        """What a server needs to be that name."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._signed(subject, key, x509.SubjectAlternativeName([x509.DNSName(name)]))
        file = self._folder / f"{name}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _signed(self, subject: x509.Name, key: Any, names: x509.SubjectAlternativeName | None) -> x509.Certificate:
        own = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_LONG_AGO)
            .not_valid_after(_LATER)
            .add_extension(x509.BasicConstraints(ca=names is None, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(own, critical=False)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=True,
                    key_cert_sign=names is None,
                    crl_sign=names is None,
                    content_commitment=False,
                    key_encipherment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
        )
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256())


@dataclass(frozen=True)
class Received:
    """A request as the shop got it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A server that notes what it is sent, and answers what ``answer`` says: a status and further headers."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    answer: Callable[[Received], tuple[int, dict[str, str]]] = lambda received: (200, {})


@contextlib.contextmanager
def receiver(context: ssl.SSLContext | None = None, *, address: str = "127.0.0.1", port: int = 0) -> Iterator[Receiver]:
    """A server on this machine, by https where it is given a certificate."""
    told = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got = Received(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            told.received.append(got)
            status, headers = told.answer(got)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"answered")

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the tests look at what was received."""

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that broke off, as it should in some tests."""

        def get_request(self) -> tuple[Any, Any]:
            connection, peer = super().get_request()
            if context is not None:
                try:
                    connection = context.wrap_socket(connection, server_side=True)
                except OSError:
                    connection.close()
                    raise
            return connection, peer

    server = Server((address, port), Handler)
    told.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def raw_server(behave: Callable[[socket.socket, threading.Event], object]) -> Iterator[int]:
    """A server that does with its connection whatever ``behave`` does, until the event says that the test is over."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)

        def serve() -> None:
            with contextlib.suppress(OSError):
                connection, _peer = listening.accept()
                with connection, contextlib.suppress(OSError):
                    behave(connection, over)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            over.set()
            thread.join()


def drips(start: bytes, drop: bytes) -> Callable[[socket.socket, threading.Event], object]:
    """Sends ``start``, and then a drop every few milliseconds for as long as anybody listens, ten seconds at most."""

    def behave(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(start)
        for _number in range(500):
            if over.wait(0.02):
                return
            connection.sendall(drop)

    return behave


class Names:
    """Takes the place of the operating system's lookup of names: each name leads to its answers, one after the other."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []
        self._original = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._look_up)

    def lead(self, name: str, *answers: list[str]) -> None:
        """The name leads to these addresses; asked again, to the next ones, the last of them for good."""
        self.answers[name] = list(answers)

    def _look_up(self, host: str, port: int, *args: Any, **options: Any) -> list[Any]:
        if host not in self.answers:
            return list(self._original(host, port, *args, **options))
        self.asked.append(host)
        answers = self.answers[host]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0))
            if ":" in address
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in found
        ]
