"""How the admin site treats tables that only services write, and the tables of jobs and mail."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _

from licensemgr.core.errors import Refused
from licensemgr.core.models import Instance, JobRun, OutboxMessage, SigningKey

# Django's classes are generic to the type checker only.
if TYPE_CHECKING:
    AnyModelAdmin = admin.ModelAdmin[Any]
    AnyTabularInline = admin.TabularInline[Any, Any]
    AnyModelForm = ModelForm[Any]
else:
    AnyModelAdmin = admin.ModelAdmin
    AnyTabularInline = admin.TabularInline
    AnyModelForm = ModelForm

admin.site.site_header = _("License Manager administration")
admin.site.site_title = _("License Manager")
admin.site.index_title = _("Catalogue, organizations, books")


class LooksOnly:
    """Rows that can be looked at and never added, changed or deleted here, by superusers neither (R23, R32)."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class LooksOnlyAdmin(LooksOnly, AnyModelAdmin):
    """A table of the books."""

    show_full_result_count = False
    list_per_page = 50
    actions: Sequence[Any] | None = None


class LooksOnlyInline(LooksOnly, AnyTabularInline):
    """Rows of the books below the row to which they belong."""

    extra = 0
    can_delete = False
    show_change_link = False


class RefusalsShown:
    """A change that a service refuses is answered with its sentence; nothing was changed then."""

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)  # type: ignore[misc,no-any-return]
        except Refused as refused:
            messages.error(request, str(refused.sentence))
            return HttpResponseRedirect(request.get_full_path())


@admin.register(JobRun)
class JobRunAdmin(LooksOnlyAdmin):
    """Runs of the daily job."""

    list_display = ("job", "business_date", "claimed_at", "finished_at", "figures")
    list_filter = ("job",)
    ordering = ("-business_date", "-pk")


@admin.register(OutboxMessage)
class OutboxMessageAdmin(LooksOnlyAdmin):
    """Mail that was written and is sent by the worker."""

    list_display = ("subject", "recipient", "organization", "business_date", "sent_at", "attempts", "last_error")
    list_filter = (("sent_at", admin.EmptyFieldListFilter),)
    list_select_related = ("organization",)
    search_fields = ("recipient", "subject")
    ordering = ("-pk",)


@admin.register(SigningKey)
class SigningKeyAdmin(LooksOnlyAdmin):
    """The public parts of the keys that sign license files; rotated by ``manage.py rotate_signing_key``."""

    list_display = ("kid", "state", "made_at", "current_at", "former_at")
    list_filter = ("state",)
    fields = ("kid", "public", "state", "made_at", "current_at", "former_at")
    ordering = ("-pk",)


@admin.register(Instance)
class InstanceAdmin(LooksOnlyAdmin):
    """The id of this installation."""

    list_display = ("instance_id",)
