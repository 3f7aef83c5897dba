"""When systems that are online were last heard, and which of them are silent."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, Q
from django.utils.translation import gettext_lazy as _

from hardware.models import Report, SystemIdentity
from licensemgr.core import clock
from licensemgr.core.moments import say_ago, say_instant
from organizations.models import Organization
from products.models import RegisteredProduct, System, SystemSource

HEARD, SILENT = "heard", "silent"
# What the filter of System setup can be, as the URL names it.
CONTACTS = ((HEARD, _("Heard lately")), (SILENT, _("Silent")))


def is_heard(systems: str = "") -> Q:
    """Which systems made a call lately; ``systems`` leads to them from the rows that are filtered."""
    return _online(systems) & Q(**{f"{systems}identity__heard_at__gt": _silent_from()})


def is_silent(systems: str = "") -> Q:
    """Which systems are online and made no call for `SILENT_AFTER_HOURS`. One that never called is not silent."""
    return _online(systems) & Q(**{f"{systems}identity__heard_at__lte": _silent_from()})


def _online(systems: str) -> Q:
    return Q(**{f"{systems}source": SystemSource.ONLINE, f"{systems}removed_on": None})


def _silent_from() -> datetime:
    """Whoever was last heard then, or before, is silent."""
    return clock.now() - timedelta(hours=settings.SILENT_AFTER_HOURS)


def zone_of(organization: Organization) -> ZoneInfo:
    """By whose clocks instants are told to the organization's people."""
    return clock.zone(organization.time_zone_at(clock.now()))


@dataclass(frozen=True)
class Contact:
    """When a system that is online was last heard, in the organization's time zone."""

    local: datetime
    ago: str
    is_silent: bool

    @property
    def exact(self) -> str:
        """The day and the time of day."""
        return say_instant(self.local)


def contact_of(system: System, heard_at: datetime | None, zone: ZoneInfo) -> Contact | None:
    """The contact with a system that was last heard then; None for one that is not online or never called."""
    if heard_at is None or system.source != SystemSource.ONLINE:
        return None
    return Contact(heard_at.astimezone(zone), say_ago(clock.now() - heard_at), heard_at <= _silent_from())


@dataclass(frozen=True)
class ContactCounts:
    """How many of some systems were heard lately, and how many are silent."""

    heard: int = 0
    silent: int = 0

    @property
    def any(self) -> bool:
        """Whether there is anything to tell of calls."""
        return bool(self.heard or self.silent)


def count_contacts(
    organization: Organization, products: Iterable[RegisteredProduct] | None = None
) -> dict[int, ContactCounts]:
    """The counts of each of the organization's registered products that has systems which call, in one query."""
    systems = System.objects.filter(organization=organization, removed_on=None, identity__heard_at__isnull=False)
    if products is not None:
        systems = systems.filter(registered_product__in=products)
    found = (
        systems.order_by()
        .values("registered_product")
        .annotate(heard=Count("pk", filter=is_heard()), silent=Count("pk", filter=is_silent()))
    )
    return {each["registered_product"]: ContactCounts(each["heard"], each["silent"]) for each in found}


@dataclass(frozen=True)
class SystemCalls:
    """What is known of a system by its own files and calls."""

    identity: SystemIdentity | None
    contact: Contact | None
    # The last report that was accepted, and when it came in by the organization's clocks.
    report: Report | None
    received: str


def calls_of(system: System) -> SystemCalls:
    """The system's key, by which code it joined, when it was heard, and its last report."""
    zone = zone_of(system.organization)
    identity = SystemIdentity.objects.select_related("joined_by").filter(system=system).first()
    report = Report.objects.filter(system=system).order_by("-pk").first()
    return SystemCalls(
        identity=identity,
        contact=contact_of(system, identity.heard_at if identity else None, zone),
        report=report,
        received=say_instant(report.received_at.astimezone(zone)) if report else "",
    )
