"""The Product list, and how products and systems get into it."""

from collections.abc import Mapping
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from hardware.services import report_system
from hardware.views.organization_systems import uploads_to_confirm
from licensemgr.core.errors import Refused
from licensemgr.core.worded import gettext as _
from licensemgr.portal.first_steps import first_steps
from licensemgr.portal.forms import ChooseProductForm, SystemForm
from licensemgr.portal.hiding import count_hidden, has_unused
from licensemgr.portal.product_columns import PRODUCT_COLUMNS, PRODUCTS, read_products
from licensemgr.portal.queries import choose_rows, product_rows
from licensemgr.portal.summary import summarize
from organizations.access import OrganizationRequest, Permission, organization_view
from organizations.books import lock_organization
from organizations.lists import list_tools
from products.answers import done, page
from products.models import Product, RegisteredProduct, System, SystemSource
from products.queries import current_devices
from subscriptions.advice import status_label
from subscriptions.rules import Status


@require_GET
@organization_view(Permission.LOOK)
def product_list(request: OrganizationRequest) -> HttpResponse:
    """Each registered product: how it stands, what happens next, what it needs and has (R14a)."""
    asked = read_products(request.GET)
    rows = product_rows(request.organization, request.today)
    statuses = {str(row.status): row.label for row in rows}
    if asked["status"]:
        statuses.setdefault(asked["status"], status_label(Status(asked["status"])))
    page_url = reverse("product_list", args=[request.organization.slug])
    context = {
        "summary": summarize(rows),
        "rows": choose_rows(rows, **asked),
        "total": len(rows),
        "hidden": count_hidden(request.organization),
        "can_hide": has_unused(request.organization, [row.standing for row in rows]),
        "statuses": sorted(statuses.items(), key=lambda item: item[1]),
        "tools": list_tools(request, PRODUCTS, PRODUCT_COLUMNS, page_url=page_url, sort=asked["sort"]),
        **asked,
        "waiting_uploads": uploads_to_confirm(request),
        "guide": first_steps(request.membership, request.today, [row.standing for row in rows]),
    }
    return page(request, "portal/product_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_view(Permission.MANAGE_SYSTEMS)
def register_product(request: OrganizationRequest) -> HttpResponse:
    """Step 1: the product, in the URL; step 2: its system by hand (R5). The same form sent twice registers once."""
    posted = request.method == "POST"
    choice = ChooseProductForm(request.POST if posted else request.GET or None)
    if not choice.is_valid():
        return page(request, "portal/register_product.html", {"choice": choice}, status=422 if choice.is_bound else 200)
    product: Product = choice.cleaned_data["product"]
    form = SystemForm(product.license_types.all(), request.POST if posted else None)
    status = 422 if posted else 200
    if form.is_valid():
        try:
            system = _register(request, product, form)
        except Refused as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal.sentence))
            status = refusal.status
        else:
            messages.success(request, _("The system %(system)s is registered.") % {"system": system.name})
            return done(request, "product_overview", request.organization.slug, product.code)
    registered = RegisteredProduct.objects.filter(organization=request.organization, product=product).exists()
    context = {"choice": choice, "product": product, "form": form, "registered": registered}
    return page(request, "portal/register_product.html", context, status=status)


class SystemThere(Refused):
    """The id is one of a system that the organization has; registering is not the place to change it (R5)."""

    code = "system there"

    def __init__(self, *, name: str, typed: bool) -> None:
        # Where a person typed the id, that field is what has to be put right.
        self.field = "system_id" if typed else None
        sentence = (
            _(
                "This system id is registered here already, as %(name)s. Nothing was changed. Edit its devices in "
                "System setup."
            )
            if typed
            else _(
                "This form was sent before: it added %(name)s. Nothing was changed. Open the page anew to add "
                "another system."
            )
        )
        super().__init__(sentence % {"name": name})


def _register(request: OrganizationRequest, product: Product, form: SystemForm) -> System:
    name, devices, system_id = form.cleaned_data["system_name"], form.devices, form.chosen_system_id
    lock_organization(request.organization)
    there = _system_there(request, product, system_id)
    if there is not None:
        if (there.name, there.source) == (name, SystemSource.MANUAL) and _devices_of(there, product) == devices:
            return there
        raise SystemThere(name=there.name, typed=form.cleaned_data["system_id"] is not None)
    return report_system(
        organization=request.organization,
        product=product,
        system_id=system_id,
        name=name,
        devices=devices,
        source=SystemSource.MANUAL,
        actor=request.user,
        on=request.today,
    )


def _system_there(request: OrganizationRequest, product: Product, system_id: UUID) -> System | None:
    return System.objects.filter(
        organization=request.organization, registered_product__product=product, system_id=system_id, removed_on=None
    ).first()


def _devices_of(system: System, product: Product) -> Mapping[str, int]:
    counts = current_devices([system])
    return {kind.code: counts.get((system.pk, kind.pk), 0) for kind in product.license_types.all()}
