"""Reads of an organization's systems and their devices."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import QuerySet

from licensemgr.core.tenancy import Part, acting
from products.models import DeviceCount, RegisteredProduct, System


def systems_of(registered_product: RegisteredProduct) -> "QuerySet[System]":
    """The product's systems that are not removed."""
    return System.objects.filter(
        organization_id=registered_product.organization_id, registered_product=registered_product, removed_on=None
    )


def system_anywhere(system_id: UUID) -> System | None:
    """The system of that id, of whichever organization: an id is taken once in the portal (R5). Others' are told to nobody."""
    with acting(Part.REGISTRY):
        found = System.objects.filter(system_id=system_id, removed_on=None)
        return found.select_related("registered_product").first()


def counts_now(system: System) -> "QuerySet[DeviceCount]":
    """The counts of the system's devices that count today."""
    return DeviceCount.objects.filter(organization_id=system.organization_id, system=system, until_on=None)


def current_devices(systems: Iterable[System]) -> dict[tuple[int, int], int]:
    """Devices today by system and license type."""
    systems = list(systems)
    organizations = {system.organization_id for system in systems}
    counts = DeviceCount.objects.filter(organization__in=organizations, system__in=systems, until_on=None)
    return {(count.system_id, count.license_type_id): count.quantity for count in counts}
