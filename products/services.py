"""Verbs that change registered products, systems and their devices."""

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from django.db import IntegrityError, transaction

from history.models import Action
from history.record import record
from licensemgr.core.integrity import is_taken
from organizations.books import changing
from organizations.models import Organization, User
from products.device_lists import ListedDevice, check_device_list, pack
from products.errors import (
    QuantityOutOfRange,
    SystemGone,
    SystemIdTaken,
    SystemNameRefused,
    SystemOfAnotherProduct,
    SystemReportsItself,
    UnknownLicenseType,
)
from products.models import (
    DeviceCount,
    DeviceList,
    LicenseBasis,
    LicenseType,
    Product,
    RegisteredProduct,
    System,
    SystemSource,
    trial_last_day,
)
from products.queries import counts_now, system_anywhere

# The most devices of one type that a system can report.
MAXIMUM_DEVICES = 1_000_000
NAME_LENGTH = 120


def take_report(
    *,
    organization: Organization,
    product: Product,
    system_id: UUID,
    devices: Mapping[str, int],
    source: SystemSource,
    actor: User | None,
    on: date,
    name: str = "",
    software_version: str = "",
    device_list: Sequence[ListedDevice] | None = None,
) -> System:
    """Write what a system's report says of its devices, within a change of the books that is under way (R5).

    ``device_list``, where given, names the devices one by one; it has to agree with ``devices``.

    ``organization`` is the locked one of `organizations.books.changing`. A part of `hardware.services.report_system`, which
    takes the whole report. Raises SystemIdTaken, SystemOfAnotherProduct, SystemReportsItself, UnknownLicenseType,
    QuantityOutOfRange, DeviceListRefused.
    """
    types = {license_type.code: license_type for license_type in product.license_types.all()}
    for code, quantity in devices.items():
        if code not in types:
            raise UnknownLicenseType(code=code, product=product.name)
        if not 0 <= quantity <= MAXIMUM_DEVICES:
            raise QuantityOutOfRange(maximum=MAXIMUM_DEVICES)
    counts = {types[code]: devices.get(code, 0) for code in types}
    if device_list is not None:
        check_device_list(device_list, devices)
    # Other tenants' systems are looked at here for one yes or no, which R5 asks for; nothing of them is told.
    system = system_anywhere(system_id)
    if system is not None and system.organization_id != organization.pk:
        raise SystemIdTaken
    if system is not None and system.registered_product.product_id != product.pk:
        raise SystemOfAnotherProduct(product=system.registered_product.product.name)
    if system is None:
        system = _add_system(organization, product, system_id, counts, source, actor, on, name)
        _describe_system(system, software_version, device_list, on)
        return system
    if source == SystemSource.MANUAL and system.source != SystemSource.MANUAL:
        raise SystemReportsItself
    changed = _count_devices(system, counts, on)
    system.source = source
    system.last_reported_on = on
    system.name = name or system.name
    system.save(update_fields=["source", "last_reported_on", "name"])
    _describe_system(system, software_version, device_list, on)
    if changed:
        record(
            organization=organization,
            action=Action.SYSTEM_REPORTED,
            actor=actor,
            on=on,
            product=product,
            system=system.name,
            system_id=str(system_id),
            devices={license_type.code: quantity for license_type, quantity in counts.items()},
            before=changed,
        )
    return system


def _describe_system(
    system: System, software_version: str, device_list: Sequence[ListedDevice] | None, on: date
) -> None:
    """Keep what a report says of the system beside the counts: a report tells the whole of it (R5)."""
    if system.software_version != software_version:
        system.software_version = software_version
        system.save(update_fields=["software_version"])
    if device_list is None:
        DeviceList.objects.filter(system=system).delete()
        return
    DeviceList.objects.update_or_create(
        system=system,
        defaults={
            "organization_id": system.organization_id,
            "packed": pack(device_list),
            "total": len(device_list),
            "reported_on": on,
        },
    )


def rename_system(*, system: System, name: str, actor: User | None, on: date) -> System:
    """Give a system another name. Raises SystemGone when it was removed, SystemNameRefused for no name."""
    name = " ".join(name.split())
    if not name or len(name) > NAME_LENGTH:
        raise SystemNameRefused
    with changing(system.organization, on) as locked:
        current = System.objects.filter(pk=system.pk, removed_on=None).first()
        if current is None:
            raise SystemGone
        before, current.name = current.name, name
        if before == name:
            return current
        current.save(update_fields=["name"])
        record(
            organization=locked,
            action=Action.SYSTEM_RENAMED,
            actor=actor,
            on=on,
            product=current.registered_product.product,
            system=name,
            system_id=str(current.system_id),
            before=before,
        )
    return current


def _add_system(
    organization: Organization,
    product: Product,
    system_id: UUID,
    counts: Mapping[LicenseType, int],
    source: SystemSource,
    actor: User | None,
    on: date,
    name: str,
) -> System:
    registered_product = register_product(organization=organization, product=product, actor=actor, on=on)
    try:
        with transaction.atomic():
            system = System.objects.create(
                organization=organization,
                registered_product=registered_product,
                system_id=system_id,
                name=name or str(system_id),
                source=source,
                license_basis_since=on,
                added_on=on,
                last_reported_on=on,
            )
    except IntegrityError as error:
        if not is_taken(error, System, "system_id"):
            raise
        # Another organization registered the same id at this very moment.
        raise SystemIdTaken from error
    _count_devices(system, counts, on)
    record(
        organization=organization,
        action=Action.SYSTEM_ADDED,
        actor=actor,
        on=on,
        product=product,
        system=system.name,
        system_id=str(system_id),
        devices={license_type.code: quantity for license_type, quantity in counts.items()},
    )
    return system


def register_product(
    *, organization: Organization, product: Product, actor: User | None, on: date
) -> RegisteredProduct:
    """The registered product, made where it is not yet (R5, R6), within a change of the books that is under way."""
    registered_product, created = RegisteredProduct.objects.get_or_create(
        organization=organization,
        product=product,
        defaults={"registered_on": on, "trial_last_on": trial_last_day(on, product.trial_days)},
    )
    if created:
        last = registered_product.trial_last_on
        record(
            organization=organization,
            action=Action.PRODUCT_REGISTERED,
            actor=actor,
            on=on,
            product=product,
            trial_last_day=last.isoformat() if last else None,
        )
    return registered_product


def _count_devices(system: System, counts: Mapping[LicenseType, int], on: date) -> dict[str, int]:
    """Write the counts as of ``on``; returns the former quantity of each type that changed."""
    changed: dict[str, int] = {}
    current = {count.license_type_id: count for count in counts_now(system)}
    for license_type, quantity in counts.items():
        count = current.get(license_type.pk)
        before = count.quantity if count else 0
        if quantity == before and count is not None:
            continue
        _write_count(system, license_type.pk, count, quantity, on)
        if quantity != before:
            changed[license_type.code] = before
    return changed


def _write_count(system: System, license_type_id: int, count: DeviceCount | None, quantity: int, on: date) -> None:
    """Let ``quantity`` devices count from ``on``, on the basis that the system has; ``count`` is what counted until then."""
    if count is not None and count.from_on == on:
        counts_now(system).filter(pk=count.pk).update(quantity=quantity, license_basis=system.license_basis)
        return
    if count is not None:
        counts_now(system).filter(pk=count.pk).update(until_on=on)
    DeviceCount.objects.create(
        organization_id=system.organization_id,
        system=system,
        license_type_id=license_type_id,
        quantity=quantity,
        license_basis=system.license_basis,
        from_on=on,
    )


def set_license_basis(*, system: System, basis: LicenseBasis, on: date) -> bool:
    """Let the system's devices count from ``on`` by another basis (R25), within a change of the books that is under way.

    Returns whether that changed anything.
    """
    if system.license_basis == basis:
        return False
    system.license_basis, system.license_basis_since = basis, on
    system.save(update_fields=["license_basis", "license_basis_since"])
    for count in list(counts_now(system)):
        _write_count(system, count.license_type_id, count, count.quantity, on)
    return True


def take_out_system(*, locked: Organization, system: System, actor: User | None, on: date) -> None:
    """Remove a system within a change of the books that is under way: its devices count no more, its id is free again (R5).

    A part of `hardware.services.remove_system`, which also keeps what its hardware unit lacks. Raises SystemGone when it was
    removed already.
    """
    if not System.objects.filter(pk=system.pk, removed_on=None).update(removed_on=on):
        raise SystemGone
    before = {count.license_type.code: count.quantity for count in counts_now(system).select_related("license_type")}
    counts_now(system).filter(from_on=on).delete()
    counts_now(system).update(until_on=on)
    record(
        organization=locked,
        action=Action.SYSTEM_REMOVED,
        actor=actor,
        on=on,
        product=system.registered_product.product,
        system=system.name,
        system_id=str(system.system_id),
        before=before,
    )
