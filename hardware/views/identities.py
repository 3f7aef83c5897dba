"""A system that signs with another key than before: an administrator decides (R28)."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.views.decorators.http import require_http_methods

from hardware.errors import IdentityChanged, ReportRefused
from hardware.file_forms import IdentityForm
from hardware.models import HeldReport, SystemIdentity
from hardware.reports import decide_identity, preview_held
from hardware.views.organization_systems import system_or_404
from licensemgr.core.errors import Refused
from licensemgr.core.worded import gettext as _
from organizations.access import OrganizationRequest, Permission, organization_view
from organizations.books import lock_organization
from products.answers import done, page
from products.models import System


@require_http_methods(["GET", "HEAD", "POST"])
@organization_view(Permission.ADMINISTER)
def system_identity(request: OrganizationRequest, system: UUID) -> HttpResponse:
    """Both keys, what the held report says, what accepting and refusing mean; and the decision, which counts once."""
    if request.method == "POST":
        lock_organization(request.organization)
    found = system_or_404(request, system)
    held = HeldReport.objects.filter(organization=request.organization, system=found).order_by("-pk").first()
    errors, status = [], 200
    if request.method == "POST":
        try:
            _decide(request, held)
        except Refused as refused:
            errors, status = [str(refused.sentence)], refused.status
        else:
            return done(request, "system_setup", request.organization.slug, found.registered_product.product.code)
    context = _context(found, held if held is not None and not held.decision else None)
    return page(request, "hardware/files/system_identity.html", context | {"errors": errors}, status=status)


def _decide(request: OrganizationRequest, held: HeldReport | None) -> None:
    form = IdentityForm(request.POST)
    if not form.is_valid():
        raise ReportRefused(_("Nothing was decided. Choose whether to accept or to refuse the new key."))
    if held is None or held.pk != form.cleaned_data["held"]:
        raise ReportRefused(_("Another report arrived meanwhile, so nothing was decided. Look at the page again."))
    decided = decide_identity(held=held, accept=form.accept, actor=request.user, on=request.today)
    if decided.decision == HeldReport.Decision.ACCEPTED:
        messages.success(request, _("The new key of %(system)s is accepted.") % {"system": held.system.name})
    else:
        messages.success(request, _("The new key of %(system)s is refused.") % {"system": held.system.name})


def _context(system: System, held: HeldReport | None) -> dict[str, Any]:
    context: dict[str, Any] = {"system": system, "product": system.registered_product.product, "held": held}
    if held is None:
        return context
    context["identity"] = SystemIdentity.objects.filter(system=system).first()
    try:
        preview = preview_held(held)
    except Refused as refused:
        return context | {"obstacle": str(refused.sentence)}
    if preview.refused is not None and not isinstance(preview.refused, IdentityChanged):
        return context | {"obstacle": str(preview.refused.sentence)}
    types = preview.product.license_types.order_by("position", "pk")
    rows = [(kind, preview.before.get(kind.code, 0), preview.after.get(kind.code, 0)) for kind in types]
    return context | {"rows": rows}
