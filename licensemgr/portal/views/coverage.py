"""How far the years of all products of an organization are covered, on one page."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language_bidi
from django.views.decorators.http import require_GET

from organizations.access import OrganizationRequest, Permission, organization_view
from subscriptions.coverage import coverage as coverage_of
from subscriptions.coverage import together
from subscriptions.pictures import coverage_row
from subscriptions.queries import ProductStanding, standings
from subscriptions.status_words import status_words


@require_GET
@organization_view(Permission.LOOK)
def coverage(request: OrganizationRequest) -> HttpResponse:
    """Products × years (R15); the products that have no subscription are named below."""
    shown = request.organization.registered_products.filter(hidden_on=None).select_related("product")
    found = standings(request.organization, request.today, shown)
    rows = [_row(standing) for standing in found if standing.years]
    context = {
        "rows": rows,
        "groups": [(row["name"], row["cells"], {"product": row["code"]}) for row in rows],
        "without": [
            {"product": standing.product, "status": status_words(standing)} for standing in found if not standing.years
        ],
    }
    return render(request, "portal/coverage.html", context)


def _row(standing: ProductStanding) -> dict[str, object]:
    years = together(coverage_of(standing))
    return {
        "product": standing.product,
        "code": standing.product.code,
        "name": standing.product.name,
        "status": status_words(standing),
        "cells": coverage_row(years, mirrored=get_language_bidi()),
        "to_buy": sum(year.to_buy for year in years),
        "in_wallet": sum(year.in_wallet for year in years),
    }
