"""Closing an organization: nobody enters or joins any more, its system ids are free, its books stay for staff (R35)."""

from dataclasses import dataclass
from datetime import date

from django.db import transaction

from hardware.registration_codes import revoke_open_codes
from hardware.services import remove_all_systems
from history.models import Action
from history.record import record
from licensemgr.core import clock
from licensemgr.core.errors import Refused
from licensemgr.core.worded import gettext as _
from licensemgr.portal.exporting import is_exported
from organizations.books import changing, lock_organization
from organizations.invitations import revoke_invitations
from organizations.lists import forget_views
from organizations.models import Organization, User
from organizations.queries import unanswered_invitations
from organizations.services import require_administrator
from products.models import LicenseKind, Product
from subscriptions.queries import standings


class NotExported(Refused):
    """History and entries were not downloaded, or something happened since."""

    code = "not exported"

    def __init__(self) -> None:
        super().__init__(
            _(
                "History and entries have to be downloaded after the last change, and they were not. Nothing was changed. "
                "Download them, then close the organization."
            )
        )


class NameNotTyped(Refused):
    """The name that was typed is not the organization's."""

    code = "name not typed"
    field = "name"

    def __init__(self, *, name: str) -> None:
        super().__init__(_("To close the organization, type its name: %(name)s. Nothing was changed.") % {"name": name})


@dataclass(frozen=True)
class Closing:
    """What closing an organization ends, as its page names it."""

    members: int
    systems: int
    invitations: int
    # Licenses that nobody can use any more: in the wallets, and allocated to this and later years.
    licenses_in_wallets: int
    licenses_allocated: int
    # The same for each product that has some.
    in_wallets: tuple[tuple[Product, int], ...]
    allocated: tuple[tuple[Product, int], ...]


def preview_closing(organization: Organization, on: date) -> Closing:
    """What `close_organization` would end now."""
    found = standings(organization, on)
    held = [(each.product, sum(each.wallet_total(kind) for kind in LicenseKind.values)) for each in found]
    allocated = [(each.product, sum(year.allocated_total for year in each.years)) for each in found]
    return Closing(
        members=organization.memberships.count(),
        systems=sum(standing.systems for standing in found),
        invitations=len(unanswered_invitations(organization, clock.real_now())),
        licenses_in_wallets=sum(quantity for _product, quantity in held),
        licenses_allocated=sum(quantity for _product, quantity in allocated),
        in_wallets=tuple((product, quantity) for product, quantity in held if quantity),
        allocated=tuple((product, quantity) for product, quantity in allocated if quantity),
    )


def close_organization(*, organization: Organization, typed_name: str, actor: User | None, on: date) -> None:
    """Close an organization for good; one that is closed already stays so.

    Raises NameNotTyped, NotExported, NotAdministrator.
    """
    with transaction.atomic():
        if lock_organization(organization).closed_on is not None:
            return
        with changing(organization, on) as locked:
            require_administrator(locked, actor)
            if not locked.is_called(typed_name):
                raise NameNotTyped(name=locked.name)
            # Looked at after settling: what became true just now has to be downloaded, too.
            if not is_exported(locked):
                raise NotExported
            remove_all_systems(locked=locked, actor=actor, on=on)
            revoke_open_codes(locked=locked, actor=actor, on=on)
            revoke_invitations(locked=locked, actor=actor, on=on)
            forget_views(locked)
            locked.closed_on = on
            locked.save(update_fields=["closed_on"])
            record(organization=locked, action=Action.ORGANIZATION_CLOSED, actor=actor, on=on)
