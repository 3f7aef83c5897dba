"""The movements of a product's wallet: each transfer as the wallet sees it, the newest first (R2, R23)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from licensemgr.core.worded import gettext as _
from products.models import LicenseKind, LicenseType, RegisteredProduct
from wallet.models import AccountCategory, AccountUnit, Entry, Lot, Redemption, Transfer, TransferReason

MOVEMENTS_PER_PAGE = 20
_MOVEMENTS_PER_CHUNK = 500


@dataclass(frozen=True)
class MovementLine:
    """What a movement added to the wallet (positive) or took from it (negative), of one type and kind."""

    license_type: LicenseType
    kind: str
    quantity: int
    unit: str

    @property
    def kind_label(self) -> str:
        return str(LicenseKind(self.kind).label)

    @property
    def amount(self) -> int:
        return abs(self.quantity)


@dataclass(frozen=True)
class Movement:
    """A transfer as the wallet sees it. ``sequence`` is None for what became true and is not written down yet (R2)."""

    sequence: int | None
    happened_on: date
    written_at: datetime | None
    reason: str
    reason_label: str
    actor: str
    reference: str
    lines: tuple[MovementLine, ...]


@dataclass(frozen=True)
class MovementPage:
    """Some movements, the newest first, and the ``before`` with which the next page is asked for."""

    movements: tuple[Movement, ...]
    next_before: int | None


@dataclass(frozen=True)
class MovementQuestion:
    """What is asked of the movements: of which reason, and of licenses of which type, by its code; empty for all."""

    reason: str = ""
    type: str = ""


_ALL = MovementQuestion()


def _entries(registered_product: RegisteredProduct, asked: MovementQuestion) -> "QuerySet[Entry]":
    """What moved licenses or license days into the wallet or out of it."""
    entries = Entry.objects.filter(organization_id=registered_product.organization_id).filter(
        Q(from_account__category__in=_SHOWN) | Q(to_account__category__in=_SHOWN)
    )
    return entries.filter(from_account__license_type__code=asked.type) if asked.type else entries


def _transfers(registered_product: RegisteredProduct, asked: MovementQuestion) -> "QuerySet[Transfer]":
    transfers = Transfer.objects.filter(
        organization_id=registered_product.organization_id, registered_product=registered_product
    ).exclude(reason__in=_BESIDE_THE_WALLET)
    if asked.type:
        transfers = transfers.filter(Exists(_entries(registered_product, asked).filter(transfer=OuterRef("pk"))))
    return transfers.filter(reason=asked.reason) if asked.reason else transfers


def count_movements(registered_product: RegisteredProduct, asked: MovementQuestion = _ALL) -> int:
    """How many of the movements that are asked for are written down."""
    return _transfers(registered_product, asked).count()


def all_movements(
    registered_product: RegisteredProduct, on: date, asked: MovementQuestion = _ALL
) -> Iterator[Movement]:
    """All movements that are asked for, newest first, read in chunks that memory holds."""
    before: int | None = None
    while True:
        page = product_movements(registered_product, on, before, asked=asked, most=_MOVEMENTS_PER_CHUNK)
        yield from page.movements
        if page.next_before is None:
            return
        before = page.next_before


def product_movements(
    registered_product: RegisteredProduct,
    on: date,
    before: int | None = None,
    *,
    asked: MovementQuestion = _ALL,
    most: int = MOVEMENTS_PER_PAGE,
) -> MovementPage:
    """The movements that are asked for, newest first, those with a sequence below ``before``; of a type its lines alone."""
    transfers = _transfers(registered_product, asked)
    if before is not None:
        transfers = transfers.filter(sequence__lt=before)
    transfers = transfers.select_related(
        "actor", "redemption__license_key__batch", "undone_redemption__license_key__batch"
    ).order_by("-sequence")
    found = list(transfers[: most + 1])
    shown = found[:most]
    entries: defaultdict[int, list[Entry]] = defaultdict(list)
    for entry in (
        _entries(registered_product, asked)
        .filter(transfer__in=shown)
        .select_related("from_account__license_type", "to_account")
        .order_by("pk")
    ):
        entries[entry.transfer_id].append(entry)
    movements = [_movement(transfer, entries[transfer.pk]) for transfer in shown]
    if before is None and asked.reason in ("", TransferReason.EXPIRED):
        movements = [*_unwritten_expiries(registered_product, on, asked), *movements]
    return MovementPage(tuple(movements), shown[-1].sequence if len(found) > most else None)


_SHOWN = (AccountCategory.WALLET, AccountCategory.DAYS_CREDIT)
# What happens to the licenses of hardware units without touching the wallet (R24, R27).
_BESIDE_THE_WALLET = (TransferReason.PRELOADED, TransferReason.ENDED, TransferReason.REPLACED)
# What movements of the wallet can be filtered by, as the URL names it.
MOVEMENT_REASONS = tuple((code, label) for code, label in TransferReason.choices if code not in _BESIDE_THE_WALLET)


def key_reference(transfer: Transfer) -> str:
    """The license key that a transfer redeemed, or whose redemption it undid, and its order; empty for other transfers."""
    redemption: Redemption | None = getattr(transfer, "redemption", None)
    if redemption is None:
        redemption = getattr(transfer, "undone_redemption", None)
    if redemption is None:
        return ""
    reference = _("Key …%(tail)s") % {"tail": redemption.license_key.tail}
    if redemption.license_key.batch.order_reference:
        reference += ", " + _("order %(order)s") % {"order": redemption.license_key.batch.order_reference}
    return reference


def _movement(transfer: Transfer, entries: Sequence[Entry]) -> Movement:
    return Movement(
        sequence=transfer.sequence,
        happened_on=transfer.happened_on,
        written_at=transfer.written_at,
        reason=transfer.reason,
        reason_label=str(TransferReason(transfer.reason).label),
        actor=str(transfer.actor) if transfer.actor else _("License Manager"),
        reference=key_reference(transfer),
        lines=_movement_lines(entries),
    )


def _movement_lines(entries: Iterable[Entry]) -> tuple[MovementLine, ...]:
    """The net change of the wallet and of the credit, per type, kind and unit, in catalogue order."""
    types: dict[int, LicenseType] = {}
    net: defaultdict[tuple[int, str, str], int] = defaultdict(int)
    for entry in entries:
        license_type = entry.from_account.license_type
        types[license_type.pk] = license_type
        for account, sign in ((entry.to_account, 1), (entry.from_account, -1)):
            if account.category in _SHOWN:
                net[license_type.pk, account.kind, account.unit] += sign * entry.quantity
    ordered = sorted(net.items(), key=lambda item: (types[item[0][0]].position, item[0]))
    return tuple(
        MovementLine(types[pk], kind, quantity, str(AccountUnit(unit).value))
        for (pk, kind, unit), quantity in ordered
        if quantity
    )


def _unwritten_expiries(registered_product: RegisteredProduct, on: date, asked: MovementQuestion) -> list[Movement]:
    lots = (
        Lot.objects.filter(
            organization_id=registered_product.organization_id,
            registered_product=registered_product,
            account__balance__gt=0,
            expires_on__lte=on,
        )
        .select_related("account__license_type")
        .order_by("-expires_on", "-pk")
    )
    return [
        Movement(
            sequence=None,
            happened_on=lot.expires_on,
            written_at=None,
            reason=TransferReason.EXPIRED,
            reason_label=str(TransferReason.EXPIRED.label),
            actor=_("License Manager"),
            reference="",
            lines=(
                MovementLine(
                    lot.account.license_type,
                    lot.account.kind,
                    -lot.account.balance,
                    AccountUnit.LICENSE,
                ),
            ),
        )
        for lot in lots
        if asked.type in ("", lot.account.license_type.code)
    ]
