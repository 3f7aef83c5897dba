"""Verbs that take systems' reports and register hardware units."""

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from hardware.errors import SystemNotMoved, UnitEnded, UnitRegisteredHere, UnitUnknown
from hardware.keeping import keep_units
from hardware.keys import is_oak_of, normalize_serial
from hardware.models import HardwareUnit, ManufacturedUnit
from hardware.placing import holding_account, move_and_tell, place_system, rebase_systems
from hardware.queries import serial_of
from history.models import Action
from history.record import record
from licensemgr.core.integrity import is_taken
from licensemgr.core.tenancy import Part, acting
from organizations.books import changing
from organizations.models import Organization, User
from products.device_lists import ListedDevice
from products.models import LicenseKind, Product, System, SystemSource
from products.services import register_product, take_out_system, take_report
from wallet import ledger
from wallet.models import AccountCategory, TransferReason


def report_system(
    *,
    organization: Organization,
    product: Product,
    system_id: UUID,
    devices: Mapping[str, int],
    source: SystemSource,
    actor: User | None,
    on: date,
    name: str = "",
    unit_serial: str = "",
    software_version: str = "",
    device_list: Sequence[ListedDevice] | None = None,
) -> System:
    """Take a system's whole report: its devices per license type code, and its hardware unit or none (R5).

    Types that are not named have no devices. The first report registers the system, and the product with it. A unit that
    is not registered is remembered, and counts from the day on which it is. The one service for pages, files and systems.
    Raises what `products.services.take_report` raises; then nothing has changed.
    """
    serial = normalize_serial(unit_serial)
    with changing(organization, on) as locked:
        was_known = System.objects.filter(organization=locked, system_id=system_id, removed_on=None).exists()
        system = take_report(
            organization=locked,
            product=product,
            system_id=system_id,
            devices=devices,
            source=source,
            actor=actor,
            on=on,
            name=name,
            software_version=software_version,
            device_list=device_list,
        )
        system.organization = locked
        if was_known:
            move_and_tell(system, serial, actor, on)
        else:
            place_system(system, serial, on)
        return system


def remove_system(*, system: System, actor: User | None, on: date) -> None:
    """Remove a system: its devices count no more, its id is free again (R5). Raises SystemGone when it was already."""
    with changing(system.organization, on) as locked:
        take_out_system(locked=locked, system=system, actor=actor, on=on)
        keep_units(locked, [serial_of(system)])


def remove_all_systems(*, locked: Organization, actor: User | None, on: date) -> None:
    """Remove every system of an organization within one change of its books, each on History (R5, R35)."""
    systems = System.objects.filter(organization=locked, removed_on=None).select_related("registered_product__product")
    for system in systems.order_by("pk"):
        take_out_system(locked=locked, system=system, actor=actor, on=on)
    keep_units(
        locked, HardwareUnit.objects.filter(organization=locked, has_systems=True).values_list("serial", flat=True)
    )


def move_system(*, system: System, unit: HardwareUnit | None, actor: User | None, on: date) -> System:
    """Say on which registered unit a system is whose devices are entered by hand; None for no unit (R25).

    Raises SystemNotMoved for a system that reports its unit itself, that is gone, or for a unit of another product, and
    UnitEnded.
    """
    with changing(system.organization, on) as organization:
        system = System.objects.select_related("registered_product__product").get(
            pk=system.pk, organization=organization
        )
        system.organization = organization
        if system.removed_on is not None or system.source != SystemSource.MANUAL:
            raise SystemNotMoved(
                _(
                    "This system was removed, or it reports its unit by itself. Nothing was changed. Look for it in System "
                    "setup; a system that reports its unit is moved by its next report."
                )
            )
        if unit is not None:
            unit = HardwareUnit.objects.get(pk=unit.pk, organization=organization)
            if unit.ended_on is not None:
                raise UnitEnded(serial=unit.serial, on=unit.ended_on)
            if unit.registered_product_id != system.registered_product_id:
                raise SystemNotMoved(
                    _(
                        "This unit is made for another product. Nothing was changed. Choose a unit of the system's product."
                    )
                )
        move_and_tell(system, unit.serial if unit else "", actor, on)
    return system


def register_unit(*, organization: Organization, serial: str, oak: str, actor: User | None, on: date) -> HardwareUnit:
    """Register a unit by its serial number and owner authentication key; its preloaded licenses are active at once (R24).

    Registers the product for which it was made, too (R5). Raises UnitUnknown, one and the same for a wrong pair, an unknown
    serial number and a unit that another organization registered, and UnitRegisteredHere; then nothing has changed.
    """
    with changing(organization, on) as locked:
        made = (
            ManufacturedUnit.objects.select_related("hardware_model__product")
            .filter(serial=normalize_serial(serial))
            .first()
        )
        if made is None or not is_oak_of(oak, made.oak_digest, made.pepper_id):
            raise UnitUnknown
        with acting(Part.REGISTRY):
            earlier = HardwareUnit.objects.filter(made=made).first()
        if earlier is not None:
            if earlier.organization_id != locked.pk:
                raise UnitUnknown
            raise UnitRegisteredHere(on=earlier.registered_on)
        return register_made_unit(locked, made, actor, on)


def register_made_unit(
    organization: Organization, made: ManufacturedUnit, actor: User | None, on: date
) -> HardwareUnit:
    """Register a unit of which is proved that the organization has it, within a change of the books that is under way (R24).

    Raises UnitUnknown when another organization registers it at this very moment.
    """
    product = made.hardware_model.product
    registered_product = register_product(organization=organization, product=product, actor=actor, on=on)
    try:
        with transaction.atomic():
            unit = HardwareUnit.objects.create(
                organization=organization,
                registered_product=registered_product,
                made=made,
                serial=made.serial,
                registered_on=on,
                registered_by=actor,
            )
    except IntegrityError as error:
        if not is_taken(error, HardwareUnit, "made"):
            raise
        # Another organization registered it at this very moment: the constraint let only one through.
        raise UnitUnknown from error
    preloaded = list(
        made.hardware_model.preloaded.select_related("license_type").order_by("license_type__position", "license_type")
    )
    moves = [
        ledger.Move(
            ledger.single_account(registered_product, line.license_type, LicenseKind.HARDWARE, AccountCategory.ENTERED),
            holding_account(unit, line.license_type),
            line.quantity,
        )
        for line in preloaded
    ]
    if moves:
        ledger.transfer(
            registered_product=registered_product, reason=TransferReason.PRELOADED, moves=moves, actor=actor, on=on
        )
    record(
        organization=organization,
        action=Action.UNIT_REGISTERED,
        actor=actor,
        on=on,
        product=product,
        serial=unit.serial,
        model=made.hardware_model.name,
        licenses={line.license_type.code: line.quantity for line in preloaded},
    )
    rebase_systems(organization, unit.serial, on)
    return unit
