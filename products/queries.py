"""Reads of an organization's systems and their devices."""

from collections.abc import Iterable

from django.db.models import QuerySet

from products.models import DeviceCount, RegisteredProduct, System


def systems_of(registered_product: RegisteredProduct) -> "QuerySet[System]":
    """The product's systems that are not removed."""
    return System.objects.filter(
        organization_id=registered_product.organization_id, registered_product=registered_product, removed_on=None
    )


def current_devices(systems: Iterable[System]) -> dict[tuple[int, int], int]:
    """Devices today by system and license type."""
    counts = DeviceCount.objects.filter(system__in=list(systems), until_on=None)
    return {(count.system_id, count.license_type_id): count.quantity for count in counts}
