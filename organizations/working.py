"""The worker's part of work that takes long: claim an order, make its result, keep it in pieces, tell whoever asked.

An order is claimed by a conditional update, for a minute that is renewed while somebody works on it. Where a worker was
killed another one goes on once the minute is over, anew from the beginning: what the first one kept is thrown away.
"""

import contextlib
import logging
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import IO, Any, cast

from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Greatest
from django.http import Http404
from django.utils import translation

from licensemgr.core import clock, mail
from licensemgr.core.errors import Refused
from licensemgr.core.tenancy import Part, acting, acting_for
from licensemgr.core.worded import gettext as _
from organizations.access import may
from organizations.models import Membership
from organizations.notices import portal_link, render
from organizations.work import KEPT_FOR, PIECE_BYTES, Kind, kind_of, mail_reason
from organizations.work_models import WorkOrder, WorkPiece, WorkState

logger = logging.getLogger(__name__)

MAXIMUM_ATTEMPTS = 3
# So long nobody else touches an order; it is renewed well before, but never for longer than the second.
CLAIMED_FOR = timedelta(minutes=1)
RENEWED_EVERY = timedelta(seconds=20)
LONGEST = timedelta(hours=2)
# So many are made at one time, so that mail and settling never wait for all workers to be free.
AT_ONCE = 2
# After a failure of the portal's own, before the next attempt.
RETRY_AFTER = timedelta(minutes=1)
# Whoever waited for longer than this is told by mail.
MAILED_AFTER = timedelta(minutes=1)
# How far it is is written down no more often, in seconds.
TOLD_EVERY = 0.5
# So many that are due are looked at for one to claim.
_LOOKED_AT = 20


class ClaimLost(Exception):
    """Another worker has the order in hand, or it was removed: nothing of it may be written here any more."""


class ResultNotKept(Exception):
    """The database did not take a piece of the result."""


class NoLongerAllowed(Refused):
    """Whoever asked for the work may not have its result any more (R31)."""

    code = "no longer allowed"
    status = 403

    def __init__(self) -> None:
        super().__init__(
            _(
                "You may not do this in the organization any more, so no file was made. Ask one of its administrators if you "
                "still need it."
            )
        )


def do_work() -> int:
    """Make what is due, one after another; returns how many results were made. It may run at any time, many times at once."""
    made = 0
    while (order := claim_next()) is not None:
        made += work_on(order)
    return made


@acting(Part.UPKEEP)
def claim_next() -> WorkOrder | None:
    """Take the order in hand that waits longest; None where nothing is due, or enough is being made."""
    now = clock.real_now()
    in_hand = WorkOrder.objects.filter(state=WorkState.RUNNING, claimed_until__gt=now)
    if in_hand.count() >= AT_ONCE:
        return None
    due = WorkOrder.objects.filter(
        Q(state=WorkState.QUEUED) & (Q(claimed_until=None) | Q(claimed_until__lte=now))
        | Q(state=WorkState.RUNNING, claimed_until__lte=now)
    )
    for pk in list(due.order_by("made_at", "pk").values_list("pk", flat=True)[:_LOOKED_AT]):
        order = _claim(due.filter(pk=pk), pk)
        if order is not None:
            return order
    return None


def _claim(due: QuerySet[WorkOrder], pk: int) -> WorkOrder | None:
    """Claim an order if it is still due: of several workers the first one has it."""
    now = clock.real_now()
    with transaction.atomic():
        # Its worker ended without a word each time, so the next one would, too.
        if due.filter(attempts__gte=MAXIMUM_ATTEMPTS).update(
            state=WorkState.FAILED, sentence=_stopped(), finished_at=now, claim=None, claimed_until=None
        ):
            WorkPiece.objects.filter(order=pk).delete()
            return None
        claimed = due.update(
            state=WorkState.RUNNING,
            claim=uuid.uuid4(),
            claimed_until=now + CLAIMED_FOR,
            attempts=F("attempts") + 1,
            started_at=Coalesce("started_at", Value(now)),
        )
        if not claimed:
            return None
        WorkPiece.objects.filter(order=pk).delete()
        order = WorkOrder.objects.select_related("organization", "person").get(pk=pk)
        # What it is made of is as of the day on which it is made (R1).
        order.on = clock.today(order.organization)
        order.save(update_fields=["on"])
        return order


def work_on(order: WorkOrder) -> bool:
    """Make the result of an order that was claimed; returns whether it is ready. What goes wrong is said on its page."""
    with acting(Part.TENANT, organizations=[order.organization_id], person=order.person_id):
        return _work_on(order)


def _work_on(order: WorkOrder) -> bool:
    with translation.override(order.language), _renewed(order):
        try:
            _make(order)
        except ClaimLost:
            return False
        except Refused as refused:
            return _end_badly(order, refused.sentence, is_final=True)
        except Http404:
            return _end_badly(order, _not_there(), is_final=True)
        except (ResultNotKept, DatabaseError, OSError):
            logger.exception("The result of work order %s could not be written down.", order.pk)
            return _end_badly(order, _not_written())
        except Exception:
            logger.exception("Work order %s failed by a fault of the portal.", order.pk)
            return _end_badly(order, _portal_failed())
    return True


def _make(order: WorkOrder) -> None:
    kind = kind_of(order.kind)
    _require_allowed(order, kind)
    result = Result(order)
    facts = kind.make(order, cast(IO[bytes], result), _Told(order))
    result.end()
    _finish(order, kind, result.size, dict(facts or {}))


def _require_allowed(order: WorkOrder, kind: Kind) -> None:
    """Raises NoLongerAllowed unless the person may still have what was asked for (R30, R31)."""
    membership = Membership.objects.filter(
        user=order.person, user__is_active=True, organization=order.organization, organization__closed_on=None
    ).first()
    if membership is None or not may(membership, kind.permission):
        raise NoLongerAllowed


def _mine(order: WorkOrder) -> QuerySet[WorkOrder]:
    """The order, while this worker's claim is the one that counts."""
    return WorkOrder.objects.filter(pk=order.pk, state=WorkState.RUNNING, claim=order.claim)


class Result:
    """A file that can only be written to: what comes is kept in the database, piece by piece, while the claim counts."""

    def __init__(self, order: WorkOrder) -> None:
        self._order = order
        self._begun = bytearray()
        self._number = 0
        self.size = 0

    def write(self, data: bytes) -> int:
        """Keep the next bytes. Raises ClaimLost, ResultNotKept."""
        self._begun += data
        self.size += len(data)
        while len(self._begun) >= PIECE_BYTES:
            self._keep(bytes(self._begun[:PIECE_BYTES]))
            del self._begun[:PIECE_BYTES]
        return len(data)

    def flush(self) -> None:
        """Whole pieces are kept as they come; the last one waits for the end."""

    def end(self) -> None:
        """There are no more bytes."""
        if self._begun:
            self._keep(bytes(self._begun))
        self._begun.clear()

    def _keep(self, piece: bytes) -> None:
        try:
            with transaction.atomic():
                # Locks the order's row, too: nobody takes it over between this and the piece.
                if not _mine(self._order).update(claimed_until=clock.real_now() + CLAIMED_FOR):
                    raise ClaimLost
                WorkPiece.objects.create(order=self._order, number=self._number, data=piece)
        except DatabaseError as error:
            raise ResultNotKept from error
        self._number += 1


class _Told:
    """Writes down how much is done. What is shown never goes back, whoever began anew."""

    def __init__(self, order: WorkOrder) -> None:
        self._order = order
        self._last: float | None = None

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self._last is not None and done < total and now - self._last < TOLD_EVERY:
            return
        self._last = now
        told = _mine(self._order).update(
            done=Greatest(F("done"), Value(done)),
            total=Greatest(F("total"), Value(total)),
            claimed_until=clock.real_now() + CLAIMED_FOR,
        )
        if not told:
            raise ClaimLost


@contextlib.contextmanager
def _renewed(order: WorkOrder) -> Iterator[None]:
    """Renew the claim while within, even where nothing is told and no piece is kept for a while."""
    over = threading.Event()
    ends = time.monotonic() + LONGEST.total_seconds()

    def renew() -> None:
        while not over.wait(RENEWED_EVERY.total_seconds()) and time.monotonic() < ends:
            try:
                with acting_for(order.organization_id):
                    _mine(order).update(claimed_until=clock.real_now() + CLAIMED_FOR)
            except DatabaseError as error:
                logger.warning("The claim of work order %s could not be renewed: %s", order.pk, error)
            finally:
                connection.close()

    thread = threading.Thread(target=renew, name=f"work-{order.pk}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _finish(order: WorkOrder, kind: Kind, size: int, facts: dict[str, Any]) -> None:
    now = clock.real_now()
    with transaction.atomic():
        finished = _mine(order).update(
            state=WorkState.DONE,
            total=Greatest(F("total"), F("done")),
            done=Greatest(F("total"), F("done")),
            finished_at=now,
            kept_until=now + KEPT_FOR,
            size=size,
            facts=facts,
            claim=None,
            claimed_until=None,
        )
        if not finished:
            raise ClaimLost
        if now - order.made_at > MAILED_AFTER:
            _write_mail(order, kind)


def _write_mail(order: WorkOrder, kind: Kind) -> None:
    """Tell whoever waited for long that the file is there; withdrawn where it is fetched before (`fetch_result`)."""
    title = kind.title(order)
    text, html = render(
        "work",
        {
            "title": title,
            "organization": order.organization,
            "link": portal_link(_("Downloads"), "work", order.organization.slug),
        },
    )
    mail.write_message(
        organization=order.organization,
        recipient=order.person.email,
        subject=_("Ready to download: %(title)s – %(organization)s")
        % {"title": title, "organization": order.organization.name},
        body_text=text,
        body_html=html,
        reason=mail_reason(order),
        on=order.on,
        useful_until=order.on + KEPT_FOR,
    )


def _end_badly(order: WorkOrder, sentence: str, *, is_final: bool = False) -> bool:
    """Say why it failed; unless that is final, or it was the last attempt, it is tried again a little later."""
    now = clock.real_now()
    is_final = is_final or order.attempts >= MAXIMUM_ATTEMPTS
    try:
        with transaction.atomic():
            if is_final:
                ended = _mine(order).update(
                    state=WorkState.FAILED, sentence=sentence, finished_at=now, claim=None, claimed_until=None
                )
            else:
                ended = _mine(order).update(state=WorkState.QUEUED, claim=None, claimed_until=now + RETRY_AFTER)
            if ended:
                WorkPiece.objects.filter(order=order.pk).delete()
    except DatabaseError:
        # The claim runs out by itself, and then somebody tries again.
        logger.exception("It could not be written down that work order %s failed.", order.pk)
    return False


def _not_there() -> str:
    return _("What this file was to be made of is not there any more, so no file was made. Nothing was changed.")


def _stopped() -> str:
    return _(
        "The portal was stopped while it made this file, three times. Nothing was changed. Try again; if it stays so, ask "
        "whoever runs the portal."
    )


def _not_written() -> str:
    return _(
        "The portal made this file and had no room to keep it, or its database did not answer. Nothing was changed. Try again "
        "later; if it stays so, ask whoever runs the portal."
    )


def _portal_failed() -> str:
    return _(
        "The portal failed at this file, and whoever runs it finds the reason in its log. Nothing was changed. Try again; if "
        "it stays so, ask them."
    )
