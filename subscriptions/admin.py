"""Subscriptions in the admin site: to look at, never to change; and the list of exceeded allowances (R12)."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from licensemgr.core import clock
from licensemgr.core.admin import LooksOnlyAdmin, LooksOnlyInline
from subscriptions.models import (
    Allocation,
    ExceededAllowance,
    Subscription,
    SubscriptionPeriod,
    SubscriptionYear,
    YearHolding,
)
from subscriptions.queries import ProductStanding, product_standing


class SubscriptionYearInline(LooksOnlyInline):
    """The years of a subscription that are written down."""

    model = SubscriptionYear
    fields = ("number", "fully_licensed_on", "allowance")
    ordering = ("number",)


@admin.register(Subscription)
class SubscriptionAdmin(LooksOnlyAdmin):
    """Started subscriptions."""

    inlines = (SubscriptionYearInline,)
    list_display = ("id", "organization", "product", "started_on", "exceeded_since")
    list_filter = ("registered_product__product", ("exceeded_since", admin.EmptyFieldListFilter))
    list_select_related = ("organization", "registered_product__product")
    search_fields = ("organization__name", "organization__slug")
    ordering = ("-pk",)

    @admin.display(ordering="registered_product__product__name")
    def product(self, subscription: Subscription) -> str:
        """The product that is subscribed to."""
        return subscription.registered_product.product.name


@admin.register(ExceededAllowance)
class ExceededAllowanceAdmin(LooksOnlyAdmin):
    """Whose growth is beyond the allowance, since when, and by how much today (R12)."""

    list_display = ("organization", "product", "exceeded_since", "allowance", "missing")
    list_display_links = None
    list_filter = ("registered_product__product",)
    list_per_page = 25
    search_fields = ("organization__name", "organization__slug")
    ordering = ("exceeded_since", "pk")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[ExceededAllowance]":
        """Only those that are exceeded."""
        rows: QuerySet[ExceededAllowance] = super().get_queryset(request)
        return rows.filter(exceeded_since__isnull=False).select_related(
            "organization", "registered_product__product", "registered_product__organization"
        )

    @admin.display(ordering="registered_product__product__name")
    def product(self, exceeded: ExceededAllowance) -> str:
        """The product whose allowance is exceeded."""
        return exceeded.registered_product.product.name

    @admin.display(description=_("growth allowance"))
    def allowance(self, exceeded: ExceededAllowance) -> int | None:
        """The allowance of the current year."""
        current = self._standing(exceeded).current
        return current.allowance if current else None

    @admin.display(description=_("missing today"))
    def missing(self, exceeded: ExceededAllowance) -> str:
        """What is beyond the allowance today, per type."""
        standing = self._standing(exceeded)
        names = {license_type.code: license_type.name for license_type in standing.types}
        lacks = standing.current.missing if standing.current else {}
        return ", ".join(f"{quantity} {names[code]}" for code, quantity in lacks.items() if quantity)

    def _standing(self, exceeded: ExceededAllowance) -> ProductStanding:
        """How the product stands today, worked out once for a row."""
        found: ProductStanding | None = vars(exceeded).get("_standing_today")
        if found is None:
            found = product_standing(exceeded.registered_product, clock.today(exceeded.organization))
            vars(exceeded)["_standing_today"] = found
        return found


@admin.register(SubscriptionPeriod)
class SubscriptionPeriodAdmin(LooksOnlyAdmin):
    """The organizations' anchor dates."""

    list_display = ("organization", "anchor_on")
    list_select_related = ("organization",)
    search_fields = ("organization__name", "organization__slug")


class YearHoldingInline(LooksOnlyInline):
    """What is allocated to a year."""

    model = YearHolding
    fields = ("license_type", "allocated")
    readonly_fields = ("allocated",)

    @admin.display(description=_("allocated"))
    def allocated(self, holding: YearHolding) -> int:
        """The licenses of the type that the year holds."""
        return holding.account.balance


@admin.register(SubscriptionYear)
class SubscriptionYearAdmin(LooksOnlyAdmin):
    """Subscription years that are written down."""

    inlines = (YearHoldingInline,)
    list_display = ("id", "organization", "product", "number", "fully_licensed_on", "allowance")
    list_select_related = ("organization", "subscription__registered_product__product")
    search_fields = ("organization__name", "organization__slug")
    ordering = ("-pk",)

    @admin.display
    def product(self, year: SubscriptionYear) -> str:
        """The product whose year it is."""
        return year.subscription.registered_product.product.name


@admin.register(Allocation)
class AllocationAdmin(LooksOnlyAdmin):
    """Confirmations that took effect."""

    list_display = ("id", "organization", "product", "allocated_on", "allocated_by", "plan")
    list_select_related = ("organization", "subscription__registered_product__product", "allocated_by")
    search_fields = ("organization__name", "organization__slug")
    ordering = ("-pk",)

    @admin.display
    def product(self, allocation: Allocation) -> str:
        """The product whose years were allocated to."""
        return allocation.subscription.registered_product.product.name
