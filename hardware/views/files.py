"""Upload system file: choose, look, confirm, and what is still to do then (R28)."""

from collections.abc import Collection
from uuid import UUID

from django.http import Http404, HttpResponse
from django.views.decorators.http import require_GET, require_http_methods

from hardware.checking import checked_files
from hardware.errors import UploadExpired
from hardware.file_forms import RestoredForm
from hardware.outcomes import Confirmed, confirmed_batch
from hardware.receiving import prepare_upload, uploads_of
from hardware.staging import confirm_file, files_to_confirm, is_there, stage_files, staged_batch
from hardware.still_to_do import still_to_do
from hardware.tries import with_proof_tried
from hardware.unpacking import MAXIMUM_FILES, MAXIMUM_UNPACKED
from hardware.upload_summary import summarize
from licensemgr.core.errors import Refused
from licensemgr.core.numbers import grouped
from licensemgr.core.signed import MAXIMUM_BYTES
from licensemgr.core.uploads import streams_upload
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import ngettext
from organizations.access import OrganizationRequest, Permission, entered_again, may, organization_view
from products.answers import done, page, wants_fragment
from wallet.limits import trier_of

_MEBIBYTE = 1024 * 1024


@require_http_methods(["GET", "HEAD", "POST"])
@streams_upload(prepare_upload)
@organization_view(Permission.MANAGE_SYSTEMS, own_transactions=True)
def upload_system_file(request: OrganizationRequest) -> HttpResponse:
    """Choose files; they are checked whole and kept for an hour, and nothing changes before they are confirmed (R28)."""
    errors, status = [], 200
    if request.method == "POST":
        try:
            batch = _stage(request)
        except Refused as refused:
            # htmx puts a form that is refused in the place of the one that was sent, whatever was wrong with it.
            errors, status = [str(refused.sentence)], 422 if wants_fragment(request) else refused.status
        else:
            return done(request, "confirm_system_files", request.organization.slug, batch)
    context = {
        "errors": errors,
        "maximum_files": MAXIMUM_FILES,
        "maximum_file": MAXIMUM_BYTES // _MEBIBYTE,
        "maximum_together": MAXIMUM_UNPACKED // _MEBIBYTE,
    }
    return page(request, "hardware/files/upload_system_file.html", context, status=status)


def _stage(request: OrganizationRequest) -> UUID:
    with checked_files(uploads_of(request)) as files, entered_again(request):
        trier = trier_of(request)
        tried = [with_proof_tried(request.organization, file, trier) for file in files]
        return stage_files(organization=request.organization, files=tried, actor=request.user)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_view(Permission.MANAGE_SYSTEMS, own_transactions=True)
def confirm_system_files(request: OrganizationRequest, batch: UUID) -> HttpResponse:
    """What each file would change, and Confirm, which accepts each acceptable one by itself; twice counts once (R18, R28)."""
    _batch_or_404(request, batch)
    try:
        if request.method == "POST":
            form = RestoredForm(request.POST)
            if form.is_valid():
                return _confirm(request, batch, form.numbers)
            return _expired(request, _("The form was altered. Nothing was changed."), 422)
        files = list(
            summarize(request.organization, staged_batch(request.organization, batch, request.user), request.today)
        )
    except UploadExpired as expired:
        return _expired(request, str(expired.sentence), expired.status)
    context = {
        "batch": batch,
        "files": files,
        "is_administrator": may(request.membership, Permission.ADMINISTER),
        "to_accept": sum(file.fate in ("accept", "held") for file in files),
        "older": sum(file.fate == "older" for file in files),
    }
    return page(request, "hardware/files/confirm_system_files.html", context)


def _batch_or_404(request: OrganizationRequest, batch: UUID) -> None:
    """Another organization's upload, and another member's, are as if they did not exist (R30)."""
    if not is_there(request.organization, batch, request.user):
        raise Http404


def _confirm(request: OrganizationRequest, batch: UUID, restored: Collection[int]) -> HttpResponse:
    """Each file in a transaction of its own: what stops the portal on the way leaves it whole, and the rest to be confirmed."""
    for ready in files_to_confirm(request.organization, batch, request.user):
        with entered_again(request):
            confirm_file(
                organization=request.organization,
                ready=ready,
                as_restored=ready.number in restored and may(request.membership, Permission.ADMINISTER),
                actor=request.user,
                on=request.today,
            )
    return done(request, "system_files_done", request.organization.slug, batch)


def _expired(request: OrganizationRequest, sentence: str, status: int) -> HttpResponse:
    return page(request, "hardware/files/upload_expired.html", {"sentence": sentence}, status=status)


@require_GET
@organization_view(Permission.MANAGE_SYSTEMS)
def system_files_done(request: OrganizationRequest, batch: UUID) -> HttpResponse:
    """Per system what is still to do until it is licensed, and its license file where there is one (R29)."""
    _batch_or_404(request, batch)
    confirmed = confirmed_batch(request.organization, batch, request.user)
    rows = still_to_do(request.organization, confirmed.systems, request.today)
    context = {
        "batch": batch,
        "confirmed": confirmed,
        "rows": rows,
        "with_file": sum(row.state.is_possible for row in rows),
        "heading": _heading(confirmed),
    }
    return page(request, "hardware/files/system_files_done.html", context)


def _heading(confirmed: Confirmed) -> str:
    count = len(confirmed.systems)
    if not count:
        return _("No system file was accepted")
    return ngettext("%(count)s system is up to date", "%(count)s systems are up to date", count) % {
        "count": grouped(count)
    }
