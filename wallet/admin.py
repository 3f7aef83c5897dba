"""The ledger, lots and tries in the admin site: to look at, never to change (R23). Keys and corrections lie beside."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from licensemgr.core.admin import LooksOnlyAdmin, LooksOnlyInline
from wallet import admin_corrections, admin_keys
from wallet.models import Entry, LedgerAccount, Lot, Redemption, RefusedTries, Transfer

__all__ = ["admin_corrections", "admin_keys"]


@admin.register(LedgerAccount)
class LedgerAccountAdmin(LooksOnlyAdmin):
    """Where licenses and license days stand."""

    list_display = ("id", "organization", "product", "license_type", "kind", "unit", "category", "balance")
    list_filter = ("category", "kind", "unit", "registered_product__product")
    list_select_related = ("organization", "registered_product__product", "license_type")
    search_fields = ("organization__name", "organization__slug")
    ordering = ("-pk",)

    @admin.display(description=gettext_lazy("product"), ordering="registered_product__product__name")
    def product(self, account: LedgerAccount) -> str:
        """The product whose licenses they are."""
        return account.registered_product.product.name


class EntryInline(LooksOnlyInline):
    """What moved in a transfer."""

    model = Entry
    fk_name = "transfer"
    fields = ("license_type", "kind", "quantity", "came_from", "went_to")
    readonly_fields = ("license_type", "kind", "came_from", "went_to")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Entry]":
        """The entries with their accounts."""
        entries: QuerySet[Entry] = super().get_queryset(request)
        return entries.select_related("from_account__license_type", "to_account")

    @admin.display(description=gettext_lazy("license type"))
    def license_type(self, entry: Entry) -> str:
        """The type that moved."""
        return entry.from_account.license_type.name

    @admin.display(description=gettext_lazy("kind"))
    def kind(self, entry: Entry) -> str:
        """The kind that moved."""
        return entry.from_account.get_kind_display()

    @admin.display(description=gettext_lazy("from"))
    def came_from(self, entry: Entry) -> str:
        """The account that it left."""
        return f"{entry.from_account.get_category_display()} ({entry.from_account_id})"

    @admin.display(description=gettext_lazy("to"))
    def went_to(self, entry: Entry) -> str:
        """The account that it entered."""
        return f"{entry.to_account.get_category_display()} ({entry.to_account_id})"


@admin.register(Transfer)
class TransferAdmin(LooksOnlyAdmin):
    """Movements of licenses."""

    inlines = (EntryInline,)
    list_display = ("id", "organization", "sequence", "product", "reason", "actor", "happened_on", "written_at")
    list_filter = ("reason", "registered_product__product")
    list_select_related = ("organization", "registered_product__product", "actor")
    search_fields = ("organization__name", "organization__slug")
    ordering = ("-pk",)

    @admin.display(description=gettext_lazy("product"), ordering="registered_product__product__name")
    def product(self, transfer: Transfer) -> str:
        """The product whose licenses moved."""
        return transfer.registered_product.product.name


@admin.register(Entry)
class EntryAdmin(LooksOnlyAdmin):
    """Single quantities that moved."""

    list_display = ("id", "organization", "transfer_id", "quantity", "from_account_id", "to_account_id")
    list_select_related = ("organization",)
    search_fields = ("organization__name", "organization__slug")
    ordering = ("-pk",)


@admin.register(Lot)
class LotAdmin(LooksOnlyAdmin):
    """Licenses that entered a wallet together."""

    list_display = (
        "id",
        "organization",
        "product",
        "license_type",
        "kind",
        "balance",
        "origin",
        "entered_on",
        "expires_on",
    )
    list_filter = ("origin", "registered_product__product")
    list_select_related = ("organization", "registered_product__product", "account__license_type")
    search_fields = ("organization__name", "organization__slug")
    ordering = ("-pk",)

    @admin.display(description=gettext_lazy("product"), ordering="registered_product__product__name")
    def product(self, lot: Lot) -> str:
        """The product whose licenses they are."""
        return lot.registered_product.product.name

    @admin.display(description=gettext_lazy("license type"))
    def license_type(self, lot: Lot) -> str:
        """The type of its licenses."""
        return lot.account.license_type.name

    @admin.display(description=gettext_lazy("kind"))
    def kind(self, lot: Lot) -> str:
        """The kind of its licenses."""
        return lot.account.get_kind_display()

    @admin.display(description=gettext_lazy("balance"), ordering="account__balance")
    def balance(self, lot: Lot) -> int:
        """What it still holds."""
        return lot.account.balance


@admin.register(Redemption)
class RedemptionAdmin(LooksOnlyAdmin):
    """Which key was redeemed where, when and by whom."""

    list_display = ("license_key", "organization", "product", "redeemed_on", "redeemed_by", "undone_on", "undone_by")
    list_filter = ("registered_product__product",)
    list_select_related = ("license_key", "organization", "registered_product__product", "redeemed_by", "undone_by")
    search_fields = ("organization__name", "organization__slug", "license_key__tail")
    ordering = ("-pk",)

    @admin.display(description=gettext_lazy("product"), ordering="registered_product__product__name")
    def product(self, redemption: Redemption) -> str:
        """The product into whose wallet it was redeemed."""
        return redemption.registered_product.product.name


@admin.register(RefusedTries)
class RefusedTriesAdmin(LooksOnlyAdmin):
    """Who tried license keys that are not known, hour by hour: how many, and how many the limit stopped."""

    list_display = ("hour", "user", "organization", "address", "unknown", "limited")
    list_filter = ("hour",)
    list_select_related = ("user", "organization")
    search_fields = ("user__email", "organization__name", "organization__slug", "address")
    ordering = ("-hour", "-pk")
