"""The only writer of the ledger: moves licenses and license days from account to account (R23).

Whoever calls holds the organization's lock (`organizations.services.lock_organization`) and a transaction. Even
without the lock no balance can fall below zero: each is moved by a conditional update under a CHECK constraint.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.db import transaction
from django.db.models import F, Max

from licensemgr.core import clock, metrics
from organizations.models import User
from products.models import LicenseType, RegisteredProduct
from wallet.errors import NotEnoughLicenses
from wallet.models import (
    SOURCES,
    AccountCategory,
    AccountUnit,
    Entry,
    LedgerAccount,
    Lot,
    LotOrigin,
    Transfer,
    TransferReason,
)
from wallet.rules import expires_on


@dataclass(frozen=True)
class Move:
    """A quantity to move between two accounts; always positive."""

    from_account: LedgerAccount
    to_account: LedgerAccount
    quantity: int


def single_account(
    registered_product: RegisteredProduct, license_type: LicenseType, kind: str, category: AccountCategory
) -> LedgerAccount:
    """The organization's one account of that category for the product, type and kind; made when first asked for."""
    days = category in (AccountCategory.DAYS_GIVEN, AccountCategory.DAYS_CREDIT, AccountCategory.DAYS_COMPENSATED)
    account, _created = LedgerAccount.objects.get_or_create(
        organization_id=registered_product.organization_id,
        registered_product=registered_product,
        license_type=license_type,
        kind=kind,
        unit=AccountUnit.DAY if days else AccountUnit.LICENSE,
        category=category,
    )
    return account


def open_account(
    registered_product: RegisteredProduct, license_type: LicenseType, kind: str, category: AccountCategory
) -> LedgerAccount:
    """A new account for a lot or a holder of licenses."""
    return LedgerAccount.objects.create(
        organization_id=registered_product.organization_id,
        registered_product=registered_product,
        license_type=license_type,
        kind=kind,
        unit=AccountUnit.LICENSE,
        category=category,
    )


def transfer(
    *,
    registered_product: RegisteredProduct,
    reason: TransferReason,
    moves: Iterable[Move],
    actor: User | None,
    on: date,
) -> Transfer:
    """Move all of ``moves`` together, dated ``on``.

    Raises NotEnoughLicenses when an account would fall below zero, ValueError for a move that makes no sense.
    """
    moves = list(moves)
    organization_id = registered_product.organization_id
    change: defaultdict[int, int] = defaultdict(int)
    accounts: dict[int, LedgerAccount] = {}
    for move in moves:
        ends = (move.from_account, move.to_account)
        if move.quantity <= 0 or ends[0].unit != ends[1].unit or ends[0].license_type_id != ends[1].license_type_id:
            raise ValueError("A move takes a positive quantity between two accounts of one unit and license type.")
        if any(account.registered_product_id != registered_product.pk for account in ends):
            raise ValueError("A transfer stays within one registered product of one organization.")
        change[move.from_account.pk] -= move.quantity
        change[move.to_account.pk] += move.quantity
        accounts.update({account.pk: account for account in ends})
    if not moves:
        raise ValueError("A transfer needs at least one move.")
    with transaction.atomic():
        last = Transfer.objects.filter(organization_id=organization_id).aggregate(last=Max("sequence"))["last"]
        made = Transfer.objects.create(
            organization_id=organization_id,
            sequence=(last or 0) + 1,
            registered_product=registered_product,
            reason=reason,
            actor=actor,
            happened_on=on,
            written_at=clock.real_now(),
        )
        Entry.objects.bulk_create(
            Entry(
                organization_id=organization_id,
                transfer=made,
                from_account=move.from_account,
                to_account=move.to_account,
                quantity=move.quantity,
            )
            for move in moves
        )
        # One order for all writers, so that no two wait for each other.
        for account_id in sorted(change):
            _move_balance(accounts[account_id], change[account_id])
    moved = sum(move.quantity for move in moves if move.from_account.unit == AccountUnit.LICENSE)
    transaction.on_commit(lambda: metrics.MOVED.labels(str(reason)).inc(moved))
    return made


def _move_balance(account: LedgerAccount, change: int) -> None:
    rows = LedgerAccount.objects.filter(pk=account.pk)
    if change < 0 and account.category not in SOURCES:
        rows = rows.filter(balance__gte=-change)
    if not rows.update(balance=F("balance") + change):
        raise NotEnoughLicenses({account.license_type.code: -change - account.balance})


def enter_lot(
    *,
    registered_product: RegisteredProduct,
    license_type: LicenseType,
    kind: str,
    quantity: int,
) -> Move:
    """The move by which ``quantity`` licenses enter the wallet as a lot of their own; `add_lots` then writes the lot."""
    return Move(
        single_account(registered_product, license_type, kind, AccountCategory.ENTERED),
        open_account(registered_product, license_type, kind, AccountCategory.WALLET),
        quantity,
    )


def add_lots(made: Transfer, moves: Iterable[Move], origin: LotOrigin) -> list[Lot]:
    """Write the lots of the moves that entered the wallet by ``made``; each expires five years later (R22)."""
    return [
        Lot.objects.create(
            organization_id=made.organization_id,
            registered_product_id=made.registered_product_id,
            account=move.to_account,
            origin=origin,
            transfer=made,
            entered_on=made.happened_on,
            expires_on=expires_on(made.happened_on),
        )
        for move in moves
        if move.to_account.category == AccountCategory.WALLET
    ]
