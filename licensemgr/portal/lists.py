"""Every list by its name: how it is opened from a query, and on which page it stands."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.http import Http404, QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse

from hardware.code_list import CODES, codes_listing, read_codes
from hardware.contact import ContactCounts, count_contacts
from hardware.device_columns import DEVICES, devices_listing, read_devices
from hardware.listing import read_wanted
from hardware.system_columns import SYSTEMS, systems_listing
from licensemgr.core.lists import FilterUnreadable, Listing, ListKind
from licensemgr.portal.history_filter import HistoryFilterForm
from licensemgr.portal.history_lines import HISTORY, history_listing
from licensemgr.portal.product_columns import PRODUCTS, products_listing
from organizations.lists import SUBJECT
from organizations.member_list import MEMBERS, members_listing, read_members
from organizations.models import Organization
from products.models import RegisteredProduct, System
from subscriptions.queries import product_standing
from wallet.columns import LOTS, MOVEMENTS, lots_listing, movements_listing


@dataclass(frozen=True)
class Asked:
    """What somebody asks of a list: of which organization, of what, what the query says, on which date."""

    organization: Organization
    query: QueryDict
    on: date

    @property
    def subject(self) -> str:
        """Of what it is a list; empty for lists of the whole organization."""
        return self.query.get(SUBJECT, "")

    @property
    def parts(self) -> list[str]:
        """The subject in the parts that its page's URL has: a product's code, a system's id."""
        return self.subject.split("/") if self.subject else []


def _product(asked: Asked) -> RegisteredProduct:
    """The registered product that the list is of. Raises Http404 where the organization has none such (R30)."""
    products = RegisteredProduct.objects.select_related("product", "organization")
    return get_object_or_404(products, organization=asked.organization, product__code=asked.parts[0])


def _systems(asked: Asked) -> Listing[Any]:
    registered = _product(asked)
    standing = product_standing(registered, asked.on)
    contacts = count_contacts(asked.organization, [registered]).get(registered.pk, ContactCounts())
    return systems_listing(standing, read_wanted(asked.query, standing.types), with_calls=contacts.any)


def _devices(asked: Asked) -> Listing[Any]:
    try:
        system_id = UUID(asked.parts[1])
    except ValueError as error:
        raise Http404 from error
    if str(system_id) != asked.parts[1]:
        # Not as the page's own URL writes it.
        raise Http404
    systems = System.objects.select_related("registered_product__product").filter(removed_on=None)
    system = get_object_or_404(
        systems, organization=asked.organization, registered_product=_product(asked), system_id=system_id
    )
    return devices_listing(system, read_devices(asked.query))


def _history(asked: Asked) -> Listing[Any]:
    form = HistoryFilterForm(asked.organization, asked.query)
    if not form.is_valid():
        raise FilterUnreadable(" ".join(str(error) for errors in form.errors.values() for error in errors))
    return history_listing(asked.organization, form.wanted)


@dataclass(frozen=True)
class ListEntry:
    """A list in the registry. ``page`` is the name of its page's URL, which has ``parts`` parameters beside the organization."""

    kind: ListKind
    opener: Callable[[Asked], Listing[Any]]
    page: str
    parts: int = 0

    def open(self, asked: Asked) -> Listing[Any]:
        """The list as it is asked for. Raises Http404 where there is nothing of which it could be one, FilterUnreadable."""
        if len(asked.parts) != self.parts:
            raise Http404
        return self.opener(asked)


LISTS: Mapping[str, ListEntry] = {
    entry.kind.name: entry
    for entry in (
        ListEntry(PRODUCTS, lambda asked: products_listing(asked.organization, asked.query, asked.on), "product_list"),
        ListEntry(SYSTEMS, _systems, "system_setup", 1),
        ListEntry(DEVICES, _devices, "system_details", 2),
        ListEntry(HISTORY, _history, "history"),
        ListEntry(LOTS, lambda asked: lots_listing(_product(asked), asked.query, asked.on), "product_wallet", 1),
        ListEntry(
            MOVEMENTS, lambda asked: movements_listing(_product(asked), asked.query, asked.on), "product_wallet", 1
        ),
        ListEntry(MEMBERS, lambda asked: members_listing(asked.organization, read_members(asked.query)), "members"),
        ListEntry(
            CODES, lambda asked: codes_listing(asked.organization, read_codes(asked.query)), "registration_codes"
        ),
    )
}


def entry_or_404(name: str) -> ListEntry:
    """The list of that name. Raises Http404."""
    if name not in LISTS:
        raise Http404
    return LISTS[name]


def page_of(entry: ListEntry, organization: Organization, subject: str) -> str:
    """The URL of the page on which the list stands. Its subject is one for which the list was opened."""
    return reverse(entry.page, args=[organization.slug, *(subject.split("/") if subject else [])])
