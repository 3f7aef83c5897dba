"""Pages of the Product wallet."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import formats
from django.utils.translation import get_language_bidi
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe
from django.views.decorators.vary import vary_on_headers

from licensemgr.core.enumerations import counted_up
from licensemgr.core.errors import Refused
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import ngettext
from organizations.access import OrganizationRequest, Permission, may, organization_view
from organizations.lists import list_tools
from products.answers import done, registered_product_or_404, wants_fragment
from products.models import LicenseKind, LicenseType, RegisteredProduct
from wallet import checking, services
from wallet.checking import CheckedKey
from wallet.columns import LOT_COLUMNS, LOTS, MOVEMENT_COLUMNS, MOVEMENTS, find_lots, read_lots, read_movements
from wallet.errors import NameNotTyped, TooManyTries
from wallet.forms import RedeemLicenseKeyForm, new_form
from wallet.limits import trier_of
from wallet.models import Redemption
from wallet.movements import MOVEMENT_REASONS, product_movements
from wallet.pictures import drawn_wallet
from wallet.queries import UNDOS_SHOWN, recent_undos, types_of, undo_of
from wallet.queries import product_wallet as wallet_of_product
from wallet.rules import use_by
from wallet.tries import trying_a_key
from wallet.why import compensated_so_far


@require_safe
@vary_on_headers("HX-Request")
@organization_view(Permission.LOOK)
def product_wallet(request: OrganizationRequest, product: str) -> HttpResponse:
    """What the wallet holds, its movements, and the form that redeems a license key (R21, R22)."""
    registered_product = registered_product_or_404(request, product)
    asked = request.GET.get("before", "")
    before = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else None
    if wants_fragment(request):
        types = types_of(registered_product)
        context = _frame(request, registered_product) | _movements(request, registered_product, types, before)
        return render(request, "wallet/_movements.html", context)
    return _page(request, registered_product, new_form(), before=before)


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("license_key")
@vary_on_headers("HX-Request")
@organization_view(Permission.MANAGE_LICENSES)
def redeem_license_key(request: OrganizationRequest, product: str) -> HttpResponse:
    """Redeem a license key into this wallet, whole or not at all (R21)."""
    registered_product = registered_product_or_404(request, product)
    if request.method != "POST":
        return redirect("product_wallet", request.organization.slug, product)
    form = RedeemLicenseKeyForm(request.POST)
    if not form.is_valid():
        form.renew_token()
        return _page(request, registered_product, form, status=422)
    try:
        with trying_a_key(trier_of(request), form.typed_key):
            redemption = services.redeem_license_key(
                registered_product=registered_product,
                license_key=form.typed_key,
                actor=request.user,
                on=request.today,
                form_token=form.cleaned_data["form_token"],
                typed_name=form.cleaned_data["organization_name"],
            )
    except Refused as refused:
        return _refuse(request, registered_product, form, refused)
    messages.success(request, _what_was_added(redemption))
    return done(request, "product_wallet", request.organization.slug, product)


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("license_key")
@vary_on_headers("HX-Request")
@organization_view(Permission.MANAGE_LICENSES)
def check_license_key(request: OrganizationRequest, product: str) -> HttpResponse:
    """Say what a license key carries, without redeeming it; what was typed stays in the form (R21)."""
    registered_product = registered_product_or_404(request, product)
    if request.method != "POST":
        return redirect("product_wallet", request.organization.slug, product)
    form = RedeemLicenseKeyForm(request.POST)
    if not form.is_valid():
        form.renew_token()
        return _page(request, registered_product, form, status=422)
    try:
        with trying_a_key(trier_of(request), form.typed_key):
            contents = checking.check_license_key(
                registered_product=registered_product, license_key=form.typed_key, on=request.today
            )
    except Refused as refused:
        return _refuse(request, registered_product, form, refused)
    return _page(request, registered_product, form, contents=contents)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_view(Permission.ADMINISTER)
def undo_redemption(request: OrganizationRequest, product: str, transfer: int) -> HttpResponse:
    """What undoing a redemption, known by the number of its transfer, would do; and that, once it is confirmed (R33)."""
    registered_product = registered_product_or_404(request, product)
    redemption = get_object_or_404(
        registered_product.redemptions.select_related("license_key__batch", "redeemed_by"),
        organization=request.organization,
        transfer__sequence=transfer,
    )
    redemption.registered_product = registered_product
    refused: Refused | None = None
    if request.method == "POST":
        try:
            redemption = services.undo_redemption(redemption=redemption, actor=request.user, on=request.today)
        except Refused as error:
            refused = error
    if redemption.undone_on is not None:
        messages.success(request, _what_was_undone(redemption))
        return done(request, "product_wallet", request.organization.slug, product)
    undo = undo_of(redemption, request.today)
    refused = refused or undo.refused
    context = _frame(request, registered_product) | {"undo": undo, "refused": refused}
    return render(request, "wallet/undo_redemption.html", context, status=refused.status if refused else 200)


def _frame(request: OrganizationRequest, registered_product: RegisteredProduct) -> dict[str, Any]:
    return {
        "organization": request.organization,
        "registered_product": registered_product,
        "product": registered_product.product,
        "today": request.today,
        "may_manage": may(request.membership, Permission.MANAGE_LICENSES),
        "may_undo": may(request.membership, Permission.ADMINISTER),
    }


def _movements(
    request: OrganizationRequest,
    registered_product: RegisteredProduct,
    types: Sequence[LicenseType],
    before: int | None,
) -> dict[str, Any]:
    """The movements that are asked for, from ``before`` on, and the tools of their list."""
    asked, product = read_movements(request.GET, types), registered_product.product.code
    page_url = reverse("product_wallet", args=[request.organization.slug, product])
    return {
        "page": product_movements(registered_product, request.today, before, asked=asked),
        "asked": asked,
        "reasons": MOVEMENT_REASONS,
        "types": types,
        "movement_tools": list_tools(request, MOVEMENTS, MOVEMENT_COLUMNS, page_url=page_url, subject=product),
        # What each of the two lists asks, which the form of the other keeps.
        "asked_of_lots": LOTS.own_part(request.GET),
        "asked_of_movements": MOVEMENTS.own_part(request.GET),
    }


def _refuse(
    request: OrganizationRequest, registered_product: RegisteredProduct, form: RedeemLicenseKeyForm, refused: Refused
) -> HttpResponse:
    """The form with what was typed and the reason; or with the question for the organization's name."""
    if isinstance(refused, NameNotTyped):
        status = refused.status if form.ask_for_name(refused.sentence) else 200
        return _page(request, registered_product, form, status=status, contents=refused.contents, asks_for_name=True)
    form.add_error(refused.field if refused.field in form.fields else None, refused.sentence)
    response = _page(request, registered_product, form, status=refused.status)
    if isinstance(refused, TooManyTries):
        response["Retry-After"] = str(refused.minutes * 60)
    return response


def _page(
    request: OrganizationRequest,
    registered_product: RegisteredProduct,
    form: RedeemLicenseKeyForm,
    *,
    status: int = 200,
    before: int | None = None,
    contents: CheckedKey | None = None,
    asks_for_name: bool = False,
) -> HttpResponse:
    """The whole page, or its form alone where HTMX sent it. ``contents`` is what the key in the form carries."""
    context = _frame(request, registered_product) | {"form": form, "contents": contents, "asks_for_name": asks_for_name}
    if contents is not None and not contents.is_for_this_product:
        context["is_registered"] = request.organization.registered_products.filter(product=contents.product).exists()
    if wants_fragment(request) and request.method == "POST":
        # HTMX shows only a 422; the status of a refusal by the limit stays in its header.
        return render(request, "wallet/_redeem_form.html", context, status=422 if status == 429 else status)
    context["wallet"] = wallet = wallet_of_product(registered_product, request.today)
    context["stored_until"] = drawn_wallet(wallet, request.today, mirrored=get_language_bidi())
    given_back = compensated_so_far(registered_product)
    context["compensated"] = [
        (stock.license_type, given_back[stock.license_type.pk])
        for stock in wallet.types
        if stock.license_type.pk in given_back
    ]
    context["undos"] = undos = recent_undos(registered_product, request.today)
    context["undos_are_cut"] = len(undos) == UNDOS_SHOWN
    product = registered_product.product.code
    page_url = reverse("product_wallet", args=[request.organization.slug, product])
    context["asked_lots"] = asked = read_lots(request.GET, wallet.license_types)
    context["lots"] = find_lots(wallet, asked)
    context["kinds"] = LicenseKind.choices
    context["lot_tools"] = list_tools(request, LOTS, LOT_COLUMNS, page_url=page_url, subject=product, sort=asked.sort)
    context |= _movements(request, registered_product, wallet.license_types, before)
    return render(request, "wallet/product_wallet.html", context, status=status)


def _what_was_added(redemption: Redemption) -> str:
    """The message after redeeming: which licenses entered the wallet, and until when they can be used."""
    lots = redemption.transfer.lots.select_related("account__license_type").order_by(
        "account__license_type__position", "pk"
    )
    entries = {entry.to_account_id: entry.quantity for entry in redemption.transfer.moves()}
    added = counted_up(f"{grouped(entries[lot.account_id])} {lot.account.license_type.name}" for lot in lots)
    return ngettext(
        "The license key was redeemed. Added to your Product wallet: %(licenses)s license, use by %(date)s.",
        "The license key was redeemed. Added to your Product wallet: %(licenses)s licenses, use by %(date)s.",
        sum(entries.values()),
    ) % {"licenses": added, "date": formats.date_format(use_by(lots[0].expires_on), "DATE_FORMAT")}


def _what_was_undone(redemption: Redemption) -> str:
    """The message after undoing, and to whoever comes back to a redemption that is undone already."""
    return _(
        "The redemption of license key …%(tail)s is undone: its licenses left the Product wallet, and the key can be redeemed "
        "again."
    ) % {"tail": redemption.license_key.tail}
