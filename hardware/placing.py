"""On which unit a system is, and whether it is tied there (R25): parts of every change of units and systems."""

from datetime import date

from hardware import rules
from hardware.keeping import keep_units
from hardware.models import HardwareUnit, Placement, UnitHolding
from hardware.queries import licenses_of, systems_on
from history.models import Action
from history.record import record
from organizations.models import Organization, User
from products.models import LicenseBasis, LicenseKind, LicenseType, System
from products.services import set_license_basis
from wallet import ledger
from wallet.models import AccountCategory, LedgerAccount


def place_system(system: System, serial: str, on: date) -> bool:
    """Write down on which unit the system is from ``on`` (empty: on none), and on which basis it counts then (R25).

    The last part of a system's report or move, within a change of the books that is under way: what is kept of its units
    follows here. Returns whether the unit changed.
    """
    before = _place(system, serial, on)
    keep_units(system.organization, {before, serial})
    return before != serial


def _place(system: System, serial: str, on: date) -> str:
    """`place_system` without what is kept of units; returns the serial number at which the system was before."""
    current = Placement.objects.filter(system=system, until_on=None).first()
    before = current.serial if current else ""
    if before != serial:
        if current is not None and current.from_on == on:
            current.delete()
        elif current is not None:
            current.until_on = on
            current.save(update_fields=["until_on"])
        if serial:
            Placement.objects.create(organization_id=system.organization_id, system=system, serial=serial, from_on=on)
    unit = _active_unit(system.organization, serial)
    tied = (
        unit is not None
        and unit.registered_product_id == system.registered_product_id
        and rules.is_tied(licenses_of([unit]).get(unit.pk, {}))
    )
    set_license_basis(system=system, basis=LicenseBasis.HARDWARE if tied else LicenseBasis.SUBSCRIPTION, on=on)
    return before


def move_and_tell(system: System, serial: str, actor: User | None, on: date) -> None:
    """`place_system` for a system that was known before: that it left its unit, or is on another one, is on History (R32)."""
    if not place_system(system, serial, on):
        return
    record(
        organization=system.organization,
        action=Action.SYSTEM_MOVED,
        actor=actor,
        on=on,
        product=system.registered_product.product,
        system=system.name,
        system_id=str(system.system_id),
        serial=serial,
    )


def _active_unit(organization: Organization, serial: str) -> HardwareUnit | None:
    if not serial:
        return None
    return HardwareUnit.objects.filter(organization=organization, serial=serial, ended_on=None).first()


def rebase_systems(organization: Organization, serial: str, on: date) -> None:
    """After a unit changed: let the systems on it count as they now do (R25, R27)."""
    for system in systems_on(organization, [serial]).get(serial, ()):
        system.organization = organization
        _place(system, serial, on)
    keep_units(organization, [serial])


def holding_account(unit: HardwareUnit, license_type: LicenseType) -> LedgerAccount:
    """The account that holds the unit's licenses of a type; made when first asked for."""
    holding = UnitHolding.objects.filter(unit=unit, license_type=license_type).select_related("account").first()
    if holding is None:
        holding = UnitHolding.objects.create(
            organization_id=unit.organization_id,
            unit=unit,
            license_type=license_type,
            account=ledger.open_account(
                unit.registered_product, license_type, LicenseKind.HARDWARE, AccountCategory.HELD
            ),
        )
    return holding.account


def held_accounts(unit: HardwareUnit) -> list[LedgerAccount]:
    """The accounts in which the unit holds licenses."""
    return [
        holding.account
        for holding in UnitHolding.objects.filter(unit=unit, account__balance__gt=0)
        .select_related("account__license_type")
        .order_by("license_type__position", "license_type")
    ]
