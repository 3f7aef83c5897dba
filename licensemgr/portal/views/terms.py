"""The page that explains every term of licensing."""

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from licensemgr.portal.own_terms import own_examples
from licensemgr.portal.terms import TERMS
from organizations.access import OrganizationRequest, Permission, organization_view
from products.answers import page
from subscriptions.queries import standings


@require_safe
@organization_view(Permission.LOOK)
def terms(request: OrganizationRequest) -> HttpResponse:
    """Each term in one sentence, with an example in the organization's own numbers where it has some."""
    shown = request.organization.registered_products.filter(hidden_on=None).select_related("product")
    known = standings(request.organization, request.today, shown)
    own = own_examples(request.organization, request.today, known)
    explained = [(code, term, own.get(code) or term.example_for(known)) for code, term in TERMS.items()]
    return page(request, "portal/terms.html", {"terms": explained})
