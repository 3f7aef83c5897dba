"""How the admin site treats tables that only services write, what staff do there, and the tables of jobs and mail."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import AdminForm
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import unquote
from django.db.models import Model, ProtectedError
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from licensemgr.core.enumerations import counted_up
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


class _NamedFields:
    """Rows of a table whose fields have names of their own: the head of a column names none to who does not see it."""

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)  # type: ignore[misc]  # of the form set that this is mixed into
        for name, field in form.fields.items():
            if not field.widget.is_hidden:
                field.widget.attrs["aria-label"] = str(form[name].label)


class EditedRows(AnyTabularInline):
    """Rows that are edited below the row to which they belong; each field has a name of its own."""

    def get_formset(self, request: HttpRequest, obj: Any = None, **options: Any) -> Any:
        formset = super().get_formset(request, obj, **options)
        return type(formset.__name__, (_NamedFields, formset), {})


class NamedValues(admin.AllValuesFieldListFilter):
    """A filter by the values that there are; also the empty one can be read."""

    def choices(self, changelist: Any) -> Any:
        for choice in super().choices(changelist):
            yield {**choice, "display": choice["display"] or self.empty_value_display}


class LooksOnlyInline(LooksOnly, AnyTabularInline):
    """Rows of the books below the row to which they belong."""

    extra = 0
    can_delete = False
    show_change_link = False


class RefusalsShown:
    """A change that is refused is answered with its sentence; nothing was changed then."""

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)  # type: ignore[misc,no-any-return]
        except Refused as refused:
            return _back_with(request, str(refused.sentence))
        except ProtectedError:
            return _back_with(request, str(IN_USE))


IN_USE = _("What was to be deleted is in use meanwhile. Nothing was changed.")


def _back_with(request: HttpRequest, sentence: str) -> HttpResponse:
    messages.error(request, sentence)
    return HttpResponseRedirect(request.get_full_path())


@dataclass(frozen=True)
class Tool:
    """A link at the top of a row's page to something that staff do with it."""

    label: str
    url: str


class HasTools:
    """The page of a row offers what ``tools`` names."""

    def tools(self, request: HttpRequest, row: Any) -> Sequence[Tool]:
        """What this person may do with the row now."""
        raise NotImplementedError

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self.get_object(request, unquote(object_id))  # type: ignore[attr-defined]  # of the admin beside it
        context = {"tools": self.tools(request, row) if row is not None else ()} | (extra_context or {})
        return super().change_view(request, object_id, form_url, context)  # type: ignore[misc,no-any-return]


def row_or_404(model_admin: AnyModelAdmin, request: HttpRequest, object_id: str) -> Any:
    """The row whose page a URL below it belongs to, or 404 as for what does not exist."""
    row = model_admin.get_object(request, unquote(object_id))
    if row is None:
        raise Http404
    return row


@dataclass(frozen=True)
class Act:
    """A page on which staff do one thing: what it is about, a form, and the button that does it."""

    title: str
    button: str
    # Sentences that say what will happen.
    text: Sequence[str] = ()
    # What it is about, as (label, value).
    facts: Sequence[tuple[str, object]] = ()
    # Rows below the facts, the first being their headings.
    table: Sequence[Sequence[object]] = ()
    method: str = "post"
    is_dangerous: bool = False


def act_page(
    model_admin: AnyModelAdmin, request: HttpRequest, act: Act, form: forms.Form, *, row: Model | None = None
) -> HttpResponse:
    """The page of an act, 422 where its form was sent and is refused."""
    fieldsets = [(None, {"fields": [field.name for field in form.visible_fields()]})]
    context = {
        **model_admin.admin_site.each_context(request),
        "title": act.title,
        "act": act,
        "form": form,
        "adminform": AdminForm(form, fieldsets, {}),  # type: ignore[arg-type]  # any form can be shown by it
        "opts": model_admin.opts,
        "original": row,
        "has_view_permission": model_admin.has_view_permission(request),
    }
    return TemplateResponse(request, "admin/act.html", context, status=422 if form.is_bound and form.errors else 200)


def posted(request: HttpRequest) -> QueryDict | None:
    """What a form was sent with; None where it is only shown."""
    return request.POST if request.method == "POST" else None


def refuse(form: forms.Form, refused: Refused) -> None:
    """Show a refusal at its field, or above the form where it belongs to none."""
    form.add_error(refused.field if refused.field in form.fields else None, refused.sentence)


def shown_once(
    site: AnyModelAdmin, request: HttpRequest, row: Model, *, title: str, label: str, secret: str, sentence: str
) -> HttpResponse:
    """The page that shows a secret of ``row`` this one time; ``sentence`` says what to do with it. Nobody keeps the page."""
    context = {
        **site.admin_site.each_context(request),
        "title": title,
        "opts": site.opts,
        "original": row,
        "label": label,
        "secret": secret,
        "sentence": sentence,
        "has_view_permission": site.has_view_permission(request),
    }
    response = TemplateResponse(request, "admin/shown_once.html", context)
    response["Cache-Control"] = "no-store"
    return response


def confirmed(
    model_admin: AnyModelAdmin, request: HttpRequest, act: Act, row: Model, do: Callable[[], HttpResponse]
) -> HttpResponse:
    """The page of an act that needs nothing but its button, which does it; a refusal is said above the button."""
    form = forms.Form(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            return do()
        except Refused as refused:
            refuse(form, refused)
    return act_page(model_admin, request, act, form, row=row)


def one_line(values: Iterable[object]) -> str:
    """Values with commas between them, a dash where there are none."""
    return counted_up(values) or "–"


class ReasonForm(forms.Form):
    """Why staff do something; kept with what was done."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 60, "maxlength": 200}),
    )


@admin.register(LogEntry)
class LogEntryAdmin(LooksOnlyAdmin):
    """What staff did in the admin site, each with the name: changes of the catalogue, of batches, of settings."""

    list_display = ("action_time", "user", "content_type", "object_repr", "what")
    list_display_links = None
    list_filter = ("action_flag", "content_type")
    list_select_related = ("user", "content_type")
    search_fields = ("object_repr", "change_message", "user__email", "user__first_name", "user__last_name")
    ordering = ("-action_time", "-pk")
    fields = ("action_time", "user", "content_type", "object_repr", "what")
    readonly_fields = ("what",)

    @admin.display(description=_("what was done"))
    def what(self, entry: LogEntry) -> str:
        """The action, and what was changed by it."""
        return one_line(part for part in (entry.get_action_flag_display(), entry.get_change_message()) if part)


@admin.register(JobRun)
class JobRunAdmin(LooksOnlyAdmin):
    """Runs of the daily job."""

    list_display = ("job", "business_date", "claimed_at", "finished_at", "figures")
    list_filter = ("job",)
    ordering = ("-business_date", "-pk")


@admin.register(OutboxMessage)
class OutboxMessageAdmin(LooksOnlyAdmin):
    """Mail that was written and is sent by the worker; one that would let its reader in is shown without its text."""

    list_display = ("subject", "recipient", "organization", "business_date", "sent_at", "attempts", "last_error")
    list_filter = (("sent_at", admin.EmptyFieldListFilter),)
    list_select_related = ("organization",)
    search_fields = ("recipient", "subject")
    ordering = ("-pk",)

    def get_exclude(self, request: HttpRequest, obj: OutboxMessage | None = None) -> tuple[str, ...]:
        return ("body_text", "body_html") if obj is not None and obj.is_confidential else ()


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
