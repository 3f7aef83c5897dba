"""The ledger agrees with itself and with lots and keys (R21-R23, R33)."""

from collections import defaultdict
from datetime import date

from django.db.models import Count, Max

from history.models import HistoryHead, Record
from licensemgr.portal.verifying.books import Books, Verification, account_row, moved_by
from wallet.models import (
    SOURCES,
    AccountCategory,
    AccountUnit,
    Correction,
    Entry,
    KeyBatchLine,
    LotOrigin,
    Redemption,
    TransferReason,
)
from wallet.rules import expires_on

# How a lot came to be, by the reason of the transfer with which it entered.
_ORIGINS: dict[str, str] = {
    TransferReason.REDEEMED: LotOrigin.REDEEMED,
    TransferReason.COMPENSATED: LotOrigin.COMPENSATED,
    TransferReason.CORRECTED: LotOrigin.CORRECTED,
}
# From which category to which licenses move, for each reason.
_WAYS: dict[str, frozenset[tuple[str, str]]] = {
    TransferReason.REDEEMED: frozenset({(AccountCategory.ENTERED, AccountCategory.WALLET)}),
    TransferReason.ALLOCATED: frozenset({(AccountCategory.WALLET, AccountCategory.HELD)}),
    TransferReason.EXPIRED: frozenset({(AccountCategory.WALLET, AccountCategory.EXPIRED)}),
    TransferReason.PRELOADED: frozenset({(AccountCategory.ENTERED, AccountCategory.HELD)}),
    TransferReason.EXPANDED: frozenset({(AccountCategory.WALLET, AccountCategory.HELD)}),
    TransferReason.ENDED: frozenset({(AccountCategory.HELD, AccountCategory.ENDED)}),
    TransferReason.REPLACED: frozenset({(AccountCategory.HELD, AccountCategory.HELD)}),
    TransferReason.UNDONE: frozenset({(AccountCategory.WALLET, AccountCategory.TAKEN_BACK)}),
    TransferReason.RELEASED: frozenset({(AccountCategory.HELD, AccountCategory.WALLET)}),
    TransferReason.CORRECTED: frozenset(
        {
            (AccountCategory.ENTERED, AccountCategory.WALLET),
            (AccountCategory.WALLET, AccountCategory.TAKEN_BACK),
        }
    ),
    TransferReason.COMPENSATED: frozenset(
        {
            (AccountCategory.DAYS_GIVEN, AccountCategory.DAYS_CREDIT),
            (AccountCategory.DAYS_CREDIT, AccountCategory.DAYS_COMPENSATED),
            (AccountCategory.ENTERED, AccountCategory.WALLET),
        }
    ),
}


def check_entries(books: Books, found: Verification) -> None:
    """Every entry stays within one organization, product, type, kind and unit, and goes a way that its reason knows."""
    for entry in books.entries.values():
        row = f"wallet_entry {entry.pk}"
        made = books.transfers.get(entry.transfer_id)
        from_, to = books.accounts.get(entry.from_account_id), books.accounts.get(entry.to_account_id)
        if made is None or from_ is None or to is None:
            found.differs(row, "its transfer or one of its accounts is not among the organization's rows")
            continue
        if len({entry.organization_id, made.organization_id, from_.organization_id, to.organization_id}) != 1:
            found.differs(row, "it crosses organizations")
        if len({made.registered_product_id, from_.registered_product_id, to.registered_product_id}) != 1:
            found.differs(row, "it crosses registered products")
        if (from_.license_type_id, from_.kind, from_.unit) != (to.license_type_id, to.kind, to.unit):
            found.differs(row, "it crosses license types, kinds or units")
        if entry.quantity <= 0:
            found.differs(row, f"its quantity is {entry.quantity}")
        if (from_.category, to.category) not in _WAYS.get(made.reason, frozenset()):
            found.differs(row, f"{made.reason} does not move from {from_.category} to {to.category}")
    for made in books.transfers.values():
        if made.pk not in books.entries_of:
            found.differs(f"wallet_transfer {made.pk}", "it has no entries")


def check_balances(books: Books, found: Verification) -> None:
    """Every balance is the sum of its entries, none but a source's was ever below zero."""
    moved = moved_by(books.entries.values())
    for account in books.accounts.values():
        if account.balance != moved.get(account.pk, 0):
            found.differs(
                account_row(account), f"its balance is {account.balance}, its entries make {moved.get(account.pk, 0)}"
            )
        if account.balance < 0 and account.category not in SOURCES:
            found.differs(account_row(account), f"its balance is {account.balance}")
    running: defaultdict[int, int] = defaultdict(int)
    for made in sorted(books.transfers.values(), key=lambda made: (made.organization_id, made.sequence)):
        for account_id, change in moved_by(books.entries_of.get(made.pk, ())).items():
            running[account_id] += change
            moving = books.accounts.get(account_id)
            if moving is not None and moving.category not in SOURCES and running[account_id] < 0:
                found.differs(account_row(moving), f"it stood at {running[account_id]} after wallet_transfer {made.pk}")


def check_conservation(books: Books, found: Verification) -> None:
    """Per organization, product, type and kind: entered = in wallet + allocated + expired + ended + taken back (R23)."""
    entered: defaultdict[tuple[int, int, int, str], int] = defaultdict(int)
    elsewhere: defaultdict[tuple[int, int, int, str], int] = defaultdict(int)
    moved = moved_by(books.entries.values())
    for account in books.accounts.values():
        if account.unit != AccountUnit.LICENSE:
            continue
        key = (account.organization_id, account.registered_product_id, account.license_type_id, account.kind)
        if account.category == AccountCategory.ENTERED:
            entered[key] -= moved.get(account.pk, 0)
        else:
            elsewhere[key] += moved.get(account.pk, 0)
    for key in entered.keys() | elsewhere.keys():
        if entered[key] != elsewhere[key]:
            organization_id, registered_id, type_id, kind = key
            found.differs(
                f"products_registeredproduct {registered_id} ({books.slug(organization_id)})",
                f"{entered[key]} {kind} licenses of license type {type_id} entered, {elsewhere[key]} are accounted for",
            )


def check_lots(books: Books, found: Verification) -> None:
    """Every wallet account is one lot, entered once, whole, by its transfer; it expires after five years (R22)."""
    lots = {lot.account_id: lot for lot in books.lots.values()}
    entering: defaultdict[int, list[Entry]] = defaultdict(list)
    # Licenses that come back to their lot from a coming year do not enter anew (R34).
    returned: defaultdict[int, set[date]] = defaultdict(set)
    for entry in books.entries.values():
        made = books.transfers.get(entry.transfer_id)
        if made is not None and made.reason == TransferReason.RELEASED:
            returned[entry.to_account_id].add(made.happened_on)
        else:
            entering[entry.to_account_id].append(entry)
    for account in books.accounts.values():
        if account.category == AccountCategory.WALLET and account.pk not in lots:
            found.differs(account_row(account), "it is in the wallet and is no lot")
    for lot in books.lots.values():
        row = f"wallet_lot {lot.pk}"
        held_in, made = books.accounts.get(lot.account_id), books.transfers.get(lot.transfer_id)
        if held_in is None or made is None or held_in.category != AccountCategory.WALLET:
            found.differs(row, "its account or transfer is missing or no wallet's")
            continue
        account = held_in
        if len({lot.organization_id, account.organization_id, made.organization_id}) != 1 or (
            len({lot.registered_product_id, account.registered_product_id, made.registered_product_id}) != 1
        ):
            found.differs(row, "it crosses organizations or products")
        if [entry.transfer_id for entry in entering[account.pk]] != [lot.transfer_id]:
            found.differs(row, "it did not enter by one entry of its transfer")
        if lot.entered_on != made.happened_on:
            found.differs(row, f"it entered on {lot.entered_on}, its transfer is of {made.happened_on}")
        if lot.expires_on != expires_on(lot.entered_on):
            found.differs(row, f"it expires on {lot.expires_on} instead of {expires_on(lot.entered_on)}")
        expected = _ORIGINS.get(made.reason)
        if lot.origin != expected:
            found.differs(row, f"its origin is {lot.origin}, its transfer says {expected}")
        organization = books.organizations[lot.organization_id]
        settled = organization.settled_through if organization.closed_on is None else organization.closed_on
        if account.balance and settled is not None and lot.expires_on <= settled:
            found.differs(row, f"it expired on {lot.expires_on} and still holds {account.balance}")
    for entry in books.entries.values():
        used = lots.get(entry.from_account_id)
        made = books.transfers.get(entry.transfer_id)
        if used is None or made is None:
            continue
        allocating = made.reason in (TransferReason.ALLOCATED, TransferReason.EXPANDED)
        if allocating and used.expires_on <= made.happened_on:
            found.differs(f"wallet_entry {entry.pk}", f"it allocates from wallet_lot {used.pk} after its expiry")
        expires = {used.expires_on, *(day for day in returned[used.account_id] if day > used.expires_on)}
        if made.reason == TransferReason.EXPIRED and made.happened_on not in expires:
            found.differs(
                f"wallet_entry {entry.pk}", f"it lets wallet_lot {used.pk} expire on another day than its own"
            )


def check_redemptions(books: Books, found: Verification) -> None:
    """Every redemption brought in what its key carries, whole (R21)."""
    lines: defaultdict[int, dict[int, int]] = defaultdict(dict)
    for line in KeyBatchLine.objects.all():
        lines[line.batch_id][line.license_type_id] = line.quantity
    seen: set[int] = set()
    undone: set[int | None] = set()
    for redemption in books.of(Redemption).select_related("license_key__batch"):
        row = f"wallet_redemption {redemption.pk}"
        made = books.transfers.get(redemption.transfer_id)
        seen.add(redemption.transfer_id)
        if made is None or made.reason != TransferReason.REDEEMED:
            found.differs(row, "its transfer is missing or of another reason")
            continue
        if made.happened_on != redemption.redeemed_on or made.registered_product_id != redemption.registered_product_id:
            found.differs(row, "its transfer is of another day or product")
        batch = redemption.license_key.batch
        entered: defaultdict[int, int] = defaultdict(int)
        for entry in books.entries_of.get(made.pk, ()):
            account = books.accounts.get(entry.to_account_id)
            if account is not None:
                entered[account.license_type_id] += entry.quantity
                if account.kind != batch.kind:
                    found.differs(row, f"licenses entered as {account.kind}, the key is {batch.kind}")
        if dict(entered) != lines[batch.pk]:
            found.differs(row, f"{dict(entered)} entered per license type, the key carries {lines[batch.pk]}")
        _check_undo(books, found, redemption, row)
        undone.add(redemption.undo_transfer_id)
    for made in books.transfers.values():
        if made.reason == TransferReason.REDEEMED and made.pk not in seen:
            found.differs(f"wallet_transfer {made.pk}", "licenses entered without a key")
        if made.reason == TransferReason.UNDONE and made.pk not in undone:
            found.differs(f"wallet_transfer {made.pk}", "licenses were taken back without a redemption that was undone")


def _check_undo(books: Books, found: Verification, redemption: Redemption, row: str) -> None:
    """A redemption that was undone gave back every license that it brought in, from the very lots (R33)."""
    if redemption.undo_transfer_id is None:
        return
    undo = books.transfers.get(redemption.undo_transfer_id)
    if undo is None or undo.reason != TransferReason.UNDONE or undo.happened_on != redemption.undone_on:
        found.differs(row, "the transfer that undid it is missing, of another reason or of another day")
        return
    entered = {entry.to_account_id: entry.quantity for entry in books.entries_of.get(redemption.transfer_id, ())}
    taken = {entry.from_account_id: entry.quantity for entry in books.entries_of.get(undo.pk, ())}
    if entered != taken:
        found.differs(row, f"{entered} entered per account, {taken} was taken back")


def check_corrections(books: Books, found: Verification) -> None:
    """Every correction by staff has its reason, and none was made without one (R23)."""
    seen: set[int] = set()
    for correction in books.of(Correction):
        seen.add(correction.transfer_id)
        made = books.transfers.get(correction.transfer_id)
        if made is None or made.reason != TransferReason.CORRECTED or not correction.reason.strip():
            found.differs(f"wallet_correction {correction.pk}", "its transfer or its reason is missing")
    for made in books.transfers.values():
        if made.reason == TransferReason.CORRECTED and made.pk not in seen:
            found.differs(f"wallet_transfer {made.pk}", "licenses were corrected without a reason")


def check_sequences(books: Books, found: Verification) -> None:
    """Transfers and History are numbered without a gap in each organization (R32)."""
    numbers: defaultdict[int, list[int]] = defaultdict(list)
    for made in books.transfers.values():
        numbers[made.organization_id].append(made.sequence)
    for organization_id, sequence in numbers.items():
        if sorted(sequence) != list(range(1, len(sequence) + 1)):
            found.differs(f"wallet_transfer of {books.slug(organization_id)}", "a sequence number is missing")
    heads = dict(HistoryHead.objects.values_list("organization", "last_sequence"))
    rows = books.of(Record).order_by().values_list("organization").annotate(last=Max("sequence"), size=Count("pk"))
    for organization_id, last, size in rows:
        if not size == last == heads.get(organization_id):
            found.differs(f"history_record of {books.slug(organization_id)}", "a sequence number is missing")
