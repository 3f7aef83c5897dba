"""People and systems that ask the portal for changes by HTTP, and the journal of what they were answered."""

import http.client
import os
import secrets
import threading
import time
import urllib.parse
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tests.processes.stack import HOST
from tests.rig.portal import host_headers

# After which a person gives up waiting for an answer, in seconds.
PATIENCE = 6.0
_CSRF = secrets.token_hex(16)


def machine() -> str:
    """How busy it is, for messages about something that came late."""
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"


@dataclass(frozen=True)
class Answer:
    """What came back; status 0 where nothing did."""

    status: int
    location: str = ""
    text: str = ""
    raw: bytes = b""


@dataclass
class Change:
    """A change that somebody asked for, and what became of it: once acknowledged it stays so, and refused is each answer."""

    what: str
    name: str
    begun: float
    acknowledged: float = 0.0
    answers: list[int] = field(default_factory=list)
    # Of an upload: whether the page after it said of each file that it was accepted; None where nobody saw that page.
    told: tuple[bool, ...] | None = None

    @property
    def is_answered_well(self) -> bool:
        """What follows a change was answered, once at least."""
        return self.acknowledged > 0

    @property
    def is_acknowledged(self) -> bool:
        """Something was said to be done; a page may say as well that the portal failed at every file."""
        return self.is_answered_well and (self.told is None or any(self.told))

    @property
    def is_refused(self) -> bool:
        """Nothing else than refusals was answered: it must not be there."""
        return bool(self.answers) and all(400 <= status < 500 for status in self.answers)


class Journal:
    """Every change that was asked for since the portal began; safe for the threads of the load."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._changes: dict[tuple[str, str], Change] = {}
        # When what was acknowledged was asked for, and how many answers were errors of the portal.
        self.begun_of_acknowledged: list[float] = []
        self.errors = 0

    def open(self, what: str, name: str) -> Change:
        """The change of that name; asked for a second time it is the same."""
        with self._lock:
            return self._changes.setdefault((what, name), Change(what, name, time.monotonic()))

    def note(self, change: Change, status: int, begun: float) -> None:
        """An answer, or none."""
        with self._lock:
            change.answers.append(status)
            if 200 <= status < 400:
                change.acknowledged = change.acknowledged or time.monotonic()
                self.begun_of_acknowledged.append(begun)
            elif status >= 500:
                self.errors += 1
            self._lock.notify_all()

    def tell(self, what: str, name: str, told: tuple[bool, ...]) -> None:
        """What the page after a change said of each of its parts."""
        with self._lock:
            self._changes[what, name].told = told

    def changes(self) -> list[Change]:
        """All of them, now."""
        with self._lock:
            return list(self._changes.values())

    def acknowledged(self) -> int:
        """How many of them are acknowledged."""
        return sum(change.is_acknowledged for change in self.changes())

    def wait_for(self, number: int, since: float, within: float) -> float:
        """Until so many changes that were asked for after ``since`` are acknowledged; how long that took from now."""
        start = time.monotonic()

        def enough() -> bool:
            return sum(begun >= since for begun in self.begun_of_acknowledged[-200:]) >= number

        with self._lock:
            assert self._lock.wait_for(enough, timeout=within), (
                f"{within} s after the return of what failed people are not answered ({machine()}): the last answers are "
                f"{[change.answers[-1:] for change in list(self._changes.values())[-12:]]}"
            )
        return time.monotonic() - start


class Browser:
    """Somebody with a session; or a system, without one."""

    def __init__(self, port: int, session: str = "") -> None:
        self._port = port
        self._session = session

    def get(self, path: str) -> Answer:
        """A page."""
        return self._ask("GET", path, None, {})

    def post(self, path: str, fields: dict[str, str], timeout: float = PATIENCE) -> Answer:
        """A form that is sent."""
        body = urllib.parse.urlencode(fields | {"csrfmiddlewaretoken": _CSRF}).encode()
        return self._ask("POST", path, body, {"Content-Type": "application/x-www-form-urlencoded"}, timeout)

    def upload(self, path: str, files: Iterable[tuple[str, bytes]]) -> Answer:
        """Files that are sent."""
        boundary = uuid.uuid4().hex
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n{_CSRF}\r\n'.encode()
        ]
        for name, content in files:
            head = f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
            parts.append(f"{head}Content-Type: application/octet-stream\r\n\r\n".encode() + content + b"\r\n")
        body = b"".join(parts) + f"--{boundary}--\r\n".encode()
        return self._ask("POST", path, body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})

    def call(self, path: str, document: bytes, code: str) -> Answer:
        """A call of a system."""
        return self._ask("POST", path, document, {"Content-Type": "application/jose+json", "Registration-Code": code})

    def _ask(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], timeout: float = PATIENCE
    ) -> Answer:
        cookies = f"csrftoken={_CSRF}" + (f"; sessionid={self._session}" if self._session else "")
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=timeout)
        try:
            connection.request(
                method,
                path,
                body,
                host_headers()
                | {"Cookie": cookies, "Referer": f"https://{HOST}{path}", "Connection": "close"}
                | headers,
            )
            answer = connection.getresponse()
            raw = answer.read()
        except (OSError, http.client.HTTPException):
            return Answer(0)
        finally:
            connection.close()
        return Answer(answer.status, answer.getheader("Location", ""), raw.decode(errors="replace"), raw)


def perform(
    journal: Journal,
    what: str,
    name: str,
    ask: Callable[[], Answer],
    *,
    until_answered: bool,
    good: Iterable[int] = (302, 303),
) -> Answer:
    """Ask for a change; where nothing or an error comes back, again and again, or leave it at that."""
    change = journal.open(what, name)
    accepted = set(good)
    while True:
        begun = time.monotonic()
        answer = ask()
        # A page instead of the redirect that follows a change: the form was not taken.
        status = 422 if 200 <= answer.status < 400 and answer.status not in accepted else answer.status
        if "/accounts/login/" in answer.location:
            status = 401
        journal.note(change, status, begun)
        if not until_answered or 200 <= status < 500:
            return answer
        time.sleep(0.2)
