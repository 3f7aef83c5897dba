"""In whose name statements are made: PostgreSQL's row level security under the application's own doors (R30).

Each statement runs in the role of a `Part` of the portal, with the organizations whose rows it may touch. Role and
organizations are set with SET LOCAL at the beginning of each transaction, so that they end with it and a pooler between may
give the connection to anybody. Where nobody said for whom, there is no row. SQLite has none of this: there the application's
own doors stand alone. `tables` says which tables are a tenant's, `grants` what each part may do, `applying` writes it down.
"""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar, cast

from django.conf import settings
from django.db import connection
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase

_Response = TypeVar("_Response", bound=HttpResponseBase)


class Part(StrEnum):
    """A part of the portal that has a role of its own in the database."""

    # What the portal signs in as: sessions, people and second factors, public pages. No row of any tenant.
    WEB = "web"
    # What is done for organizations, or seen by a person: their rows alone.
    TENANT = "tenant"
    # Finds out to whom something belongs (a key, a serial number, a link, a slug), and serves the vendor's shop.
    REGISTRY = "registry"
    # Jobs that look at all organizations for what is due or over; erasing a person who left.
    UPKEEP = "upkeep"
    # The admin site.
    STAFF = "staff"

    @property
    def role(self) -> str:
        """The role's name in the database."""
        return f"{settings.DATABASE_ROLES}_{self.value}"


@dataclass(frozen=True)
class Acting:
    """As which part statements are made, for which organizations, and for which person."""

    part: Part
    organizations: tuple[int, ...] = ()
    person: int | None = None


class _Connection(Protocol):
    """What `licensemgr.core.postgresql` adds to Django's connection."""

    @property
    def acting(self) -> Acting | None: ...

    def acting_as(self, acting: Acting) -> contextlib.AbstractContextManager[None]: ...


@contextlib.contextmanager
def acting(part: Part, *, organizations: Iterable[int] = (), person: int | None = None) -> Iterator[None]:
    """Every statement within is made as ``part``, for these organizations and this person, and for nobody else.

    It opens no transaction: each that is opened within begins with it, and a statement outside of any gets one of its own.
    """
    if connection.vendor != "postgresql":
        yield
        return
    with cast(_Connection, connection).acting_as(Acting(part, tuple(organizations), person)):
        yield


@contextlib.contextmanager
def acting_for(organization: int) -> Iterator[None]:
    """What is done within is done for one organization; the person for whom it was done before stays."""
    now = cast(_Connection, connection).acting if connection.vendor == "postgresql" else None
    with acting(Part.TENANT, organizations=[organization], person=now.person if now else None):
        yield


def sent_as_now(response: _Response) -> _Response:
    """An answer whose content is made while it is sent, after the door's transaction, is made as what is acting now."""
    now = acting_now()
    if response.streaming and now is not None:
        sent = cast(StreamingHttpResponse, response)
        sent.streaming_content = _each_as(now, iter(sent.streaming_content))  # type: ignore[arg-type]  # none is asynchronous
    return response


def _each_as(now: Acting, pieces: Iterator[bytes]) -> Iterator[bytes]:
    while True:
        with cast(_Connection, connection).acting_as(now):
            try:
                piece = next(pieces)
            except StopIteration:
                return
        yield piece


def acting_now() -> Acting | None:
    """As what statements are made now; None for what the connection signed in as, and on SQLite."""
    return cast(_Connection, connection).acting if connection.vendor == "postgresql" else None
