"""Downloading all of an organization's History and entries, and closing it (R35)."""

from typing import cast

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST

from history.replica import streamed
from licensemgr.core.answers import done
from licensemgr.core.errors import Refused
from licensemgr.core.worded import gettext as _
from licensemgr.portal import closing
from licensemgr.portal.exporting import export_zip, is_exported, note_export, rows_to_export
from licensemgr.portal.forms import CloseForm
from organizations.access import OrganizationRequest, Permission, organization_view
from organizations.work import order_work

# An export of more rows than these is made by a worker.
MOST_ROWS_AT_ONCE = 20_000


@require_POST
@organization_view(Permission.ADMINISTER)
def export_organization(request: OrganizationRequest) -> HttpResponse:
    """History and entries as a zip, at once or by a worker; that they were downloaded is on History itself."""
    organization = request.organization
    if rows_to_export(organization) > MOST_ROWS_AT_ONCE:
        return _ordered(request, "organization_export")
    note_export(organization=organization, actor=request.user, on=request.today)
    response = StreamingHttpResponse(streamed(organization, export_zip(organization)), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{organization.slug}-{request.today.isoformat()}.zip"'
    response["Cache-Control"] = "no-store"
    # Django's answers that stream have no type in common with the others but their base.
    return cast(HttpResponse, response)


@require_POST
@organization_view(Permission.ADMINISTER)
def export_everything(request: OrganizationRequest) -> HttpResponse:
    """All that the organization has, as another instance of the portal takes it in; a worker makes it."""
    return _ordered(request, "organization_everything")


def _ordered(request: OrganizationRequest, kind: str) -> HttpResponse:
    """Go to where the file will be; there it is noted as downloaded once it is."""
    try:
        order_work(
            organization=request.organization,
            person=request.user,
            kind=kind,
            arguments={},
            on=request.today,
        )
    except Refused as refused:
        messages.error(request, refused.sentence)
    else:
        messages.info(request, _("This takes a while. The file is being made; download it here when it is ready."))
    return done(request, "work", request.organization.slug)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_view(Permission.ADMINISTER)
def close_organization(request: OrganizationRequest) -> HttpResponse:
    """First the download, then the name typed, then it is closed for good."""
    form = CloseForm(request.POST if request.method == "POST" else None)
    status = 422 if form.is_bound else 200
    if form.is_valid():
        name = request.organization.name
        try:
            closing.close_organization(
                organization=request.organization,
                typed_name=form.cleaned_data["name"],
                actor=request.user,
                on=request.today,
            )
        except Refused as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.sentence)
            status = refusal.status
        else:
            messages.success(request, _("%(organization)s is closed.") % {"organization": name})
            return done(request, "my_systems")
    context = {
        "form": form,
        "is_exported": is_exported(request.organization),
        "closing": closing.preview_closing(request.organization, request.today),
    }
    return render(request, "portal/close_organization.html", context, status=status)
