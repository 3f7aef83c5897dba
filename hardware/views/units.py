"""A hardware unit: registering it, what it holds and lacks, the end of its life."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from hardware import rules
from hardware.ending import RetirementPreview, preview_retirement
from hardware.ending import retire_unit as end_unit
from hardware.errors import SerialNotRepeated, TooManyUnitTries, UnitEnded, UnitRegisteredHere
from hardware.forms import RegisterHardwareForm, RetireForm
from hardware.keys import normalize_serial
from hardware.models import Expansion, HardwareUnit, Replacement
from hardware.queries import UnitState, systems_on, unit_states
from hardware.services import register_unit
from hardware.states import say_quantities
from hardware.tries import UNIT_PAIR
from hardware.views.lookups import unit_or_404
from licensemgr.core.errors import Refused
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import ngettext, pgettext
from organizations.access import OrganizationRequest, Permission, organization_view
from products.answers import done, page
from products.models import LicenseKind, LicenseType
from subscriptions.advice import format_date, listed
from subscriptions.queries import product_standing
from subscriptions.status_words import status_words
from wallet.limits import counting_wrong_tries, trier_of

# How many systems and expansions a unit's page lists.
LISTED = 50


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("owner_authentication_key")
@organization_view(Permission.MANAGE_SYSTEMS)
def register_hardware(request: OrganizationRequest) -> HttpResponse:
    """Register a unit by serial number and owner authentication key; the page after it shows its licenses (R24)."""
    form = RegisterHardwareForm(request.POST if request.method == "POST" else None)
    refused: Refused | None = None
    if form.is_valid():
        try:
            unit = _register(request, form)
        except Refused as error:
            refused = error
            form.add_error(error.field if error.field in form.fields else None, str(error.sentence))
        else:
            code = unit.registered_product.product.code
            return done(request, "unit_details", request.organization.slug, code, unit.pk)
    status = refused.status if refused else 422 if form.is_bound else 200
    response = page(request, "hardware/register_hardware.html", {"form": form}, status=status)
    if isinstance(refused, TooManyUnitTries):
        response["Retry-After"] = str(refused.minutes * 60)
    return response


def _register(request: OrganizationRequest, form: RegisterHardwareForm) -> HardwareUnit:
    """The unit, registered now; one that is registered here already is led to, so that a double click does no harm."""
    serial = form.cleaned_data["serial"]
    try:
        with counting_wrong_tries(trier_of(request), UNIT_PAIR):
            unit = register_unit(
                organization=request.organization,
                serial=serial,
                oak=form.cleaned_data["owner_authentication_key"],
                actor=request.user,
                on=request.today,
            )
    except UnitRegisteredHere as refused:
        messages.info(request, str(refused.sentence))
        return HardwareUnit.objects.select_related("registered_product__product").get(
            organization=request.organization, serial=normalize_serial(serial)
        )
    messages.success(request, _what_was_registered(unit))
    return unit


def _what_was_registered(unit: HardwareUnit) -> str:
    """The message after registering: which licenses are active on the unit at once (R24)."""
    [state] = unit_states(unit.organization, [unit])
    total = sum(state.licenses.values())
    licenses = say_quantities(unit.registered_product.product, state.licenses)
    if not total:
        return _("Hardware unit %(serial)s is registered. It comes without preloaded licenses.") % {
            "serial": unit.serial
        }
    return ngettext(
        "Hardware unit %(serial)s is registered, and its %(total)s preloaded license is active (%(listed)s).",
        "Hardware unit %(serial)s is registered, and its %(total)s preloaded licenses are active (%(listed)s).",
        total,
    ) % {"serial": unit.serial, "total": grouped(total), "listed": licenses}


@require_GET
@organization_view(Permission.LOOK)
def unit_details(request: OrganizationRequest, product: str, unit: int) -> HttpResponse:
    """The unit's licenses per type, the systems on it, what it lacks, its expansions, and what it replaced (R25-R27)."""
    found = unit_or_404(request, product, unit)
    standing = product_standing(found.registered_product, request.today)
    [state] = unit_states(request.organization, [found])
    expansions = Expansion.objects.filter(organization=request.organization, unit=found)
    placed = systems_on(request.organization, [found.serial]).get(found.serial, [])
    context = {
        "active_tab": "systems",
        "product": standing.product,
        "status": status_words(standing),
        "unit": found,
        "state": state,
        "lines": type_lines(standing.types, state),
        "lacks": listed(standing, state.lacks),
        "wallet_has_enough": not rules.lacking(standing.wallet[LicenseKind.HARDWARE], state.lacks),
        "systems": placed[:LISTED],
        "more_systems": max(0, len(placed) - LISTED),
        "expansions": [
            (expansion, listed(standing, expansion.quantities))
            for expansion in expansions.select_related("allocated_by").order_by("-pk")[:LISTED]
        ],
        **_replacements(found),
    }
    return page(request, "hardware/unit_details.html", context)


def type_lines(types: tuple[LicenseType, ...], state: UnitState) -> list[dict[str, Any]]:
    """Per license type: the unit's licenses, the devices of all systems on it, and what it holds too few."""
    return [
        {
            "type": kind,
            "licenses": state.licenses.get(kind.code, 0),
            "devices": state.devices.get(kind.code, 0),
            "short": state.short.get(kind.code, 0),
        }
        for kind in types
    ]


def _replacements(unit: HardwareUnit) -> dict[str, Replacement | None]:
    """What the unit replaced, and what replaced it (R27)."""
    made = Replacement.objects.filter(organization_id=unit.organization_id).select_related("old_unit", "new_unit")
    return {"replaced": made.filter(new_unit=unit).first(), "replaced_by": made.filter(old_unit=unit).first()}


@require_http_methods(["GET", "HEAD", "POST"])
@organization_view(Permission.ADMINISTER)
def retire_unit(request: OrganizationRequest, product: str, unit: int) -> HttpResponse:
    """What the subscription will then need, the serial number typed, and the end of the unit's life; once (R27)."""
    found = unit_or_404(request, product, unit)
    form = RetireForm(request.POST if request.method == "POST" else None)
    ended = done(request, "unit_details", request.organization.slug, product, unit)
    if found.ended_on is not None:
        messages.info(request, str(UnitEnded(serial=found.serial, on=found.ended_on).sentence))
        return ended
    status = 422 if form.is_bound else 200
    if form.is_valid():
        try:
            _retire(request, found, form)
        except UnitEnded as refused:
            # In another tab, since this one was opened: there is nothing left to confirm.
            messages.info(request, str(refused.sentence))
            return ended
        except Refused as refused:
            form.add_error(refused.field if refused.field in form.fields else None, str(refused.sentence))
            status = refused.status
        else:
            messages.success(request, _("Hardware unit %(serial)s is retired.") % {"serial": found.serial})
            return ended
    preview = preview_retirement(found, request.today)
    context = {"product": found.registered_product.product, "unit": found, "form": form, "rows": _what_ends(preview)}
    return page(request, "hardware/retire_unit.html", context, status=status)


def _retire(request: OrganizationRequest, unit: HardwareUnit, form: RetireForm) -> None:
    if normalize_serial(form.cleaned_data["serial"]) != unit.serial:
        raise SerialNotRepeated(serial=unit.serial)
    end_unit(unit=unit, actor=request.user, on=request.today)


def _what_ends(preview: RetirementPreview) -> list[tuple[str, str]]:
    """What retiring the unit does today, one row a fact."""
    before, after = preview.before, preview.after
    none = pgettext("licenses or devices", "none")
    rows = [
        (_("Hardware unit"), preview.state.unit.serial),
        (_("Licenses that end with it"), listed(before, preview.state.licenses) or none),
        (_("Systems on it"), str(len(preview.state.systems))),
        (_("Devices that count for the subscription from today on"), listed(before, preview.counting) or none),
    ]
    words = status_words(after)
    if before.status == after.status:
        rows.append((_("License status"), _("stays “%(status)s”") % {"status": words.label}))
    else:
        rows.append(
            (
                _("License status"),
                _("“%(after)s” instead of “%(before)s”") % {"before": status_words(before).label, "after": words.label},
            )
        )
    rows.append((_("That means"), " ".join(words.sentences)))
    if after.current is not None and before.current is not None:
        missing = listed(after, after.current.missing) or none
        rows.append((_("Missing in the current year"), missing))
    if after.next_year is not None:
        year = _("Needed for the year from %(first)s") % {"first": format_date(after.next_year.year.first)}
        rows.append((year, listed(after, after.next_year.need) or none))
    elif preview.counting:
        rows.append((_("Licenses needed with today's devices"), listed(after, after.devices) or none))
    return rows
