"""Tied licenses and the systems on units follow from entries and placements (R24-R27); systems joined by codes."""

from collections import Counter, defaultdict

from hardware import rules
from hardware.models import (
    Expansion,
    HardwareUnit,
    LackingUnit,
    Placement,
    RegistrationCode,
    Replacement,
    SystemIdentity,
    UnitHolding,
)
from licensemgr.portal.verifying.books import Books, Verification, account_row
from products.models import DeviceCount, LicenseBasis, LicenseKind, System
from wallet.models import AccountCategory, TransferReason


def check_units(books: Books, found: Verification) -> None:
    """What units hold stands in accounts of their own; units that ended hold nothing; preloaded ones entered by registering."""
    holdings = {holding.account_id: holding for holding in books.of(UnitHolding)}
    units: dict[int, HardwareUnit] = books.table(HardwareUnit)
    for account in books.accounts.values():
        if account.category != AccountCategory.HELD or account.kind != LicenseKind.HARDWARE:
            continue
        holding = holdings.get(account.pk)
        unit = units.get(holding.unit_id) if holding else None
        if holding is None or unit is None or holding.license_type_id != account.license_type_id:
            found.differs(account_row(account), "it is held for no hardware unit, or for another license type")
        elif unit.registered_product_id != account.registered_product_id:
            found.differs(account_row(account), f"it is of another product than hardware_hardwareunit {unit.pk}")
        elif unit.ended_on is not None and account.balance:
            found.differs(account_row(account), f"hardware_hardwareunit {unit.pk} ended and holds {account.balance}")
    replaced = {replacement.transfer_id for replacement in books.of(Replacement)}
    for made in books.transfers.values():
        if made.reason == TransferReason.REPLACED and made.pk not in replaced:
            found.differs(f"wallet_transfer {made.pk}", "licenses moved between units without a replacement")
        for entry in books.entries_of.get(made.pk, ()) if made.reason == TransferReason.PRELOADED else ():
            holding = holdings.get(entry.to_account_id)
            unit = units.get(holding.unit_id) if holding else None
            if unit is None or unit.registered_on != made.happened_on:
                found.differs(f"wallet_entry {entry.pk}", "it preloads no unit that was registered on that day")


def check_expansions(books: Books, found: Verification) -> None:
    """Every expansion moved what it says, to its unit (R18, R26)."""
    holdings = {holding.account_id: holding for holding in books.of(UnitHolding)}
    seen: set[int] = set()
    for expansion in books.of(Expansion):
        row = f"hardware_expansion {expansion.pk}"
        seen.add(expansion.transfer_id)
        made = books.transfers.get(expansion.transfer_id)
        if made is None or made.reason != TransferReason.EXPANDED or made.happened_on != expansion.allocated_on:
            found.differs(row, "its transfer is missing, of another reason or of another day")
            continue
        moved: defaultdict[str, int] = defaultdict(int)
        for entry in books.entries_of.get(made.pk, ()):
            holding = holdings.get(entry.to_account_id)
            if holding is None or holding.unit_id != expansion.unit_id:
                found.differs(row, f"wallet_entry {entry.pk} goes to another unit")
                continue
            moved[books.types[holding.license_type_id].code] += entry.quantity
        if dict(moved) != expansion.quantities:
            found.differs(row, f"it is of {expansion.quantities}, its entries make {dict(moved)}")
    for made in books.transfers.values():
        if made.reason == TransferReason.EXPANDED and made.pk not in seen:
            found.differs(f"wallet_transfer {made.pk}", "licenses were allocated to a unit without a confirmation")


def check_bases(books: Books, found: Verification) -> None:
    """A system counts for the subscription exactly while its unit licenses it not (R25), and so do its devices."""
    licenses: defaultdict[int, dict[int, int]] = defaultdict(dict)
    for holding in books.of(UnitHolding):
        licenses[holding.unit_id][holding.license_type_id] = books.accounts[holding.account_id].balance
    units = {(unit.organization_id, unit.serial): unit for unit in books.of(HardwareUnit) if unit.ended_on is None}
    serials = {placement.system_id: placement.serial for placement in books.of(Placement) if placement.until_on is None}
    bases: dict[int, str] = {}
    for system in books.of(System):
        if system.removed_on is not None:
            continue
        unit = units.get((system.organization_id, serials.get(system.pk, "")))
        tied = (
            unit is not None
            and unit.registered_product_id == system.registered_product_id
            and rules.is_tied({str(kind): quantity for kind, quantity in licenses[unit.pk].items()})
        )
        bases[system.pk] = LicenseBasis.HARDWARE if tied else LicenseBasis.SUBSCRIPTION
        if system.license_basis != bases[system.pk]:
            found.differs(
                f"products_system {system.pk}",
                f"it counts by {system.license_basis}, its unit makes {bases[system.pk]}",
            )
    for count in books.of(DeviceCount):
        if count.until_on is None and count.license_basis != bases.get(count.system_id, count.license_basis):
            found.differs(
                f"products_devicecount {count.pk}",
                f"it counts by {count.license_basis} instead of {bases[count.system_id]}",
            )


def check_kept(books: Books, found: Verification) -> None:
    """Of each active unit is kept whether systems are on it, and how many more devices they have than it licenses (R25)."""
    units = {(unit.organization_id, unit.serial): unit for unit in books.of(HardwareUnit) if unit.ended_on is None}
    tied = {system.pk for system in books.of(System) if system.license_basis == LicenseBasis.HARDWARE}
    here = {system.pk: system.registered_product_id for system in books.of(System) if system.removed_on is None}
    on_unit: dict[int, HardwareUnit] = {}
    installed: set[int] = set()
    for placement in books.of(Placement):
        unit = units.get((placement.organization_id, placement.serial))
        if (
            placement.until_on is None
            and unit is not None
            and here.get(placement.system_id) == unit.registered_product_id
        ):
            installed.add(unit.pk)
            if placement.system_id in tied:
                on_unit[placement.system_id] = unit
    short: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for count in books.of(DeviceCount):
        unit = on_unit.get(count.system_id)
        if count.until_on is None and unit is not None:
            short[unit.pk][books.types[count.license_type_id].code] += count.quantity
    for holding in books.of(UnitHolding):
        short[holding.unit_id][books.types[holding.license_type_id].code] -= books.accounts[holding.account_id].balance
    kept = {row.unit_id: row for row in books.of(LackingUnit)}
    for unit in units.values():
        if unit.has_systems != (unit.pk in installed):
            found.differs(f"hardware_hardwareunit {unit.pk}", "whether systems are on it is kept wrong")
        lacks, row = dict(+short[unit.pk]), kept.pop(unit.pk, None)
        if (row.lacks if row else {}) != lacks:
            found.differs(f"hardware_hardwareunit {unit.pk}", f"it lacks {lacks}, {row.lacks if row else {}} is kept")
        elif row and (row.organization_id, row.registered_product_id, row.serial) != (
            unit.organization_id,
            unit.registered_product_id,
            unit.serial,
        ):
            found.differs(f"hardware_lackingunit {row.pk}", f"it is not what hardware_hardwareunit {unit.pk} is")
    for unit in books.of(HardwareUnit).filter(has_systems=True).exclude(ended_on=None):
        found.differs(f"hardware_hardwareunit {unit.pk}", "it ended, and is kept as one on which systems are")
    for row in kept.values():
        found.differs(f"hardware_lackingunit {row.pk}", "its unit ended, or is not there")


def check_codes(books: Books, found: Verification) -> None:
    """By every registration code as many systems joined as it was used, removed ones included, and no more than it allows."""
    joined: Counter[tuple[int, int]] = Counter(
        (organization, code)
        for organization, code in books.of(SystemIdentity)
        .exclude(joined_by=None)
        .values_list("organization", "joined_by")
    )
    for code in books.of(RegistrationCode):
        row, systems = f"hardware_registrationcode {code.pk}", joined.pop((code.organization_id, code.pk), 0)
        if systems != code.used:
            found.differs(row, f"it was used {code.used} times, {systems} systems joined by it")
        if code.used > code.uses:
            found.differs(row, f"it was used {code.used} times, it allows {code.uses}")
    for _organization, code in joined:
        found.differs(f"hardware_registrationcode {code}", "a system of another organization joined by it")
