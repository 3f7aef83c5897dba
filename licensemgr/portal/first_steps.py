"""The guide from an empty organization to a licensed product: each step follows from the books, none is kept (R2).

What is kept is that somebody hid the guide (`Membership.hides_guide`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Min
from django.urls import reverse

from hardware.models import HardwareUnit
from licensemgr.core.worded import gettext as _
from organizations.access import Permission, may
from organizations.models import Membership, Organization
from products.models import LicenseKind, System
from subscriptions.models import SubscriptionYear
from subscriptions.queries import ProductStanding
from subscriptions.rules import Status
from wallet.models import Redemption

# Products in these have nothing to be licensed, or are.
_DONE = (Status.LICENSED, Status.GROWTH_EXCEEDED, Status.HARDWARE, Status.NO_NEED)


@dataclass(frozen=True)
class Action:
    """A page on which a step is done, in the words of its button."""

    label: str
    url: str


@dataclass(frozen=True)
class Step:
    """One step: what it is, since when it is done, and where it is done."""

    label: str
    text: str
    actions: tuple[Action, ...]
    is_done: bool
    done_on: date | None = None


@dataclass(frozen=True)
class Guide:
    """The steps of one product, or of none yet; ``next_step`` is None once it is licensed."""

    product_name: str
    steps: tuple[Step, ...]

    @property
    def next_step(self) -> Step | None:
        """The first step that is not done."""
        return next((step for step in self.steps if not step.is_done), None)

    @property
    def done(self) -> int:
        """How many are done."""
        return sum(step.is_done for step in self.steps)


def first_steps(
    membership: Membership, on: date, standings: Sequence[ProductStanding], chosen: ProductStanding | None = None
) -> Guide | None:
    """The guide for a member who can take the steps, until a first product is licensed, and done on the day on which it is.

    None for whoever hid it, and where there is nothing to guide to. ``chosen`` is the product of the page; without one it is the
    product that is furthest.
    """
    if membership.hides_guide or not all(
        may(membership, permission) for permission in (Permission.MANAGE_LICENSES, Permission.MANAGE_SYSTEMS)
    ):
        return None
    organization = membership.organization
    licensed_on = _first_licensed_on(organization, standings)
    if licensed_on is not None and licensed_on != on:
        return None
    shown = chosen or max(standings, key=lambda each: (each.status in _DONE, _progress(each)), default=None)
    if shown is None:
        return Guide("", tuple(_steps(organization, None)))
    if shown.status in _DONE and (licensed_on is None or shown.status == Status.NO_NEED):
        return None
    if licensed_on is not None and shown.status not in _DONE:
        # Another product than the one that is licensed since today.
        return None
    return Guide(shown.product.name, tuple(_steps(organization, shown)))


def _first_licensed_on(organization: Organization, standings: Sequence[ProductStanding]) -> date | None:
    """The day on which a first product was fully licensed, by its subscription or by hardware; None before."""
    years = SubscriptionYear.objects.filter(organization=organization).aggregate(first=Min("fully_licensed_on"))
    by_hardware = [standing.registered_product.pk for standing in standings if standing.status == Status.HARDWARE]
    units: dict[str, date | None] = {"first": None}
    if by_hardware:
        units = HardwareUnit.objects.filter(organization=organization, registered_product__in=by_hardware).aggregate(
            first=Min("registered_on")
        )
    return min((found["first"] for found in (years, units) if found["first"] is not None), default=None)


def _progress(standing: ProductStanding) -> tuple[bool, int, int]:
    return standing.started_on is not None, standing.units.active, standing.systems


def _steps(organization: Organization, standing: ProductStanding | None) -> list[Step]:
    def page(name: str, *arguments: object) -> str:
        return reverse(name, args=[organization.slug, *arguments])

    registered = standing.registered_product if standing else None
    first = [
        Step(
            _("Register the product"),
            _("By its first system, by a system file, or by hardware that was made for it."),
            (
                Action(_("Register product"), page("register_product")),
                Action(_("Upload system file"), page("upload_system_file")),
                Action(_("Register hardware"), page("register_hardware")),
            ),
            registered is not None,
            registered.registered_on if registered else None,
        )
    ]
    code = standing.product.code if standing else ""
    systems = System.objects.filter(organization=organization, registered_product=registered, removed_on=None)
    added_on = systems.aggregate(first=Min("added_on"))["first"] if registered else None
    add = f"{page('register_product')}?product={code}"
    first.append(
        Step(
            _("Let its systems be known"),
            _("Each system tells its devices; from them follows how many licenses you need."),
            (Action(_("Add system"), add), Action(_("Upload system file"), page("upload_system_file"))),
            added_on is not None,
            added_on,
        )
    )
    if standing is not None and standing.status in (Status.HARDWARE, Status.EXPANSION_NEEDED):
        return [*first, *_steps_of_hardware(organization, standing)]
    return [*first, *_steps_of_subscription(organization, standing)]


def _redeemed_on(standing: ProductStanding | None, kind: LicenseKind) -> date | None:
    if standing is None:
        return None
    redemptions = Redemption.objects.filter(
        organization_id=standing.registered_product.organization_id,
        registered_product=standing.registered_product,
        license_key__batch__kind=kind,
        undone_on=None,
    )
    first: date | None = redemptions.aggregate(first=Min("redeemed_on"))["first"]
    return first


def _steps_of_subscription(organization: Organization, standing: ProductStanding | None) -> list[Step]:
    code = standing.product.code if standing else "-"
    current = standing.current if standing else None
    redeemed_on = _redeemed_on(standing, LicenseKind.SUBSCRIPTION)
    licensed_on = current.fully_licensed_on if current else None
    buy = f"{reverse('where_to_buy')}?organization={organization.slug}&product={code}"
    return [
        Step(
            _("Start your subscription"),
            _("A grace period of 30 days follows, in which you go on using the software."),
            (Action(_("Start your subscription"), reverse("start_subscription", args=[organization.slug, code])),),
            current is not None,
            standing.started_on if standing else None,
        ),
        Step(
            _("Redeem license key"),
            _("Buy licenses, then type the license key into the Product wallet: its licenses wait there."),
            (
                Action(_("Redeem license key"), reverse("product_wallet", args=[organization.slug, code])),
                Action(_("Where to buy licenses"), buy),
            ),
            redeemed_on is not None,
            redeemed_on,
        ),
        Step(
            _("Allocate subscription licenses"),
            _("As many as the Current need of this year; you see a summary before you confirm."),
            (Action(_("Allocate licenses"), reverse("product_licensing", args=[organization.slug, code])),),
            licensed_on is not None,
            licensed_on,
        ),
    ]


def _steps_of_hardware(organization: Organization, standing: ProductStanding) -> list[Step]:
    """Hardware comes with licenses; only where these do not suffice more are needed (R24, R26)."""
    code = standing.product.code
    units = HardwareUnit.objects.filter(organization=organization, registered_product=standing.registered_product)
    registered_on = units.aggregate(first=Min("registered_on"))["first"]
    steps = [
        Step(
            _("Register hardware"),
            _("Its preloaded licenses are active at once."),
            (),
            True,
            registered_on,
        )
    ]
    if standing.units.lacks:
        redeemed_on = _redeemed_on(standing, LicenseKind.HARDWARE)
        unit = standing.units.lacks[0]
        steps += [
            Step(
                _("Redeem expansion license key"),
                _("Its licenses wait in the Product wallet until you allocate them to the hardware."),
                (Action(_("Redeem license key"), reverse("product_wallet", args=[organization.slug, code])),),
                redeemed_on is not None,
                redeemed_on,
            ),
            Step(
                _("Allocate expansion licenses"),
                _("To hardware unit %(serial)s, which lacks them.") % {"serial": unit.serial},
                (
                    Action(
                        _("Allocate licenses"),
                        reverse("allocate_expansion", args=[organization.slug, code, unit.unit_id]),
                    ),
                ),
                False,
            ),
        ]
    return steps
