"""Expansion licenses: from the wallet to one unit, for its lifetime (R26)."""

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from hardware.errors import ExpansionNotUnderstood, NothingToExpand, UnitEnded
from hardware.models import Expansion, HardwareUnit
from hardware.placing import holding_account, rebase_systems
from history.models import Action
from history.record import record
from organizations.books import changing
from organizations.models import User
from products.models import LicenseKind
from subscriptions.errors import ConfirmationUsed
from wallet import ledger
from wallet.errors import NotEnoughLicenses
from wallet.models import LedgerAccount, Lot, TransferReason
from wallet.rules import LotStock, Taking, take


def expand_unit(
    *, unit: HardwareUnit, quantities: Mapping[str, int], nonce: UUID, actor: User | None, on: date
) -> Expansion:
    """Allocate expansion licenses from the wallet to a unit, for its lifetime, whole or not at all (R17, R18, R26).

    ``quantities`` per license type code. The same ``nonce`` counts once. Raises, the first that holds: UnitEnded,
    NothingToExpand, ExpansionNotUnderstood, NotEnoughLicenses; and ConfirmationUsed.
    """
    quantities = {code: quantity for code, quantity in quantities.items() if quantity}
    with changing(unit.organization, on) as organization:
        repeated = Expansion.objects.filter(organization=organization, nonce=nonce).first()
        if repeated is not None:
            if repeated.unit_id != unit.pk or repeated.quantities != quantities:
                raise ConfirmationUsed
            return repeated
        unit = HardwareUnit.objects.select_related("registered_product__product").get(
            pk=unit.pk, organization=organization
        )
        takings = preview_expansion(unit, quantities, on)
        types = {kind.code: kind for kind in unit.registered_product.product.license_types.all()}
        lots = LedgerAccount.objects.select_related("license_type").in_bulk(
            sorted({taking.lot.account_id for taken in takings.values() for taking in taken})
        )
        made = ledger.transfer(
            registered_product=unit.registered_product,
            reason=TransferReason.EXPANDED,
            moves=[
                ledger.Move(lots[taking.lot.account_id], holding_account(unit, types[code]), taking.quantity)
                for code, taken in takings.items()
                for taking in taken
            ],
            actor=actor,
            on=on,
        )
        expansion = Expansion.objects.create(
            organization=organization,
            unit=unit,
            nonce=nonce,
            transfer=made,
            quantities=quantities,
            allocated_by=actor,
            allocated_on=on,
        )
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


def preview_expansion(unit: HardwareUnit, quantities: Mapping[str, int], on: date) -> dict[str, list[Taking]]:
    """From which lots an expansion would take its licenses, the earliest expiry first (R17). Raises what expanding raises."""
    if unit.ended_on is not None:
        raise UnitEnded(serial=unit.serial, on=unit.ended_on)
    if not any(quantities.values()):
        raise NothingToExpand
    types = {kind.code for kind in unit.registered_product.product.license_types.all()}
    if any(quantity < 0 or code not in types for code, quantity in quantities.items()):
        raise ExpansionNotUnderstood
    takings: dict[str, list[Taking]] = {}
    short: dict[str, int] = {}
    for code, quantity in quantities.items():
        lots = Lot.objects.filter(
            organization_id=unit.organization_id,
            registered_product=unit.registered_product_id,
            account__license_type__code=code,
            account__kind=LicenseKind.HARDWARE,
            account__balance__gt=0,
        ).select_related("account")
        stock = [LotStock(lot.pk, lot.account_id, lot.account.balance, lot.expires_on) for lot in lots]
        takings[code], lacking = take(stock, quantity, on)
        if lacking:
            short[code] = lacking
    if short:
        raise NotEnoughLicenses(short)
    return takings
