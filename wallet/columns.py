"""The stored licenses and the movements of a Product wallet as lists: their columns, for the page and for files, and all rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from licensemgr.core.lists import Column, Field, Listing, ListKind, column
from products.models import RegisteredProduct
from wallet.models import AccountUnit
from wallet.movements import MOVEMENT_REASONS, Movement, MovementLine, all_movements, count_movements
from wallet.queries import LotLine, product_wallet

LOTS = ListKind("lots", _("Stored licenses"), has_views=False, anchor="lots-title")
MOVEMENTS = ListKind("movements", _("Movements"), {"reason": ""}, anchor="movements")

LOT_COLUMNS: tuple[Column[LotLine], ...] = (
    column("type", _("License type"), lambda lot: lot.license_type),
    column("kind", _("Kind"), lambda lot: lot.kind_label),
    column(
        "quantity",
        _("In the wallet"),
        lambda lot: lot.quantity,
        Field(_("Quantity that was entered"), lambda lot: lot.quantity_entered),
        is_number=True,
    ),
    column("use-by", _("Use by"), lambda lot: lot.use_by),
    column("entered", _("Entered"), lambda lot: lot.entered_on),
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


def read_reason(query: QueryDict) -> str:
    """Of which reason movements are asked for; empty for all, and for what can't be read."""
    asked = query.get("reason", "")
    return asked if asked in dict(MOVEMENT_REASONS) else ""


def lots_listing(registered_product: RegisteredProduct, on: date) -> Listing[LotLine]:
    """What the wallet holds on a date, in the order in which it can be used."""

    def lots() -> tuple[LotLine, ...]:
        return product_wallet(registered_product, on).lots

    return Listing(LOTS, LOT_COLUMNS, lambda: iter(lots()), lambda: len(lots()))


def movements_listing(registered_product: RegisteredProduct, reason: str, on: date) -> Listing[MovementRow]:
    """The movements that are asked for, a row for each line, the newest first."""

    def rows() -> Iterator[MovementRow]:
        for movement in all_movements(registered_product, on, reason):
            for line in movement.lines or (None,):
                yield MovementRow(movement, line)

    return Listing(MOVEMENTS, MOVEMENT_COLUMNS, rows, lambda: count_movements(registered_product, reason))
