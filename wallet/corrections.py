"""Staff correct a wallet: always by new entries with a reason, never by changing what stands there (R23)."""

from datetime import date
from uuid import UUID

from history.models import Action
from history.record import record
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import ngettext
from organizations.books import changing
from organizations.models import User
from products.models import LicenseKind, LicenseType, RegisteredProduct
from wallet import ledger
from wallet.errors import CorrectionRefused
from wallet.models import AccountCategory, Correction, LedgerAccount, Lot, LotOrigin, TransferReason
from wallet.rules import LotStock, take

# The most licenses that one correction can put in or take out.
MAXIMUM_CHANGE = 1_000_000


def correct_wallet(
    *,
    registered_product: RegisteredProduct,
    license_type: LicenseType,
    kind: str,
    change: int,
    reason: str,
    form_token: UUID,
    actor: User,
    on: date,
) -> Correction:
    """Put ``change`` licenses into the wallet, as a lot with five years of its own, or take -``change`` out of it.

    What is taken out comes from the lots of that type and kind, the earliest expiry first (R17), and is kept as taken
    back. The same form sent twice (``form_token``) counts once. Raises CorrectionRefused without a reason, for a number
    that makes no sense, when the wallet holds too few, or when the form was sent before with something else in it.
    """
    reason = " ".join(reason.split())[:300]
    _refuse_nonsense(registered_product, license_type, kind, change, reason)
    with changing(registered_product.organization, on) as organization:
        earlier = Correction.objects.filter(form_token=form_token).first()
        if earlier is not None:
            return _the_same(earlier, registered_product, license_type, kind, change, reason)
        if change > 0:
            moves = [
                ledger.enter_lot(
                    registered_product=registered_product, license_type=license_type, kind=kind, quantity=change
                )
            ]
        else:
            moves = _take_out(registered_product, license_type, kind, -change, on)
        made = ledger.transfer(
            registered_product=registered_product,
            reason=TransferReason.CORRECTED,
            moves=moves,
            actor=actor,
            on=on,
        )
        ledger.add_lots(made, moves, LotOrigin.CORRECTED)
        correction = Correction.objects.create(
            organization=organization,
            registered_product=registered_product,
            transfer=made,
            reason=reason,
            form_token=form_token,
            corrected_by=actor,
        )
        record(
            organization=organization,
            action=Action.WALLET_CORRECTED,
            actor=actor,
            on=on,
            product=registered_product.product,
            transfer=made.sequence,
            kind=kind,
            licenses={license_type.code: change},
            reason=reason,
        )
    return correction


def _refuse_nonsense(
    registered_product: RegisteredProduct, license_type: LicenseType, kind: str, change: int, reason: str
) -> None:
    if license_type.product_id != registered_product.product_id or kind not in LicenseKind.values:
        raise CorrectionRefused(_("The product has no such licenses. Nothing was changed."))
    if not reason:
        raise CorrectionRefused(_("A correction needs a reason, which the organization reads. Nothing was changed."))
    if change == 0 or abs(change) > MAXIMUM_CHANGE:
        raise CorrectionRefused(
            _("A correction puts in or takes out from 1 to %(maximum)s licenses. Nothing was changed.")
            % {"maximum": grouped(MAXIMUM_CHANGE)}
        )


def _the_same(
    earlier: Correction,
    registered_product: RegisteredProduct,
    license_type: LicenseType,
    kind: str,
    change: int,
    reason: str,
) -> Correction:
    """The correction that the form made before; refused where the form says something else now."""
    account, changed = corrected(earlier)
    then = (earlier.registered_product_id, account.license_type_id, account.kind, changed, earlier.reason)
    if then != (registered_product.pk, license_type.pk, kind, change, reason):
        raise CorrectionRefused(
            _(
                "This page made a correction before, and something else stands in it now. Nothing was changed. Open it anew."
            )
        )
    return earlier


def corrected(correction: Correction) -> tuple[LedgerAccount, int]:
    """One of the wallet's accounts that a correction moved licenses to or from, and how many it put in or (negative) took."""
    entries = list(correction.transfer.moves())
    total = sum(entry.quantity for entry in entries)
    if entries[0].to_account.category == AccountCategory.WALLET:
        return entries[0].to_account, total
    return entries[0].from_account, -total


def _take_out(
    registered_product: RegisteredProduct, license_type: LicenseType, kind: str, quantity: int, on: date
) -> list[ledger.Move]:
    lots = {
        lot.pk: lot
        for lot in Lot.objects.filter(
            organization_id=registered_product.organization_id,
            registered_product=registered_product,
            account__license_type=license_type,
            account__kind=kind,
            account__balance__gt=0,
        ).select_related("account__license_type")
    }
    stock = [LotStock(lot.pk, lot.account_id, lot.account.balance, lot.expires_on) for lot in lots.values()]
    taken, short = take(stock, quantity, on)
    if short:
        held = quantity - short
        raise CorrectionRefused(
            ngettext(
                "The wallet holds %(held)s license of %(type)s (%(kind)s), %(short)s fewer than are to be taken out. Nothing "
                "was changed.",
                "The wallet holds %(held)s licenses of %(type)s (%(kind)s), %(short)s fewer than are to be taken out. "
                "Nothing was changed.",
                held,
            )
            % {
                "held": grouped(held),
                "type": license_type.name,
                "kind": LicenseKind(kind).label,
                "short": grouped(short),
            }
        )
    target = ledger.single_account(registered_product, license_type, kind, AccountCategory.TAKEN_BACK)
    return [ledger.Move(lots[taking.lot.lot_id].account, target, taking.quantity) for taking in taken]
