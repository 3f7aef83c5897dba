"""A server whose portal plays in one thread and one transaction, so that a page is shown in a state of which nothing stays.

The thread owns a connection to the database. A state is reached by requests of Django's test client; what was answered last
is then what the browser gets at that address, by whatever method it came about. All else that the page asks for
(fragments, suggestions) is answered by the portal itself, out of the same books.
"""

import contextlib
import io
import mimetypes
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from gzip import compress
from pathlib import Path
from typing import Any, TypeVar
from wsgiref.simple_server import WSGIRequestHandler

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection, connections, transaction
from django.test import override_settings

from tests.gallery.states import Answer, PageState, Visit
from tests.gallery.world import World, build_world

Result = TypeVar("Result")
_SIGNALS = (request_started, request_finished)
Headers = list[tuple[str, str]]
# The address of a page with nothing on it.
EMPTY = "/nothing"


class _Quiet(WSGIRequestHandler):
    """Writes no line for each request."""

    def log_message(self, *_arguments: Any) -> None:
        pass


class Stage:
    """The server, and the thread that its portal plays in. ``show`` puts a state on."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "stage")
        self._portal = WSGIHandler()
        self._shown: dict[str, Answer] = {}
        self._status = ""
        self._open: list[transaction.Atomic] = []
        self._server = ThreadedWSGIServer(("127.0.0.1", 0), _Quiet)
        self._server.daemon_threads = True
        self._server.set_app(self._answer)
        self._serving = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self.world: World | None = None

    def open(self) -> None:
        """Build the world, and begin to serve."""
        self.run(self._build)
        self._serving.start()

    def close(self) -> None:
        """Forget everything."""
        if self._serving.is_alive():
            self._server.shutdown()
        self._server.server_close()
        self.run(self._leave_all)
        self._thread.shutdown()

    def run(self, work: Callable[..., Result], *arguments: Any) -> Result:
        """Do this in the thread of the portal."""
        return self._thread.submit(work, *arguments).result()

    @contextlib.contextmanager
    def show(self, state: PageState, language: str = "en", *, status: str = "") -> Iterator[Visit]:
        """Within this the state is there to be looked at. ``status`` in place of its own, for who loads good answers only."""
        visit = self.run(self._reach, state, language)
        self._shown, self._status = {visit.path: visit.answer}, status
        try:
            # What the page asks for afterwards is answered under the state's settings, too.
            with override_settings(**state.settings):
                yield visit
        finally:
            self._shown = {}
            self.run(self._leave)

    def _build(self) -> None:
        self._enter()
        self.world = build_world()

    def _reach(self, state: PageState, language: str) -> Visit:
        assert self.world is not None
        self._enter()
        try:
            return state.reach(self.world, language)
        except BaseException:
            self._leave()
            raise

    def _enter(self) -> None:
        atomic = transaction.atomic()
        # As in Django's own test cases: what has to be the outermost transaction may stand within this one.
        atomic._from_testcase = True  # type: ignore[attr-defined]
        atomic.__enter__()
        self._open.append(atomic)

    def _leave(self) -> None:
        transaction.set_rollback(True)
        self._open.pop().__exit__(None, None, None)

    def _leave_all(self) -> None:
        while self._open:
            self._leave()
        connections.close_all()

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        path = environ["PATH_INFO"] + (f"?{environ['QUERY_STRING']}" if environ.get("QUERY_STRING") else "")
        shown = self._shown.get(path)
        if environ["PATH_INFO"].startswith("/static/"):
            status, headers, body = _static(environ["PATH_INFO"].removeprefix("/static/"))
        elif path == EMPTY:
            status, headers, body = "200 OK", [("Content-Type", "text/html")], b"<!doctype html><title>Nothing</title>"
        elif shown is not None and "HTTP_HX_REQUEST" not in environ:
            status = self._status or f"{shown.status_code} {shown.reason_phrase}"
            headers, body = [(name, value) for name, value in shown.items() if name != "Content-Length"], shown.content
        else:
            environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
            status, headers, body = self.run(self._ask, environ)
        if len(body) > 1000 and "gzip" in environ.get("HTTP_ACCEPT_ENCODING", "") and "HTTP_HX_REQUEST" not in environ:
            body = _packed(body)
            headers = [*headers, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")]
        start_response(status, [*headers, ("Content-Length", str(len(body)))])
        return [body]

    def _ask(self, environ: dict[str, Any]) -> tuple[str, Headers, bytes]:
        given: list[tuple[str, Headers]] = []

        def start_response(status: str, headers: Headers, _failure: Any = None, /) -> Callable[[bytes], object]:
            given.append((status, headers))
            return lambda _body: None

        # As the test client does: the connection, which is in a transaction, outlives the request.
        for signal in _SIGNALS:
            signal.disconnect(close_old_connections)
        try:
            response = self._portal(environ, start_response)
            body = b"".join(response)
            response.close()
        finally:
            for signal in _SIGNALS:
                signal.connect(close_old_connections)
        status, headers = given[0]
        return status, [(name, value) for name, value in headers if name != "Content-Length"], body


@lru_cache(64)
def _packed(body: bytes) -> bytes:
    return compress(body, 6)


@lru_cache
def _static(name: str) -> tuple[str, Headers, bytes]:
    """A static file, as a server in production gives it."""
    found = finders.find(name)
    if not found:
        return "404 Not Found", [("Content-Type", "text/plain")], b""
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    kind += "; charset=utf-8" if kind.startswith("text/") else ""
    headers = [
        ("Content-Type", kind),
        ("Cache-Control", "public, max-age=31536000"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    return "200 OK", headers, Path(found).read_bytes()


def session_of(visit: Visit) -> str:
    """The session of who looks; empty for nobody."""
    cookie = visit.client.cookies.get(settings.SESSION_COOKIE_NAME)
    return cookie.value if cookie is not None else ""


def is_on_sqlite() -> bool:
    """Whether the tests run on SQLite."""
    return connection.vendor == "sqlite"
