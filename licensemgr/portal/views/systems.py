"""System setup: a product's systems and their devices."""

from uuid import UUID

from django.contrib import messages
from django.db.models import F, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from hardware.queries import serial_of
from hardware.services import report_system
from licensemgr.core.errors import Refused
from licensemgr.portal.forms import DevicesForm, initial_devices
from licensemgr.portal.queries import current_devices, system_page
from organizations.access import OrganizationRequest, Permission, organization_view
from organizations.books import lock_organization
from products import services
from products.answers import done, page, registered_product_or_404
from products.errors import SystemGone, SystemReportsItself
from products.models import RegisteredProduct, System, SystemSource
from subscriptions.queries import product_standing
from subscriptions.status_words import status_words


@require_GET
@organization_view(Permission.LOOK)
def system_setup(request: OrganizationRequest, product: str) -> HttpResponse:
    """The systems with their devices per type, searched by name, 50 a page."""
    registered_product = registered_product_or_404(request, product)
    standing = product_standing(registered_product, request.today)
    search = request.GET.get("search", "").strip()[:120]
    context = {
        "active_tab": "systems",
        "product": registered_product.product,
        "status": status_words(standing),
        "standing": standing,
        "totals": [(kind, standing.devices[kind.code]) for kind in standing.types],
        "search": search,
        "systems": system_page(
            registered_product, standing.types, search=search, after=_uuid(request.GET.get("after", ""))
        ),
    }
    return page(request, "portal/system_setup.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_view(Permission.MANAGE_SYSTEMS)
def edit_devices(request: OrganizationRequest, product: str, system: UUID) -> HttpResponse:
    """Devices of a system that was entered by hand; one that reports itself is not edited (R5)."""
    registered_product = registered_product_or_404(request, product)
    if request.method == "POST":
        lock_organization(request.organization)
    found = get_object_or_404(_systems(registered_product), system_id=system, removed_on=None)
    types = list(registered_product.product.license_types.all())
    counts = current_devices([found])
    initial = initial_devices({kind.code: counts.get((found.pk, kind.pk), 0) for kind in types})
    form = DevicesForm(types, request.POST if request.method == "POST" else None, initial=initial)
    status = 422 if form.is_bound else 200
    if form.is_valid():
        try:
            _save_devices(request, found, form)
        except Refused as refusal:
            form.add_error(None, str(refusal.sentence))
            status = refusal.status
        else:
            messages.success(request, _("The devices of %(system)s are saved.") % {"system": found.name})
            return done(request, "system_setup", request.organization.slug, product)
    context = {
        "product": registered_product.product,
        "system": found,
        "form": form,
        "refusal": SystemReportsItself().sentence if found.source != SystemSource.MANUAL else "",
    }
    return page(request, "portal/edit_devices.html", context, status=status)


def _save_devices(request: OrganizationRequest, system: System, form: DevicesForm) -> None:
    report_system(
        organization=request.organization,
        product=system.registered_product.product,
        system_id=system.system_id,
        devices=form.devices,
        source=SystemSource.MANUAL,
        actor=request.user,
        on=request.today,
        # What is edited by hand is the devices: the system stays on the unit on which it is.
        unit_serial=serial_of(system),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@organization_view(Permission.MANAGE_SYSTEMS)
def remove_system(request: OrganizationRequest, product: str, system: UUID) -> HttpResponse:
    """A confirmation first, then the removal; sent twice it removes once (R5)."""
    registered_product = registered_product_or_404(request, product)
    latest_first = F("removed_on").desc(nulls_first=True)
    current = _systems(registered_product).filter(system_id=system).order_by(latest_first, "-pk").first()
    if current is None:
        raise Http404
    if request.method == "POST":
        try:
            services.remove_system(system=current, actor=request.user, on=request.today)
        except SystemGone as refusal:
            messages.info(request, str(refusal.sentence))
        else:
            messages.success(request, _("The system %(system)s is removed.") % {"system": current.name})
        return done(request, "system_setup", request.organization.slug, product)
    if current.removed_on is not None:
        messages.info(request, str(SystemGone().sentence))
        return done(request, "system_setup", request.organization.slug, product)
    context = {"product": registered_product.product, "system": current, "rows": _facts(current)}
    return render(request, "portal/remove_system.html", context)


def _systems(registered_product: RegisteredProduct) -> QuerySet[System]:
    return System.objects.filter(
        organization_id=registered_product.organization_id, registered_product=registered_product
    ).select_related("registered_product__product", "organization")


def _facts(system: System) -> list[tuple[str, object]]:
    counts = current_devices([system])
    types = system.registered_product.product.license_types.all()
    return [
        (_("System id"), str(system.system_id)),
        *((kind.name, counts.get((system.pk, kind.pk), 0)) for kind in types),
    ]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
