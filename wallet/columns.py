"""The stored licenses and the movements of a Product wallet as lists: searched, filtered, sorted; their columns and all rows.

Both stand on one page, so that no parameter of the one is called as one of the other.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from licensemgr.core.lists import Column, Field, Listing, ListKind, column, sort_of
from products.models import LicenseKind, LicenseType, RegisteredProduct
from wallet.models import AccountUnit
from wallet.movements import (
    MOVEMENT_REASONS,
    Movement,
    MovementLine,
    MovementQuestion,
    all_movements,
    count_movements,
)
from wallet.queries import LotLine, Wallet, product_wallet, types_of

LOTS = ListKind(
    "lots", _("Stored licenses"), {"search": "", "type": "", "kind": "", "sort": "use-by"}, anchor="lots-title"
)
MOVEMENTS = ListKind("movements", _("Movements"), {"reason": "", "moved": ""}, anchor="movements")
SEARCH_LENGTH = 100
# What the stored licenses can be sorted by, as the URL names it; what is alike stands as it can be used.
_LOT_SORTS: Mapping[str, Callable[[LotLine], Any]] = {
    "type": lambda lot: lot.license_type,
    "kind": lambda lot: lot.kind,
    "quantity": lambda lot: lot.quantity,
    "use-by": lambda lot: lot.use_by,
    "entered": lambda lot: lot.entered_on,
}

LOT_COLUMNS: tuple[Column[LotLine], ...] = (
    column("type", _("License type"), lambda lot: lot.license_type, is_sortable=True),
    column("kind", _("Kind"), lambda lot: lot.kind_label, is_sortable=True),
    column(
        "quantity",
        _("In the wallet"),
        lambda lot: lot.quantity,
        Field(_("Quantity that was entered"), lambda lot: lot.quantity_entered),
        is_number=True,
        is_sortable=True,
    ),
    column("use-by", _("Use by"), lambda lot: lot.use_by, is_sortable=True),
    column("entered", _("Entered"), lambda lot: lot.entered_on, is_sortable=True),
    column("origin", _("Origin"), lambda lot: lot.origin_label, Field(_("License key"), lambda lot: lot.key_tail)),
    column("order", _("Order reference"), lambda lot: lot.order_reference),
)


@dataclass(frozen=True)
class MovementRow:
    """A movement and one of its lines; None where it moved nothing of the wallet."""

    movement: Movement
    line: MovementLine | None


MOVEMENT_COLUMNS: tuple[Column[MovementRow], ...] = (
    column("date", _("Date"), lambda row: row.movement.happened_on),
    column(
        "what",
        _("What"),
        lambda row: row.movement.reason_label,
        Field(_("Reference"), lambda row: row.movement.reference),
    ),
    Column(
        "licenses",
        _("Licenses"),
        (
            Field(_("License type"), lambda row: row.line.license_type.name if row.line else ""),
            Field(_("Kind"), lambda row: row.line.kind_label if row.line else ""),
            Field(_("Quantity"), lambda row: row.line.quantity if row.line else None),
            Field(_("Unit"), lambda row: str(AccountUnit(row.line.unit).label) if row.line else ""),
        ),
    ),
    column("by", pgettext_lazy("person", "By"), lambda row: row.movement.actor),
)


@dataclass(frozen=True)
class LotQuestion:
    """What is asked of the stored licenses."""

    search: str = ""
    type: str = ""
    kind: str = ""
    sort: str = "use-by"


def read_lots(query: QueryDict, types: Sequence[LicenseType]) -> LotQuestion:
    """What a query asks of the stored licenses of a product of these types; what can't be read narrows nothing."""
    kind = query.get("kind", "")
    return LotQuestion(
        query.get("search", "").strip()[:SEARCH_LENGTH],
        _type_of(query.get("type", ""), types),
        kind if kind in LicenseKind.values else "",
        sort_of(query.get("sort", ""), _LOT_SORTS, "use-by"),
    )


def read_movements(query: QueryDict, types: Sequence[LicenseType]) -> MovementQuestion:
    """What a query asks of the movements of a product of these types; what can't be read narrows nothing."""
    reason = query.get("reason", "")
    return MovementQuestion(reason if reason in dict(MOVEMENT_REASONS) else "", _type_of(query.get("moved", ""), types))


def _type_of(asked: str, types: Sequence[LicenseType]) -> str:
    return asked if asked in {license_type.code for license_type in types} else ""


def find_lots(wallet: Wallet, asked: LotQuestion) -> list[LotLine]:
    """The stored licenses that are asked for: each word is in the order reference, the key's last symbols or the origin."""
    words = asked.search.casefold().split()
    found = [
        lot
        for lot in wallet.lots
        if asked.type in ("", lot.type_code)
        and asked.kind in ("", lot.kind)
        and all(
            word.removeprefix("…") in f"{lot.order_reference} {lot.key_tail} {lot.origin_label}".casefold()
            for word in words
        )
    ]
    key = _LOT_SORTS[asked.sort.removeprefix("-")]
    return sorted(found, key=lambda lot: (key(lot), lot.use_by, lot.lot_id), reverse=asked.sort.startswith("-"))


def lots_listing(registered_product: RegisteredProduct, query: QueryDict, on: date) -> Listing[LotLine]:
    """What the wallet holds on a date, as the query asks for it."""

    def lots() -> list[LotLine]:
        wallet = product_wallet(registered_product, on)
        return find_lots(wallet, read_lots(query, wallet.license_types))

    return Listing(LOTS, LOT_COLUMNS, lambda: iter(lots()), lambda: len(lots()))


def movements_listing(registered_product: RegisteredProduct, query: QueryDict, on: date) -> Listing[MovementRow]:
    """The movements that the query asks for, a row for each line, the newest first."""
    asked = read_movements(query, types_of(registered_product))

    def rows() -> Iterator[MovementRow]:
        for movement in all_movements(registered_product, on, asked):
            for line in movement.lines or (None,):
                yield MovementRow(movement, line)

    return Listing(MOVEMENTS, MOVEMENT_COLUMNS, rows, lambda: count_movements(registered_product, asked))
