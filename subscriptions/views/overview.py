"""Product overview, and starting its subscription."""

from datetime import date

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language_bidi
from django.views.decorators.http import require_GET, require_http_methods

from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import pgettext
from organizations.access import OrganizationRequest, Permission, organization_view
from products.answers import done, page, registered_product_or_404
from products.models import LicenseKind
from subscriptions import advice, pictures, services, years_shown
from subscriptions.devices_over_time import devices_over_time
from subscriptions.errors import AlreadyStarted, year_name
from subscriptions.models import SubscriptionPeriod
from subscriptions.queries import ProductStanding, product_standing
from subscriptions.rules import Status
from subscriptions.status_words import status_words
from subscriptions.units import UNITS_LISTED
from subscriptions.why import growth_used


@require_GET
@organization_view(Permission.LOOK)
def product_overview(request: OrganizationRequest, product: str) -> HttpResponse:
    """How the product stands, its years, and what to do next (R14a)."""
    registered_product = registered_product_or_404(request, product)
    standing = product_standing(registered_product, request.today)
    step = advice.next_step(standing)
    over_time = devices_over_time(standing)
    is_by_hardware = standing.status in (Status.HARDWARE, Status.EXPANSION_NEEDED)
    context = {
        "active_tab": "overview",
        "product": registered_product.product,
        "standing": standing,
        "status": status_words(standing),
        "next_step": step,
        "step_url": _step_url(request, product, step),
        "upcoming": advice.upcoming(standing),
        "is_by_hardware": is_by_hardware,
        # A trial that runs beside hardware which licenses everything decides nothing.
        "timeline": None if is_by_hardware else pictures.drawn_timeline(standing, mirrored=get_language_bidi()),
        "over_time": over_time,
        "devices_drawn": pictures.drawn_devices(over_time, mirrored=get_language_bidi()),
        "units_lacking": _units_lacking(standing),
        "more_lacking": max(0, standing.units.lacking - UNITS_LISTED),
        "rows": _rows(standing),
        "growth_used": growth_used(standing),
    }
    return page(request, "subscriptions/product_overview.html", context)


def _step_url(request: OrganizationRequest, product: str, step: advice.NextStep) -> str:
    if step.url_name is None:
        return ""
    return reverse(step.url_name, args=[request.organization.slug, product, *step.arguments])


def _units_lacking(standing: ProductStanding) -> list[dict[str, object]]:
    """The first units that lack expansion licenses, and which (R25)."""
    return [
        {"unit_id": lack.unit_id, "serial": lack.serial, "listed": advice.listed(standing, lack.lacks)}
        for lack in standing.units.lacks[:UNITS_LISTED]
    ]


@require_http_methods(["GET", "HEAD", "POST"])
@organization_view(Permission.MANAGE_LICENSES)
def start_subscription(request: OrganizationRequest, product: str) -> HttpResponse:
    """The dates that will follow, and the start itself (R7, R8, R9); sent twice it starts once."""
    registered_product = registered_product_or_404(request, product)
    overview = done(request, "product_overview", request.organization.slug, product)
    if request.method == "POST":
        try:
            services.start_subscription(registered_product=registered_product, actor=request.user, on=request.today)
        except AlreadyStarted as refusal:
            messages.info(request, str(refusal.sentence))
        else:
            messages.success(request, _("Subscription has started. The grace period is displayed below."))
        return overview
    standing = product_standing(registered_product, request.today)
    if standing.started_on is not None:
        messages.info(request, str(AlreadyStarted(started_on=standing.started_on).sentence))
        return overview
    dates = years_shown.dates_after_start(_anchor(request), request.today)
    context = {"product": registered_product.product, "dates": dates, "rows": _date_rows(standing, dates)}
    return render(request, "subscriptions/start_subscription.html", context)


def _anchor(request: OrganizationRequest) -> date | None:
    period = SubscriptionPeriod.objects.filter(organization=request.organization).first()
    return period.anchor_on if period else None


def _date_rows(standing: ProductStanding, dates: years_shown.DatesAfterStart) -> list[tuple[str, str]]:
    """What the start sets, one row a date."""
    day = advice.format_date
    rows = [
        (_("Subscription period since"), day(dates.anchor_on)),
        (_("First subscription year"), year_name(dates.year)),
        (_("Covered from"), day(dates.covered_from)),
        (_("Last day of the grace period"), day(dates.grace_last_day)),
    ]
    if dates.next_grace_last_day is not None:
        # R9: the grace of a start near the year's end passes to the next year's.
        rows.append((_("Last day of the next year's grace period, which takes over"), day(dates.next_grace_last_day)))
    rows.append((_("Renewal date"), day(dates.renewal_on)))
    if standing.trial_last_on is not None and standing.on <= standing.trial_last_on:
        rows.append((_("Trial"), _("ends today instead of on %(last)s") % {"last": day(standing.trial_last_on)}))
    need = advice.listed(standing, standing.devices)
    rows.append((_("Licenses needed with today's devices"), need or pgettext("licenses or devices", "none")))
    return rows


def _rows(standing: ProductStanding) -> list[dict[str, object]]:
    """Per license type: devices, what the current year needs, holds and misses, and the wallet."""
    current = standing.current
    wallet = standing.wallet
    return [
        {
            "type": license_type,
            "devices": standing.devices[license_type.code],
            "need": (current.need if current else standing.devices)[license_type.code],
            "allocated": current.allocated[license_type.code] if current else None,
            "missing": current.missing[license_type.code] if current else None,
            "wallet": wallet[LicenseKind.SUBSCRIPTION][license_type.code],
            "wallet_hardware": wallet[LicenseKind.HARDWARE][license_type.code],
            "credit_days": standing.credit_days[license_type.code],
        }
        for license_type in standing.types
    ]
