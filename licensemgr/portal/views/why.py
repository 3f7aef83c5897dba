"""Where a number comes from: “Why 84?”, as a page and, where htmx asks, as what a dialog shows."""

from django.db.models import Count, Q
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from licensemgr.core.worded import gettext as _
from licensemgr.portal.why import TABS, Asked, ShownAddend, explanation_of, shown_addends
from organizations.access import OrganizationRequest, Permission, organization_view
from products.answers import page, registered_product_or_404
from products.why import Addend, Counted, Explanation, Link, explain


@require_safe
@organization_view(Permission.LOOK)
def why(request: OrganizationRequest, product: str, what: str) -> HttpResponse:
    """A number of a product, the rule behind it, and the systems, entries or dates that sum to it."""
    registered_product = registered_product_or_404(request, product)
    explanation = explanation_of(what, Asked(request, registered_product))
    shown = shown_addends(request.organization, product, explanation)
    context = {"product": registered_product.product, "active_tab": TABS.get(what, "systems")}
    return _page(request, explanation, shown, context)


@require_safe
@organization_view(Permission.LOOK)
def why_all_systems(request: OrganizationRequest) -> HttpResponse:
    """The number of an organization's systems that My Systems shows: those of each product."""
    registered = (
        request.organization.registered_products.select_related("product")
        .annotate(found=Count("systems", filter=Q(systems__removed_on=None)))
        .filter(found__gt=0)
        .order_by("product__name", "pk")
    )
    counts = [(each.product, each.found) for each in registered]
    explanation = explain(
        _("Systems of %(organization)s") % {"organization": request.organization.name},
        sum(found for _product, found in counts),
        Counted.SYSTEMS,
        _("Each installation of a product that was registered and not removed is one system."),
        [
            Addend(
                product.name,
                found,
                link=Link("why", (product.code, "systems"), is_of_product=False),
            )
            for product, found in counts
        ],
    )
    return _page(request, explanation, shown_addends(request.organization, "", explanation), {})


def _page(
    request: OrganizationRequest, explanation: Explanation, shown: list[ShownAddend], context: dict[str, object]
) -> HttpResponse:
    here = sum(each.addend.quantity for each in shown)
    context |= {
        "why": explanation,
        "addends": shown,
        "elsewhere": explanation.total - here,
        "more": explanation.count - len(shown),
        "is_first": not request.GET.get("after"),
    }
    return page(request, "portal/why.html", context)
