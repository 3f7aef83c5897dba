"""The ledger, lots and license keys in the admin site: to look at, never to change (R23)."""

from django.contrib import admin
from django.db.models import Count, Prefetch, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from licensemgr.core.admin import LooksOnlyAdmin, LooksOnlyInline
from wallet.models import Entry, KeyBatch, KeyBatchLine, LedgerAccount, LicenseKey, Lot, Redemption, Transfer


class KeyBatchLineInline(LooksOnlyInline):
    """What each key of the batch carries."""

    model = KeyBatchLine
    fields = ("license_type", "quantity")


@admin.register(KeyBatch)
class KeyBatchAdmin(LooksOnlyAdmin):
    """License keys that were issued together, and how many of them are in which state."""

    inlines = (KeyBatchLineInline,)
    list_display = (
        "__str__",
        "product",
        "kind",
        "order_reference",
        "carries",
        "issued_at",
        "issued_by",
        "keys",
        "free",
        "redeemed",
        "revoked",
    )
    list_filter = ("product", "kind")
    list_select_related = ("product", "issued_by")
    search_fields = ("order_reference", "product__name")
    ordering = ("-issued_at", "-pk")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[KeyBatch]":
        """The batches with the numbers of their keys."""
        revoked = Q(keys__revoked_at__isnull=False)
        redeemed = Q(keys__redemptions__isnull=False, keys__redemptions__undone_on=None)
        batches: QuerySet[KeyBatch] = super().get_queryset(request)
        return batches.prefetch_related("lines__license_type").annotate(
            keys_total=Count("keys", distinct=True),
            keys_redeemed=Count("keys", filter=redeemed, distinct=True),
            keys_revoked=Count("keys", filter=revoked, distinct=True),
        )

    @admin.display(description=gettext_lazy("each key carries"))
    def carries(self, batch: KeyBatch) -> str:
        """The licenses of one key."""
        return ", ".join(f"{line.quantity} {line.license_type.name}" for line in batch.lines.all())

    @admin.display(description=gettext_lazy("keys"), ordering="keys_total")
    def keys(self, batch: KeyBatch) -> int:
        """How many keys were issued."""
        return int(vars(batch)["keys_total"])

    @admin.display(description=gettext_lazy("redeemed"), ordering="keys_redeemed")
    def redeemed(self, batch: KeyBatch) -> int:
        """How many were redeemed."""
        return int(vars(batch)["keys_redeemed"])

    @admin.display(description=gettext_lazy("revoked"), ordering="keys_revoked")
    def revoked(self, batch: KeyBatch) -> int:
        """How many were revoked."""
        return int(vars(batch)["keys_revoked"])

    @admin.display(description=gettext_lazy("free"))
    def free(self, batch: KeyBatch) -> int:
        """How many can still be redeemed."""
        return self.keys(batch) - self.redeemed(batch) - self.revoked(batch)


@admin.register(LicenseKey)
class LicenseKeyAdmin(LooksOnlyAdmin):
    """License keys by their last five symbols, which is all that can be shown of them."""

    list_display = ("__str__", "batch", "state", "revoked_at", "revoked_reason")
    fields = ("batch", "tail", "state", "revoked_at", "revoked_reason")
    readonly_fields = ("state",)
    list_filter = ("batch__product", "batch__kind", ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related = ("batch__product",)
    search_fields = ("tail", "batch__order_reference")
    ordering = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[LicenseKey]":
        """The keys with the redemptions that count."""
        keys: QuerySet[LicenseKey] = super().get_queryset(request)
        counting = Redemption.objects.filter(undone_on=None).select_related("organization")
        return keys.prefetch_related(Prefetch("redemptions", counting))

    @admin.display(description=gettext_lazy("state"))
    def state(self, key: LicenseKey) -> str:
        """Whether it is free, revoked, or redeemed by whom and when."""
        redemption = next(iter(key.redemptions.all()), None)
        if redemption is not None:
            return _("redeemed by %(organization)s on %(day)s") % {
                "organization": redemption.organization.name,
                "day": redemption.redeemed_on.isoformat(),
            }
        return _("revoked") if key.revoked_at else _("free")


@admin.register(LedgerAccount)
class LedgerAccountAdmin(LooksOnlyAdmin):
    """Where licenses and license days stand."""

    list_display = ("id", "organization", "product", "license_type", "kind", "unit", "category", "balance")
    list_filter = ("category", "kind", "unit", "registered_product__product")
    list_select_related = ("organization", "registered_product__product", "license_type")
    search_fields = ("organization__name", "organization__slug")
    ordering = ("-pk",)

    @admin.display(ordering="registered_product__product__name")
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

    @admin.display(ordering="registered_product__product__name")
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

    @admin.display(ordering="registered_product__product__name")
    def product(self, lot: Lot) -> str:
        """The product whose licenses they are."""
        return lot.registered_product.product.name

    @admin.display
    def license_type(self, lot: Lot) -> str:
        """The type of its licenses."""
        return lot.account.license_type.name

    @admin.display
    def kind(self, lot: Lot) -> str:
        """The kind of its licenses."""
        return lot.account.get_kind_display()

    @admin.display(ordering="account__balance")
    def balance(self, lot: Lot) -> int:
        """What it still holds."""
        return lot.account.balance


@admin.register(Redemption)
class RedemptionAdmin(LooksOnlyAdmin):
    """Which key was redeemed where, when and by whom."""

    list_display = ("license_key", "organization", "product", "redeemed_on", "redeemed_by")
    list_filter = ("registered_product__product",)
    list_select_related = ("license_key", "organization", "registered_product__product", "redeemed_by")
    search_fields = ("organization__name", "organization__slug", "license_key__tail")
    ordering = ("-pk",)

    @admin.display(ordering="registered_product__product__name")
    def product(self, redemption: Redemption) -> str:
        """The product into whose wallet it was redeemed."""
        return redemption.registered_product.product.name
