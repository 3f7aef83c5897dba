"""Systems that a page's address names without their product, within the organization of the request (R30)."""

from uuid import UUID

from django.shortcuts import get_object_or_404

from hardware.staging import WaitingUpload, waiting_uploads
from organizations.access import OrganizationRequest, Permission, may
from products.models import System


def system_or_404(request: OrganizationRequest, system: UUID) -> System:
    """The organization's system of that id that was not removed, or the answer for what does not exist."""
    return get_object_or_404(
        System.objects.select_related(
            "registered_product__product", "registered_product__organization", "organization"
        ),
        organization=request.organization,
        system_id=system,
        removed_on=None,
    )


def uploads_to_confirm(request: OrganizationRequest) -> list[WaitingUpload]:
    """The person's uploads that wait to be confirmed, for the line that leads to them; none for one who may not confirm."""
    if not may(request.membership, Permission.MANAGE_SYSTEMS):
        return []
    return waiting_uploads(request.organization, request.user)
