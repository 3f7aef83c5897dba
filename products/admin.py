"""The catalogue in the admin site, and what organizations have registered of it, to look at."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.forms.formsets import DELETION_FIELD_NAME
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from licensemgr.core.admin import (
    AnyModelAdmin,
    AnyModelForm,
    EditedRows,
    HasTools,
    LooksOnlyAdmin,
    LooksOnlyInline,
    RefusalsShown,
    Tool,
)
from licensemgr.core.errors import Refused
from products import admin_resellers
from products.catalogue import (
    delete_product,
    is_in_use,
    refuse_change_of_license_type,
    refuse_change_of_product,
    refuse_deletion_of_license_type,
    refuse_deletion_of_product,
)
from products.models import DeviceCount, LicenseType, Product, RegisteredProduct, System

__all__ = ["admin_resellers"]


class LicenseTypeForm(AnyModelForm):
    """A license type. One that is in use keeps its code, name and catalogue order (R12)."""

    class Meta:
        model = LicenseType
        fields = ("code", "name", "position")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.pk and is_in_use(self.instance):
            for field in self.fields.values():
                field.widget.attrs["readonly"] = True

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if self.instance.pk:
            try:
                if self.data.get(self.add_prefix(DELETION_FIELD_NAME)):
                    refuse_deletion_of_license_type(self.instance)
                refuse_change_of_license_type(self.instance, self.changed_data)
            except Refused as refused:
                raise forms.ValidationError(refused.sentence) from refused
        return cleaned


class LicenseTypeFormSet(BaseInlineFormSet):  # type: ignore[type-arg]  # generic to the type checker only
    """The license types of a product; one in use has nothing by which to delete it."""

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        if form.instance.pk and DELETION_FIELD_NAME in form.fields and is_in_use(form.instance):
            form.fields[DELETION_FIELD_NAME] = forms.BooleanField(
                required=False, disabled=True, widget=forms.HiddenInput
            )


class LicenseTypeInline(EditedRows):
    """The license types of a product."""

    model = LicenseType
    form = LicenseTypeForm
    formset = LicenseTypeFormSet
    extra = 0
    fields = ("code", "name", "position", "use")
    readonly_fields = ("use",)

    @admin.display(description=gettext_lazy("use"))
    def use(self, license_type: LicenseType) -> str:
        """Whether it can still be changed."""
        if license_type.pk and is_in_use(license_type):
            return _("in use: it keeps its meaning and stays")
        return _("not in use yet")


class ProductForm(AnyModelForm):
    """A product. One that is in use keeps its code."""

    class Meta:
        model = Product
        fields = ("code", "name", "trial_days")
        help_texts = {
            "code": gettext_lazy("Part of addresses, keys and files: it stays once the product is in use."),
            "trial_days": gettext_lazy(
                "0 for no trial. A change counts for later registrations only: a trial that runs keeps its last day."
            ),
        }

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if self.instance.pk:
            try:
                refuse_change_of_product(self.instance, self.changed_data)
            except Refused as refused:
                raise forms.ValidationError(refused.sentence) from refused
        return cleaned


@admin.register(Product)
class ProductAdmin(RefusalsShown, AnyModelAdmin):
    """Products with their trial length and license types; what is in use keeps its meaning."""

    form = ProductForm
    inlines = (LicenseTypeInline,)
    list_display = ("name", "code", "trial_days")
    search_fields = ("name", "code")
    actions: Sequence[Any] | None = None

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Ask, and delete; a product in use is answered with its sentence."""
        product = self.get_object(request, object_id)
        if product is not None and self.has_delete_permission(request, product):
            try:
                refuse_deletion_of_product(product)
                return super().delete_view(request, object_id, extra_context)
            except Refused as refused:
                messages.error(request, refused.sentence)
                return HttpResponseRedirect(reverse("admin:products_product_change", args=[product.pk]))
        return super().delete_view(request, object_id, extra_context)

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[Any, int], set[Any], list[Any]]:
        """The product and its types, which go with it: nothing else refers to it."""
        named = [f"{product}: {license_type}" for product in objs for license_type in product.license_types.all()]
        return [*map(str, objs), *named], {}, set(), []

    def delete_model(self, request: HttpRequest, obj: Product) -> None:
        delete_product(obj)


@admin.register(RegisteredProduct)
class RegisteredProductAdmin(HasTools, LooksOnlyAdmin):
    """Which organizations have registered which products; from here a wallet is corrected."""

    list_display = ("product", "organization", "registered_on", "trial_last_on", "hidden_on")
    list_filter = ("product",)
    list_select_related = ("product", "organization")
    search_fields = ("organization__name", "organization__slug")

    def tools(self, request: HttpRequest, row: RegisteredProduct) -> Sequence[Tool]:
        if not request.user.has_perm("wallet.add_correction"):
            return []
        correct = reverse("admin:wallet_correction_add") + f"?registered_product={row.pk}"
        return [Tool(_("Correct the wallet"), correct)]


class DeviceCountInline(LooksOnlyInline):
    """The dated counts of a system's devices."""

    model = DeviceCount
    fields = ("license_type", "quantity", "from_on", "until_on")
    ordering = ("-from_on", "-pk")


@admin.register(System)
class SystemAdmin(LooksOnlyAdmin):
    """Systems and their devices."""

    inlines = (DeviceCountInline,)
    list_display = ("name", "system_id", "organization", "product", "source", "license_basis", "added_on", "removed_on")
    list_filter = ("source", "license_basis", ("removed_on", admin.EmptyFieldListFilter))
    list_select_related = ("organization", "registered_product__product")
    search_fields = ("name", "organization__name", "organization__slug")

    @admin.display(description=gettext_lazy("product"), ordering="registered_product__product__name")
    def product(self, system: System) -> str:
        """The product of which it is a system."""
        return system.registered_product.product.name


@admin.register(DeviceCount)
class DeviceCountAdmin(LooksOnlyAdmin):
    """Counts of devices, each for the days on which it stood."""

    list_display = ("system", "license_type", "quantity", "from_on", "until_on", "organization")
    list_select_related = ("system", "license_type", "organization")
    search_fields = ("system__name", "organization__name")
    ordering = ("-pk",)
