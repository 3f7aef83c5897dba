"""The course of an exceeded growth allowance (R12): how a product grew, month by month, and whom that was told."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Q

from history.models import Action, Record
from licensemgr.core.models import OutboxMessage
from products.models import DeviceCount, LicenseBasis, RegisteredProduct
from subscriptions.notices import About, months_after
from subscriptions.queries import ProductStanding, product_standing


@dataclass(frozen=True)
class Event:
    """The allowance was exceeded, or kept again."""

    on: date
    label: str
    # What was missing, per type code, when it was exceeded.
    missing: Mapping[str, int]


@dataclass(frozen=True)
class Month:
    """One month of the subscription year, its last one up to today: the devices at its end, and what happened in it."""

    first: date
    last: date
    devices: Mapping[str, int]
    events: tuple[Event, ...]

    @property
    def devices_total(self) -> int:
        return sum(self.devices.values())


@dataclass(frozen=True)
class Told:
    """A mail about it: when it was due, to whom, and when it was handed to the mail server."""

    on: date
    recipient: str
    sent_at: datetime | None
    last_error: str


@dataclass(frozen=True)
class Course:
    """How a product came to be where it stands in its current subscription year."""

    standing: ProductStanding
    months: tuple[Month, ...]
    told: tuple[Told, ...]


def course_of(registered_product: RegisteredProduct, on: date) -> Course:
    """The course of the current subscription year up to ``on``; without months before a subscription has started."""
    standing = product_standing(registered_product, on)
    if standing.current is None or standing.started_on is None:
        return Course(standing, (), ())
    since = max(standing.current.year.first, standing.started_on)
    devices = _Devices(registered_product, since, on)
    events = _events(registered_product, since, on)
    months = tuple(
        Month(first, last, devices.at_end_of(last), tuple(event for event in events if first <= event.on <= last))
        for first, last in _months(since, on)
    )
    return Course(standing, months, _told(registered_product, since))


def _months(since: date, on: date) -> list[tuple[date, date]]:
    """The first and last days of the months since that day; the last one ends on ``on``."""
    found: list[tuple[date, date]] = []
    first = since
    while first <= on:
        following = months_after(since, len(found) + 1)
        found.append((first, min(following - timedelta(days=1), on)))
        first = following
    return found


class _Devices:
    """How many devices counted for a product at the end of a day: of systems that the subscription licensed then (R25)."""

    def __init__(self, registered_product: RegisteredProduct, since: date, on: date) -> None:
        self._counts = list(
            DeviceCount.objects.filter(
                organization_id=registered_product.organization_id,
                system__registered_product=registered_product,
                license_basis=LicenseBasis.SUBSCRIPTION,
                from_on__lte=on,
                quantity__gt=0,
            )
            .filter(Q(until_on=None) | Q(until_on__gt=since))
            .values_list("license_type__code", "quantity", "from_on", "until_on")
        )

    def at_end_of(self, day: date) -> dict[str, int]:
        """The devices per type code."""
        totals: defaultdict[str, int] = defaultdict(int)
        for code, quantity, from_on, until_on in self._counts:
            if from_on <= day and (until_on is None or day < until_on):
                totals[code] += quantity
        return dict(totals)


def _events(registered_product: RegisteredProduct, since: date, on: date) -> list[Event]:
    records = Record.objects.filter(
        organization_id=registered_product.organization_id,
        product_id=registered_product.product_id,
        action__in=(Action.ALLOWANCE_EXCEEDED, Action.ALLOWANCE_KEPT_AGAIN),
        happened_on__range=(since, on),
    ).order_by("sequence")
    return [
        Event(record.happened_on, str(record.get_action_display()), record.payload.get("missing", {}))
        for record in records
    ]


def _told(registered_product: RegisteredProduct, since: date) -> tuple[Told, ...]:
    about = Q()
    for told in (About.EXCEEDED, About.STILL_EXCEEDED):
        about |= Q(reason__contains=f":{told}:{registered_product.pk}:")
    mails = OutboxMessage.objects.filter(
        about, organization_id=registered_product.organization_id, business_date__gte=since
    )
    return tuple(
        Told(mail.business_date, mail.recipient, mail.sent_at, mail.last_error)
        for mail in mails.order_by("business_date", "pk")
    )
