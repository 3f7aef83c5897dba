"""What becomes true of the wallet by itself: lots expire (R22), and that is told before. Called by `organizations.books`."""

from collections.abc import Iterable
from datetime import date, timedelta
from functools import partial

from django.db.models import Min, Q, QuerySet
from django.utils.functional import SimpleLazyObject

from history.models import Action
from history.record import record
from organizations.books import BOOKS, NOTICES, Due
from organizations.models import Organization
from organizations.notices import withdraw_notices
from wallet import ledger, notices
from wallet.models import AccountCategory, Lot, Transfer, TransferReason


def due(organization: Organization, through: date) -> Iterable[Due]:
    """The lots that still hold licenses and expire by ``through``, and the days on which that is told before (R22)."""
    holding = _holding(organization)
    for lot in holding.filter(expires_on__lte=through).select_related(
        "account__license_type", "registered_product__product"
    ):
        yield Due(lot.expires_on, (BOOKS, "wallet", lot.pk), partial(_expire, lot))
    after = organization.settled_through
    if after is None:
        return
    told = holding.filter(expires_on__gt=after, expires_on__lte=through + timedelta(days=notices.EXPIRY_DAYS[0]))
    for registered_product, expires_on in told.values_list("registered_product", "expires_on").distinct():
        for item in notices.planned(expires_on):
            if after < item.on <= through:
                apply = partial(notices.tell_of_expiring_lots, organization, registered_product, expires_on, item)
                yield Due(item.on, (NOTICES, "wallet", registered_product, expires_on), apply)


def next_due(organization: Organization) -> date | None:
    """The next expiry of a lot that holds licenses, or day on which that is told before."""
    # Ahead of each notice the nearest of the lots for which it is still to come.
    ahead = {f"in_{days}": days for days in notices.EXPIRY_DAYS}
    after = organization.settled_through
    if after is None:
        return None
    nearest = {
        name: Min("expires_on", filter=Q(expires_on__gt=after + timedelta(days=days))) for name, days in ahead.items()
    }
    found = _holding(organization).aggregate(expiry=Min("expires_on"), **nearest)
    dates = [found[name] - timedelta(days=days) for name, days in ahead.items() if found[name] is not None]
    return min(dates if found["expiry"] is None else [found["expiry"], *dates], default=None)


def look_after_change(organization: Organization, on: date) -> None:
    """After every change: what was told of lots that hold nothing any more is told no more, as is what nobody gets now."""
    # Asked for only where such a notice waits to be sent.
    held = SimpleLazyObject(lambda: set(_holding(organization).values_list("registered_product", "expires_on")))
    withdraw_notices(organization, partial(notices.is_solved, held))


def _holding(organization: Organization) -> QuerySet[Lot]:
    """The lots that hold licenses."""
    return Lot.objects.filter(organization=organization, account__balance__gt=0)


def _expire(lot: Lot) -> int:
    expire_lot(lot, lot.expires_on)
    return 1


def expire_lot(lot: Lot, on: date) -> Transfer:
    """Move what the lot still holds out of the wallet, dated ``on``: the day on which it expired (R22).

    That is the lot's own day, or a later one on which licenses came back to it and expired at once (R34).
    """
    account = lot.account
    made = ledger.transfer(
        registered_product=lot.registered_product,
        reason=TransferReason.EXPIRED,
        moves=[
            ledger.Move(
                account,
                ledger.single_account(
                    lot.registered_product, account.license_type, account.kind, AccountCategory.EXPIRED
                ),
                account.balance,
            )
        ],
        actor=None,
        on=on,
    )
    record(
        organization=lot.organization,
        action=Action.LOT_EXPIRED,
        actor=None,
        on=on,
        product=lot.registered_product.product,
        kind=account.kind,
        licenses={account.license_type.code: account.balance},
        entered_on=lot.entered_on.isoformat(),
    )
    return made
