"""Hiding the guide of the first steps, and showing it again: a person's own choice in an organization."""

from django.contrib import messages
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from organizations.access import OrganizationRequest, Permission, organization_view
from organizations.services import choose_guide
from products.answers import done


@require_POST
@organization_view(Permission.LOOK)
def first_steps(request: OrganizationRequest) -> HttpResponse:
    """Hide or show the guide, by the button that was pressed; back to the Product list."""
    hides = request.POST.get("guide") != "show"
    choose_guide(membership=request.membership, hides=hides)
    if hides:
        messages.success(
            request, _("The first steps are hidden. The Product list shows them again when you ask for them.")
        )
    return done(request, "product_list", request.organization.slug)
