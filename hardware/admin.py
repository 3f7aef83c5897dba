"""Hardware in the admin site: the models of the catalogue, the units that were made, and what organizations registered."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.utils import formats
from django.utils.translation import gettext_lazy

from hardware import admin_files, admin_imports, admin_online
from hardware.admin_units import ReplacesUnits
from hardware.catalogue import MAXIMUM_PRELOADED, is_registered, save_hardware_model, serial_begins_with
from hardware.models import (
    Expansion,
    HardwareModel,
    HardwareUnit,
    ManufacturedUnit,
    Placement,
    PreloadedLicense,
    Replacement,
    UnitHolding,
)
from licensemgr.core.admin import (
    AnyModelAdmin,
    AnyModelForm,
    EditedRows,
    LooksOnlyAdmin,
    LooksOnlyInline,
    RefusalsShown,
)
from licensemgr.core.enumerations import counted_up
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from products.models import LicenseType

__all__ = ["admin_files", "admin_imports", "admin_online"]


class LicenseTypeField(forms.ModelChoiceField):  # type: ignore[type-arg]  # generic to the type checker only
    """A license type, told apart by its product."""

    def label_from_instance(self, obj: LicenseType) -> str:
        return f"{obj.product}: {obj}"


class PreloadedLicenseForm(AnyModelForm):
    """How many licenses of one type come on each unit."""

    license_type = LicenseTypeField(LicenseType.objects.none(), label=gettext_lazy("License type"))
    quantity = forms.IntegerField(label=gettext_lazy("Quantity"), min_value=1, max_value=MAXIMUM_PRELOADED)

    class Meta:
        model = PreloadedLicense
        fields = ("license_type", "quantity")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        field = self.fields["license_type"]
        assert isinstance(field, LicenseTypeField)  # noqa: S101 - as declared above
        field.queryset = LicenseType.objects.select_related("product").order_by("product__name", "position", "pk")


class PreloadedLicenseFormSet(BaseInlineFormSet):  # type: ignore[type-arg]  # generic to the type checker only
    """The preloaded licenses of a model: of its own product's types only."""

    def clean(self) -> None:
        super().clean()
        for form in self.forms:
            license_type = form.cleaned_data.get("license_type") if form.is_valid() else None
            product_id = self.instance.product_id
            if license_type is not None and product_id is not None and license_type.product_id != product_id:
                form.add_error("license_type", _("This license type belongs to another product than the model."))


class PreloadedLicenseInline(EditedRows):
    """The preloaded licenses of a model."""

    model = PreloadedLicense
    form = PreloadedLicenseForm
    formset = PreloadedLicenseFormSet
    extra = 0
    verbose_name = gettext_lazy("preloaded license")
    verbose_name_plural = gettext_lazy("preloaded licenses of each unit")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[PreloadedLicense]":
        """The lines with their types."""
        lines: QuerySet[PreloadedLicense] = super().get_queryset(request)
        return lines.select_related("license_type")


class HardwareModelForm(AnyModelForm):
    """A model. Products are changed on their own pages."""

    class Meta:
        model = HardwareModel
        fields = ("product", "code", "name")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "product" in self.fields:
            widget = self.fields["product"].widget
            widget.can_add_related = widget.can_change_related = False
            widget.can_delete_related = widget.can_view_related = False


@admin.register(HardwareModel)
class HardwareModelAdmin(RefusalsShown, AnyModelAdmin):
    """Models with their preloaded licenses. One of which units are registered keeps its product and code; none is deleted."""

    form = HardwareModelForm
    inlines = (PreloadedLicenseInline,)
    fieldsets = (
        (
            None,
            {
                "fields": ("product", "code", "name"),
                "description": gettext_lazy(
                    "The code is what files of units name. Once a unit of the model is registered, product and code stay, and "
                    "a change of the preloaded licenses counts for units that are registered later: those that are registered "
                    "keep what they came with."
                ),
            },
        ),
    )
    list_display = ("name", "code", "product", "carries")
    list_filter = ("product",)
    list_select_related = ("product",)
    search_fields = ("name", "code")
    actions: Sequence[Any] | None = None

    def get_queryset(self, request: HttpRequest) -> "QuerySet[HardwareModel]":
        """The models with their preloaded licenses."""
        models: QuerySet[HardwareModel] = super().get_queryset(request)
        return models.prefetch_related("preloaded__license_type")

    def get_readonly_fields(self, request: HttpRequest, obj: HardwareModel | None = None) -> tuple[str, ...]:
        return ("product", "code") if obj is not None and is_registered(obj) else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: HardwareModel, form: Any, change: bool) -> None:
        save_hardware_model(obj)

    @admin.display(description=gettext_lazy("preloaded licenses"))
    def carries(self, model: HardwareModel) -> str:
        """The licenses that come on each unit."""
        return _carried((line.quantity, line.license_type.name) for line in model.preloaded.all())


def _carried(lines: Any) -> str:
    return counted_up(f"{grouped(quantity)} {name}" for quantity, name in lines) or "–"


class SerialPages(ChangeList):
    """A list in the order of serial numbers that is paged by them and never counted: a million rows are as quick as fifty."""

    next_after: str | None = None

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> "QuerySet[Any]":
        # Where this page begins is no filter, and a new search begins at the first page.
        self.params.pop("after", None)
        self.filter_params.pop("after", None)
        return super().get_queryset(request, exclude_parameters)

    def get_results(self, request: HttpRequest) -> None:
        after = request.GET.get("after", "")
        rows = list(self.queryset.filter(serial__gt=after)[: self.list_per_page + 1])
        self.result_list = rows[: self.list_per_page]
        if len(rows) > self.list_per_page:
            self.next_after = rows[self.list_per_page - 1].serial
        self.is_first = not after
        # Nothing else is said to be counted.
        self.result_count = self.full_result_count = len(self.result_list)
        self.show_full_result_count = self.show_admin_actions = self.can_show_all = self.multi_page = False

    @property
    def next_query(self) -> str:
        """The query of the next page."""
        return self.get_query_string({"after": self.next_after})

    @property
    def first_query(self) -> str:
        """The query of the first page."""
        return self.get_query_string()


@admin.register(ManufacturedUnit)
class ManufacturedUnitAdmin(LooksOnlyAdmin):
    """Units that were made, with what has become of each. Of the owner authentication keys nothing is shown."""

    list_display = ("serial", "hardware_model", "state")
    fields = ("serial", "hardware_model", "state", "last_import")
    readonly_fields = ("state",)
    list_select_related = ("hardware_model", "registration__organization")
    search_fields = ("serial",)
    search_help_text = gettext_lazy("A serial number, or how it begins.")
    ordering = ("serial",)
    sortable_by = ()
    change_list_template = "admin/hardware/serial_pages.html"

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return SerialPages

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Any]", search_term: str
    ) -> tuple["QuerySet[Any]", bool]:
        return (queryset.filter(serial_begins_with(search_term)) if search_term.strip() else queryset), False

    @admin.display(description=gettext_lazy("state"))
    def state(self, made: ManufacturedUnit) -> str:
        """Whether it is free, or who registered it, or that its life ended."""
        unit = getattr(made, "registration", None)
        if unit is None:
            return _("free")
        told = {
            "organization": unit.organization.name,
            "day": formats.date_format(unit.registered_on, "DATE_FORMAT"),
        }
        if unit.ended_on is None:
            return _("registered by %(organization)s on %(day)s") % told
        told["ended"] = formats.date_format(unit.ended_on, "DATE_FORMAT")
        return _("ended on %(ended)s; registered by %(organization)s on %(day)s") % told


class UnitHoldingInline(LooksOnlyInline):
    """What a unit holds."""

    model = UnitHolding
    fields = ("license_type", "balance")
    readonly_fields = ("balance",)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[UnitHolding]":
        """The holdings with their accounts."""
        holdings: QuerySet[UnitHolding] = super().get_queryset(request)
        return holdings.select_related("unit", "license_type", "account")

    @admin.display(description=gettext_lazy("licenses"))
    def balance(self, holding: UnitHolding) -> int:
        """The licenses that it holds of the type."""
        return holding.account.balance


@admin.register(HardwareUnit)
class HardwareUnitAdmin(ReplacesUnits):
    """Units that organizations registered."""

    inlines = (UnitHoldingInline,)
    list_display = ("serial", "organization", "product", "registered_on", "registered_by", "ended_on", "ended_by")
    list_filter = (("ended_on", admin.EmptyFieldListFilter), "registered_product__product")
    list_select_related = ("organization", "registered_product__product", "registered_by", "ended_by")
    search_fields = ("serial", "organization__name", "organization__slug")
    ordering = ("-pk",)

    @admin.display(description=gettext_lazy("product"), ordering="registered_product__product__name")
    def product(self, unit: HardwareUnit) -> str:
        """The product that it was made for."""
        return unit.registered_product.product.name


@admin.register(UnitHolding)
class UnitHoldingAdmin(LooksOnlyAdmin):
    """What units hold of each license type."""

    list_display = ("unit", "organization", "license_type", "balance")
    list_select_related = ("unit", "organization", "license_type", "account")
    search_fields = ("unit__serial", "organization__name", "organization__slug")
    ordering = ("-pk",)

    @admin.display(description=gettext_lazy("licenses"), ordering="account__balance")
    def balance(self, holding: UnitHolding) -> int:
        """The licenses that it holds."""
        return holding.account.balance


@admin.register(Placement)
class PlacementAdmin(LooksOnlyAdmin):
    """On which unit each system said that it was, and when."""

    list_display = ("system", "serial", "organization", "from_on", "until_on")
    list_filter = (("until_on", admin.EmptyFieldListFilter),)
    list_select_related = ("system", "organization")
    search_fields = ("serial", "system__name", "organization__name", "organization__slug")
    ordering = ("-pk",)


@admin.register(Expansion)
class ExpansionAdmin(LooksOnlyAdmin):
    """Confirmations that allocated expansion licenses to units."""

    list_display = ("unit", "organization", "licenses", "allocated_on", "allocated_by")
    fields = ("organization", "unit", "licenses", "allocated_on", "allocated_by", "transfer")
    readonly_fields = ("licenses",)
    list_select_related = ("unit", "organization", "allocated_by")
    search_fields = ("unit__serial", "organization__name", "organization__slug")
    ordering = ("-pk",)

    @admin.display(description=gettext_lazy("licenses"))
    def licenses(self, expansion: Expansion) -> str:
        """How many of each type it allocated."""
        return _carried((quantity, code) for code, quantity in sorted(expansion.quantities.items()))


@admin.register(Replacement)
class ReplacementAdmin(LooksOnlyAdmin):
    """Units that took the place of others."""

    list_display = ("old_unit", "new_unit", "organization", "reason", "replaced_on", "replaced_by")
    list_select_related = ("old_unit", "new_unit", "organization", "replaced_by")
    search_fields = ("old_unit__serial", "new_unit__serial", "organization__name", "organization__slug")
    ordering = ("-pk",)
