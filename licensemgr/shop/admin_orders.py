"""What the vendor's shop ordered by calls: its order lines, and the batches of keys that were issued for them."""

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from licensemgr.core.admin import LooksOnlyAdmin, LooksOnlyInline
from licensemgr.shop.models import OrderLine, OrderLineBatch


class OrderLineBatchInline(LooksOnlyInline):
    """The line's batches; a later one replaced keys of an earlier one."""

    model = OrderLineBatch
    fields = ("number", "batch_page", "keys_page", "issued_by")
    readonly_fields = ("batch_page", "keys_page")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[OrderLineBatch]":
        """The batches with what their links say."""
        batches: QuerySet[OrderLineBatch] = super().get_queryset(request)
        return batches.select_related("batch__product", "issued_by")

    @admin.display(description=gettext_lazy("key batch"))
    def batch_page(self, of_line: OrderLineBatch) -> SafeString:
        """The way to the batch."""
        return _link(reverse("admin:wallet_keybatch_change", args=[of_line.batch_id]), of_line.batch)

    @admin.display(description=gettext_lazy("keys"))
    def keys_page(self, of_line: OrderLineBatch) -> SafeString:
        """The way to its keys."""
        keys = reverse("admin:wallet_licensekey_changelist") + f"?batch__id__exact={of_line.batch_id}"
        return _link(keys, _("Its keys, and where they went"))


@admin.register(OrderLine)
class OrderLineAdmin(LooksOnlyAdmin):
    """Order lines: written by calls of the shop alone."""

    inlines = (OrderLineBatchInline,)
    list_display = ("__str__", "product", "batches_made", "made_at")
    fields = ("order_reference", "line", "made_at")
    search_fields = ("order_reference", "line")
    ordering = ("-made_at", "-pk")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[OrderLine]":
        """The lines with their batches."""
        batches = OrderLineBatch.objects.select_related("batch__product").order_by("number")
        return super().get_queryset(request).prefetch_related(Prefetch("batches", batches))

    @admin.display(description=gettext_lazy("product"))
    def product(self, line: OrderLine) -> str:
        """The product of which the keys are."""
        return str(line.batches.all()[0].batch.product)

    @admin.display(description=gettext_lazy("batches"))
    def batches_made(self, line: OrderLine) -> int:
        """How many batches were issued for it."""
        return len(line.batches.all())


def _link(url: str, text: object) -> SafeString:
    return format_html('<a href="{}">{}</a>', url, text)
