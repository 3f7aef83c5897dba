"""A web server as `serve` starts it, on the benchmark's database: what is sent to it, and how much memory it takes for that."""

import contextlib
import http.client
import os
import resource
import signal
import socket
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TOKEN = "t" * 32


@dataclass(frozen=True)
class Served:
    """The server's one worker, and the cookies of somebody who is signed in."""

    port: int
    worker: int
    cookies: str

    def send(self, path: str, *, field: str = "", name: str = "", content: bytes | None = None) -> tuple[int, str]:
        """GET, or POST with a file in a field (or with none): the answer's status, and where it leads to."""
        boundary = uuid.uuid4().hex
        part = f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'.encode()
        body = (part + content + b"\r\n" if content else b"") + f"--{boundary}--\r\n".encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        with contextlib.closing(connection):
            headers = {"Cookie": self.cookies, "X-CSRFToken": _TOKEN}
            if content is None:
                connection.request("GET", path, headers=headers)
            else:
                headers["Content-Type"] = f"multipart/form-data; boundary={boundary}"
                connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.getheader("Location") or ""

    def memory(self) -> float:
        """What it holds now, in MiB."""
        pages = int(Path(f"/proc/{self.worker}/statm").read_text(encoding="ascii").split()[1])
        return pages * resource.getpagesize() / 1024 / 1024

    def forget_peak(self) -> None:
        """From now on `peak` begins anew."""
        Path(f"/proc/{self.worker}/clear_refs").write_text("5", encoding="ascii")

    def peak(self) -> float:
        """The most that it held since then, in MiB."""
        status = Path(f"/proc/{self.worker}/status").read_text(encoding="ascii")
        [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) / 1024


@contextlib.contextmanager
def served(cookies: dict[str, str]) -> Iterator[Served]:
    """Within this, a server with one worker runs by the settings in the environment (Linux)."""
    from django.conf import settings

    from licensemgr.portal.supervising import web

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = web("127.0.0.1", port, workers=1, threads=8, graceful=1, log_level="warning").command
    with subprocess.Popen(command, cwd=settings.BASE_DIR, start_new_session=True) as server:
        try:
            all_cookies = cookies | {settings.CSRF_COOKIE_NAME: _TOKEN}
            text = "; ".join(f"{name}={value}" for name, value in all_cookies.items())
            while server.poll() is None:
                with contextlib.suppress(OSError):
                    Served(port, 0, text).send("/healthz")
                    break
            children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text(encoding="ascii").split()
            yield Served(port, int(children[0]), text)
        finally:
            os.killpg(server.pid, signal.SIGTERM)
