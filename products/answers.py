"""How the portal's views answer: page or fragment, redirect after a change, the registered product or 404."""

from django.shortcuts import get_object_or_404

from licensemgr.core.answers import done, page, wants_fragment
from organizations.access import OrganizationRequest
from products.models import RegisteredProduct

__all__ = ["done", "page", "registered_product_or_404", "wants_fragment"]


def registered_product_or_404(request: OrganizationRequest, code: str) -> RegisteredProduct:
    """The organization's registered product of that code, or the answer for what does not exist (R30)."""
    found = get_object_or_404(
        RegisteredProduct.objects.select_related("product"), organization=request.organization, product__code=code
    )
    found.organization = request.organization
    return found
