"""What the portal's pages ask of several apps at once."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from hardware.contact import ContactCounts, count_contacts
from licensemgr.core import clock
from licensemgr.core.worded import gettext as _
from organizations.models import Organization
from products.models import LicenseKind
from subscriptions import advice
from subscriptions.notices import next_told_on
from subscriptions.queries import ProductStanding, standings
from subscriptions.rules import Status
from wallet.settle import next_due as next_due_of_lots

# --- Product list ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ProductRow:
    """A row of the Product list."""

    standing: ProductStanding
    label: str
    upcoming: advice.Upcoming
    need: int
    missing: int
    wallet_subscription: int
    wallet_hardware: int
    # How many of its systems are online and silent.
    silent: int

    @property
    def code(self) -> str:
        return self.standing.product.code

    @property
    def name(self) -> str:
        return self.standing.product.name

    @property
    def status(self) -> Status:
        return self.standing.status

    @property
    def systems(self) -> int:
        return self.standing.systems

    @property
    def wants_attention(self) -> bool:
        return bool(self.standing.units.lacking) or self.status in (
            Status.UNLICENSED,
            Status.RENEWAL_GRACE,
            Status.GROWTH_EXCEEDED,
            Status.TRIAL_ENDED,
        )

    @property
    def lacking(self) -> str:
        """Which hardware units lack which expansion licenses, beside a subscription that says nothing of it (R25)."""
        return "" if self.status == Status.EXPANSION_NEEDED else advice.named_lacks(self.standing)


_ORDER_OF_STATUS = (
    Status.UNLICENSED,
    Status.TRIAL_ENDED,
    Status.GROWTH_EXCEEDED,
    Status.EXPANSION_NEEDED,
    Status.RENEWAL_GRACE,
    Status.STARTED,
    Status.NOT_STARTED,
    Status.TRIAL,
    Status.NO_NEED,
    Status.LICENSED,
    Status.HARDWARE,
)

# What the list can be sorted by, as the URL names it. The most urgent status comes first.
PRODUCT_SORTS: Mapping[str, Callable[[ProductRow], tuple[object, ...]]] = {
    "name": lambda row: (row.name.casefold(), row.code),
    "status": lambda row: (_ORDER_OF_STATUS.index(row.status), row.name.casefold(), row.code),
    "next": lambda row: (row.upcoming.on or date.max, row.name.casefold(), row.code),
    "need": lambda row: (row.need, row.name.casefold(), row.code),
    "subscription": lambda row: (row.wallet_subscription, row.name.casefold(), row.code),
    "hardware": lambda row: (row.wallet_hardware, row.name.casefold(), row.code),
    "systems": lambda row: (row.systems, row.name.casefold(), row.code),
}


def product_rows(organization: Organization, on: date) -> list[ProductRow]:
    """The rows of the organization's Product list, in a number of queries that does not grow with them (R35: not hidden)."""
    shown = organization.registered_products.filter(hidden_on=None).select_related("product")
    contacts = count_contacts(organization)
    return [
        _row(standing, contacts.get(standing.registered_product.pk, ContactCounts()))
        for standing in standings(organization, on, shown)
    ]


def _row(standing: ProductStanding, contacts: ContactCounts) -> ProductRow:
    current = standing.current
    return ProductRow(
        standing=standing,
        label=advice.status_label(standing.status),
        upcoming=advice.upcoming(standing),
        need=current.need_total if current else sum(standing.devices.values()),
        missing=current.missing_total if current else 0,
        wallet_subscription=standing.wallet_total(LicenseKind.SUBSCRIPTION),
        wallet_hardware=standing.wallet_total(LicenseKind.HARDWARE),
        silent=contacts.silent,
    )


def choose_rows(
    rows: Iterable[ProductRow], *, search: str = "", status: str = "", sort: str = "name"
) -> list[ProductRow]:
    """The rows that match the search and the status, sorted; a ``sort`` that begins with a hyphen is descending."""
    words = search.casefold().split()
    chosen = [
        row
        for row in rows
        if (not status or row.status == status) and all(word in f"{row.name} {row.code}".casefold() for word in words)
    ]
    key = PRODUCT_SORTS.get(sort.removeprefix("-"), PRODUCT_SORTS["name"])
    return sorted(chosen, key=key, reverse=sort.startswith("-"))


# --- the demonstration's next event ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Event:
    """A date on which something happens by itself, and what."""

    on: date
    label: str


def next_event_of(organizations: Iterable[Organization]) -> Event | None:
    """The nearest date after today on which a standing of these organizations changes, or people are told of something.

    Of dates on which there may be something to tell, those on which there will be nothing are left out.
    """
    events: list[Event] = []
    for organization in organizations:
        today = clock.today(organization)
        due = next_due_of_lots(organization)
        if due is not None and due > today:
            events.append(Event(due, organization.name))
        for standing in standings(organization, today):
            days = [day for day in (advice.next_change_on(standing), next_told_on(standing)) if day is not None]
            if days:
                label = _("%(organization)s, %(product)s") % {
                    "organization": organization.name,
                    "product": standing.product.name,
                }
                events.append(Event(min(days), label))
    # Of one day the event that names the product.
    return min(events, key=lambda event: (event.on, -len(event.label)), default=None)
