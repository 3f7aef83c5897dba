"""What may be read on a copy of the database that runs behind it: History, and exports. Never who may do what.

The copy is PostgreSQL's streaming replica (REPLICA_DATABASE_URL). Whoever reads there came through the door on the primary
before. It serves an organization when it holds that organization's newest record of History, and with it all that the record
tells of, so that nobody misses what they just did; and when it heard from the primary lately. Else, and wherever the replica
does not answer, the primary is read: slower perhaps, never wrong. Rows are kept apart there as on the primary: the same role
and organization are set in its one transaction, which sees all at one moment and writes nothing.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar, cast

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from history.models import HistoryHead
from licensemgr.core import metrics
from licensemgr.core.reading import begins_as_reading
from licensemgr.core.tenancy import Part, acting_now

if TYPE_CHECKING:
    from organizations.models import Organization

logger = logging.getLogger(__name__)
REPLICA = "replica"
# The apps whose tables are read there. People, memberships, grants, what a person chose and sessions are none of them.
READ_THERE = frozenset({"history", "products", "wallet", "subscriptions", "hardware"})
# So long nobody asks a replica that did not answer.
_LEFT_ALONE = 30.0
_BEHIND = "SELECT pg_is_in_recovery(), EXTRACT(EPOCH FROM clock_timestamp() - pg_last_xact_replay_timestamp())"

_T = TypeVar("_T")


class Router:
    """Where a query goes: to the primary, but for what is read within `from_replica`."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return REPLICA if _state.is_reading and model._meta.app_label in READ_THERE else DEFAULT_DB_ALIAS

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, first: Any, second: Any, **hints: Any) -> bool:
        """It is one set of rows, wherever each was read."""
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == DEFAULT_DB_ALIAS


class _State(threading.local):
    is_reading = False


class _Health:
    """What this process knows of the replica, so that a page does not wait for one that is away."""

    def __init__(self) -> None:
        self._alone_until = 0.0
        self._was = "replica"

    @property
    def is_left_alone(self) -> bool:
        return time.monotonic() < self._alone_until

    def leave_alone(self) -> None:
        self._alone_until = time.monotonic() + _LEFT_ALONE

    def note(self, outcome: str, why: object = "") -> None:
        """Count where was read; log when that changes, and never at each page."""
        metrics.REPLICA_READS.labels(outcome).inc()
        if outcome != self._was:
            self._was = outcome
            if outcome == "replica":
                logger.info("The replica of the database is read again.")
            else:
                logger.warning(
                    "The primary database is read in the place of its replica, which is %s: %s", outcome, why
                )


_state = _State()
_health = _Health()


@contextlib.contextmanager
def from_replica(organization: "Organization") -> Iterator[bool]:
    """What is read within of one organization's books comes from the replica, if it can serve; yields whether it does.

    Nothing may be written to the books within. Whoever stands for nobody, or for others, reads the primary.
    """
    if _state.is_reading or not _can_serve(organization):
        yield _state.is_reading
        return
    replica = connections[REPLICA]
    _state.is_reading = True
    try:
        with _transaction(replica):
            yield True
    except (OperationalError, InterfaceError) as error:
        _health.leave_alone()
        _health.note("down", error)
        raise
    finally:
        _state.is_reading = False


def read(organization: "Organization", work: Callable[[], _T]) -> _T:
    """What ``work`` makes of what it reads; on the primary once more where the replica failed on the way."""
    try:
        with from_replica(organization):
            return work()
    except (OperationalError, InterfaceError):
        if not _health.is_left_alone:
            raise
    return work()


def streamed(organization: "Organization", pieces: Iterable[_T]) -> Iterator[_T]:
    """The pieces of an answer that is made while it is sent, read from the replica if it can serve when the first one is."""
    with from_replica(organization):
        yield from pieces


def _can_serve(organization: "Organization") -> bool:
    now = acting_now()
    if REPLICA not in settings.DATABASES or now is None:
        return False
    if now.part is not Part.TENANT or now.organizations != (organization.pk,) or _health.is_left_alone:
        return False
    heads = HistoryHead.objects.filter(organization=organization.pk).values_list("last_sequence", flat=True)
    newest = heads.using(DEFAULT_DB_ALIAS).first() or 0
    replica = connections[REPLICA]
    try:
        with _transaction(replica):
            why = _why_behind(replica) or _what_it_lacks(newest, heads.using(REPLICA).first() or 0)
    except DatabaseError as error:
        replica.close()
        _health.leave_alone()
        _health.note("down", error)
        return False
    _health.note("behind" if why else "replica", why)
    return not why


@contextlib.contextmanager
def _transaction(replica: BaseDatabaseWrapper) -> Iterator[None]:
    """One transaction on the replica, for whom the primary's is, that reads at one moment."""
    replica.ensure_connection()
    with (
        cast(Any, replica).acting_as(acting_now()),
        begins_as_reading(replica),
        transaction.atomic(using=REPLICA),
    ):
        yield


def _why_behind(replica: BaseDatabaseWrapper) -> str:
    """Why it is too far behind the primary, whatever is asked of it; empty where it is not."""
    with replica.cursor() as cursor:
        cursor.execute(_BEHIND)
        is_replica, seconds = cursor.fetchone()
    if not is_replica:
        return "REPLICA_DATABASE_URL names a database that is no replica"
    if seconds is None or seconds > settings.REPLICA_MAX_LAG_SECONDS:
        return f"it heard from the primary {'never' if seconds is None else f'{seconds:.0f} seconds ago'}"
    return ""


def _what_it_lacks(newest: int, there: int) -> str:
    return f"it holds {there} records of an organization, of {newest}" if there < newest else ""
