"""Verbs that change registered products, systems and their devices."""

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from django.db import IntegrityError, transaction

from history.models import Action
from history.record import record
from organizations.books import changing
from organizations.models import Organization, User
from products.errors import (
    QuantityOutOfRange,
    SystemGone,
    SystemIdTaken,
    SystemOfAnotherProduct,
    SystemReportsItself,
    UnknownLicenseType,
)
from products.models import (
    DeviceCount,
    LicenseType,
    Product,
    RegisteredProduct,
    System,
    SystemSource,
    trial_last_day,
)

# The most devices of one type that a system can report.
MAXIMUM_DEVICES = 1_000_000


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
) -> System:
    """Take a system's whole report: its devices per license type code, those not named being none (R5).

    The first report registers the system, and the product with it. The one service for pages, files and systems.
    Raises SystemIdTaken, SystemOfAnotherProduct, SystemReportsItself, UnknownLicenseType, QuantityOutOfRange.
    """
    types = {license_type.code: license_type for license_type in product.license_types.all()}
    for code, quantity in devices.items():
        if code not in types:
            raise UnknownLicenseType(code=code, product=product.name)
        if not 0 <= quantity <= MAXIMUM_DEVICES:
            raise QuantityOutOfRange(maximum=MAXIMUM_DEVICES)
    counts = {types[code]: devices.get(code, 0) for code in types}
    with changing(organization, on) as locked:
        # Other tenants' systems are looked at here for one yes or no, which R5 asks for; nothing of them is told.
        system = (
            System.objects.filter(system_id=system_id, removed_on=None).select_related("registered_product").first()
        )
        if system is not None and system.organization_id != locked.pk:
            raise SystemIdTaken
        if system is not None and system.registered_product.product_id != product.pk:
            raise SystemOfAnotherProduct(product=system.registered_product.product.name)
        if system is None:
            return _add_system(locked, product, system_id, counts, source, actor, on, name)
        if source == SystemSource.MANUAL and system.source != SystemSource.MANUAL:
            raise SystemReportsItself
        changed = _count_devices(system, counts, on)
        system.source = source
        system.last_reported_on = on
        system.name = name or system.name
        system.save(update_fields=["source", "last_reported_on", "name"])
        if changed:
            record(
                organization=locked,
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
    registered_product = _register_product(organization, product, actor, on)
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


def _register_product(organization: Organization, product: Product, actor: User | None, on: date) -> RegisteredProduct:
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
    current = {count.license_type_id: count for count in system.device_counts.filter(until_on=None)}
    for license_type, quantity in counts.items():
        count = current.get(license_type.pk)
        before = count.quantity if count else 0
        if quantity == before and count is not None:
            continue
        if count is not None and count.from_on == on:
            count.quantity = quantity
            count.save(update_fields=["quantity"])
        else:
            if count is not None:
                count.until_on = on
                count.save(update_fields=["until_on"])
            DeviceCount.objects.create(
                organization_id=system.organization_id,
                system=system,
                license_type=license_type,
                quantity=quantity,
                from_on=on,
            )
        if quantity != before:
            changed[license_type.code] = before
    return changed


def remove_system(*, system: System, actor: User | None, on: date) -> None:
    """Remove a system: its devices count no more, its id is free again (R5). Raises SystemGone when it was already."""
    with changing(system.organization, on) as locked:
        _remove_system(locked, system, actor, on)


def remove_all_systems(*, locked: Organization, actor: User | None, on: date) -> None:
    """Remove every system of an organization within one change of its books, each on History (R5, R35)."""
    systems = System.objects.filter(organization=locked, removed_on=None).select_related("registered_product__product")
    for system in systems.order_by("pk"):
        _remove_system(locked, system, actor, on)


def _remove_system(locked: Organization, system: System, actor: User | None, on: date) -> None:
    if not System.objects.filter(pk=system.pk, removed_on=None).update(removed_on=on):
        raise SystemGone
    before = {count.license_type.code: count.quantity for count in _current_counts(system)}
    system.device_counts.filter(until_on=None, from_on=on).delete()
    system.device_counts.filter(until_on=None).update(until_on=on)
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


def _current_counts(system: System) -> list[DeviceCount]:
    return list(system.device_counts.filter(until_on=None).select_related("license_type"))
