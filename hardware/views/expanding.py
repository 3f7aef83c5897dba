"""Allocating expansion licenses to a hardware unit, in two steps (R26)."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from django.views.decorators.vary import vary_on_headers

from hardware.errors import UnitEnded
from hardware.expanding import ExpansionGround, ExpansionPreview, expand_unit, expansion_ground, preview_expansion
from hardware.expansion_errors import ExpansionChanged
from hardware.forms import ExpansionConfirmation, ExpansionForm, open_expansion, seal_expansion
from hardware.models import Expansion, HardwareUnit
from hardware.queries import unit_states
from hardware.states import say_quantities
from hardware.views.lookups import unit_or_404
from licensemgr.core.errors import Refused
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import ngettext
from organizations.access import OrganizationRequest, Permission, organization_view
from products.answers import done, page


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
@organization_view(Permission.MANAGE_LICENSES)
def allocate_expansion(request: OrganizationRequest, product: str, unit: int) -> HttpResponse:
    """A number per license type, what the unit lacks filled in; what is sent is answered with its summary (R26)."""
    found = unit_or_404(request, product, unit)
    if found.ended_on is not None:
        messages.info(request, str(UnitEnded(serial=found.serial, on=found.ended_on).sentence))
        return done(request, "unit_details", request.organization.slug, product, unit)
    ground = expansion_ground(found, request.today)
    if request.method != "POST":
        return _page(request, ground, ExpansionForm(ground))
    form = ExpansionForm(ground, request.POST)
    if not form.is_valid():
        return _page(request, ground, form, status=422)
    try:
        preview = preview_expansion(ground, form.quantities)
    except Refused as refused:
        return _page(request, ground, form, status=refused.status, errors=[str(refused.sentence)])
    return _summary(request, preview)


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
@organization_view(Permission.MANAGE_LICENSES)
def confirm_expansion(request: OrganizationRequest, product: str, unit: int) -> HttpResponse:
    """Allocate exactly what the summary page showed, once (R18, R20)."""
    if request.method != "POST":
        address = reverse("allocate_expansion", args=[request.organization.slug, product, unit])
        return HttpResponseRedirect(address)
    found = unit_or_404(request, product, unit)
    confirmation: ExpansionConfirmation | None = None
    try:
        confirmation = open_expansion(request.POST.get("confirmation", ""), found)
        expansion = expand_unit(
            unit=found,
            quantities=confirmation.quantities,
            nonce=confirmation.nonce,
            actor=request.user,
            on=request.today,
            facts=confirmation.facts,
        )
    except Refused as refused:
        return _show_anew(request, found, confirmation, refused)
    if found.ended_on is None:
        _tell(request, found, expansion)
    else:
        # Sent again after the unit's life ended: what was allocated then licenses nothing any more.
        messages.info(request, str(UnitEnded(serial=found.serial, on=found.ended_on).sentence))
    return done(request, "unit_details", request.organization.slug, product, unit)


def _tell(request: OrganizationRequest, unit: HardwareUnit, expansion: Expansion) -> None:
    """What happened, and "Your product is now licensed." exactly when the unit lacks nothing any more (R14b)."""
    total = sum(expansion.quantities.values())
    messages.success(
        request,
        ngettext(
            "%(total)s expansion license was allocated to hardware unit %(serial)s.",
            "%(total)s expansion licenses were allocated to hardware unit %(serial)s.",
            total,
        )
        % {"total": grouped(total), "serial": unit.serial},
    )
    [state] = unit_states(request.organization, [unit])
    if not state.lacks:
        messages.success(request, _("Your product is now licensed."))
        return
    lacks = say_quantities(unit.registered_product.product, state.lacks)
    messages.warning(request, _("The unit still lacks expansion licenses: %(lacks)s.") % {"lacks": lacks})


def _show_anew(
    request: OrganizationRequest, unit: HardwareUnit, confirmation: ExpansionConfirmation | None, refused: Refused
) -> HttpResponse:
    """The page after a Confirm that was refused, with the amounts that fit now (R20)."""
    if isinstance(refused, UnitEnded):
        messages.info(request, str(refused.sentence))
        return done(request, "unit_details", request.organization.slug, unit.registered_product.product.code, unit.pk)
    ground = expansion_ground(unit, request.today)
    initial = _new_amounts(ground, confirmation)
    errors = [str(refused.sentence)]
    if isinstance(refused, ExpansionChanged):
        try:
            return _summary(request, preview_expansion(ground, initial or {}), changed=refused)
        except Refused as still:
            errors.append(str(still.sentence))
    return _page(request, ground, ExpansionForm(ground, initial=initial), status=refused.status, errors=errors)


def _new_amounts(ground: ExpansionGround, confirmation: ExpansionConfirmation | None) -> dict[str, int] | None:
    """What was confirmed; of a type of which just what the unit lacked was entered, what it lacks now."""
    if confirmation is None:
        return None
    licenses, devices = confirmation.facts["licenses"], confirmation.facts["devices"]
    amounts: dict[str, int] = {}
    for kind in ground.types:
        entered = confirmation.quantities.get(kind.code, 0)
        lacked = max(0, devices.get(kind.code, 0) - licenses.get(kind.code, 0))
        amounts[kind.code] = ground.state.short.get(kind.code, 0) if entered == lacked else entered
    return amounts


def _page(
    request: OrganizationRequest,
    ground: ExpansionGround,
    form: ExpansionForm,
    *,
    status: int = 200,
    errors: list[str] | None = None,
) -> HttpResponse:
    state = ground.state
    context = _frame(ground) | {
        "form": form,
        "errors": errors or [],
        "rows": [
            {
                "type": kind,
                "devices": state.devices.get(kind.code, 0),
                "licenses": state.licenses.get(kind.code, 0),
                "short": state.short.get(kind.code, 0),
                "field": field,
            }
            for kind, field in zip(ground.types, form.quantity_fields, strict=True)
        ],
        "stocks": [(kind, ground.wallet[kind.code]) for kind in ground.types],
        "short_total": sum(state.short.values()),
    }
    return page(request, "hardware/allocate_expansion.html", context, status=status)


def _summary(
    request: OrganizationRequest, preview: ExpansionPreview, changed: ExpansionChanged | None = None
) -> HttpResponse:
    """What is allocated to which unit of which organization, for its lifetime; what is left; and the Confirm (R20)."""
    ground = preview.ground
    licenses, devices = ground.state.licenses, ground.state.devices
    context = _frame(ground) | {
        "preview": preview,
        "changed": changed,
        "confirmation": seal_expansion(preview),
        "rows": [
            {
                "type": kind,
                "quantity": preview.quantities[kind.code],
                "after": licenses.get(kind.code, 0) + preview.quantities[kind.code],
                "devices": devices.get(kind.code, 0),
                "too_many": preview.too_many.get(kind.code, 0),
                "have": ground.wallet[kind.code],
                "left": ground.wallet[kind.code] - preview.quantities[kind.code],
            }
            for kind in ground.types
            if kind.code in preview.quantities
        ],
        "still_short": [
            (kind, preview.still_short[kind.code]) for kind in ground.types if kind.code in preview.still_short
        ],
    }
    return page(request, "hardware/confirm_expansion.html", context, status=changed.status if changed else 200)


def _frame(ground: ExpansionGround) -> dict[str, Any]:
    return {
        "active_tab": "systems",
        "product": ground.unit.registered_product.product,
        "unit": ground.unit,
        "state": ground.state,
    }
