"""Handing out license files: one, those of an upload, those of all offline systems (R29)."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from hardware.license_archives import MOST_AT_ONCE, file_name, require_zip, zip_of_license_files
from hardware.license_files import document_of, issue_license_file
from hardware.license_listing import offline_systems
from hardware.outcomes import confirmed_batch
from hardware.staging import is_there
from hardware.still_to_do import still_to_do
from hardware.views.organization_systems import system_or_404
from licensemgr.core.answers import done
from licensemgr.core.errors import Refused
from organizations.access import OrganizationRequest, Permission, organization_view
from organizations.work import order_work
from products.models import System


@require_POST
@never_cache
@organization_view(Permission.MANAGE_SYSTEMS)
def download_license_file(request: OrganizationRequest, system: UUID) -> HttpResponse:
    """The system's license file for what it is granted now; the newest one again while that is still right."""
    found = system_or_404(request, system)
    try:
        file = issue_license_file(system=found, actor=request.user, on=request.today)
    except Refused as refused:
        [row] = still_to_do(request.organization, [found], request.today)
        return _refused(request, refused, {"system": found, "row": row})
    response = HttpResponse(document_of(file), content_type="application/jose+json")
    return _attached(response, file_name(file))


def _attached(response: HttpResponseBase, name: str) -> HttpResponse:
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response  # type: ignore[return-value]  # the door passes any answer on


def _refused(request: OrganizationRequest, refused: Refused, context: dict[str, object]) -> HttpResponse:
    context["sentence"] = str(refused.sentence)
    return render(request, "hardware/files/no_license_file.html", context, status=refused.status)


@require_POST
@never_cache
@organization_view(Permission.MANAGE_SYSTEMS)
def all_license_files(request: OrganizationRequest) -> HttpResponse:
    """A zip of the license files of all offline systems that are given one."""
    return _zip(request, offline_systems(request.organization), {})


@require_POST
@never_cache
@organization_view(Permission.MANAGE_SYSTEMS)
def upload_license_files(request: OrganizationRequest, batch: UUID) -> HttpResponse:
    """A zip of the license files of the systems of one upload."""
    if not is_there(request.organization, batch, request.user):
        raise Http404
    return _zip(request, confirmed_batch(request.organization, batch, request.user).systems, {"batch": str(batch)})


def _zip(request: OrganizationRequest, systems: Sequence[System], arguments: dict[str, Any]) -> HttpResponse:
    """Few systems' zip at once; a worker makes that of many, from these arguments of the work (licensemgr/portal/work.py)."""
    try:
        # Once the zip has begun to be sent, there is no other answer any more.
        require_zip(systems)
        if len(systems) > MOST_AT_ONCE:
            order_work(
                organization=request.organization,
                person=request.user,
                kind="license_files",
                arguments=arguments,
                on=request.today,
            )
            messages.info(request, _("This takes a while. The file is being made; download it here when it is ready."))
            return done(request, "work", request.organization.slug)
    except Refused as refused:
        return _refused(request, refused, {})
    # Sent after the door's transaction: each file is a change of its own, and none waits for a slow line.
    content = zip_of_license_files(systems, request.user, request.today)
    response = StreamingHttpResponse(content, content_type="application/zip")
    return _attached(response, f"license-files-{request.organization.slug}-{request.today:%Y-%m-%d}.zip")
