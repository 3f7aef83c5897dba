"""Products that are left out of the Product list, since nothing is in them; their books stay (R35)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from history.models import Action
from history.record import record
from licensemgr.core.errors import Refused
from licensemgr.core.worded import gettext as _
from organizations.books import changing
from organizations.models import Organization, User
from products.models import LicenseKind, RegisteredProduct
from subscriptions.queries import ProductStanding, standings
from wallet.models import AccountCategory, LedgerAccount


class ProductInUse(Refused):
    """A product that has a system, a unit or a license stays on the list."""

    code = "product in use"

    def __init__(self, *, product: str, has_units: bool) -> None:
        sentence = (
            _(
                "%(product)s has systems, hardware or licenses, so it stays on the Product list. Nothing was changed. "
                "Remove its systems and retire its hardware units first; licenses have to be used or to expire."
            )
            if has_units
            else _(
                "%(product)s has systems, hardware or licenses, so it stays on the Product list. Nothing was changed. "
                "Remove its systems first; licenses have to be used or to expire."
            )
        )
        super().__init__(sentence % {"product": product})


def in_use(organization: Organization, found: Iterable[ProductStanding]) -> frozenset[int]:
    """The registered products with a system, a license in the wallet, one allocated to this or a coming year, or a unit."""
    tied = LedgerAccount.objects.filter(
        organization=organization, category=AccountCategory.HELD, kind=LicenseKind.HARDWARE, balance__gt=0
    )
    used = set(tied.values_list("registered_product", flat=True).distinct())
    for standing in found:
        stored = any(standing.wallet_total(kind) for kind in LicenseKind.values)
        # A unit that holds no licenses is one all the same.
        has_part = standing.systems or standing.units.active
        if has_part or stored or any(year.allocated_total for year in standing.years):
            used.add(standing.registered_product.pk)
    return frozenset(used)


def count_hidden(organization: Organization) -> int:
    """How many of the organization's products are hidden."""
    return RegisteredProduct.objects.filter(organization=organization, hidden_on__isnull=False).count()


def has_unused(organization: Organization, shown: Sequence[ProductStanding]) -> bool:
    """Whether one of the products on the list could be hidden."""
    return not in_use(organization, shown).issuperset(standing.registered_product.pk for standing in shown)


@dataclass(frozen=True)
class Hiding:
    """The registered products that are hidden, and those that could be, by name."""

    hidden: tuple[RegisteredProduct, ...]
    possible: tuple[RegisteredProduct, ...]


def what_can_be_hidden(organization: Organization, on: date) -> Hiding:
    """What the page of hidden products shows."""
    found = standings(organization, on)
    used = in_use(organization, found)
    registered = [standing.registered_product for standing in found]
    return Hiding(
        hidden=tuple(each for each in registered if each.hidden_on is not None),
        possible=tuple(each for each in registered if each.hidden_on is None and each.pk not in used),
    )


def hide_product(*, registered_product: RegisteredProduct, actor: User | None, on: date) -> None:
    """Leave a product out of the Product list; one that is hidden already stays so. Raises ProductInUse."""
    with changing(registered_product.organization, on) as locked:
        found = standings(locked, on, [registered_product])
        if registered_product.pk in in_use(locked, found):
            raise ProductInUse(
                product=registered_product.product.name, has_units=any(standing.units.active for standing in found)
            )
        if RegisteredProduct.objects.filter(pk=registered_product.pk, hidden_on=None).update(hidden_on=on):
            record(
                organization=locked,
                action=Action.PRODUCT_HIDDEN,
                actor=actor,
                on=on,
                product=registered_product.product,
            )


def show_product(*, registered_product: RegisteredProduct, actor: User | None, on: date) -> None:
    """Put a hidden product on the Product list again; one that is there already stays so."""
    with changing(registered_product.organization, on) as locked:
        _show(locked, registered_product, actor, on)


def show_what_is_used(organization: Organization, on: date) -> None:
    """After every change: a hidden product that got a system or a license is on the list again by itself (R35)."""
    hidden = list(
        RegisteredProduct.objects.filter(organization=organization, hidden_on__isnull=False).select_related("product")
    )
    if not hidden:
        return
    used = in_use(organization, standings(organization, on, hidden))
    for registered_product in hidden:
        if registered_product.pk in used:
            _show(organization, registered_product, None, on)


def _show(locked: Organization, registered_product: RegisteredProduct, actor: User | None, on: date) -> None:
    hidden = RegisteredProduct.objects.filter(pk=registered_product.pk, hidden_on__isnull=False)
    if hidden.update(hidden_on=None):
        record(organization=locked, action=Action.PRODUCT_SHOWN, actor=actor, on=on, product=registered_product.product)
