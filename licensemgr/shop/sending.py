"""Deliveries of webhooks: signed, tried until they are taken or given up, each by one worker at a time.

A run asks the webhooks in turn, one delivery each, several webhooks at a time. One that does not answer at all is left alone for
the rest of the run, so that it takes the time of one try from the others and no more.
"""

import base64
import hashlib
import hmac
import json
import logging
import ssl
import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Min, Q, QuerySet

from licensemgr.core import clock
from licensemgr.core.errors import Refused
from licensemgr.core.sealing import SealBroken
from licensemgr.core.tenancy import Part, acting
from licensemgr.core.worded import gettext as _
from licensemgr.shop.addresses import target_of
from licensemgr.shop.endpoints import EndpointIsOff, secret_of
from licensemgr.shop.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookEvent
from licensemgr.shop.posting import TIME_LIMIT, Answer, post

logger = logging.getLogger(__name__)

# How long after each try that failed the next one is due; after the last of them it is given up.
RETRIES = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
    timedelta(hours=12),
    timedelta(hours=24),
)
# For so long a delivery is a worker's own: much longer than a try takes, so that only a killed worker's runs out.
CLAIMED_FOR = timedelta(minutes=1)
# Within one run: webhooks that are asked at the same time, tries, and seconds within which the last one begins.
AT_ONCE = 8
TRIES_A_RUN = 1000
SECONDS_A_RUN = 8.0
# So long events, their deliveries and tries are kept.
KEPT = timedelta(days=90)

WAITING, DELIVERED, GIVEN_UP = (
    WebhookDelivery.State.WAITING,
    WebhookDelivery.State.DELIVERED,
    WebhookDelivery.State.GIVEN_UP,
)


class ReplayRefused(Refused):
    """A delivery can't be sent again at this moment."""

    code = "replay"


@dataclass(frozen=True)
class Message:
    """What is sent: the bytes that are signed, and the headers that prove them."""

    body: bytes
    headers: dict[str, str]


def message_of(event: WebhookEvent, secret: bytes, at: datetime) -> Message:
    """The event as it is sent at that instant, signed by the convention of Standard Webhooks. Its body is always the same."""
    body = json.dumps(event.payload, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    stamp = str(int(at.timestamp()))
    signed = b".".join((str(event.event_id).encode(), stamp.encode(), body))
    signature = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "License-Manager",
        "webhook-id": str(event.event_id),
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{signature}",
    }
    return Message(body, headers)


def due_deliveries(at: datetime) -> "QuerySet[WebhookDelivery]":
    """The deliveries that are to be tried by that instant and that no worker has in hand."""
    return WebhookDelivery.objects.filter(
        _not_in_hand(at), state=WAITING, next_attempt_at__lte=at, endpoint__is_on=True
    )


@acting(Part.UPKEEP)
def send_webhooks(*, trust: ssl.SSLContext | None = None, within: float = TIME_LIMIT) -> int:
    """Try what is due, within the bounds of a run; returns how many deliveries were taken.

    ``trust`` says whose certificates are believed, by default those that this machine believes; ``within`` is how many seconds
    a try may take. Whatever goes wrong is on the delivery's page.
    """
    line = _endpoints_in_turn()
    if not line:
        return 0
    trust = trust or ssl.create_default_context()
    ends = time.monotonic() + SECONDS_A_RUN
    tries = taken = 0
    under_way: dict[Future[Answer], WebhookDelivery] = {}
    # The threads ask and touch no database: claims and results are this thread's.
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhook") as threads:
        while True:
            while line and len(under_way) < AT_ONCE and tries < TRIES_A_RUN and time.monotonic() < ends:
                delivery = _claim_next(line.popleft())
                if delivery is not None:
                    under_way[threads.submit(_try, delivery, clock.real_now(), trust, within)] = delivery
                    tries += 1
            if not under_way:
                return taken
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                delivery, answer = under_way.pop(future), future.result()
                taken += _write_down(delivery, answer)
                if answer.status is not None:
                    line.append(delivery.endpoint_id)


def replay(delivery: WebhookDelivery) -> None:
    """Let a delivery be sent again, under the same id, as if it had not been tried yet; one that waits is tried at once.

    Raises EndpointIsOff, and ReplayRefused while a worker has it in hand.
    """
    if not delivery.endpoint.is_on:
        raise EndpointIsOff(delivery.endpoint)
    now = clock.real_now()
    done = WebhookDelivery.objects.filter(_not_in_hand(now), pk=delivery.pk).update(
        state=WAITING, attempts=0, next_attempt_at=now, delivered_at=None, claimed_until=None
    )
    if not done:
        raise ReplayRefused(
            _("This delivery is being sent at this moment. Nothing was changed; see in a minute what came of it.")
        )


def forget_old_events() -> None:
    """Delete events that happened longer than KEPT ago, with their deliveries and tries."""
    old = clock.real_now() - KEPT
    with transaction.atomic():
        WebhookAttempt.objects.filter(delivery__event__happened_at__lt=old).delete()
        WebhookDelivery.objects.filter(event__happened_at__lt=old).delete()
        WebhookEvent.objects.filter(happened_at__lt=old).delete()


def _not_in_hand(at: datetime) -> Q:
    return Q(claimed_until=None) | Q(claimed_until__lte=at)


def _endpoints_in_turn() -> deque[int]:
    """The webhooks for which something is due, beginning with the one that waits longest."""
    due = due_deliveries(clock.real_now()).order_by().values("endpoint_id").annotate(since=Min("next_attempt_at"))
    return deque(due.order_by("since", "endpoint_id").values_list("endpoint_id", flat=True))


def _claim_next(endpoint_id: int) -> WebhookDelivery | None:
    """Take the next delivery of a webhook in hand, by a conditional update, so that no lock is held while it is sent."""
    now = clock.real_now()
    due = due_deliveries(now).filter(endpoint_id=endpoint_id).order_by("next_attempt_at", "pk")
    for pk in list(due.values_list("pk", flat=True)[:AT_ONCE]):
        mine = WebhookDelivery.objects.filter(_not_in_hand(now), pk=pk, state=WAITING, next_attempt_at__lte=now)
        if mine.update(claimed_until=now + CLAIMED_FOR):
            return WebhookDelivery.objects.select_related("endpoint", "event").get(pk=pk)
    return None


def _try(delivery: WebhookDelivery, at: datetime, trust: ssl.SSLContext, within: float) -> Answer:
    try:
        message = message_of(delivery.event, secret_of(delivery.endpoint), at)
        return post(target_of(delivery.endpoint.url), message.body, message.headers, trust=trust, within=within)
    except SealBroken:
        sentence = _(
            "Nothing was sent: the secret can't be read, as ENCRYPTION_SECRET is another one. Make a new secret."
        )
        return Answer(None, sentence, 0)
    except Refused as refused:
        return Answer(None, str(refused.sentence), 0)
    except Exception:  # one delivery that can't be sent keeps no other one waiting
        logger.exception("The webhook delivery %s failed by a fault of the portal.", delivery.pk)
        return Answer(None, _("Nothing was sent because of a fault of the portal; its log says more."), 0)


def _write_down(delivery: WebhookDelivery, answer: Answer) -> bool:
    """Write down a try and what follows from it; returns whether the delivery was taken."""
    now = clock.real_now()
    problem = _problem(answer)
    with transaction.atomic():
        row = WebhookDelivery.objects.select_for_update().filter(pk=delivery.pk).first()
        if row is None:
            return False
        WebhookAttempt.objects.create(
            delivery=row, at=now, status=answer.status, problem=problem, milliseconds=answer.milliseconds
        )
        if row.claimed_until != delivery.claimed_until:
            # It took so long that another worker has it in hand by now: what becomes of it is that one's to say.
            return False
        row.claimed_until = None
        row.attempts += 1
        if not problem:
            row.state, row.delivered_at = DELIVERED, now
        elif answer.status == 410 or row.attempts > len(RETRIES):
            row.state = GIVEN_UP
        else:
            row.next_attempt_at = now + RETRIES[row.attempts - 1]
        row.save(update_fields=["claimed_until", "attempts", "state", "delivered_at", "next_attempt_at"])
        if answer.status == 410:
            # Unless it was given another address meanwhile.
            WebhookEndpoint.objects.filter(pk=row.endpoint_id, is_on=True, url=delivery.endpoint.url).update(
                is_on=False, off_because=problem
            )
    return not problem


def _problem(answer: Answer) -> str:
    """Why the answer is no success, in a sentence; empty where it is one."""
    status = answer.status
    if status is None:
        return answer.problem
    if 200 <= status < 300:
        return ""
    if status == 410:
        return _("It answered 410: nobody wants events there any more. The webhook was turned off.")
    if 300 <= status < 400:
        return _("It answered with a redirect (%(status)d), which is not followed.") % {"status": status}
    return _("It answered with %(status)d.") % {"status": status}
