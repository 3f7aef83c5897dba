"""Releasing a coming year: what was allocated to it goes back, whole, to the lots that it came from (R34)."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import formats

from history.models import Action
from history.record import record
from licensemgr.core.worded import gettext as _
from organizations.books import changing
from organizations.models import User
from products.models import RegisteredProduct
from subscriptions.errors import (
    ConfirmationUsed,
    ExpiryNotAccepted,
    LaterYearFirst,
    NothingToRelease,
    NotStarted,
    ReleaseChanged,
    ReleaseIsOff,
    YearHasBegun,
)
from subscriptions.models import Release, SubscriptionYear, YearHolding
from subscriptions.queries import ProductStanding, YearStanding, product_standing
from subscriptions.rules import year_at
from wallet import ledger
from wallet.models import Entry, Lot, Policy, TransferReason
from wallet.queries import policy
from wallet.settle import expire_lot


@dataclass(frozen=True)
class Return:
    """What goes back to one lot."""

    lot: Lot
    quantity: int
    # The lot's five years are over, so that the licenses expire as soon as they are back (R22, R34).
    expires_at_once: bool


@dataclass(frozen=True)
class ReleasePreview:
    """What releasing a year would do: shown before it is confirmed, and then done."""

    standing: ProductStanding
    year: YearStanding
    returns: tuple[Return, ...]

    @property
    def total(self) -> int:
        return sum(returned.quantity for returned in self.returns)

    @property
    def expiring(self) -> tuple[Return, ...]:
        return tuple(returned for returned in self.returns if returned.expires_at_once)

    @property
    def expiring_total(self) -> int:
        return sum(returned.quantity for returned in self.expiring)

    def facts(self) -> dict[str, Any]:
        """What the page rests on: if any of it changes before the Confirm, the page is shown anew."""
        return {
            "date": self.standing.on.isoformat(),
            "returns": [[returned.lot.pk, returned.quantity, returned.expires_at_once] for returned in self.returns],
        }


@dataclass(frozen=True)
class ReleasableYear:
    """A coming year that can be released, and the last day, included, on which it can (R34)."""

    year: YearStanding
    last_on: date


def releasable_year(standing: ProductStanding) -> ReleasableYear | None:
    """The coming year that can be released: the last one to which anything is allocated, while releasing is on (R34)."""
    decided = policy()
    allocated = [year for year in standing.years if year.allocated_total]
    if not decided.release_is_on or not allocated or allocated[-1].offset == 0:
        return None
    ends = _ends(allocated[-1], decided)
    return ReleasableYear(allocated[-1], ends - timedelta(days=1)) if standing.on < ends else None


def _ends(year: YearStanding, decided: Policy) -> date:
    """The first day on which a coming year can be released no more: the one on which it begins, or as staff decided."""
    return year.year.first - timedelta(days=decided.release_ends_days_before)


def preview_release(standing: ProductStanding, number: int) -> ReleasePreview:
    """What releasing the year ``number`` would do on the standing's date.

    Raises, the first that holds: NotStarted, ReleaseIsOff, YearHasBegun, NothingToRelease (also for a year that lies
    beyond those on offer), LaterYearFirst.
    """
    if standing.current is None or standing.anchor_on is None:
        raise NotStarted
    decided = policy()
    if not decided.release_is_on:
        raise ReleaseIsOff
    if number < standing.current.year.number:
        over = year_at(standing.anchor_on, number)
        raise YearHasBegun(first=over.first, ended=over.first)
    year = next((year for year in standing.years if year.year.number == number), None)
    if year is None:
        raise NothingToRelease
    ends = _ends(year, decided)
    if year.offset == 0 or standing.on >= ends:
        raise YearHasBegun(first=year.year.first, ended=ends)
    if not year.allocated_total:
        raise NothingToRelease
    later = [found for found in standing.years if found.offset > year.offset and found.allocated_total]
    if later:
        raise LaterYearFirst(later[-1].year)
    return ReleasePreview(standing, year, tuple(_returns(standing, number)))


def _returns(standing: ProductStanding, number: int) -> list[Return]:
    """What the year's accounts hold, by the lots that it came from."""
    organization_id = standing.registered_product.organization_id
    accounts = set(
        YearHolding.objects.filter(
            organization_id=organization_id, year__subscription=standing.subscription_id, year__number=number
        ).values_list("account", flat=True)
    )
    held: defaultdict[int, int] = defaultdict(int)
    for from_account, to_account, quantity in Entry.objects.filter(
        Q(from_account__in=accounts) | Q(to_account__in=accounts), organization_id=organization_id
    ).values_list("from_account", "to_account", "quantity"):
        # A lot's account stands at one end, the year's at the other.
        if to_account in accounts:
            held[from_account] += quantity
        else:
            held[to_account] -= quantity
    lots = Lot.objects.filter(
        organization_id=organization_id, account__in=[account for account, quantity in held.items() if quantity]
    ).select_related("account__license_type", "organization", "registered_product__product")
    return [
        Return(lot, held[lot.account_id], lot.is_expired(standing.on))
        for lot in lots.order_by("account__license_type__position", "expires_on", "pk")
    ]


def release_year(
    *,
    registered_product: RegisteredProduct,
    number: int,
    nonce: UUID,
    accept_expiry: bool,
    actor: User | None,
    on: date,
    facts: Mapping[str, Any] | None = None,
) -> Release:
    """Return what is allocated to the coming year ``number`` to the lots that it came from, whole, with their dates (R34).

    The same ``nonce`` counts once. ``facts``, where given, is what the confirmed page rested on. Licenses whose lot is
    older than five years expire at once, which needs ``accept_expiry``. Nothing is compensated. Raises ConfirmationUsed,
    ReleaseChanged, ExpiryNotAccepted and what `preview_release` raises; then nothing has changed.
    """
    with changing(registered_product.organization, on) as organization:
        repeated = Release.objects.filter(organization=organization, nonce=nonce).select_related("year").first()
        if repeated is not None:
            if (
                repeated.year.number != number
                or repeated.year.subscription.registered_product_id != registered_product.pk
            ):
                raise ConfirmationUsed
            return repeated
        registered_product = RegisteredProduct.objects.select_related("product").get(
            pk=registered_product.pk, organization=organization
        )
        registered_product.organization = organization
        preview = preview_release(product_standing(registered_product, on), number)
        if facts is not None and dict(facts) != preview.facts():
            raise ReleaseChanged(_describe_changes(facts, preview.facts()))
        if preview.expiring and not accept_expiry:
            raise ExpiryNotAccepted(preview.expiring_total)
        release = _release(preview, nonce, actor, on)
    return release


def _release(preview: ReleasePreview, nonce: UUID, actor: User | None, on: date) -> Release:
    registered_product, year = preview.standing.registered_product, preview.year.year
    row = SubscriptionYear.objects.get(subscription=preview.standing.subscription_id, number=year.number)
    holdings = {
        holding.license_type_id: holding.account
        for holding in YearHolding.objects.filter(year=row).select_related("account__license_type")
    }
    made = ledger.transfer(
        registered_product=registered_product,
        reason=TransferReason.RELEASED,
        moves=[
            ledger.Move(holdings[returned.lot.account.license_type_id], returned.lot.account, returned.quantity)
            for returned in preview.returns
        ],
        actor=actor,
        on=on,
    )
    released: defaultdict[str, int] = defaultdict(int)
    for returned in preview.returns:
        released[returned.lot.account.license_type.code] += returned.quantity
    record(
        organization=registered_product.organization,
        action=Action.YEAR_RELEASED,
        actor=actor,
        on=on,
        product=registered_product.product,
        first_day=year.first.isoformat(),
        last_day=year.last.isoformat(),
        licenses=dict(released),
    )
    release = Release.objects.create(
        organization_id=registered_product.organization_id,
        year=row,
        nonce=nonce,
        transfer=made,
        released_by=actor,
        released_on=on,
    )
    for returned in preview.expiring:
        returned.lot.account.refresh_from_db()
        expire_lot(returned.lot, on)
    return release


def _describe_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What changed between the page that was confirmed and now, in sentences."""
    changes: list[str] = []
    if before.get("date") != now["date"]:
        changes.append(
            _("Today is %(today)s now.")
            % {"today": formats.date_format(date.fromisoformat(now["date"]), "DATE_FORMAT")}
        )
    if before.get("returns") != now["returns"]:
        changes.append(_("What is allocated to the year changed."))
    return changes
