"""What becomes true of the wallet by itself: lots expire (R22). Called by `organizations.books` only."""

from collections.abc import Iterable
from datetime import date
from functools import partial

from history.models import Action
from history.record import record
from organizations.books import Due
from organizations.models import Organization
from wallet import ledger
from wallet.models import AccountCategory, Lot, Transfer, TransferReason


def due(organization: Organization, through: date) -> Iterable[Due]:
    """The lots that still hold licenses and expire by ``through``."""
    lots = Lot.objects.filter(organization=organization, expires_on__lte=through, account__balance__gt=0)
    for lot in lots.select_related("account__license_type", "registered_product__product"):
        yield Due(lot.expires_on, ("wallet", lot.pk), partial(_expire, lot))


def next_due(organization: Organization) -> date | None:
    """The next expiry of a lot that holds licenses."""
    return (
        Lot.objects.filter(organization=organization, account__balance__gt=0)
        .order_by("expires_on")
        .values_list("expires_on", flat=True)
        .first()
    )


def _expire(lot: Lot) -> None:
    expire_lot(lot, lot.expires_on)


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
