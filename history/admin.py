"""History in the admin site: to look at, never to change (R32)."""

from django.contrib import admin

from history.models import Record
from licensemgr.core.admin import LooksOnlyAdmin


@admin.register(Record)
class RecordAdmin(LooksOnlyAdmin):
    """What happened in every organization."""

    list_display = ("happened_on", "organization", "sequence", "action", "actor", "product", "written_at")
    list_filter = ("action", "product")
    list_select_related = ("organization", "actor", "product")
    search_fields = ("search_text", "organization__name", "organization__slug")
    ordering = ("-pk",)
