"""Subscriptions in the admin site: to look at, never to change; and the list of exceeded allowances (R12)."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import formats
from django.utils.translation import gettext_lazy as _

from licensemgr.core import clock
from licensemgr.core.admin import LooksOnlyAdmin, LooksOnlyInline, one_line
from licensemgr.core.numbers import grouped
from subscriptions.exceeding import Course, Month, course_of
from subscriptions.models import (
    Allocation,
    ExceededAllowance,
    Release,
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

    @admin.display(description=_("product"), ordering="registered_product__product__name")
    def product(self, subscription: Subscription) -> str:
        """The product that is subscribed to."""
        return subscription.registered_product.product.name


@admin.register(ExceededAllowance)
class ExceededAllowanceAdmin(LooksOnlyAdmin):
    """Whose growth is beyond the allowance, since when, and by how much today; a row's page tells its course (R12)."""

    change_form_template = "admin/subscriptions/exceededallowance/course.html"
    list_display = ("organization", "product", "exceeded_since", "allowance", "missing")
    fields = ("organization", "product", "started_on", "exceeded_since", "allowance", "missing")
    readonly_fields = ("product", "allowance", "missing")
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

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """How it went month by month, and whom it was told when."""
        exceeded = self.get_object(request, unquote(object_id))
        if exceeded is not None and self.has_view_permission(request, exceeded):
            course = course_of(exceeded.registered_product, clock.today(exceeded.organization))
            extra_context = {
                **(extra_context or {}),
                "course": course,
                "months": [
                    (month, [month.devices.get(code, 0) for code in course.standing.codes], _events(month, course))
                    for month in course.months
                ],
            }
        return super().change_view(request, object_id, form_url, extra_context)

    @admin.display(description=_("product"), ordering="registered_product__product__name")
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
        return one_line(_named(standing.current.missing if standing.current else {}, standing))

    def _standing(self, exceeded: ExceededAllowance) -> ProductStanding:
        """How the product stands today, worked out once for a row."""
        found: ProductStanding | None = vars(exceeded).get("_standing_today")
        if found is None:
            found = product_standing(exceeded.registered_product, clock.today(exceeded.organization))
            vars(exceeded)["_standing_today"] = found
        return found


def _named(quantities: Mapping[str, int], standing: ProductStanding) -> list[str]:
    """“6 Core device” for each type of which there is any."""
    names = {license_type.code: license_type.name for license_type in standing.types}
    return [f"{grouped(quantity)} {names.get(code, code)}" for code, quantity in quantities.items() if quantity]


def _events(month: Month, course: Course) -> list[str]:
    """What happened in a month, a sentence each."""
    return [
        f"{formats.date_format(event.on, 'DATE_FORMAT')}: {event.label}"
        + (f" ({one_line(_named(event.missing, course.standing))})" if event.missing else "")
        for event in month.events
    ]


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

    @admin.display(description=_("product"))
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

    @admin.display(description=_("product"))
    def product(self, allocation: Allocation) -> str:
        """The product whose years were allocated to."""
        return allocation.subscription.registered_product.product.name


@admin.register(Release)
class ReleaseAdmin(LooksOnlyAdmin):
    """Coming years that were released (R34)."""

    list_display = ("id", "organization", "product", "number", "released_on", "released_by")
    list_select_related = ("organization", "year__subscription__registered_product__product", "released_by")
    search_fields = ("organization__name", "organization__slug")
    ordering = ("-pk",)

    @admin.display(description=_("product"))
    def product(self, release: Release) -> str:
        """The product whose coming year was released."""
        return release.year.subscription.registered_product.product.name

    @admin.display(description=_("number"))
    def number(self, release: Release) -> int:
        """Which year, counted from the anchor."""
        return release.year.number
