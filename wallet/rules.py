"""The wallet's rules on plain values. No database, no clock."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from licensemgr.core.calendar import anniversary

STORAGE_YEARS = 5  # R22


def expires_on(entered_on: date) -> date:
    """The first day on which a lot that entered on that date can no longer be allocated (R22)."""
    return anniversary(entered_on, STORAGE_YEARS)


def use_by(expires: date) -> date:
    """The last day on which a lot can be allocated, as pages say it (R22)."""
    return expires - timedelta(days=1)


@dataclass(frozen=True)
class LotStock:
    """What a lot still holds."""

    lot_id: int
    account_id: int
    quantity: int
    expires_on: date


@dataclass(frozen=True)
class Taking:
    """A quantity taken from a lot."""

    lot: LotStock
    quantity: int


def take(lots: Iterable[LotStock], quantity: int, on: date) -> tuple[list[Taking], int]:
    """Take ``quantity`` from the lots that have not expired, the earliest expiry first (R17).

    Returns what is taken, and how many licenses are missing (0 when the lots suffice).
    """
    taken: list[Taking] = []
    for lot in sorted(lots, key=lambda lot: (lot.expires_on, lot.lot_id)):
        if quantity == 0:
            break
        if lot.expires_on <= on or lot.quantity == 0:
            continue
        part = min(quantity, lot.quantity)
        taken.append(Taking(lot, part))
        quantity -= part
    return taken, quantity
