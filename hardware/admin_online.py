"""Registration codes in the admin site: looked at, without what would tell a code."""

from django.contrib import admin
from django.utils.translation import gettext_lazy

from hardware.models import RegistrationCode
from hardware.registration_codes import state_of_code
from licensemgr.core.admin import LooksOnlyAdmin


@admin.register(RegistrationCode)
class RegistrationCodeAdmin(LooksOnlyAdmin):
    """Codes by which systems join organizations."""

    list_display = ("label", "tail", "organization", "state", "used", "uses", "made_by", "made_at", "expires_at")
    list_select_related = ("organization", "made_by")
    search_fields = ("label", "=tail", "organization__name", "=organization__slug")
    exclude = ("digest", "form_token")
    ordering = ("-pk",)

    @admin.display(description=gettext_lazy("state"))
    def state(self, code: RegistrationCode) -> str:
        """Whether systems can join by it."""
        return str(state_of_code(code).label)
