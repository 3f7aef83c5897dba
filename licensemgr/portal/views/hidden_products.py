"""Products that are left out of the Product list, and those that could be (R35)."""

from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from licensemgr.core.answers import done
from licensemgr.core.errors import Refused
from licensemgr.core.worded import gettext as _
from licensemgr.portal import hiding
from organizations.access import OrganizationRequest, Permission, organization_view
from products.answers import registered_product_or_404


@require_safe
@organization_view(Permission.LOOK)
def hidden_products(request: OrganizationRequest) -> HttpResponse:
    """What is hidden, and what could be."""
    return _page(request)


@require_POST
@organization_view(Permission.MANAGE_SYSTEMS)
def hide_product(request: OrganizationRequest, product: str) -> HttpResponse:
    """Leave a product out of the Product list."""
    registered_product = registered_product_or_404(request, product)
    try:
        hiding.hide_product(registered_product=registered_product, actor=request.user, on=request.today)
    except Refused as refusal:
        return _page(request, errors=[refusal.sentence], status=refusal.status)
    messages.success(request, _("%(product)s is hidden.") % {"product": registered_product.product.name})
    return done(request, "hidden_products", request.organization.slug)


@require_POST
@organization_view(Permission.MANAGE_SYSTEMS)
def show_product(request: OrganizationRequest, product: str) -> HttpResponse:
    """Put a hidden product on the Product list again."""
    registered_product = registered_product_or_404(request, product)
    hiding.show_product(registered_product=registered_product, actor=request.user, on=request.today)
    names = {"product": registered_product.product.name}
    messages.success(request, _("%(product)s is on the Product list again.") % names)
    return done(request, "hidden_products", request.organization.slug)


def _page(request: OrganizationRequest, *, errors: Sequence[str] = (), status: int = 200) -> HttpResponse:
    context = {"hiding": hiding.what_can_be_hidden(request.organization, request.today), "errors": errors}
    return render(request, "portal/hidden_products.html", context, status=status)
