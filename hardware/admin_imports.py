"""The import of files of units in the admin site: uploading one, its progress, and the rows that were refused."""

from collections.abc import Iterator
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy

from hardware.errors import UnitFileRefused
from hardware.import_progress import ImportProgress, refusals_after
from hardware.models import UnitImport
from hardware.tasks import start_taking_in
from hardware.uploads import SealingUploadHandler, UnitFileForm, keep_upload
from licensemgr.core.admin import LooksOnlyAdmin
from licensemgr.core.answers import done
from licensemgr.core.spreadsheets import csv_lines
from licensemgr.core.uploads import streams_upload
from licensemgr.core.worded import gettext as _
from organizations.models import User
from products.answers import wants_fragment

# Refused rows of one page.
_PAGE_ROWS = 50
_CSV_AT_ONCE = 2000


def may_import(request: HttpRequest) -> bool:
    """Whether this person of the vendor may take in files of units."""
    return request.user.has_perm("hardware.add_unitimport")


def _prepare_upload(request: HttpRequest) -> None:
    if not may_import(request):
        raise PermissionDenied
    request.upload_handlers = [SealingUploadHandler(request)]


@streams_upload(_prepare_upload)
def upload_units(request: HttpRequest) -> HttpResponse:
    """Take a file of units, and go to the page on which its import is followed."""
    form = UnitFileForm(request.POST, request.FILES) if request.method == "POST" else UnitFileForm()
    if form.is_bound and form.is_valid():
        try:
            unit_import = keep_upload(upload=form.cleaned_data["file"], actor=cast(User, request.user))
        except UnitFileRefused as refused:
            form.add_error("file", refused.sentence)
        else:
            _begin(request, unit_import)
            return done(request, "admin:hardware_unitimport_change", unit_import.pk)
    context = {
        **admin.site.each_context(request),
        "title": _("Import units"),
        "opts": UnitImport._meta,
        "form": form,
    }
    return TemplateResponse(
        request, "admin/hardware/unitimport/upload.html", context, status=422 if form.is_bound else 200
    )


def _begin(request: HttpRequest, unit_import: UnitImport) -> None:
    if unit_import.finished_at is not None:
        messages.info(request, _("This very file was taken in before. Nothing was changed."))
        if unit_import.refused:
            messages.info(request, _("To try rows again that were refused, import them in a file of their own."))
        return
    if unit_import.bytes_done:
        messages.info(
            request,
            _("This very file was taken in up to line %(line)d before; it goes on.") % {"line": unit_import.lines_done},
        )
    start_taking_in()


@admin.register(UnitImport)
class UnitImportAdmin(LooksOnlyAdmin):
    """Files of units that were taken in, or are being taken in."""

    list_display = ("file_name", "how_far", "added", "known", "refused", "started_at", "started_by", "finished_at")
    list_select_related = ("started_by",)
    search_fields = ("file_name",)
    search_help_text = gettext_lazy("A part of the file's name.")
    ordering = ("-started_at", "-pk")
    change_list_template = "admin/hardware/unitimport/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("upload/", view(upload_units), name="hardware_unitimport_upload"),
            path("<path:object_id>/refused.csv", view(self.refused_csv), name="hardware_unitimport_refused"),
        ]
        return own + super().get_urls()

    @admin.display(description=gettext_lazy("how far"))
    def how_far(self, unit_import: UnitImport) -> str:
        """The part of the file that was taken in."""
        return f"{ImportProgress.percent_of(unit_import)} %"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The list, with the way to a new import for those who may."""
        return super().changelist_view(request, {"may_import": may_import(request)} | (extra_context or {}))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """How far the import is, and which rows were refused; htmx asks for that part alone until it is finished."""
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        unit_import = self._import_or_404(request, object_id)
        after = request.GET.get("after", "")
        after_line = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else 0
        refusals = refusals_after(unit_import, after_line, _PAGE_ROWS + 1)
        context = {
            "progress": ImportProgress.of(unit_import),
            "refusals": refusals[:_PAGE_ROWS],
            "after_line": after_line,
            "next_after": refusals[_PAGE_ROWS - 1].line if len(refusals) > _PAGE_ROWS else None,
        }
        if wants_fragment(request):
            return TemplateResponse(request, "admin/hardware/unitimport/_course.html", context)
        context |= {
            **self.admin_site.each_context(request),
            "title": _("Import of %(file)s") % {"file": unit_import.file_name},
            "opts": self.opts,
            "original": unit_import,
            "may_import": may_import(request),
        }
        return TemplateResponse(request, "admin/hardware/unitimport/course.html", context)

    def refused_csv(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """All refused rows as a file."""
        unit_import = self._import_or_404(request, object_id)
        response = StreamingHttpResponse(csv_lines(_refused_rows(unit_import)), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="refused-units-{unit_import.pk}.csv"'
        # Django's answers that stream have no type in common with the others but their base.
        return cast(HttpResponse, response)

    def _import_or_404(self, request: HttpRequest, object_id: str) -> UnitImport:
        if not self.has_view_permission(request):
            raise PermissionDenied
        unit_import: UnitImport | None = self.get_object(request, unquote(object_id))
        if unit_import is None:
            raise Http404
        return unit_import


def _refused_rows(unit_import: UnitImport) -> Iterator[tuple[str, str]]:
    yield "line", "reason"
    after = 0
    while refusals := refusals_after(unit_import, after, _CSV_AT_ONCE):
        yield from ((str(refusal.line), refusal.reason) for refusal in refusals)
        after = refusals[-1].line
