"""Work that takes long: asked for here, made by a worker (``organizations.working``), fetched here.

The apps above know how each kind is made; ``settings.WORK_KINDS`` names their one table, as the settlers of the books are
named. The database says what is due, so a task of the queue may vanish, run twice or late.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import IO, Any, cast

from django.conf import settings
from django.db import transaction
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.utils import translation
from django.utils.module_loading import import_string
from kombu.exceptions import OperationalError

from licensemgr.core import clock, mail
from organizations.access import Permission
from organizations.books import lock_organization
from organizations.errors import TooMuchWork, WorkGone, WorkNotReady
from organizations.models import Organization, User
from organizations.work_models import UNDER_WAY, WorkOrder, WorkPiece, WorkState

logger = logging.getLogger(__name__)

# The task that a worker runs at once (licensemgr/portal/tasks.py); the beat schedule runs it every minute anyway.
TASK = "portal.do_work"
# So much of one person's work in one organization may be under way.
MAXIMUM_UNDER_WAY = 10
# All pieces of a result are of this length but the last one.
PIECE_BYTES = 1024 * 1024
# From when it is ready a result can be fetched; that there was one is known for longer.
KEPT_FOR = timedelta(days=1)
REMEMBERED_FOR = timedelta(days=7)
# Somebody may be fetching it at the very end.
_GRACE = timedelta(hours=1)

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Kind:
    """A kind of work.

    ``make`` writes the result and tells how much is done, of how much; what it returns is kept as the order's ``facts``.
    ``permission`` is what the person has to be allowed when the work is done and when it is fetched. ``words`` say how much
    is done, as “3,000 of 20,412 rows”. ``fetched`` hears of each fetching, in its transaction.
    """

    permission: Permission
    title: Callable[[WorkOrder], str]
    make: Callable[[WorkOrder, IO[bytes], Progress], Mapping[str, Any] | None]
    file_name: Callable[[WorkOrder], str]
    content_type: str
    words: Callable[[int, int], str]
    fetched: Callable[[WorkOrder, date], None] | None = None


@cache
def _kinds() -> Mapping[str, Kind]:
    return cast(Mapping[str, Kind], import_string(settings.WORK_KINDS))


def kind_of(name: str) -> Kind:
    """The kind of work of that name. Raises KeyError for one that the portal does not know (any more)."""
    return _kinds()[name]


def is_known(name: str) -> bool:
    """Whether the portal knows how such work is done."""
    return name in _kinds()


def order_work(
    *, organization: Organization, person: User, kind: str, arguments: dict[str, Any], on: date
) -> WorkOrder:
    """Have a worker make a file for a person; ``on`` is the organization's today.

    The same order of the same person that is still under way is given back. Raises TooMuchWork, and KeyError for an
    unknown kind. A worker begins as soon as the caller's transaction is committed.
    """
    kind_of(kind)
    fingerprint = hashlib.sha256(json.dumps([kind, arguments], sort_keys=True).encode()).hexdigest()
    with transaction.atomic():
        # Of two who order the same at one moment the later one finds the other's.
        lock_organization(organization)
        mine = WorkOrder.objects.filter(organization=organization, person=person, state__in=UNDER_WAY)
        found = mine.filter(fingerprint=fingerprint).first()
        if found is None:
            if mine.count() >= MAXIMUM_UNDER_WAY:
                raise TooMuchWork(maximum=MAXIMUM_UNDER_WAY)
            found = WorkOrder.objects.create(
                organization=organization,
                person=person,
                kind=kind,
                arguments=arguments,
                fingerprint=fingerprint,
                language=translation.get_language() or settings.LANGUAGE_CODE,
                on=on,
                made_at=clock.real_now(),
            )
        transaction.on_commit(start_working)
    return found


def start_working() -> None:
    """Have a worker begin now. Where the queue can't be reached the next run of the beat schedule does it."""
    from licensemgr.celery import app

    try:
        app.send_task(TASK, retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("The queue can't be reached, so work that was asked for waits up to a minute: %s", error)


def work_of(organization: Organization, person: User) -> QuerySet[WorkOrder]:
    """What a person asked for in an organization, the newest first."""
    return WorkOrder.objects.filter(organization=organization, person=person).order_by("-made_at", "-pk")


def order_again(order: WorkOrder, on: date) -> WorkOrder:
    """Have the same made anew, in the place of what failed or is gone; the same order where it is under way."""
    with transaction.atomic():
        anew = order_work(
            organization=order.organization, person=order.person, kind=order.kind, arguments=order.arguments, on=on
        )
        if anew.pk != order.pk:
            remove_work(order)
    return anew


def remove_work(order: WorkOrder) -> None:
    """Forget an order with its result and its mail; a worker that has it in hand finds out and leaves it."""
    with transaction.atomic():
        _withdraw_mail(order.organization, f"{order.pk}:")
        WorkOrder.objects.filter(pk=order.pk).delete()


def fetch_result(order: WorkOrder, on: date) -> Iterator[bytes]:
    """The result, piece by piece, to be sent after the caller's transaction, in which it counts as fetched.

    A mail that was to tell of it is withdrawn. Raises WorkNotReady, WorkGone.
    """
    now = clock.real_now()
    if order.is_gone(now):
        raise WorkGone
    if not order.is_ready(now):
        raise WorkNotReady
    WorkOrder.objects.filter(pk=order.pk).update(fetched_at=now)
    _withdraw_mail(order.organization, f"{order.pk}:")
    fetched = kind_of(order.kind).fetched
    if fetched is not None:
        fetched(order, on)
    return _pieces(order)


def _pieces(order: WorkOrder) -> Iterator[bytes]:
    for number in range(-(-order.size // PIECE_BYTES)):
        yield bytes(WorkPiece.objects.values_list("data", flat=True).get(order=order.pk, number=number))


def mail_reason(order: WorkOrder) -> str:
    """Under what the mail that tells of a result stands in the outbox."""
    return f"work:{order.pk}:{order.person_id}"


def _withdraw_mail(organization: Organization, beginning: str) -> None:
    waiting = mail.waiting_messages(organization, (f"work:{beginning}",))
    mail.withdraw_messages([pk for pk, _reason in waiting])


def withdraw_work_mail(organization: Organization, person: User) -> None:
    """Let a person who is no member any more get no mail about work."""
    waiting = mail.waiting_messages(organization, ("work:",))
    mail.withdraw_messages([pk for pk, reason in waiting if reason.endswith(f":{person.pk}")])


@dataclass(frozen=True)
class WorkCounts:
    """What the top bar says of a person's work in an organization."""

    under_way: int
    # Ready and not fetched yet.
    ready: int
    failed: int
    # The one that ended last, among those that are ready or failed: it is announced once.
    latest: int | None

    @property
    def is_any(self) -> bool:
        """Whether there is something to say."""
        return bool(self.under_way or self.ready or self.failed)


def count_work(organization: Organization, person: User) -> WorkCounts:
    """What the top bar says, in one query of its own."""
    waiting, failed, under_way = _told(clock.real_now())
    found = WorkOrder.objects.filter(organization=organization, person=person)
    counts = found.aggregate(
        under_way=Count("pk", filter=under_way), ready=Count("pk", filter=waiting), failed=Count("pk", filter=failed)
    )
    latest = found.filter(waiting | failed).order_by("-finished_at", "-pk").values_list("pk", flat=True)[:1]
    return WorkCounts(**counts, latest=next(iter(latest), None))


def _told(at: datetime) -> tuple[Q, Q, Q]:
    """Which orders are ready and not fetched, which failed, which are under way."""
    ready = Q(state=WorkState.DONE, fetched_at=None, kept_until__gt=at)
    return ready, Q(state=WorkState.FAILED), Q(state__in=UNDER_WAY)


def counted_with(organization: str, person: str) -> dict[str, Subquery]:
    """The numbers of `WorkCounts` to be asked for with rows that name an organization and a person: no query more."""
    ready, failed, under_way = _told(clock.real_now())
    found = WorkOrder.objects.filter(organization=OuterRef(organization), person=OuterRef(person))

    def number(which: Q) -> Subquery:
        return Subquery(found.filter(which).order_by().values("organization").annotate(n=Count("pk")).values("n"))

    return {
        "work_under_way": number(under_way),
        "work_ready": number(ready),
        "work_failed": number(failed),
        "work_latest": Subquery(found.filter(ready | failed).order_by("-finished_at", "-pk").values("pk")[:1]),
    }


def counts_of(row: Any) -> WorkCounts:
    """What a row says that was asked `counted_with`."""
    return WorkCounts(row.work_under_way or 0, row.work_ready or 0, row.work_failed or 0, row.work_latest)


def forget_old_work() -> None:
    """Delete results whose day is over, and orders of which nothing has to be known any more."""
    now = clock.real_now()
    over = WorkOrder.objects.filter(state=WorkState.DONE, kept_until__lte=now - _GRACE)
    for pk in list(over.values_list("pk", flat=True)):
        with transaction.atomic():
            WorkPiece.objects.filter(order=pk).delete()
            WorkOrder.objects.filter(pk=pk).update(state=WorkState.EXPIRED)
    WorkOrder.objects.filter(
        state__in=(WorkState.FAILED, WorkState.EXPIRED), made_at__lte=now - REMEMBERED_FOR
    ).delete()
