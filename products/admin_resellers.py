"""Resellers in the admin site: one by one, as a CSV file to take away, and imported from one after a look at the report."""

import secrets
import zlib
from collections.abc import Callable, Sequence
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy

from licensemgr.core.admin import Act, AnyModelAdmin, AnyModelForm, RefusalsShown, act_page, refuse
from licensemgr.core.answers import done
from licensemgr.core.countries import countries, country_name
from licensemgr.core.errors import Refused
from licensemgr.core.numbers import grouped
from licensemgr.core.spreadsheets import csv_lines
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import ngettext
from organizations.models import User
from products.errors import ImportChanged, ImportUnreadable
from products.models import Reseller
from products.reseller_changes import faults_of, save_reseller
from products.reseller_files import COLUMNS, MAX_BYTES, ImportPlan, Outcome, export_rows, import_resellers, plan_import

# How long a report waits for its confirmation, and how many of its rows one page shows.
_WAITS_SECONDS = 3600
_ROWS_PER_PAGE = 200


class ResellerForm(AnyModelForm):
    """A reseller, its country chosen by name. Left without position, it gets that of its town."""

    country = forms.ChoiceField(label=gettext_lazy("Country"))
    web = forms.URLField(label=gettext_lazy("Web address"), max_length=300, required=False, assume_scheme="https")

    class Meta:
        model = Reseller
        fields = (
            *("name", "kind", "address", "postal_code", "city", "country", "latitude", "longitude"),
            *("phone", "web", "mail", "products", "is_listed"),
        )
        help_texts = {
            "latitude": gettext_lazy("Degrees north. Left empty, latitude and longitude become those of the town."),
            "longitude": gettext_lazy("Degrees east."),
            "products": gettext_lazy("What is sold there; none chosen means all products."),
            "is_listed": gettext_lazy("Whether Where to buy shows it."),
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        country = self.fields["country"]
        if isinstance(country, forms.ChoiceField):
            country.choices = [("", "---------"), *countries()]

    def _post_clean(self) -> None:
        """Add what the model's own validation does not know."""
        super()._post_clean()  # type: ignore[misc]  # Django's own hook between the fields and the row
        for name, sentences in faults_of(self.instance).items():
            if name in self.fields and name not in self.errors:
                self.add_error(name, list(sentences))


class CountryFilter(admin.SimpleListFilter):
    """The countries in which there is somebody, by name."""

    title = gettext_lazy("country")
    parameter_name = "country"

    def lookups(self, request: HttpRequest, model_admin: AnyModelAdmin) -> list[tuple[str, str]]:
        there = set(Reseller.objects.order_by().values_list("country", flat=True).distinct())
        return [(code, name) for code, name in countries() if code in there]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Reseller]) -> QuerySet[Reseller]:
        return queryset.filter(country=self.value()) if self.value() else queryset


class ImportForm(forms.Form):
    """The file of an import."""

    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        help_text=gettext_lazy(
            "UTF-8, at most 5 MB and 20,000 rows. Nothing is changed before you confirm the report."
        ),
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
    )

    def clean_file(self) -> "UploadedFile[bytes]":
        file: UploadedFile[bytes] = self.cleaned_data["file"]
        if file.size is None or file.size > MAX_BYTES:
            raise forms.ValidationError(_("The file is larger than 5 MB. Split it into smaller ones."))
        return file


@admin.register(Reseller)
class ResellerAdmin(RefusalsShown, AnyModelAdmin):
    """Who is on Where to buy. One that has sold key batches can't be deleted; take it off the list instead."""

    form = ResellerForm
    list_display = ("name", "kind", "city", "country_named", "has_position", "is_listed")
    list_filter = ("is_listed", "kind", "products", CountryFilter)
    search_fields = ("name", "city", "address", "postal_code", "mail")
    list_per_page = 50
    show_full_result_count = False
    change_list_template = "admin/products/reseller/change_list.html"

    @admin.display(description=gettext_lazy("country"), ordering="country")
    def country_named(self, reseller: Reseller) -> str:
        """The country by its name."""
        return country_name(reseller.country)

    @admin.display(description=gettext_lazy("has a position"), boolean=True)
    def has_position(self, reseller: Reseller) -> bool:
        """Whether it is found by distance."""
        return reseller.latitude is not None

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        return super().formfield_for_manytomany(db_field, request, widget=forms.CheckboxSelectMultiple, **options)

    def save_model(self, request: HttpRequest, obj: Reseller, form: Any, change: bool) -> None:
        save_reseller(reseller=obj)

    def get_urls(self) -> list[URLPattern]:
        def wrap(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
            return self.admin_site.admin_view(view)

        return [
            path("export.csv", wrap(self.export), name="products_reseller_export"),
            path("import/", wrap(self.choose_file), name="products_reseller_import"),
            path("import/<slug:token>/", wrap(self.report), name="products_reseller_import_report"),
            *super().get_urls(),
        ]

    def has_import_permission(self, request: HttpRequest) -> bool:
        """Whether somebody may import: that makes and changes resellers."""
        return self.has_add_permission(request) and self.has_change_permission(request)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return super().changelist_view(
            request, {"may_import": self.has_import_permission(request)} | (extra_context or {})
        )

    def export(self, request: HttpRequest) -> HttpResponse:
        """All resellers as a CSV file that a spreadsheet opens as UTF-8, in the form that an import reads."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        lines = (f"\ufeff{line}" if number == 0 else line for number, line in enumerate(csv_lines(export_rows())))
        response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="resellers.csv"'
        # Django's answers that stream have no type in common with the others but their base.
        return cast(HttpResponse, response)

    def choose_file(self, request: HttpRequest) -> HttpResponse:
        """Choose a file. It is read and kept for an hour, and the report is shown; nothing is changed yet."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        form = ImportForm(request.POST, request.FILES) if request.method == "POST" else ImportForm()
        if form.is_valid():
            content = form.cleaned_data["file"].read()
            try:
                plan_import(content)
            except ImportUnreadable as refused:
                refuse(form, refused)
            else:
                token = secrets.token_urlsafe(16)
                cache.set(_cache_key(request, token), zlib.compress(content), _WAITS_SECONDS)
                return done(request, "admin:products_reseller_import_report", token)
        return act_page(self, request, _import_act(), form)

    def report(self, request: HttpRequest, token: str) -> HttpResponse:
        """What the kept file would do, row by row; confirming it does so."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        kept = cache.get(_cache_key(request, token))
        if kept is None:
            messages.warning(
                request,
                _("This import was done, cancelled or forgotten after an hour. Choose the file again if needed."),
            )
            return done(request, "admin:products_reseller_changelist")
        content = zlib.decompress(kept)
        if request.method == "POST":
            try:
                plan = import_resellers(
                    content=content, actor=cast(User, request.user), fingerprint=request.POST.get("fingerprint", "")
                )
            except ImportChanged as refused:
                messages.warning(request, refused.sentence)
            else:
                cache.delete(_cache_key(request, token))
                messages.success(request, _summary(plan))
                return done(request, "admin:products_reseller_changelist")
        return self._show(request, content)

    def _show(self, request: HttpRequest, content: bytes) -> HttpResponse:
        try:
            plan = plan_import(content)
        except Refused as refused:
            messages.error(request, refused.sentence)
            return done(request, "admin:products_reseller_import")
        only = request.GET.get("only", "")
        rows = [row for row in plan.rows if row.outcome == only] if only in Outcome.values else plan.rows
        context = {
            **self.admin_site.each_context(request),
            "title": _("Report of the import"),
            "opts": self.opts,
            "has_view_permission": self.has_view_permission(request),
            "plan": plan,
            "counts": [(outcome, plan.counts[outcome]) for outcome in Outcome],
            "only": only,
            "page_obj": Paginator(rows, _ROWS_PER_PAGE).get_page(request.GET.get("page")),
        }
        return TemplateResponse(request, "admin/products/reseller/import_report.html", context)


def _import_act() -> Act:
    table: list[Sequence[object]] = [(_("Column"), _("Needed"), _("What stands in it"))]
    table += [(name, _("yes") if needed else _("no"), text) for name, needed, text in COLUMNS]
    return Act(
        title=_("Import resellers"),
        button=_("Show the report"),
        text=[
            _(
                "The first line names the columns; their order does not matter. An export has them all, ready to be edited."
            ),
            _(
                "A row whose country, name and city are there already changes that reseller; other rows make new ones. "
                "Columns that the file leaves out stay as they are. Nobody is deleted: write no into the column listed."
            ),
        ],
        table=table,
    )


def _summary(plan: ImportPlan) -> str:
    changes = ngettext("%(count)s reseller was imported.", "%(count)s resellers were imported.", plan.changes)
    told = changes % {"count": grouped(plan.changes)}
    refused = plan.counts[Outcome.REFUSED]
    if refused:
        left = ngettext("%(count)s row was left out.", "%(count)s rows were left out.", refused)
        told = f"{told} {left % {'count': grouped(refused)}}"
    return told


def _cache_key(request: HttpRequest, token: str) -> str:
    return f"reseller-import:{request.user.pk}:{token}"
