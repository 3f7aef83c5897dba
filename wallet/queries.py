"""What a product's wallet holds and how it came to: what the Product wallet shows (R2, R22, R23)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import QuerySet

from licensemgr.core.calendar import anniversary
from licensemgr.core.peppers import IMPORTED
from organizations.models import Organization
from products.models import LicenseKind, LicenseType, RegisteredProduct
from wallet.errors import UndoElsewhere, UndoIsOff, UndoNotWhole, UndoRefused, UndoTooLate
from wallet.models import (
    AccountCategory,
    Entry,
    KeyBatchLine,
    LedgerAccount,
    LicenseKey,
    Lot,
    LotOrigin,
    Policy,
    Redemption,
)
from wallet.rules import use_by

DAYS_PER_LICENSE = 365  # R19
UNDOS_SHOWN = 20


@dataclass(frozen=True)
class TypeStock:
    """How many licenses of one type the wallet holds, by kind, and its credit days."""

    license_type: LicenseType
    subscription: int
    hardware: int
    credit_days: int

    @property
    def days_to_next_license(self) -> int:
        """How many more license days make the credit a whole license (R19)."""
        return DAYS_PER_LICENSE - self.credit_days


@dataclass(frozen=True)
class LotLine:
    """A lot that can still be allocated from."""

    lot_id: int
    type_code: str
    license_type: str
    kind: str
    kind_label: str
    origin: str
    origin_label: str
    quantity: int
    quantity_entered: int
    entered_on: date
    use_by: date
    is_expiring: bool
    order_reference: str
    key_tail: str


@dataclass(frozen=True)
class Wallet:
    """A registered product's wallet on a date."""

    types: tuple[TypeStock, ...]
    lots: tuple[LotLine, ...]
    # The last day of use of what expires within a year.
    expiring_until: date

    @property
    def license_types(self) -> tuple[LicenseType, ...]:
        return tuple(stock.license_type for stock in self.types)

    @property
    def subscription_total(self) -> int:
        return sum(stock.subscription for stock in self.types)

    @property
    def hardware_total(self) -> int:
        return sum(stock.hardware for stock in self.types)

    @property
    def expiring_total(self) -> int:
        return sum(lot.quantity for lot in self.lots if lot.is_expiring)

    @property
    def credits(self) -> tuple[TypeStock, ...]:
        return tuple(stock for stock in self.types if stock.credit_days)


def types_of(registered_product: RegisteredProduct) -> list[LicenseType]:
    """The license types of the product, in catalogue order."""
    return list(registered_product.product.license_types.order_by("position", "pk"))


def product_wallet(registered_product: RegisteredProduct, on: date) -> Wallet:
    """What the wallet holds on ``on``; lots that expired and are not written down as such are left out (R2, R22)."""
    types = types_of(registered_product)
    lots = list(
        Lot.objects.filter(
            organization_id=registered_product.organization_id,
            registered_product=registered_product,
            account__balance__gt=0,
            expires_on__gt=on,
        )
        .select_related("account__license_type", "transfer__redemption__license_key__batch")
        .order_by("expires_on", "pk")
    )
    entered = {
        entry.to_account_id: entry.quantity
        for entry in Entry.objects.filter(
            organization_id=registered_product.organization_id,
            to_account__in=[lot.account_id for lot in lots],
            from_account__category=AccountCategory.ENTERED,
        )
    }
    credit = dict(
        LedgerAccount.objects.filter(
            organization_id=registered_product.organization_id,
            registered_product=registered_product,
            category=AccountCategory.DAYS_CREDIT,
        ).values_list("license_type", "balance")
    )
    held: defaultdict[tuple[int, str], int] = defaultdict(int)
    for lot in lots:
        held[lot.account.license_type_id, lot.account.kind] += lot.account.balance
    return Wallet(
        types=tuple(
            TypeStock(
                license_type=license_type,
                subscription=held[license_type.pk, LicenseKind.SUBSCRIPTION],
                hardware=held[license_type.pk, LicenseKind.HARDWARE],
                credit_days=credit.get(license_type.pk, 0),
            )
            for license_type in types
        ),
        lots=tuple(_lot_line(lot, entered.get(lot.account_id, lot.account.balance), on) for lot in lots),
        expiring_until=use_by(anniversary(on, 1)),
    )


def _lot_line(lot: Lot, quantity_entered: int, on: date) -> LotLine:
    redemption: Redemption | None = getattr(lot.transfer, "redemption", None)
    return LotLine(
        lot_id=lot.pk,
        type_code=lot.account.license_type.code,
        license_type=lot.account.license_type.name,
        kind=lot.account.kind,
        kind_label=str(LicenseKind(lot.account.kind).label),
        origin=lot.origin,
        origin_label=str(LotOrigin(lot.origin).label),
        quantity=lot.account.balance,
        quantity_entered=quantity_entered,
        entered_on=lot.entered_on,
        use_by=use_by(lot.expires_on),
        is_expiring=lot.expires_on <= anniversary(on, 1),
        order_reference=redemption.license_key.batch.order_reference if redemption else "",
        key_tail=redemption.license_key.tail if redemption else "",
    )


def policy() -> Policy:
    """What staff decided about taking back; the rules' own where nobody decided anything (R33, R34)."""
    return Policy.objects.filter(pk=1).first() or Policy(pk=1)


def key_contents(key: LicenseKey) -> list[KeyBatchLine]:
    """What a license key carries, in catalogue order."""
    return list(key.batch.lines.select_related("license_type").order_by("license_type__position", "license_type_id"))


@dataclass(frozen=True)
class Undo:
    """What undoing a redemption would take back from the wallet, and why it can't be done, if it can't (R33)."""

    redemption: Redemption
    # The last day, included, on which it can be undone.
    last_on: date
    lots: tuple[Lot, ...]
    refused: UndoRefused | None
    # How many licenses entered by the redemption, per type, and how many of them are no longer in the wallet.
    licenses: tuple[tuple[LicenseType, int], ...]
    gone: int


def undo_of(redemption: Redemption, on: date) -> Undo:
    """What undoing would do on ``on``. Of a redemption that is undone already it is what it would have been before."""
    return _undos(redemption.registered_product, [redemption], policy(), on)[0]


def _undos(
    registered_product: RegisteredProduct, redemptions: Sequence[Redemption], decided: Policy, on: date
) -> list[Undo]:
    """What undoing each of a product's redemptions would do, in a number of queries that does not grow with them."""
    transfers = [redemption.transfer_id for redemption in redemptions]
    lots: defaultdict[int, list[Lot]] = defaultdict(list)
    for lot in (
        Lot.objects.filter(organization_id=registered_product.organization_id, transfer__in=transfers)
        .select_related("account__license_type")
        .order_by("account__license_type__position", "pk")
    ):
        lots[lot.transfer_id].append(lot)
    entered = dict(
        Entry.objects.filter(organization_id=registered_product.organization_id, transfer__in=transfers).values_list(
            "to_account", "quantity"
        )
    )
    return [_undo(redemption, lots[redemption.transfer_id], entered, decided, on) for redemption in redemptions]


def _undo(redemption: Redemption, lots: Sequence[Lot], entered: Mapping[int, int], decided: Policy, on: date) -> Undo:
    last_on = redemption.redeemed_on + timedelta(days=decided.undo_days)
    licenses = tuple((lot.account.license_type, entered[lot.account_id]) for lot in lots)
    there = sum(lot.account.balance for lot in lots if not lot.is_expired(on))
    gone = sum(quantity for _license_type, quantity in licenses) - there
    refused: UndoRefused | None = None
    if not decided.undo_is_on:
        refused = UndoIsOff()
    elif on > last_on:
        refused = UndoTooLate(last_on=last_on)
    elif redemption.license_key.pepper_id == IMPORTED:
        refused = UndoElsewhere()
    elif gone:
        refused = UndoNotWhole(gone=gone)
    return Undo(redemption, last_on, tuple(lots), refused, licenses, gone)


def _young(decided: Policy, on: date) -> QuerySet[Redemption]:
    """Redemptions that are young enough to be undone, of keys that could be redeemed again here."""
    young = Redemption.objects.filter(undone_on=None, redeemed_on__gte=on - timedelta(days=decided.undo_days))
    return young.exclude(license_key__pepper_id=IMPORTED)


def undoable_transfers(organization: Organization, transfers: Iterable[int], on: date) -> set[int]:
    """Of the organization's transfers with these sequence numbers: the redemptions that are young enough to be undone."""
    decided = policy()
    if not decided.undo_is_on:
        return set()
    return set(
        _young(decided, on)
        .filter(organization=organization, transfer__sequence__in=transfers)
        .values_list("transfer__sequence", flat=True)
    )


def recent_undos(registered_product: RegisteredProduct, on: date) -> list[Undo]:
    """The product's redemptions that are young enough to be undone on ``on``, the UNDOS_SHOWN newest first (R33)."""
    decided = policy()
    if not decided.undo_is_on:
        return []
    redemptions = list(
        _young(decided, on)
        .filter(organization_id=registered_product.organization_id, registered_product=registered_product)
        .select_related("license_key__batch", "redeemed_by", "transfer")
        .order_by("-redeemed_on", "-pk")[:UNDOS_SHOWN]
    )
    return _undos(registered_product, redemptions, decided, on)
