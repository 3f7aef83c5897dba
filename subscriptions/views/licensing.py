"""Product licensing: allocating subscription licenses to years, in two steps (R15-R20)."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import get_language_bidi
from django.views.decorators.http import require_http_methods
from django.views.decorators.vary import vary_on_headers

from licensemgr.core.calendar import years_since
from licensemgr.core.errors import Refused
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import ngettext
from organizations.access import OrganizationRequest, Permission, may, organization_view
from products.answers import done, page, registered_product_or_404
from products.models import LicenseKind, LicenseType
from subscriptions import rules, services
from subscriptions.allocation import AllocationPreview, preview_allocation
from subscriptions.coverage import coverage
from subscriptions.errors import ConfirmationChanged, NeedNotMatched
from subscriptions.forms import AllocationForm, Confirmation, missing_plan, open_confirmation, seal_confirmation
from subscriptions.models import Allocation
from subscriptions.pictures import coverage_row
from subscriptions.queries import ProductStanding, YearStanding, product_standing
from subscriptions.releasing import releasable_year
from subscriptions.status_words import status_words
from wallet.errors import NotEnoughLicenses


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
@organization_view(Permission.LOOK)
def product_licensing(request: OrganizationRequest, product: str) -> HttpResponse:
    """The six years on offer with a field per type (R15); what is sent is answered with its summary (R20)."""
    standing = product_standing(registered_product_or_404(request, product), request.today)
    if request.method != "POST":
        return _page(request, standing, AllocationForm(standing, initial=_filled(request, standing)))
    if not may(request.membership, Permission.MANAGE_LICENSES):
        raise PermissionDenied
    form = AllocationForm(standing, request.POST)
    if not form.is_valid():
        return _page(request, standing, form, status=422)
    try:
        preview = preview_allocation(standing, form.plan)
    except Refused as refused:
        return _refuse(request, standing, form, refused)
    return _summary(request, preview)


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
@organization_view(Permission.MANAGE_LICENSES)
def confirm_allocation(request: OrganizationRequest, product: str) -> HttpResponse:
    """Allocate exactly what the summary page showed, once (R18, R20)."""
    if request.method != "POST":
        return HttpResponseRedirect(_address(request, product))
    registered_product = registered_product_or_404(request, product)
    confirmation: Confirmation | None = None
    try:
        confirmation = open_confirmation(request.POST.get("confirmation", ""), registered_product)
        allocation = services.allocate_licenses(
            registered_product=registered_product,
            plan=confirmation.plan,
            nonce=confirmation.nonce,
            actor=request.user,
            on=request.today,
            facts=confirmation.facts,
        )
    except Refused as refused:
        return _show_anew(request, product, confirmation, refused)
    _tell(request, allocation, product)
    return done(request, "product_licensing", request.organization.slug, product)


def _address(request: OrganizationRequest, product: str) -> str:
    return reverse("product_licensing", args=[request.organization.slug, product])


def _filled(request: OrganizationRequest, standing: ProductStanding) -> dict[int, dict[str, int]]:
    """What ``?fill=`` asks to be filled in: all years, or those up to one, as a year needs those before it (R15)."""
    asked = request.GET.get("fill", "")
    if asked == "all":
        return missing_plan(standing)
    last = next((year.offset for year in standing.years if str(year.offset) == asked), None)
    return {} if last is None else missing_plan(standing, list(range(last + 1)))


def _tell(request: OrganizationRequest, allocation: Allocation, product: str) -> None:
    """What happened, and "Your product is now licensed." exactly when it is (R14b)."""
    total = sum(quantity for quantities in allocation.plan.values() for quantity in quantities.values())
    messages.success(
        request,
        ngettext("%(total)s license was allocated.", "%(total)s licenses were allocated.", total)
        % {"total": grouped(total)},
    )
    if product_standing(registered_product_or_404(request, product), request.today).is_licensed:
        messages.success(request, _("Your product is now licensed."))


def _show_anew(
    request: OrganizationRequest, product: str, confirmation: Confirmation | None, refused: Refused
) -> HttpResponse:
    """The page after a Confirm that was refused, with the amounts that fit now (R20)."""
    standing = product_standing(registered_product_or_404(request, product), request.today)
    if confirmation is None:
        return _page(request, standing, AllocationForm(standing), status=refused.status, errors=[str(refused.sentence)])
    plan = missing_plan(standing, list(range(_last_offset(confirmation, standing) + 1)))
    if isinstance(refused, ConfirmationChanged):
        try:
            preview = preview_allocation(standing, plan)
        except Refused as still:
            errors = [str(refused.sentence), str(_by_name(still, standing).sentence)]
        else:
            return _summary(request, preview, changed=refused)
    else:
        errors = [str(_by_name(refused, standing).sentence)]
    return _page(request, standing, AllocationForm(standing, initial=plan), status=refused.status, errors=errors)


def _last_offset(confirmation: Confirmation, standing: ProductStanding) -> int:
    """The offset, counted from today's current year, of the last year that was confirmed; at least 0."""
    last = max(confirmation.plan, default=0)
    if standing.anchor_on is None:
        return 0
    then = years_since(standing.anchor_on, date.fromisoformat(confirmation.facts["date"]))
    return max(0, last + then - years_since(standing.anchor_on, standing.on))


def _refuse(
    request: OrganizationRequest, standing: ProductStanding, form: AllocationForm, refused: Refused
) -> HttpResponse:
    """The form with what was typed and the reason in numbers, at the fields that do not fit too (R16)."""
    named = _by_name(refused, standing)
    if isinstance(refused, NeedNotMatched) and standing.anchor_on is not None:
        for mismatch in refused.mismatches:
            over = mismatch.over
            text = _("%(difference)s too many") if over > 0 else _("%(difference)s short")
            form.mark(mismatch.number, mismatch.code, text % {"difference": grouped(abs(over))})
    return _page(request, standing, form, status=refused.status, errors=[str(named.sentence)])


def _by_name(refused: Refused, standing: ProductStanding) -> Refused:
    """The same refusal, its sentence with the names of license types instead of their codes."""
    names = {license_type.code: license_type.name for license_type in standing.types}
    if isinstance(refused, NotEnoughLicenses):
        return NotEnoughLicenses({names.get(code, code): quantity for code, quantity in refused.short.items()})
    if isinstance(refused, NeedNotMatched):
        mismatches = [
            replace(mismatch, code=names.get(mismatch.code, mismatch.code)) for mismatch in refused.mismatches
        ]
        return NeedNotMatched(mismatches, refused.gaps, {year.offset: year.year for year in standing.years})
    return refused


@dataclass(frozen=True)
class TypeCell:
    """One license type in the row of a year."""

    license_type: LicenseType
    need: int
    allocated: int
    missing: int
    field: forms.BoundField
    mark: str


@dataclass(frozen=True)
class YearRow:
    """One year on offer, as the page shows it."""

    standing: YearStanding
    cells: tuple[TypeCell, ...]

    @property
    def covered_from(self) -> date | None:
        """The day from which a product that started within the year is covered (R20); else None."""
        return self.standing.covered_from if self.standing.covered_from > self.standing.year.first else None


def _rows(standing: ProductStanding, form: AllocationForm) -> list[YearRow]:
    return [
        YearRow(
            year,
            tuple(
                TypeCell(
                    license_type,
                    year.need[license_type.code],
                    year.allocated[license_type.code],
                    year.missing[license_type.code],
                    field,
                    form.marks.get((year.offset, license_type.code), ""),
                )
                for license_type, field in zip(standing.types, form.fields_of(year.offset), strict=True)
            ),
        )
        for year in standing.years
    ]


def _page(
    request: OrganizationRequest,
    standing: ProductStanding,
    form: AllocationForm,
    *,
    status: int = 200,
    errors: list[str] | None = None,
) -> HttpResponse:
    wallet = standing.wallet[LicenseKind.SUBSCRIPTION]
    matrix = [
        (types.license_type, coverage_row(types.years, mirrored=get_language_bidi())) for types in coverage(standing)
    ]
    context = _frame(request, standing) | {
        "form": form,
        "errors": errors or [],
        "rows": _rows(standing, form),
        "stocks": [(license_type, wallet[license_type.code]) for license_type in standing.types],
        "coverage": matrix,
        "coverage_groups": [
            (license_type.name, cells, {"product": standing.product.code, "type": license_type.code})
            for license_type, cells in matrix
        ],
        "missing_total": sum(year.missing_total for year in standing.years),
        "releasable": releasable_year(standing),
        "may_manage": may(request.membership, Permission.MANAGE_LICENSES),
    }
    return page(request, "subscriptions/product_licensing.html", context, status=status)


@dataclass(frozen=True)
class CompensationLine:
    """What the summary states of one type's compensation (R19)."""

    license_type: LicenseType
    quantity: int
    compensation: rules.Compensation
    credit_before: int

    @property
    def days_each(self) -> int:
        return max(0, rules.DAYS_PAID - self.compensation.days_used_each)

    @property
    def days_together(self) -> int:
        return self.credit_before + self.compensation.days_given


def _summary(
    request: OrganizationRequest, preview: AllocationPreview, changed: ConfirmationChanged | None = None
) -> HttpResponse:
    """R20's page: periods, licenses per type and year, what is left, the compensation, and the Confirm."""
    standing = preview.standing
    wallet = standing.wallet[LicenseKind.SUBSCRIPTION]
    context = _frame(request, standing) | {
        "preview": preview,
        "changed": changed,
        "confirmation": seal_confirmation(preview),
        "years": [
            (
                year.standing,
                [(kind, year.quantities[kind.code]) for kind in standing.types if kind.code in year.quantities],
            )
            for year in preview.years
        ],
        "wallet_rows": [
            (kind, wallet[kind.code], _allocated(preview, kind), preview.wallet_left[kind.code])
            for kind in standing.types
        ],
        "compensation": [
            CompensationLine(kind, preview.plan[0][kind.code], given, standing.credit_days[kind.code])
            for kind in standing.types
            if (given := preview.compensation.get(kind.code)) is not None
        ],
    }
    return page(request, "subscriptions/confirm_allocation.html", context, status=changed.status if changed else 200)


def _allocated(preview: AllocationPreview, license_type: LicenseType) -> int:
    return sum(year.quantities.get(license_type.code, 0) for year in preview.years)


def _frame(request: OrganizationRequest, standing: ProductStanding) -> dict[str, Any]:
    return {
        "organization": request.organization,
        "product": standing.product,
        "standing": standing,
        "status": status_words(standing),
    }
