"""A system: what it is and reported, its devices, its name, the unit on which it is, its removal."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.contrib import messages
from django.db.models import F
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.utils.translation import get_language_bidi
from django.views.decorators.http import require_GET, require_http_methods

from hardware.contact import calls_of
from hardware.device_columns import DEVICE_COLUMNS, DEVICES, read_devices
from hardware.forms import DevicesForm, MoveSystemForm, SystemNameForm, initial_devices
from hardware.keeping import lacks_of
from hardware.license_listing import license_file_states
from hardware.models import HardwareUnit
from hardware.queries import UnitState, serial_of, unit_of, unit_states
from hardware.reported import counts_over_time, device_page
from hardware.services import move_system as move_system_to
from hardware.services import remove_system as remove_system_for_good
from hardware.services import report_system
from hardware.states import state_of
from hardware.views.lookups import system_or_404, systems
from licensemgr.core.errors import Refused
from licensemgr.core.worded import gettext as _
from organizations.access import OrganizationRequest, Permission, organization_view
from organizations.books import lock_organization
from organizations.lists import list_tools
from products import services
from products.answers import done, page
from products.errors import SystemGone, SystemReportsItself
from products.models import LicenseType, System, SystemSource
from products.queries import current_devices
from subscriptions.devices_over_time import system_over_time
from subscriptions.pictures import drawn_devices
from subscriptions.queries import product_standing
from subscriptions.status_words import status_words

# How many units the field suggests onto which a system can be moved.
UNITS_SUGGESTED = 50


@dataclass(frozen=True)
class TypeLine:
    """One license type of a system, and of the unit that licenses it; None where none does."""

    license_type: LicenseType
    devices: int
    devices_on_unit: int | None = None
    licenses: int | None = None
    # None where the unit licenses nothing, and so lacks nothing either.
    lacks: int | None = None


@require_GET
@organization_view(Permission.LOOK)
def system_details(request: OrganizationRequest, product: str, system: UUID) -> HttpResponse:
    """How the system is licensed, its unit, its devices one by one, and what it reported when."""
    found = system_or_404(request, product, system)
    standing = product_standing(found.registered_product, request.today)
    serial = serial_of(found)
    unit = unit_of(found, serial) if serial else None
    is_here = unit is not None and unit.is_active and unit.registered_product_id == found.registered_product_id
    over_time = system_over_time(found, request.today)
    asked = read_devices(request.GET)
    page_url = reverse("system_details", args=[request.organization.slug, product, system])
    subject = f"{product}/{system}"
    context = {
        "active_tab": "systems",
        "calls": calls_of(found),
        "product": standing.product,
        "status": status_words(standing),
        "standing": standing,
        "system": found,
        "serial": serial,
        "unit": unit,
        "is_on_active_unit": is_here,
        "state": state_of(standing, found, lacks_of(request.organization, [serial]).get(serial)),
        "lines": _lines(found, standing.types, unit if is_here else None),
        "changes": counts_over_time(found, standing.types, _date(request.GET.get("before", ""))),
        "over_time": over_time,
        "devices_drawn": drawn_devices(over_time, mirrored=get_language_bidi()),
        "license_file": license_file_states(request.organization, [found], request.today, [standing])[found.pk],
        "asked": asked,
        "devices": device_page(found, asked, request.GET.get("page", "")),
        "tools": list_tools(request, DEVICES, DEVICE_COLUMNS, page_url=page_url, subject=subject, sort=asked.sort),
    }
    return page(request, "hardware/system_details.html", context)


def _lines(system: System, types: tuple[LicenseType, ...], unit: HardwareUnit | None) -> list[TypeLine]:
    counts = current_devices([system])
    devices = {kind.pk: counts.get((system.pk, kind.pk), 0) for kind in types}
    if unit is None:
        return [TypeLine(kind, devices[kind.pk]) for kind in types]
    state: UnitState = unit_states(system.organization, [unit])[0]
    return [
        TypeLine(
            kind,
            devices[kind.pk],
            state.devices.get(kind.code, 0),
            state.licenses.get(kind.code, 0),
            state.lacks.get(kind.code, 0) if state.is_tied else None,
        )
        for kind in types
    ]


def _date(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


@require_http_methods(["GET", "HEAD", "POST"])
@organization_view(Permission.MANAGE_SYSTEMS)
def edit_devices(request: OrganizationRequest, product: str, system: UUID) -> HttpResponse:
    """Devices of a system that was entered by hand; one that reports itself is not edited (R5)."""
    if request.method == "POST":
        lock_organization(request.organization)
    found = system_or_404(request, product, system)
    types = list(found.registered_product.product.license_types.all())
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
            return done(request, "system_details", request.organization.slug, product, system)
    context = {
        "product": found.registered_product.product,
        "system": found,
        "form": form,
        "refusal": SystemReportsItself().sentence if found.source != SystemSource.MANUAL else "",
    }
    return page(request, "hardware/edit_devices.html", context, status=status)


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
def rename_system(request: OrganizationRequest, product: str, system: UUID) -> HttpResponse:
    """Another name for a system."""
    found = system_or_404(request, product, system)
    form = SystemNameForm(request.POST if request.method == "POST" else None, initial={"name": found.name})
    status = 422 if form.is_bound else 200
    if form.is_valid():
        name = form.cleaned_data["name"]
        try:
            renamed = services.rename_system(system=found, name=name, actor=request.user, on=request.today)
        except Refused as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal.sentence))
            status = refusal.status
        else:
            messages.success(request, _("The system is called %(system)s now.") % {"system": renamed.name})
            return done(request, "system_details", request.organization.slug, product, system)
    context = {"product": found.registered_product.product, "system": found, "form": form}
    return page(request, "hardware/rename_system.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_view(Permission.MANAGE_SYSTEMS)
def move_system(request: OrganizationRequest, product: str, system: UUID) -> HttpResponse:
    """Say on which registered unit a system is whose devices are entered by hand (R25)."""
    found = system_or_404(request, product, system)
    units = HardwareUnit.objects.filter(registered_product=found.registered_product)
    form = MoveSystemForm(
        units, request.POST if request.method == "POST" else None, initial={"serial": serial_of(found)}
    )
    status = 422 if form.is_bound else 200
    if form.is_valid():
        unit: HardwareUnit | None = form.cleaned_data["serial"]
        try:
            move_system_to(system=found, unit=unit, actor=request.user, on=request.today)
        except Refused as refusal:
            form.add_error(None, str(refusal.sentence))
            status = refusal.status
        else:
            messages.success(request, _what_moved(found, unit))
            return done(request, "system_details", request.organization.slug, product, system)
    context = {
        "product": found.registered_product.product,
        "system": found,
        "form": form,
        "units": units.filter(ended_on=None).order_by("serial")[:UNITS_SUGGESTED],
        "is_by_hand": found.source == SystemSource.MANUAL,
    }
    return page(request, "hardware/move_system.html", context, status=status)


def _what_moved(system: System, unit: HardwareUnit | None) -> str:
    if unit is None:
        return _("%(system)s is on no hardware unit now.") % {"system": system.name}
    return _("%(system)s is on hardware unit %(serial)s now.") % {"system": system.name, "serial": unit.serial}


@require_http_methods(["GET", "HEAD", "POST"])
@organization_view(Permission.MANAGE_SYSTEMS)
def remove_system(request: OrganizationRequest, product: str, system: UUID) -> HttpResponse:
    """A confirmation first, then the removal; sent twice it removes once (R5)."""
    latest_first = F("removed_on").desc(nulls_first=True)
    current = systems(request, product).filter(system_id=system).order_by(latest_first, "-pk").first()
    if current is None:
        raise Http404
    if request.method == "POST":
        try:
            remove_system_for_good(system=current, actor=request.user, on=request.today)
        except SystemGone as refusal:
            messages.info(request, str(refusal.sentence))
        else:
            messages.success(request, _("The system %(system)s is removed.") % {"system": current.name})
        return done(request, "system_setup", request.organization.slug, product)
    if current.removed_on is not None:
        messages.info(request, str(SystemGone().sentence))
        return done(request, "system_setup", request.organization.slug, product)
    context = {"product": current.registered_product.product, "system": current, "rows": _facts(current)}
    return render(request, "hardware/remove_system.html", context)


def _facts(system: System) -> list[tuple[str, object]]:
    counts = current_devices([system])
    types = system.registered_product.product.license_types.all()
    return [
        (_("System id"), str(system.system_id)),
        *((kind.name, counts.get((system.pk, kind.pk), 0)) for kind in types),
    ]
