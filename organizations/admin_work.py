"""Work that takes long in the admin site: how each order stands, and why one failed."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from licensemgr.core.admin import LooksOnlyAdmin
from organizations.work_models import WorkOrder


@admin.register(WorkOrder)
class WorkOrderAdmin(LooksOnlyAdmin):
    """Files that people asked for. What is in them is theirs: staff see how it stands."""

    list_display = ("kind", "organization", "person", "state", "how_far", "attempts", "made_at", "finished_at")
    list_filter = ("state", "kind")
    list_select_related = ("organization", "person")
    search_fields = ("organization__name", "organization__slug", "person__email")
    search_help_text = _("A part of the organization's name, or of the person's address.")
    ordering = ("-made_at", "-pk")
    exclude = ("fingerprint", "claim")

    @admin.display(description=_("how far"))
    def how_far(self, order: WorkOrder) -> str:
        """The part that is done; a dash where nobody knows how much there is."""
        return "–" if order.percent is None else f"{order.percent} %"
