"""Which number of a product a page asks about, and the explanation that the app of its noun gives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, TypeVar

from django.db.models import QuerySet
from django.http import Http404
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.utils.http import urlencode

from hardware.models import HardwareUnit
from hardware.queries import UnitState, unit_states
from hardware.why import why_unit_devices, why_unit_lacks, why_unit_licenses
from organizations.access import OrganizationRequest
from organizations.models import Organization
from products.models import LicenseKind, LicenseType, RegisteredProduct, System
from products.queries import systems_of
from products.why import (
    Addend,
    Explanation,
    Link,
    why_all_devices,
    why_devices,
    why_devices_on,
    why_system,
    why_systems,
)
from subscriptions.queries import ProductStanding, YearStanding, product_standing
from subscriptions.why import (
    why_allocated,
    why_allocated_on,
    why_allowance,
    why_expiring,
    why_free,
    why_going_back,
    why_growth,
    why_in_wallet,
    why_missing,
    why_need,
    why_of_all_years,
    why_to_buy,
)
from wallet.models import AccountUnit, Lot, Transfer
from wallet.why import (
    why_both_kinds,
    why_compensated,
    why_credit,
    why_lot,
    why_movement,
    why_use_by,
    why_wallet,
)

T = TypeVar("T")


class Asked:
    """What an address asks: parameters that name nothing of the product are answered like a page that does not exist."""

    def __init__(self, request: OrganizationRequest, registered_product: RegisteredProduct) -> None:
        self.registered_product = registered_product
        self.on = request.today
        self._query: Mapping[str, str] = request.GET
        self.after = request.GET.get("after", "")

    @cached_property
    def standing(self) -> ProductStanding:
        """How the product stands today."""
        return product_standing(self.registered_product, self.on)

    @cached_property
    def type(self) -> LicenseType | None:
        """The license type; None for all of them. A product that has one has no other."""
        code, types = self._query.get("type", ""), self.standing.types
        if not code:
            return types[0] if len(types) == 1 else None
        return _one([each for each in types if each.code == code])

    @property
    def one_type(self) -> LicenseType:
        """The license type of a number that there is for each type only."""
        return _one([self.type] if self.type is not None else [])

    @property
    def year_if_any(self) -> YearStanding | None:
        """The year by its number from the anchor, else the current one; None before the subscription has started."""
        if not self._query.get("year"):
            return self.standing.current
        return _one([each for each in self.standing.years if str(each.year.number) == self._query["year"]])

    @property
    def year(self) -> YearStanding:
        """The year of a number that there is after the start only."""
        return _one([self.year_if_any] if self.year_if_any is not None else [])

    @property
    def licensed_year(self) -> YearStanding:
        """The year of a number that there is in a fully licensed one only."""
        return _one([self.year] if self.year.fully_licensed_on is not None else [])

    @property
    def kind(self) -> LicenseKind:
        """The license kind; subscription where none is named."""
        kind = self._query.get("kind", LicenseKind.SUBSCRIPTION)
        return LicenseKind(_one([each for each in LicenseKind.values if each == kind]))

    @property
    def kind_if_any(self) -> LicenseKind | None:
        """The license kind; None for both."""
        return self.kind if self._query.get("kind") else None

    def day(self, name: str) -> date:
        """A day of that name."""
        found = self.day_if_any(name)
        return _one([found] if found is not None else [])

    def day_if_any(self, name: str) -> date | None:
        """A day of that name, if one is named and is one."""
        try:
            return parse_date(self._query.get(name, ""))
        except ValueError:
            return None

    def _key(self, name: str) -> int:
        text = self._query.get(name, "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0

    @property
    def lot(self) -> Lot:
        """A lot of the product's wallet."""
        lots = Lot.objects.filter(
            organization_id=self.registered_product.organization_id,
            registered_product=self.registered_product,
            pk=self._key("lot"),
        )
        return _one(lots.select_related("account__license_type", "registered_product__product"))

    @property
    def counted(self) -> AccountUnit:
        """Whether licenses or license days are counted; licenses where neither is named."""
        unit = self._query.get("counted", AccountUnit.LICENSE)
        return AccountUnit(_one([each for each in AccountUnit.values if each == unit]))

    @property
    def movement(self) -> Transfer:
        """A movement of the product's licenses, by its sequence number in the organization."""
        transfers = Transfer.objects.filter(
            organization_id=self.registered_product.organization_id,
            registered_product=self.registered_product,
            sequence=self._key("movement"),
        )
        return _one(transfers.select_related("actor", "registered_product__product"))

    @property
    def system(self) -> System:
        """A system of the product."""
        return _one(systems_of(self.registered_product).filter(pk=self._key("system")))

    @cached_property
    def unit(self) -> HardwareUnit:
        """A hardware unit of the product."""
        unit = _one(HardwareUnit.objects.filter(registered_product=self.registered_product, pk=self._key("unit")))
        unit.registered_product = self.registered_product
        return unit

    @property
    def unit_state(self) -> UnitState:
        """How that unit stands."""
        return unit_states(self.registered_product.organization, [self.unit])[0]


def _one(found: "Sequence[T] | QuerySet[Any, T]") -> T:
    for each in found[:1]:
        return each
    raise Http404


# The numbers that can be asked about, as addresses name them.
NUMBERS: Mapping[str, Callable[[Asked], Explanation]] = {
    "need": lambda asked: why_need(asked.standing, asked.year_if_any, asked.type, after=asked.after),
    "missing": lambda asked: why_missing(asked.standing, asked.year, asked.type),
    "allocated": lambda asked: why_allocated(asked.standing, asked.year, asked.type, after=asked.after),
    "in-wallet": lambda asked: why_in_wallet(asked.standing, asked.year, asked.type),
    "to-buy": lambda asked: why_to_buy(asked.standing, asked.year, asked.type),
    "all-in-wallet": lambda asked: why_of_all_years(asked.standing, "in-wallet"),
    "all-to-buy": lambda asked: why_of_all_years(asked.standing, "to-buy"),
    "all-allocated": lambda asked: why_of_all_years(asked.standing, "allocated"),
    "allocated-on": lambda asked: why_allocated_on(asked.standing, asked.year, asked.day("on"), after=asked.after),
    "going-back": lambda asked: why_going_back(
        asked.standing, asked.year, asked.lot, asked.lot.account.license_type, after=asked.after
    ),
    "expiring": lambda asked: why_expiring(asked.standing, asked.year, asked.type),
    "growth": lambda asked: why_growth(asked.standing, asked.licensed_year, asked.type),
    "free": lambda asked: why_free(asked.standing, asked.licensed_year, asked.one_type),
    "allowance": lambda asked: why_allowance(asked.standing, asked.licensed_year, after=asked.after),
    "devices": lambda asked: why_devices(asked.registered_product, asked.type, after=asked.after),
    "devices-on": lambda asked: why_devices_on(asked.registered_product, asked.day("on"), after=asked.after),
    "all-devices": lambda asked: why_all_devices(asked.registered_product, asked.type, after=asked.after),
    "systems": lambda asked: why_systems(asked.registered_product, after=asked.after),
    "system": lambda asked: why_system(asked.system, asked.one_type, on=asked.day_if_any("on"), after=asked.after),
    "wallet": lambda asked: why_wallet(
        asked.registered_product, asked.standing.types, asked.type, asked.kind, asked.on, after=asked.after
    ),
    "both-kinds": lambda asked: why_both_kinds(asked.registered_product, asked.standing.types, asked.standing.wallet),
    "use-by": lambda asked: why_use_by(
        asked.registered_product, asked.on, asked.day("from"), asked.day("until"), asked.kind_if_any
    ),
    "lot": lambda asked: why_lot(asked.lot, asked.on, after=asked.after),
    "movement": lambda asked: why_movement(
        asked.movement, asked.one_type, asked.kind, asked.counted, after=asked.after
    ),
    "credit": lambda asked: why_credit(asked.registered_product, asked.one_type, after=asked.after),
    "compensated": lambda asked: why_compensated(asked.registered_product, asked.one_type, after=asked.after),
    "unit": lambda asked: why_unit_licenses(asked.unit, asked.one_type, after=asked.after),
    "unit-devices": lambda asked: why_unit_devices(asked.unit, asked.unit_state, asked.one_type, after=asked.after),
    "unit-lacks": lambda asked: why_unit_lacks(asked.unit, asked.unit_state, asked.one_type),
}
# The tab of the product to which each number belongs; System setup for those that are not named.
TABS: Mapping[str, str] = {
    **dict.fromkeys(
        (
            *("need", "missing", "allocated", "in-wallet", "to-buy", "expiring", "growth", "free", "allowance"),
            *("all-in-wallet", "all-to-buy", "all-allocated", "allocated-on", "going-back"),
        ),
        "licensing",
    ),
    **dict.fromkeys(("wallet", "both-kinds", "use-by", "lot", "movement", "credit", "compensated"), "wallet"),
}


def explanation_of(what: str, asked: Asked) -> Explanation:
    """The explanation of a number of the product. Raises Http404 for what there is no such number of."""
    if what not in NUMBERS:
        raise Http404
    return NUMBERS[what](asked)


@dataclass(frozen=True)
class ShownAddend:
    """An addend with the address of the page that shows it; ``is_number`` where that is another explanation."""

    addend: Addend
    url: str
    is_number: bool
    is_on_history: bool

    @property
    def size(self) -> int:
        """The quantity without its sign."""
        return abs(self.addend.quantity)


def shown_addends(organization: Organization, product_code: str, explanation: Explanation) -> list[ShownAddend]:
    """The addends of the page, with addresses."""
    return [_shown(organization, product_code, addend) for addend in explanation.addends]


def _shown(organization: Organization, product_code: str, addend: Addend) -> ShownAddend:
    link = addend.link
    if link is None:
        return ShownAddend(addend, "", False, False)
    return ShownAddend(
        addend, _address(organization, product_code, link), link.url_name == "why", link.url_name == "history"
    )


def _address(organization: Organization, product_code: str, link: Link) -> str:
    before = [organization.slug, product_code] if link.is_of_product else [organization.slug]
    address = reverse(link.url_name, args=[*before, *link.arguments])
    query = urlencode({name: str(value) for name, value in link.query.items()})
    return f"{address}?{query}" if query else address
