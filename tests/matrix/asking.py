"""One request of one persona, of which nothing stays: what is answered, and whose rows it would have changed."""

import base64
import binascii
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.test import Client

from licensemgr.core.tenancy.tables import tenant_tables
from tests.tenancy.rows import owner_column

TABLES = tuple(tenant_tables())
_WRITING = re.compile(r"\s*(INSERT|UPDATE|DELETE|REPLACE|TRUNCATE|WITH|MERGE|COPY)\b", re.IGNORECASE)
# How deep files in files are opened.
_DEPTH = 3


@dataclass(frozen=True)
class Ask:
    """What is asked: nothing but strings, so that two that are equal are asked once."""

    method: str
    # With its query.
    url: str
    body: str = ""
    content_type: str = "application/x-www-form-urlencoded"
    headers: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        more = "".join(f" {part[:200]}" for part in (self.body, *map(":".join, self.headers)) if part)
        return f"{self.method} {self.url}{more}"

    @property
    def said(self) -> str:
        """All that whoever asks has said: an answer that repeats it tells nothing new."""
        return readable(f"{unquote_plus(self.url)} {unquote_plus(self.body)} {self.body}".encode())


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    location: str
    headers: str
    content: bytes
    # Tables and organizations whose rows differ from before.
    changed: frozenset[tuple[str, int | None]]

    @property
    def told(self) -> str:
        """All that can be read in it, files in archives and signed texts included."""
        return f"{self.headers}\n{readable(self.content)}"

    def is_like(self, other: "Answer") -> bool:
        """Whether both tell the same."""
        return (self.status, self.location, self.content) == (other.status, other.location, other.content)


class _Quick(Client):
    """Django's test client without what it keeps of each template: that costs more than the answers."""

    def request(self, **request: Any) -> HttpResponseBase:  # type: ignore[override]
        answer: HttpResponseBase = self.handler(self._base_environ(**request))  # type: ignore[attr-defined]  # Django's types leave it out
        return answer


def ask(what: Ask, session: str = "") -> Answer:
    """The answer to one request in a transaction that is rolled back."""
    client = _Quick(raise_request_exception=False)
    if session:
        client.cookies[settings.SESSION_COOKIE_NAME] = session
    cache.clear()
    with _rolled_back(), _noticing() as written:
        response = client.generic(
            what.method, what.url, what.body.encode(), what.content_type, headers=dict(what.headers)
        )
        content = _content(response)
        changed = changes() if written else frozenset()
    headers = "\n".join(f"{name}: {value}" for name, value in response.items() if name not in ("Location",))
    location = response.get("Location", "")
    return Answer(response.status_code, location, f"{headers}\nLocation: {location}", content, changed)


def _content(response: Any) -> bytes:
    if response.streaming:
        # It closes itself at its end.
        return b"".join(response.streaming_content)
    assert isinstance(response, HttpResponse)
    return response.content


@contextmanager
def _rolled_back() -> Iterator[None]:
    block = transaction.atomic()
    # As a test case's own: views that insist on a transaction of their own run in it.
    block._from_testcase = True  # type: ignore[attr-defined]
    with block:
        yield
        transaction.set_rollback(True)


@contextmanager
def _noticing() -> Iterator[list[str]]:
    """The statements that might have changed something of a tenant."""
    written: list[str] = []

    def look(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if _WRITING.match(sql) and not written and any(each.table in sql for each in TABLES):
            written.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(look):
        yield written


def snapshot() -> dict[tuple[str, int | None], int]:
    """A digest of the rows of each organization in each tenant's table."""
    rows: dict[tuple[str, int | None], list[str]] = {}
    with connection.cursor() as cursor:
        for each in TABLES:
            column = owner_column(each)
            owner = column or "(SELECT organization_id FROM organizations_workorder o WHERE o.id = order_id)"
            cursor.execute(f"SELECT {owner}, t.* FROM {each.table} t")
            for row in cursor.fetchall():
                rows.setdefault((each.table, row[0]), []).append(repr(row[1:]))
    return {place: hash(tuple(sorted(found))) for place, found in rows.items()}


_before: dict[str, Mapping[tuple[str, int | None], int]] = {}


def remember(before: Mapping[tuple[str, int | None], int]) -> None:
    """What `changes` compares with from now on."""
    _before["world"] = before


def changes() -> frozenset[tuple[str, int | None]]:
    """Where rows came, went or differ from what was remembered."""
    now, before = snapshot(), _before["world"]
    return frozenset(place for place in now.keys() | before.keys() if now.get(place) != before.get(place))


def readable(content: bytes, depth: int = _DEPTH) -> str:
    """What a reader can make of an answer: of archives their files, of signed texts what is signed."""
    if not depth:
        return ""
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = [name + "\n" + readable(archive.read(name), depth - 1) for name in archive.namelist()]
        return "\n".join(parts)
    text = content.decode(errors="replace")
    if '"payload"' in text[:4000]:
        try:
            payload = json.loads(text)["payload"]
            text += "\n" + base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode(errors="replace")
        except (ValueError, KeyError, TypeError, binascii.Error):
            pass
    return text
