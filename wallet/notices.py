"""The notices that the wallet sends: licenses in it expire soon, 180, 90 and 30 days before (R22)."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Sum
from django.utils import formats

from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import ngettext
from organizations.models import Organization
from organizations.notices import Notice, Table, portal_link, tell
from products.models import LicenseKind, Product, RegisteredProduct
from wallet.models import Lot
from wallet.rules import use_by

# Days before the day on which licenses expire, the earliest notice first.
EXPIRY_DAYS = (180, 90, 30)
EXPIRING = "lots-expiring"


@dataclass(frozen=True)
class Planned:
    """A date on which licenses that expire are told of, and the last day on which that is of use."""

    on: date
    useful_until: date


def planned(expires_on: date) -> Iterator[Planned]:
    """When it is told that licenses expire on ``expires_on``: each time of use until it is told anew, or they expire."""
    days = [expires_on - timedelta(days=number) for number in EXPIRY_DAYS]
    for day, following in zip(days, [*days[1:], expires_on], strict=True):
        yield Planned(day, following - timedelta(days=1))


def tell_of_expiring_lots(organization: Organization, registered_product: int, expires_on: date, item: Planned) -> int:
    """Tell which of a product's licenses still are in the wallet and expire on that date; returns to how many people."""
    rows = [
        (name, LicenseKind(kind), total)
        for name, kind, total in Lot.objects.filter(
            organization=organization,
            registered_product=registered_product,
            expires_on=expires_on,
            account__balance__gt=0,
        )
        .values_list("account__license_type__name", "account__kind")
        .annotate(total=Sum("account__balance"))
        .order_by("account__license_type__position", "account__license_type", "account__kind")
    ]
    if not rows:
        return 0
    product = RegisteredProduct.objects.select_related("product").get(pk=registered_product).product
    return tell(organization, lambda: _notice(organization, registered_product, product, expires_on, item, rows))


Row = tuple[str, LicenseKind, int]


def _notice(
    organization: Organization,
    registered_product: int,
    product: Product,
    expires_on: date,
    item: Planned,
    rows: Sequence[Row],
) -> Notice:
    """The notice in the active language."""
    page = (organization.slug, product.code)
    links = [portal_link(_("Product wallet"), "product_wallet", *page)]
    if any(kind == LicenseKind.SUBSCRIPTION for _name, kind, _total in rows):
        links.insert(0, portal_link(_("Allocate licenses"), "product_licensing", *page))
    total = sum(quantity for _name, _kind, quantity in rows)
    values = {
        "product": product.name,
        "organization": organization.name,
        "use_by": formats.date_format(use_by(expires_on), "DATE_FORMAT"),
        "total": grouped(total),
    }
    return Notice(
        reason=f"{EXPIRING}:{registered_product}:{expires_on.isoformat()}:{(expires_on - item.on).days}",
        on=item.on,
        title=ngettext(
            "%(product)s: use %(total)s license in the wallet by %(use_by)s",
            "%(product)s: use %(total)s licenses in the wallet by %(use_by)s",
            total,
        )
        % values,
        paragraphs=(
            _(
                "Licenses of %(product)s in the wallet of %(organization)s can be allocated until %(use_by)s, that "
                "day included. After that day they are lost, because they will have been in the wallet for five years."
            )
            % values,
        ),
        facts=((_("Use by"), str(values["use_by"])),),
        table=Table(
            caption=_("Licenses in the wallet that expire"),
            columns=(_("License type"), _("Kind"), _("Licenses")),
            rows=tuple((name, str(kind.label), quantity) for name, kind, quantity in rows),
        ),
        to_do=_to_do({kind for _name, kind, _total in rows}) % values,
        links=tuple(links),
        useful_until=item.useful_until,
    )


def _to_do(kinds: set[LicenseKind]) -> str:
    """How licenses of these kinds are put to use."""
    if kinds == {LicenseKind.SUBSCRIPTION}:
        return _("Allocate them to this subscription year or to coming ones by %(use_by)s.")
    if kinds == {LicenseKind.HARDWARE}:
        return _("Allocate them to a hardware unit by %(use_by)s.")
    return _(
        "By %(use_by)s allocate the subscription licenses to this subscription year or to coming ones, and the hardware "
        "licenses to a hardware unit."
    )


def is_solved(held: Container[tuple[int, date]], reason: str) -> bool:
    """Whether a notice of that reason tells of licenses that are not in the wallet any more.

    ``held`` has the registered product and the expiry date of each lot that holds licenses.
    """
    about, registered_product, *rest = reason.split(":")
    return about == EXPIRING and (int(registered_product), date.fromisoformat(rest[0])) not in held
