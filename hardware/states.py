"""How each system is licensed, in the words of System setup (R14a, R25)."""

from collections.abc import Mapping
from dataclasses import dataclass

from licensemgr.core.enumerations import counted_up
from licensemgr.core.worded import gettext as _
from products.models import LicenseBasis, Product, System
from subscriptions.advice import listed, status_label
from subscriptions.queries import ProductStanding
from subscriptions.rules import Status

# The statuses in which a subscription licenses the systems that count for it.
_LICENSING = (Status.LICENSED, Status.GROWTH_EXCEEDED)
# The statuses of a product whose devices are all tied: what is left has none, and needs no license.
_NOTHING_COUNTS = (Status.HARDWARE, Status.EXPANSION_NEEDED)


@dataclass(frozen=True)
class LicenseState:
    """Whether a system is licensed, by what, and what it lacks; ``code`` is one of the license statuses."""

    code: str
    label: str
    detail: str = ""
    # The expansion licenses that its unit lacks, per type code.
    lacks: Mapping[str, int] | None = None


def say_quantities(product: Product, quantities: Mapping[str, int]) -> str:
    """Quantities per license type code in catalogue order, those of 0 left out: “Core device: 8, Universal device: 2”."""
    return counted_up(
        f"{kind.name}: {quantities[kind.code]}"
        for kind in product.license_types.order_by("position", "pk")
        if quantities.get(kind.code)
    )


def is_subscription_enough(standing: ProductStanding) -> bool:
    """Whether a system that is not tied counts as licensed: by the subscription, or since it has no devices."""
    return standing.status in (*_LICENSING, *_NOTHING_COUNTS, Status.NO_NEED)


def state_of(standing: ProductStanding, system: System, lacks: Mapping[str, int] | None) -> LicenseState:
    """How a system stands: by its unit if it is tied, else by the product. ``lacks`` is what its unit lacks, if anything."""
    if system.license_basis == LicenseBasis.HARDWARE:
        if lacks:
            missing = _("Its unit lacks %(listed)s.") % {"listed": listed(standing, lacks)}
            return LicenseState(str(Status.EXPANSION_NEEDED), status_label(Status.EXPANSION_NEEDED), missing, lacks)
        return LicenseState(str(Status.LICENSED), status_label(Status.LICENSED), _("by its hardware unit"))
    if standing.status in _LICENSING:
        return LicenseState(str(Status.LICENSED), status_label(Status.LICENSED), _("by the subscription"))
    if standing.status in _NOTHING_COUNTS:
        return LicenseState(str(Status.NO_NEED), status_label(Status.NO_NEED))
    return LicenseState(str(standing.status), status_label(standing.status))
