"""Expansion licenses: from the wallet to one unit, for its lifetime (R26)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any
from uuid import UUID

from hardware import rules
from hardware.errors import UnitEnded
from hardware.expansion_errors import (
    ExpansionChanged,
    ExpansionNotUnderstood,
    ExpansionUsed,
    NothingToExpand,
    TooFewToExpand,
)
from hardware.models import Expansion, HardwareUnit
from hardware.placing import holding_account, rebase_systems
from hardware.queries import UnitState, unit_states
from history.models import Action
from history.record import record
from licensemgr.core.worded import gettext as _
from organizations.books import changing
from organizations.models import User
from products.models import LicenseKind, LicenseType
from subscriptions.advice import format_date
from wallet import ledger
from wallet.models import LedgerAccount, Lot, TransferReason
from wallet.rules import LotStock, Taking, take


@dataclass(frozen=True)
class ExpansionGround:
    """What an expansion on a date rests on: the unit, its product's types, and the lots of tied licenses by type code."""

    state: UnitState
    types: tuple[LicenseType, ...]
    stock: Mapping[str, tuple[LotStock, ...]]
    on: date

    @property
    def unit(self) -> HardwareUnit:
        return self.state.unit

    @cached_property
    def wallet(self) -> dict[str, int]:
        """The tied licenses in the wallet that can be used on the date (R17, R22)."""
        return {kind.code: sum(lot.quantity for lot in self.stock.get(kind.code, ())) for kind in self.types}

    def facts(self) -> dict[str, Any]:
        """If any of this changes between page and Confirm, the page is shown anew (R20)."""
        return {
            "date": self.on.isoformat(),
            "licenses": {code: quantity for code, quantity in self.state.licenses.items() if quantity},
            "devices": {code: quantity for code, quantity in self.state.devices.items() if quantity},
            "lots": {
                code: [[lot.lot_id, lot.quantity, lot.expires_on.isoformat()] for lot in lots]
                for code, lots in self.stock.items()
            },
        }


@dataclass(frozen=True)
class ExpansionPreview:
    """What a confirmation would do: worked out once, for the page that shows it and the service that does it."""

    ground: ExpansionGround
    quantities: Mapping[str, int]
    takings: Mapping[str, Sequence[Taking]]

    @property
    def total(self) -> int:
        return sum(self.quantities.values())

    @property
    def too_many(self) -> dict[str, int]:
        """By how much it is more than what the unit's systems lack: warned of, and possible (R26)."""
        return rules.too_many(self.quantities, self.ground.state.short)

    @property
    def still_short(self) -> dict[str, int]:
        """What the unit's systems then still lack."""
        licenses = dict(self.ground.state.licenses)
        for code, quantity in self.quantities.items():
            licenses[code] = licenses.get(code, 0) + quantity
        return rules.lacking(licenses, self.ground.state.devices)


def expansion_ground(unit: HardwareUnit, on: date) -> ExpansionGround:
    """What an expansion of the unit would rest on, on that date."""
    stock: defaultdict[str, list[LotStock]] = defaultdict(list)
    for lot in (
        Lot.objects.filter(
            organization_id=unit.organization_id,
            registered_product=unit.registered_product_id,
            account__kind=LicenseKind.HARDWARE,
            account__balance__gt=0,
            expires_on__gt=on,
        )
        .select_related("account__license_type")
        .order_by("expires_on", "pk")
    ):
        stock[lot.account.license_type.code].append(
            LotStock(lot.pk, lot.account_id, lot.account.balance, lot.expires_on)
        )
    return ExpansionGround(
        state=unit_states(unit.organization, [unit])[0],
        types=tuple(unit.registered_product.product.license_types.order_by("position", "pk")),
        stock={code: tuple(lots) for code, lots in stock.items()},
        on=on,
    )


def preview_expansion(ground: ExpansionGround, quantities: Mapping[str, int]) -> ExpansionPreview:
    """What allocating ``quantities`` per type code would do now: the earliest expiry is taken first (R17).

    Raises, the first that holds: UnitEnded, NothingToExpand, ExpansionNotUnderstood, TooFewToExpand.
    """
    quantities = {code: quantity for code, quantity in quantities.items() if quantity}
    if ground.unit.ended_on is not None:
        raise UnitEnded(serial=ground.unit.serial, on=ground.unit.ended_on)
    if not quantities:
        raise NothingToExpand
    names = {kind.code: kind.name for kind in ground.types}
    if any(quantity < 0 or code not in names for code, quantity in quantities.items()):
        raise ExpansionNotUnderstood
    takings: dict[str, list[Taking]] = {}
    short: dict[str, int] = {}
    for code in names:
        if code in quantities:
            takings[code], lacking = take(ground.stock.get(code, ()), quantities[code], ground.on)
            if lacking:
                short[names[code]] = lacking
    if short:
        raise TooFewToExpand(short)
    return ExpansionPreview(ground, quantities, takings)


def describe_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What changed between two pages of one unit, in sentences (R20)."""
    changes: list[str] = []
    if before.get("date") != now["date"]:
        changes.append(_("Today is %(today)s now.") % {"today": format_date(date.fromisoformat(now["date"]))})
    if before.get("licenses") != now["licenses"]:
        changes.append(_("The licenses of the hardware unit changed."))
    if before.get("devices") != now["devices"]:
        changes.append(_("The devices on the hardware unit changed."))
    if before.get("lots") != now["lots"]:
        changes.append(_("The licenses in the product wallet changed."))
    return changes


def expand_unit(
    *,
    unit: HardwareUnit,
    quantities: Mapping[str, int],
    nonce: UUID,
    actor: User | None,
    on: date,
    facts: Mapping[str, Any] | None = None,
) -> Expansion:
    """Allocate expansion licenses from the wallet to a unit, for its lifetime, whole or not at all (R17, R18, R26).

    ``quantities`` per license type code. The same ``nonce`` counts once. ``facts``, where given, is what the confirmed page
    rested on (`ExpansionGround.facts`). Raises ExpansionUsed, ExpansionChanged, and what `preview_expansion` raises; then
    nothing has changed.
    """
    quantities = {code: quantity for code, quantity in quantities.items() if quantity}
    with changing(unit.organization, on) as organization:
        repeated = Expansion.objects.filter(organization=organization, nonce=nonce).first()
        if repeated is not None:
            if repeated.unit_id != unit.pk or repeated.quantities != quantities:
                raise ExpansionUsed
            return repeated
        unit = HardwareUnit.objects.select_related("registered_product__product").get(
            pk=unit.pk, organization=organization
        )
        unit.organization = organization
        ground = expansion_ground(unit, on)
        if facts is not None and unit.is_active and (changes := describe_changes(facts, ground.facts())):
            raise ExpansionChanged(changes)
        preview = preview_expansion(ground, quantities)
        expansion = _expand(preview, nonce, actor)
        record(
            organization=organization,
            action=Action.UNIT_EXPANDED,
            actor=actor,
            on=on,
            product=unit.registered_product.product,
            serial=unit.serial,
            licenses=quantities,
        )
        rebase_systems(organization, unit.serial, on)
    return expansion


def _expand(preview: ExpansionPreview, nonce: UUID, actor: User | None) -> Expansion:
    """Move what the preview takes from the lots to the accounts of the unit (R17)."""
    ground = preview.ground
    unit = ground.unit
    types = {kind.code: kind for kind in ground.types}
    lots = LedgerAccount.objects.select_related("license_type").in_bulk(
        sorted({taking.lot.account_id for taken in preview.takings.values() for taking in taken})
    )
    made = ledger.transfer(
        registered_product=unit.registered_product,
        reason=TransferReason.EXPANDED,
        moves=[
            ledger.Move(lots[taking.lot.account_id], holding_account(unit, types[code]), taking.quantity)
            for code, taken in preview.takings.items()
            for taking in taken
        ],
        actor=actor,
        on=ground.on,
    )
    return Expansion.objects.create(
        organization=unit.organization,
        unit=unit,
        nonce=nonce,
        transfer=made,
        quantities=dict(preview.quantities),
        allocated_by=actor,
        allocated_on=ground.on,
    )
