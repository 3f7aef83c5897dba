"""The catalogue in the admin site, and what organizations have registered of it, to look at."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from licensemgr.core.admin import AnyModelAdmin, AnyModelForm, AnyTabularInline, LooksOnlyAdmin, LooksOnlyInline
from products.models import DeviceCount, LicenseType, Product, RegisteredProduct, System


class LicenseTypeForm(AnyModelForm):
    """A license type. Its code is part of keys, files and records, so it stays once it is given."""

    class Meta:
        model = LicenseType
        fields = ("code", "name", "position")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.pk:
            self.fields["code"].disabled = True


class LicenseTypeInline(AnyTabularInline):
    """The license types of a product; one that is in use can't be deleted."""

    model = LicenseType
    form = LicenseTypeForm
    extra = 0


@admin.register(Product)
class ProductAdmin(AnyModelAdmin):
    """Products with their trial length and license types. A code stays once it is given."""

    inlines = (LicenseTypeInline,)
    list_display = ("name", "code", "trial_days")
    search_fields = ("name", "code")
    fields = ("code", "name", "trial_days")

    def get_readonly_fields(self, request: HttpRequest, obj: Product | None = None) -> tuple[str, ...]:
        return ("code",) if obj is not None else ()


@admin.register(RegisteredProduct)
class RegisteredProductAdmin(LooksOnlyAdmin):
    """Which organizations have registered which products."""

    list_display = ("product", "organization", "registered_on", "trial_last_on")
    list_filter = ("product",)
    list_select_related = ("product", "organization")
    search_fields = ("organization__name", "organization__slug")


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

    @admin.display(ordering="registered_product__product__name")
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
