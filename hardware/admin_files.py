"""System files and license files in the admin site: looked at, without their content."""

from django.contrib import admin

from hardware.models import HeldReport, LicenseFile, Report, StagedFile
from licensemgr.core.admin import LooksOnlyAdmin


@admin.register(Report)
class ReportAdmin(LooksOnlyAdmin):
    """Reports of systems that were accepted."""

    list_display = ("system", "organization", "sequence", "source", "is_restored", "accepted_on", "accepted_by")
    list_filter = ("source", "is_restored")
    list_select_related = ("system", "organization", "accepted_by")
    search_fields = ("system__name", "=digest", "=request_id")
    ordering = ("-pk",)


@admin.register(HeldReport)
class HeldReportAdmin(LooksOnlyAdmin):
    """Reports under another key, decided on or not."""

    list_display = ("system", "organization", "received_on", "decision", "decided_by", "decided_at")
    list_filter = ("decision",)
    list_select_related = ("system", "organization", "decided_by")
    exclude = ("packed",)
    ordering = ("-pk",)


@admin.register(LicenseFile)
class LicenseFileAdmin(LooksOnlyAdmin):
    """License files that were given."""

    list_display = ("system", "organization", "sequence", "issued_on", "issued_to", "kid")
    list_select_related = ("system", "organization", "issued_to")
    search_fields = ("system__name", "=file_id", "=digest")
    exclude = ("packed",)
    ordering = ("-pk",)


@admin.register(StagedFile)
class StagedFileAdmin(LooksOnlyAdmin):
    """Uploaded files of the last week."""

    list_display = ("file_name", "organization", "uploaded_by", "uploaded_at", "expires_at", "confirmed_at")
    list_select_related = ("organization", "uploaded_by")
    exclude = ("packed",)
    ordering = ("-pk",)
