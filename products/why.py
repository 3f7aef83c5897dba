"""Where a number comes from: what “Why 84?” shows of any number, and the numbers of devices and systems.

An explanation is the number, the rule in one sentence, and addends that sum to it exactly. The floors above explain their own
numbers by the same form (`wallet.why`, `subscriptions.why`, `hardware.why`); `licensemgr.portal` shows them.
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from django.db.models import Q, Sum
from django.utils import formats

from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from products.models import DeviceCount, LicenseBasis, LicenseType, RegisteredProduct, System
from products.queries import systems_of

ADDENDS_PER_PAGE = 50


class Counted(enum.StrEnum):
    """What a number counts."""

    LICENSES = "licenses"
    DEVICES = "devices"
    SYSTEMS = "systems"
    DAYS = "days"


@dataclass(frozen=True)
class Link:
    """A page that shows an addend itself: its URL name, and what follows the organization (and the product) in its address."""

    url_name: str
    arguments: tuple[object, ...] = ()
    query: Mapping[str, object] = field(default_factory=dict)
    # Whether the product's code follows the organization in the address.
    is_of_product: bool = True


def why_link(what: str, **query: object) -> Link:
    """The explanation of another number of the same product; what is None is left out."""
    return Link("why", (what,), {name: value for name, value in query.items() if value is not None})


@dataclass(frozen=True)
class Addend:
    """One part of a number; negative where it is taken off."""

    text: str
    quantity: int
    detail: str = ""
    on: date | None = None
    who: str = ""
    link: Link | None = None


@dataclass(frozen=True)
class Explanation:
    """A number and where it comes from. ``total`` and ``count`` are those of all addends, on whichever page they are."""

    title: str
    number: int
    counted: Counted
    rule: str
    addends: tuple[Addend, ...]
    total: int
    count: int
    # The ``after`` with which the next page of addends is asked for; empty on the last.
    next_after: str = ""


def explain(title: str, number: int, counted: Counted, rule: str, addends: Sequence[Addend]) -> Explanation:
    """An explanation whose addends all stand on one page; those of 0 are left out unless nothing else is left."""
    shown = [addend for addend in addends if addend.quantity] or list(addends)
    return Explanation(title, number, counted, rule, tuple(shown), sum(each.quantity for each in shown), len(shown))


def of_type(license_type: LicenseType | None, text: str) -> str:
    """A title with the name of the license type in front, where it is of one."""
    if license_type is None:
        return text[:1].upper() + text[1:]
    return _("%(type)s: %(what)s") % {"type": license_type.name, "what": text}


def _number(after: str) -> int:
    return int(after) if after.isascii() and after.isdigit() and len(after) < 19 else 0


def _system_after(registered_product: RegisteredProduct, after: str) -> System | None:
    """The system after which a page begins; one that was removed meanwhile still has its place."""
    return System.objects.filter(
        organization_id=registered_product.organization_id,
        registered_product=registered_product,
        pk=_number(after),
    ).first()


def explain_devices(
    registered_product: RegisteredProduct,
    license_type: LicenseType | None,
    *,
    where: Q,
    title: str,
    rule: str,
    number: int | None = None,
    on: date | None = None,
    after: str = "",
) -> Explanation:
    """The systems and how many devices each has, by name; ``number`` where it is known, else what the database sums.

    ``on`` is a day that is over: what counted then, also of systems that were removed since.
    """
    then = Q(system__removed_on=None, until_on=None)
    if on is not None:
        then = Q(from_on__lte=on) & (Q(until_on=None) | Q(until_on__gt=on))
    counts = DeviceCount.objects.filter(
        where,
        then,
        organization_id=registered_product.organization_id,
        system__registered_product=registered_product,
        quantity__gt=0,
    )
    if license_type is not None:
        counts = counts.filter(license_type=license_type)
    total = counts.aggregate(total=Sum("quantity"))["total"] or 0
    by_system = counts.values(
        "system", "system__name", "system__system_id", "system__last_reported_on", "system__removed_on"
    ).annotate(total=Sum("quantity"))
    how_many = counts.values("system").distinct().count()
    last = _system_after(registered_product, after)
    if last is not None:
        by_system = by_system.filter(Q(system__name__gt=last.name) | Q(system__name=last.name, system__gt=last.pk))
    found = list(by_system.order_by("system__name", "system")[: ADDENDS_PER_PAGE + 1])
    shown = found[:ADDENDS_PER_PAGE]
    return Explanation(
        title=title,
        number=total if number is None else number,
        counted=Counted.DEVICES,
        rule=rule,
        addends=tuple(
            Addend(
                row["system__name"],
                row["total"],
                detail=_("System, as last reported") if on is None else "",
                on=row["system__last_reported_on"] if on is None else None,
                link=None if row["system__removed_on"] else Link("system_details", (row["system__system_id"],)),
            )
            for row in shown
        ),
        total=total,
        count=how_many,
        next_after=str(shown[-1]["system"]) if len(found) > ADDENDS_PER_PAGE else "",
    )


def why_devices(
    registered_product: RegisteredProduct, license_type: LicenseType | None, *, after: str = ""
) -> Explanation:
    """The devices that count for the subscription (R25)."""
    return explain_devices(
        registered_product,
        license_type,
        where=Q(license_basis=LicenseBasis.SUBSCRIPTION),
        title=of_type(license_type, _("devices that count for the subscription")),
        rule=_(
            "Each device of a system that is not licensed by its hardware unit counts for the subscription until it goes away."
        ),
        after=after,
    )


def why_devices_on(registered_product: RegisteredProduct, day: date, *, after: str = "") -> Explanation:
    """The devices of all types that counted for the subscription in the evening of a day, by system (R25)."""
    return explain_devices(
        registered_product,
        None,
        where=Q(license_basis=LicenseBasis.SUBSCRIPTION),
        title=_("Devices that counted for the subscription on %(day)s")
        % {"day": formats.date_format(day, "DATE_FORMAT")},
        rule=_("The devices that each system had on this day, if its hardware unit did not license it then."),
        on=day,
        after=after,
    )


def why_all_devices(
    registered_product: RegisteredProduct, license_type: LicenseType | None, *, after: str = ""
) -> Explanation:
    """The devices of all systems, those licensed by hardware included."""
    return explain_devices(
        registered_product,
        license_type,
        where=Q(),
        title=of_type(license_type, _("devices of all systems")),
        rule=_("All devices of the systems as they last reported them, those that hardware units license included."),
        after=after,
    )


def why_systems(registered_product: RegisteredProduct, *, after: str = "") -> Explanation:
    """The product's systems one by one, those that are removed left out (R5)."""
    systems = systems_of(registered_product)
    count = systems.count()
    last = _system_after(registered_product, after)
    if last is not None:
        systems = systems.filter(Q(name__gt=last.name) | Q(name=last.name, pk__gt=last.pk))
    found = list(systems.order_by("name", "pk")[: ADDENDS_PER_PAGE + 1])
    shown = found[:ADDENDS_PER_PAGE]
    return Explanation(
        title=_("Systems"),
        number=count,
        counted=Counted.SYSTEMS,
        rule=_("Each installation of the product that was registered and not removed is one system."),
        addends=tuple(
            Addend(
                system.name,
                1,
                detail=_("Added"),
                on=system.added_on,
                link=Link("system_details", (system.system_id,)),
            )
            for system in shown
        ),
        total=count,
        count=count,
        next_after=str(shown[-1].pk) if len(found) > ADDENDS_PER_PAGE else "",
    )


def why_system(system: System, license_type: LicenseType, *, on: date | None = None, after: str = "") -> Explanation:
    """How the devices of one system came to be as many as they are, or were ``on`` a day: by how many they changed when."""
    counts = DeviceCount.objects.filter(
        organization_id=system.organization_id, system=system, license_type=license_type
    ).order_by("-from_on")
    lasting = Q(until_on=None)
    if on is not None:
        counts, lasting = counts.filter(from_on__lte=on), lasting | Q(until_on__gt=on)
    now = counts.filter(lasting).first()
    number = now.quantity if now else 0
    how_many = counts.count()
    if before := _number(after):
        counts = counts.filter(from_on__lt=date.fromordinal(min(before, date.max.toordinal())))
    # One more than is shown: what it was before the earliest that is.
    found = list(counts[: ADDENDS_PER_PAGE + 1])
    shown = found[:ADDENDS_PER_PAGE]
    earlier = [count.quantity for count in found[1:]] + ([0] if len(found) <= ADDENDS_PER_PAGE else [])
    return Explanation(
        title=of_type(license_type, _("devices of %(system)s") % {"system": system.name}),
        number=number,
        counted=Counted.DEVICES,
        rule=_("A system has the devices of its last report; each report before it changed the number by so many."),
        addends=tuple(
            Addend(
                _("Licensed by its hardware unit from this day on")
                if count.license_basis == LicenseBasis.HARDWARE
                else _("Counts for the subscription from this day on"),
                count.quantity - before,
                detail=_("%(quantity)s devices then") % {"quantity": grouped(count.quantity)},
                on=count.from_on,
            )
            for count, before in zip(shown, earlier, strict=True)
        ),
        total=number,
        count=how_many,
        next_after=str(shown[-1].from_on.toordinal()) if len(found) > ADDENDS_PER_PAGE else "",
    )
