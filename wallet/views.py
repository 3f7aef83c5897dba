"""Pages of the Product wallet."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import formats
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from licensemgr.core.errors import Refused
from organizations.access import OrganizationRequest, Permission, may, organization_view
from products.answers import done, registered_product_or_404, wants_fragment
from products.models import RegisteredProduct
from wallet import services
from wallet.errors import TooManyTries
from wallet.forms import RedeemLicenseKeyForm, new_form
from wallet.limits import counting_wrong_tries, trier_of
from wallet.models import Redemption
from wallet.queries import product_movements
from wallet.queries import product_wallet as wallet_of_product
from wallet.rules import use_by


@require_safe
@vary_on_headers("HX-Request")
@organization_view(Permission.LOOK)
def product_wallet(request: OrganizationRequest, product: str) -> HttpResponse:
    """What the wallet holds, its movements, and the form that redeems a license key (R21, R22)."""
    registered_product = registered_product_or_404(request, product)
    asked = request.GET.get("before", "")
    before = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else None
    if wants_fragment(request) and before is not None:
        context = _frame(request, registered_product)
        context["page"] = product_movements(registered_product, request.today, before)
        return render(request, "wallet/_movements.html", context)
    return _page(request, registered_product, new_form(), before=before)


@require_POST
@vary_on_headers("HX-Request")
@organization_view(Permission.MANAGE_LICENSES)
def redeem_license_key(request: OrganizationRequest, product: str) -> HttpResponse:
    """Redeem a license key into this wallet, whole or not at all (R21)."""
    registered_product = registered_product_or_404(request, product)
    form = RedeemLicenseKeyForm(request.POST)
    if not form.is_valid():
        form.renew_token()
        return _page(request, registered_product, form, status=422)
    try:
        # A mistyped key is refused here, before a try is counted.
        services.parse_license_key(form.cleaned_data["license_key"].strip())
        with counting_wrong_tries(trier_of(request)):
            redemption = services.redeem_license_key(
                registered_product=registered_product,
                license_key=form.cleaned_data["license_key"].strip(),
                actor=request.user,
                on=request.today,
                form_token=form.cleaned_data["form_token"],
            )
    except Refused as refused:
        form.add_error(refused.field if refused.field in form.fields else None, str(refused.sentence))
        return _page(request, registered_product, form, status=refused.status, refused=refused)
    messages.success(request, _what_was_added(redemption))
    return done(request, "product_wallet", request.organization.slug, product)


def _frame(request: OrganizationRequest, registered_product: RegisteredProduct) -> dict[str, Any]:
    return {
        "organization": request.organization,
        "registered_product": registered_product,
        "product": registered_product.product,
        "today": request.today,
        "may_manage": may(request.membership, Permission.MANAGE_LICENSES),
    }


def _page(
    request: OrganizationRequest,
    registered_product: RegisteredProduct,
    form: RedeemLicenseKeyForm,
    *,
    status: int = 200,
    refused: Refused | None = None,
    before: int | None = None,
) -> HttpResponse:
    """The whole page, or its form alone where HTMX sent it."""
    context = _frame(request, registered_product) | {"form": form}
    if wants_fragment(request) and status != 200:
        # HTMX shows only a 422; the status of a refusal by the limit stays in its header.
        response = render(request, "wallet/_redeem_form.html", context, status=422 if status == 429 else status)
    else:
        context["wallet"] = wallet_of_product(registered_product, request.today)
        context["page"] = product_movements(registered_product, request.today, before)
        response = render(request, "wallet/product_wallet.html", context, status=status)
    if isinstance(refused, TooManyTries):
        response["Retry-After"] = str(refused.minutes * 60)
    return response


def _what_was_added(redemption: Redemption) -> str:
    """The message after redeeming: which licenses entered the wallet, and until when they can be used."""
    lots = redemption.transfer.lots.select_related("account__license_type").order_by(
        "account__license_type__position", "pk"
    )
    entries = {entry.to_account_id: entry.quantity for entry in redemption.transfer.entries.all()}
    added = ", ".join(f"{entries[lot.account_id]} {lot.account.license_type.name}" for lot in lots)
    return ngettext(
        "The license key was redeemed. Added to your Product wallet: %(licenses)s license, use by %(date)s.",
        "The license key was redeemed. Added to your Product wallet: %(licenses)s licenses, use by %(date)s.",
        sum(entries.values()),
    ) % {"licenses": added, "date": formats.date_format(use_by(lots[0].expires_on), "DATE_FORMAT")}
