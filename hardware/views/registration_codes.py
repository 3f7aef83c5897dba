"""Registration codes of an organization: the list, making one, showing it once, revoking one."""

import uuid
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from hardware.code_list import CODE_COLUMNS, CODES, codes_page, read_codes
from hardware.contact import zone_of
from hardware.errors import CodeGivenBefore
from hardware.forms import RegistrationCodeForm
from hardware.models import RegistrationCode
from hardware.registration_codes import CodeState, make_code, revoke_code, state_of_code
from licensemgr.core.errors import Refused
from licensemgr.core.moments import say_instant
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from organizations.access import OrganizationRequest, Permission, organization_view
from organizations.lists import list_tools
from products.answers import done

# The header in which a system sends its code.
HEADER = "Registration-Code"
_TONES = {CodeState.OPEN: "success", CodeState.USED_UP: "neutral", CodeState.EXPIRED: "neutral"}
_ICONS = {CodeState.OPEN: "check", CodeState.USED_UP: "systems", CodeState.EXPIRED: "clock"}


@dataclass(frozen=True)
class CodeLine:
    """A code in the list, its instants by the organization's clocks."""

    code: RegistrationCode
    state: CodeState
    made: str
    expires: str
    revoked: str

    @property
    def tone(self) -> str:
        """The look of the state's tag, and its icon."""
        return _TONES.get(self.state, "warning")

    @property
    def icon(self) -> str:
        """A mark beside the word, so that colour alone tells nothing."""
        return _ICONS.get(self.state, "slash")

    @property
    def is_open(self) -> bool:
        """Whether there is something to revoke."""
        return self.state == CodeState.OPEN


def _line(code: RegistrationCode, zone: ZoneInfo) -> CodeLine:
    return CodeLine(
        code,
        state_of_code(code),
        say_instant(code.made_at.astimezone(zone)),
        say_instant(code.expires_at.astimezone(zone)),
        say_instant(code.revoked_at.astimezone(zone)) if code.revoked_at else "",
    )


@require_GET
@organization_view(Permission.LOOK)
def registration_codes(request: OrganizationRequest) -> HttpResponse:
    """What registration codes are for, and the organization's as they are asked for, the newest first unless it is said."""
    asked = read_codes(request.GET)
    chosen, zone = codes_page(request.organization, asked), zone_of(request.organization)
    page_url = reverse("registration_codes", args=[request.organization.slug])
    context = {
        "list": chosen,
        "lines": [_line(code, zone) for code in chosen.codes],
        "has_codes": chosen.total or RegistrationCode.objects.filter(organization=request.organization).exists(),
        "asked": asked,
        "states": CodeState.choices,
        "tools": list_tools(request, CODES, CODE_COLUMNS, page_url=page_url, sort=asked.sort),
        "zone": zone.key,
    }
    return render(request, "hardware/registration_codes.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@organization_view(Permission.MANAGE_SYSTEMS)
def make_registration_code(request: OrganizationRequest) -> HttpResponse:
    """A form; its answer shows the code, once: neither the browser nor anything between keeps it (no-store)."""
    form = RegistrationCodeForm(
        request.POST if request.method == "POST" else None, initial={"form_token": uuid.uuid4()}
    )
    errors: list[str] = []
    status = 422 if form.is_bound else 200
    if form.is_valid():
        try:
            made = make_code(
                organization=request.organization,
                actor=request.user,
                on=request.today,
                **form.cleaned_data,
            )
        except CodeGivenBefore as refusal:
            # Whoever sends it once more wants another code.
            form = RegistrationCodeForm(initial=form.cleaned_data | {"form_token": uuid.uuid4()})
            errors, status = [str(refusal.sentence)], refusal.status
        except Refused as refusal:
            form.add_error(None, str(refusal.sentence))
            status = refusal.status
        else:
            return _show(request, made.code, made.row)
    return render(request, "hardware/make_registration_code.html", {"form": form, "errors": errors}, status=status)


def _show(request: OrganizationRequest, code: str, row: RegistrationCode) -> HttpResponse:
    context = {
        "code": code,
        "line": _line(row, zone_of(request.organization)),
        "header": HEADER,
        "portal_url": settings.PORTAL_URL,
    }
    return render(request, "hardware/registration_code_made.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_view(Permission.MANAGE_SYSTEMS)
def revoke_registration_code(request: OrganizationRequest, code: int) -> HttpResponse:
    """A confirmation first; sent twice it revokes once."""
    found = get_object_or_404(
        RegistrationCode.objects.select_related("organization", "made_by"), organization=request.organization, pk=code
    )
    if request.method == "POST":
        row = revoke_code(code=found, actor=request.user, on=request.today)
        messages.success(request, _("The registration code …%(tail)s is revoked.") % {"tail": row.tail})
        return done(request, "registration_codes", request.organization.slug)
    line = _line(found, zone_of(request.organization))
    return render(request, "hardware/revoke_registration_code.html", {"line": line, "rows": _facts(line)})


def _facts(line: CodeLine) -> list[tuple[str, Any]]:
    return [
        (_("Registration code"), f"…{line.code.tail}"),
        (_("Name"), line.code.label),
        (_("State"), line.state.label),
        (
            _("Systems that joined"),
            _("%(used)s of %(uses)s") % {"used": grouped(line.code.used), "uses": grouped(line.code.uses)},
        ),
        (_("Expires"), line.expires),
    ]
