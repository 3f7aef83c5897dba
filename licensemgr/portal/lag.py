"""Whether the jobs keep up: their last runs, the organizations that wait for them, mail and webhooks that wait (R2, R3)."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from licensemgr.core import clock
from licensemgr.core.mail import MAXIMUM_ATTEMPTS
from licensemgr.core.models import ClockReading, JobRun, OutboxMessage
from licensemgr.shop.models import WebhookDelivery
from organizations.models import Organization

_RUNS_SHOWN = 14
_SHOWN = 20


@dataclass(frozen=True)
class Behind:
    """An organization for which something was due before its today, and is not written down."""

    organization: Organization
    due_on: date
    today: date

    @property
    def days(self) -> int:
        return (self.today - self.due_on).days


@dataclass(frozen=True)
class Outbox:
    """The mail that waits. ``failing`` was refused by the mail server at least once and is tried again.

    ``withdrawn`` was of no use any more before it was sent: nothing is wrong with it.
    """

    waiting: int
    oldest: OutboxMessage | None
    failing: int
    given_up: int
    withdrawn: int
    # The messages that failed last, the newest first.
    failures: tuple[OutboxMessage, ...]


@dataclass(frozen=True)
class Webhooks:
    """The deliveries to the vendor's shop that wait; those of webhooks that are off wait for nothing, and do not count.

    ``failing`` were tried at least once and are tried again.
    """

    waiting: int
    oldest: WebhookDelivery | None
    failing: int
    given_up: int


@dataclass(frozen=True)
class Lag:
    """How far the jobs are behind."""

    now: datetime
    # The latest date to which any organization was brought; None where none was.
    clock_reading: date | None
    runs: tuple[JobRun, ...]
    behind: int
    oldest: tuple[Behind, ...]
    outbox: Outbox
    webhooks: Webhooks

    @property
    def oldest_mail_hours(self) -> int:
        """The whole hours since the oldest mail that waits was written."""
        return _hours_since(self.outbox.oldest.written_at) if self.outbox.oldest else 0

    @property
    def oldest_webhook_hours(self) -> int:
        """The whole hours since the oldest event happened whose delivery waits."""
        return _hours_since(self.webhooks.oldest.event.happened_at) if self.webhooks.oldest else 0


def _hours_since(instant: datetime) -> int:
    return int((clock.real_now() - instant) / timedelta(hours=1))


def lag() -> Lag:
    """How the jobs stand now."""
    now = clock.now()
    # No time zone is further ahead than the day after UTC's; each is then asked for its own today.
    candidates = Organization.objects.filter(next_due_on__lte=now.date()).order_by("next_due_on", "pk")
    behind = [
        Behind(organization, organization.next_due_on, today)
        for organization in candidates
        if organization.next_due_on is not None and organization.next_due_on < (today := clock.today(organization))
    ]
    reading = ClockReading.objects.filter(pk=1).first()
    return Lag(
        now=now,
        clock_reading=reading.latest if reading else None,
        runs=tuple(JobRun.objects.order_by("-business_date", "-pk")[:_RUNS_SHOWN]),
        behind=len(behind),
        oldest=tuple(behind[:_SHOWN]),
        outbox=mail_that_waits(),
        webhooks=webhooks_that_wait(),
    )


def mail_that_waits() -> Outbox:
    unsent = OutboxMessage.objects.filter(sent_at=None)
    wanted = unsent.filter(withdrawn_at=None)
    waiting = wanted.filter(attempts__lt=MAXIMUM_ATTEMPTS)
    return Outbox(
        waiting=waiting.count(),
        oldest=waiting.order_by("written_at", "pk").first(),
        failing=waiting.filter(attempts__gt=0).count(),
        given_up=wanted.filter(attempts__gte=MAXIMUM_ATTEMPTS).count(),
        withdrawn=unsent.filter(withdrawn_at__isnull=False).count(),
        failures=tuple(wanted.filter(attempts__gt=0).order_by("-pk")[:_SHOWN]),
    )


def webhooks_that_wait() -> Webhooks:
    waiting = WebhookDelivery.objects.filter(state=WebhookDelivery.State.WAITING, endpoint__is_on=True)
    return Webhooks(
        waiting=waiting.count(),
        oldest=waiting.select_related("event").order_by("event__happened_at", "pk").first(),
        failing=waiting.filter(attempts__gt=0).count(),
        given_up=WebhookDelivery.objects.filter(state=WebhookDelivery.State.GIVEN_UP).count(),
    )
