"""Releasing a coming year: the page that says what would go back to the wallet, and its Confirm (R34)."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from licensemgr.core.errors import Refused
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import ngettext
from organizations.access import OrganizationRequest, Permission, organization_view
from products.answers import done, registered_product_or_404
from products.models import RegisteredProduct
from subscriptions import releasing
from subscriptions.errors import ExpiryNotAccepted, LaterYearFirst
from subscriptions.forms import ReleaseForm, open_release, seal_release
from subscriptions.models import Release
from subscriptions.queries import product_standing
from subscriptions.releasing import ReleasePreview
from wallet.rules import use_by


@require_safe
@organization_view(Permission.MANAGE_LICENSES)
def releasable_year(request: OrganizationRequest, product: str) -> HttpResponse:
    """The way from the Product wallet to the page of the coming year that can be released."""
    found = releasing.releasable_year(product_standing(registered_product_or_404(request, product), request.today))
    if found is None:
        messages.info(request, _("Nothing is allocated to a coming year that could be returned to the Product wallet."))
        return redirect("product_licensing", request.organization.slug, product)
    return redirect("release_year", request.organization.slug, product, found.year.year.number)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_view(Permission.MANAGE_LICENSES)
def release_year(request: OrganizationRequest, product: str, number: int) -> HttpResponse:
    """What releasing the year would do, and exactly that once it is confirmed (R34)."""
    registered_product = registered_product_or_404(request, product)
    if request.method != "POST":
        return _page(request, registered_product, number)
    try:
        confirmed = open_release(request.POST.get("confirmation", ""), registered_product, number)
        release = releasing.release_year(
            registered_product=registered_product,
            number=number,
            nonce=confirmed.nonce,
            accept_expiry=request.POST.get("accept_expiry") == "on",
            actor=request.user,
            on=request.today,
            facts=confirmed.facts,
        )
    except Refused as refused:
        return _page(request, registered_product, number, refused)
    messages.success(request, _what_went_back(release))
    return done(request, "product_licensing", request.organization.slug, product)


def _page(
    request: OrganizationRequest,
    registered_product: RegisteredProduct,
    number: int,
    refused: Refused | None = None,
) -> HttpResponse:
    """The page as of now; after a Confirm that was refused also why, and what would go back now."""
    context: dict[str, Any] = {"product": registered_product.product, "number": number}
    try:
        preview = releasing.preview_release(product_standing(registered_product, request.today), number)
    except Refused as error:
        # What stands in the way now says more than what the Confirm stumbled over.
        refused = error
        context["later"] = error.later if isinstance(error, LaterYearFirst) else None
    else:
        context |= {
            "preview": preview,
            "returns": [(returned, use_by(returned.lot.expires_on)) for returned in preview.returns],
            "confirmation": seal_release(preview),
            "form": _form(preview, refused),
        }
    if refused is not None:
        context["errors"] = [str(refused.sentence)]
    return render(request, "subscriptions/release_year.html", context, status=refused.status if refused else 200)


def _form(preview: ReleasePreview, refused: Refused | None) -> ReleaseForm:
    """The form with its tick, empty: a tick is for what was shown beside it."""
    if not isinstance(refused, ExpiryNotAccepted):
        return ReleaseForm(preview.expiring_total)
    form = ReleaseForm(preview.expiring_total, {})
    form.add_error(refused.field, str(refused.sentence))
    return form


def _what_went_back(release: Release) -> str:
    """The message after releasing: how many licenses went back, and how many of them expired at once."""
    back = list(release.transfer.moves().select_related("to_account__lot"))
    total = sum(entry.quantity for entry in back)
    expired = sum(entry.quantity for entry in back if entry.to_account.lot.is_expired(release.released_on))
    told = ngettext(
        "%(total)s license went back to the Product wallet.",
        "%(total)s licenses went back to the Product wallet.",
        total,
    ) % {"total": grouped(total)}
    if expired:
        told += " " + ngettext(
            "%(expired)s of them expired at once.", "%(expired)s of them expired at once.", expired
        ) % {"expired": grouped(expired)}
    return told
