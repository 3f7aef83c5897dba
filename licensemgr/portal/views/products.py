"""The Product list, and how products and systems get into it."""

from collections.abc import Mapping
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from hardware.services import report_system
from licensemgr.core.errors import Refused
from licensemgr.portal.first_steps import first_steps
from licensemgr.portal.forms import ChooseProductForm, SystemForm
from licensemgr.portal.hiding import count_hidden, has_unused
from licensemgr.portal.queries import PRODUCT_SORTS, choose_rows, product_rows
from organizations.access import OrganizationRequest, Permission, organization_view
from organizations.books import lock_organization
from products.answers import done, page
from products.models import Product, RegisteredProduct, System, SystemSource
from products.queries import current_devices
from subscriptions.advice import status_label
from subscriptions.rules import Status


@require_GET
@organization_view(Permission.LOOK)
def product_list(request: OrganizationRequest) -> HttpResponse:
    """Each registered product: how it stands, what happens next, what it needs and has (R14a)."""
    search, status = request.GET.get("search", "").strip()[:100], request.GET.get("status", "")
    sort = request.GET.get("sort", "")
    if sort.removeprefix("-") not in PRODUCT_SORTS:
        sort = "name"
    rows = product_rows(request.organization, request.today)
    statuses = {str(row.status): row.label for row in rows}
    if status not in set(Status):
        status = ""
    elif status not in statuses:
        statuses[status] = status_label(Status(status))
    context = {
        "rows": choose_rows(rows, search=search, status=status, sort=sort),
        "total": len(rows),
        "hidden": count_hidden(request.organization),
        "can_hide": has_unused(request.organization, [row.standing for row in rows]),
        "attention": sum(row.wants_attention for row in rows),
        "statuses": sorted(statuses.items(), key=lambda item: item[1]),
        "search": search,
        "status": status,
        "sort": sort,
        "columns": _columns(sort),
        "guide": first_steps(request.membership, request.today, [row.standing for row in rows]),
    }
    return page(request, "portal/product_list.html", context)


def _columns(sort: str) -> list[dict[str, object]]:
    names = (
        ("name", _("Product"), False),
        ("status", _("License status"), False),
        ("next", _("What happens next"), False),
        ("need", _("Current need"), True),
        ("subscription", _("Wallet: subscription"), True),
        ("hardware", _("Wallet: hardware"), True),
        ("systems", _("Systems"), True),
    )
    return [
        {
            "name": name,
            "label": label,
            "num": num,
            "aria": {name: "ascending", f"-{name}": "descending"}.get(sort),
            "link": f"-{name}" if sort == name else name,
        }
        for name, label, num in names
    ]


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
