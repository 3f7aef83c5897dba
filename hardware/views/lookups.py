"""What the pages' addresses name, within the organization of the request (R30)."""

from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404

from hardware.models import HardwareUnit
from organizations.access import OrganizationRequest
from products.answers import registered_product_or_404
from products.models import System


def systems(request: OrganizationRequest, product: str) -> "QuerySet[System]":
    """All systems that the product ever had, or the answer for a product that does not exist here."""
    registered_product = registered_product_or_404(request, product)
    return System.objects.filter(
        organization=request.organization, registered_product=registered_product
    ).select_related("registered_product__product", "registered_product__organization", "organization")


def system_or_404(request: OrganizationRequest, product: str, system: UUID) -> System:
    """The system that is not removed."""
    return get_object_or_404(systems(request, product), system_id=system, removed_on=None)


def unit_or_404(request: OrganizationRequest, product: str, unit: int) -> HardwareUnit:
    """The registered unit, its life ended or not."""
    registered_product = registered_product_or_404(request, product)
    found = get_object_or_404(
        HardwareUnit.objects.select_related("made__hardware_model", "registered_by", "ended_by"),
        organization=request.organization,
        registered_product=registered_product,
        pk=unit,
    )
    found.organization, found.registered_product = request.organization, registered_product
    return found
