"""Recomputes the books from their entries and names every row that differs (R23). Reads only.

Everything is read in one pass per table, so that the number of queries does not grow with the books.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Max, QuerySet

from history.models import HistoryHead, Record
from licensemgr.core.calendar import anniversary, years_since
from licensemgr.core.triggers import is_append_only
from organizations.models import Organization
from products.models import DeviceCount, LicenseBasis, LicenseKind, LicenseType, RegisteredProduct, System
from subscriptions import rules
from subscriptions.models import Allocation, Subscription, SubscriptionPeriod, SubscriptionYear, YearHolding
from wallet.models import (
    SOURCES,
    AccountCategory,
    AccountUnit,
    Entry,
    KeyBatchLine,
    LedgerAccount,
    Lot,
    LotOrigin,
    Redemption,
    Transfer,
    TransferReason,
)
from wallet.rules import expires_on

APPEND_ONLY_TABLES = ("wallet_transfer", "wallet_entry", "history_record")

# From which category to which licenses move, for each reason.
_WAYS: dict[str, frozenset[tuple[str, str]]] = {
    TransferReason.REDEEMED: frozenset({(AccountCategory.ENTERED, AccountCategory.WALLET)}),
    TransferReason.ALLOCATED: frozenset({(AccountCategory.WALLET, AccountCategory.HELD)}),
    TransferReason.EXPIRED: frozenset({(AccountCategory.WALLET, AccountCategory.EXPIRED)}),
    TransferReason.COMPENSATED: frozenset(
        {
            (AccountCategory.DAYS_GIVEN, AccountCategory.DAYS_CREDIT),
            (AccountCategory.DAYS_CREDIT, AccountCategory.DAYS_COMPENSATED),
            (AccountCategory.ENTERED, AccountCategory.WALLET),
        }
    ),
}


@dataclass
class Verification:
    """What was looked at, and every difference found, as a sentence that names the row."""

    organizations: int = 0
    accounts: int = 0
    transfers: int = 0
    entries: int = 0
    lots: int = 0
    allocations: int = 0
    years: int = 0
    records: int = 0
    differences: list[str] = field(default_factory=list)

    def differs(self, row: str, what: str) -> None:
        """Note a difference of one row."""
        self.differences.append(f"{row}: {what}")


def verify_books(organization: Organization | None = None) -> Verification:
    """Recompute balances, lots, allocations, credit and facts from the entries, of one organization or of all (R23)."""
    with _one_reading():
        books = _Books(organization)
        found = Verification(
            organizations=len(books.organizations),
            accounts=len(books.accounts),
            transfers=len(books.transfers),
            entries=len(books.entries),
            lots=len(books.lots),
            allocations=len(books.allocations),
            years=len(books.years),
            records=books.of(Record).count(),
        )
        for table in APPEND_ONLY_TABLES:
            if not is_append_only(connection, table):
                found.differs(f"table {table}", "the triggers that refuse UPDATE and DELETE are not there")
        for check in (
            _entries, _balances, _conservation, _lots, _redemptions, _allocations, _credit, _facts, _settling, _sequences
        ):  # fmt: skip
            check(books, found)
    return found


def _one_reading() -> AbstractContextManager[Any]:
    """All queries see the books at one moment, while others go on writing."""
    if connection.in_atomic_block:
        return nullcontext()
    return _snapshot()


class _snapshot(AbstractContextManager[None]):
    def __enter__(self) -> None:
        self._atomic = transaction.atomic()
        self._atomic.__enter__()
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")

    def __exit__(self, *error: Any) -> None:
        self._atomic.__exit__(*error)


class _Books:
    """The rows of one organization or of all, each table read once."""

    def __init__(self, organization: Organization | None) -> None:
        self._only = organization
        self.organizations: dict[int, Organization] = {
            found.pk: found
            for found in Organization.objects.order_by("pk")
            if organization is None or found.pk == organization.pk
        }

    def of(self, model: Any) -> QuerySet[Any]:
        """The rows of a table that are looked at."""
        rows: QuerySet[Any] = model.objects.order_by("pk")
        return rows if self._only is None else rows.filter(organization=self._only)

    def table(self, model: Any) -> dict[int, Any]:
        return {row.pk: row for row in self.of(model)}

    @cached_property
    def accounts(self) -> dict[int, LedgerAccount]:
        return self.table(LedgerAccount)

    @cached_property
    def transfers(self) -> dict[int, Transfer]:
        return self.table(Transfer)

    @cached_property
    def entries(self) -> dict[int, Entry]:
        return self.table(Entry)

    @cached_property
    def entries_of(self) -> dict[int, list[Entry]]:
        """The entries of each transfer."""
        found: defaultdict[int, list[Entry]] = defaultdict(list)
        for entry in self.entries.values():
            found[entry.transfer_id].append(entry)
        return found

    @cached_property
    def lots(self) -> dict[int, Lot]:
        return self.table(Lot)

    @cached_property
    def allocations(self) -> dict[int, Allocation]:
        return self.table(Allocation)

    @cached_property
    def subscriptions(self) -> dict[int, Subscription]:
        return self.table(Subscription)

    @cached_property
    def years(self) -> dict[int, SubscriptionYear]:
        return self.table(SubscriptionYear)

    @cached_property
    def holdings(self) -> dict[int, YearHolding]:
        """The holding of each ledger account that holds licenses for a year."""
        return {holding.account_id: holding for holding in self.of(YearHolding)}

    @cached_property
    def anchors(self) -> dict[int, date]:
        return {period.organization_id: period.anchor_on for period in self.of(SubscriptionPeriod)}

    @cached_property
    def registered(self) -> dict[int, RegisteredProduct]:
        return self.table(RegisteredProduct)

    @cached_property
    def types(self) -> dict[int, LicenseType]:
        return {license_type.pk: license_type for license_type in LicenseType.objects.all()}

    def slug(self, organization_id: int) -> str:
        organization = self.organizations.get(organization_id)
        return organization.slug if organization else f"organization {organization_id}"


def _account(account: LedgerAccount) -> str:
    return f"wallet_ledgeraccount {account.pk} ({account.category})"


def _entries(books: _Books, found: Verification) -> None:
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


def _moved(entries: Iterable[Entry]) -> dict[int, int]:
    """By how much the entries move each account's balance."""
    moved: defaultdict[int, int] = defaultdict(int)
    for entry in entries:
        moved[entry.from_account_id] -= entry.quantity
        moved[entry.to_account_id] += entry.quantity
    return moved


def _balances(books: _Books, found: Verification) -> None:
    """Every balance is the sum of its entries, none but a source's was ever below zero."""
    moved = _moved(books.entries.values())
    for account in books.accounts.values():
        if account.balance != moved.get(account.pk, 0):
            found.differs(
                _account(account), f"its balance is {account.balance}, its entries make {moved.get(account.pk, 0)}"
            )
        if account.balance < 0 and account.category not in SOURCES:
            found.differs(_account(account), f"its balance is {account.balance}")
    running: defaultdict[int, int] = defaultdict(int)
    for made in sorted(books.transfers.values(), key=lambda made: (made.organization_id, made.sequence)):
        for account_id, change in _moved(books.entries_of.get(made.pk, ())).items():
            running[account_id] += change
            moving = books.accounts.get(account_id)
            if moving is not None and moving.category not in SOURCES and running[account_id] < 0:
                found.differs(_account(moving), f"it stood at {running[account_id]} after wallet_transfer {made.pk}")


def _conservation(books: _Books, found: Verification) -> None:
    """Per organization, product, type and kind: entered = in wallet + allocated + expired + ended + taken back (R23)."""
    entered: defaultdict[tuple[int, int, int, str], int] = defaultdict(int)
    elsewhere: defaultdict[tuple[int, int, int, str], int] = defaultdict(int)
    moved = _moved(books.entries.values())
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


def _lots(books: _Books, found: Verification) -> None:
    """Every wallet account is one lot, entered once, whole, by its transfer; it expires after five years (R22)."""
    lots = {lot.account_id: lot for lot in books.lots.values()}
    entering: defaultdict[int, list[Entry]] = defaultdict(list)
    for entry in books.entries.values():
        entering[entry.to_account_id].append(entry)
    for account in books.accounts.values():
        if account.category == AccountCategory.WALLET and account.pk not in lots:
            found.differs(_account(account), "it is in the wallet and is no lot")
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
        expected = LotOrigin.COMPENSATED if made.reason == TransferReason.COMPENSATED else LotOrigin.REDEEMED
        if lot.origin != expected:
            found.differs(row, f"its origin is {lot.origin}, its transfer says {expected}")
        settled = books.organizations[lot.organization_id].settled_through
        if account.balance and settled is not None and lot.expires_on <= settled:
            found.differs(row, f"it expired on {lot.expires_on} and still holds {account.balance}")
    for entry in books.entries.values():
        used = lots.get(entry.from_account_id)
        made = books.transfers.get(entry.transfer_id)
        if used is None or made is None:
            continue
        if made.reason == TransferReason.ALLOCATED and used.expires_on <= made.happened_on:
            found.differs(f"wallet_entry {entry.pk}", f"it allocates from wallet_lot {used.pk} after its expiry")
        if made.reason == TransferReason.EXPIRED and used.expires_on != made.happened_on:
            found.differs(
                f"wallet_entry {entry.pk}", f"it lets wallet_lot {used.pk} expire on another day than its own"
            )


def _redemptions(books: _Books, found: Verification) -> None:
    """Every redemption brought in what its key carries, whole (R21)."""
    lines: defaultdict[int, dict[int, int]] = defaultdict(dict)
    for line in KeyBatchLine.objects.all():
        lines[line.batch_id][line.license_type_id] = line.quantity
    seen: set[int] = set()
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
    for made in books.transfers.values():
        if made.reason == TransferReason.REDEEMED and made.pk not in seen:
            found.differs(f"wallet_transfer {made.pk}", "licenses entered without a key")


def _allocations(books: _Books, found: Verification) -> None:
    """Every confirmation moved what its plan says, to the years that it says (R16, R18)."""
    seen: set[int] = set()
    for allocation in books.allocations.values():
        row = f"subscriptions_allocation {allocation.pk}"
        seen.add(allocation.transfer_id)
        made = books.transfers.get(allocation.transfer_id)
        if made is None or made.reason != TransferReason.ALLOCATED or made.happened_on != allocation.allocated_on:
            found.differs(row, "its transfer is missing, of another reason or of another day")
            continue
        moved: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        for entry in books.entries_of.get(made.pk, ()):
            holding = books.holdings.get(entry.to_account_id)
            year = books.years.get(holding.year_id) if holding else None
            if holding is None or year is None or year.subscription_id != allocation.subscription_id:
                found.differs(row, f"wallet_entry {entry.pk} goes to no year of its subscription")
                continue
            moved[str(year.number)][books.types[holding.license_type_id].code] += entry.quantity
        entered = {number: dict(quantities) for number, quantities in moved.items()}
        if entered != allocation.plan:
            found.differs(row, f"its plan is {allocation.plan}, its entries make {entered}")
    for made in books.transfers.values():
        if made.reason == TransferReason.ALLOCATED and made.pk not in seen:
            found.differs(f"wallet_transfer {made.pk}", "licenses were allocated without a confirmation")
    for account in books.accounts.values():
        if account.category == AccountCategory.HELD and account.kind == LicenseKind.SUBSCRIPTION:
            holding = books.holdings.get(account.pk)
            if holding is None or holding.license_type_id != account.license_type_id:
                found.differs(_account(account), "it is held for no subscription year, or for another license type")


def _credit(books: _Books, found: Verification) -> None:
    """Days given back are those that R19 gives for what was allocated; 365 × compensated + credit (R23)."""
    given: defaultdict[tuple[int, int], int] = defaultdict(int)
    for allocation in sorted(books.allocations.values(), key=lambda made: made.transfer_id):
        _check_compensation(books, found, allocation, given)
    compensated: defaultdict[tuple[int, int], int] = defaultdict(int)
    lots = {lot.account_id: lot for lot in books.lots.values()}
    for entry in books.entries.values():
        lot = lots.get(entry.to_account_id)
        if lot is not None and lot.origin == LotOrigin.COMPENSATED:
            compensated[lot.registered_product_id, books.accounts[lot.account_id].license_type_id] += entry.quantity
    credit: defaultdict[tuple[int, int], int] = defaultdict(int)
    for account in books.accounts.values():
        if account.category == AccountCategory.DAYS_CREDIT:
            credit[account.registered_product_id, account.license_type_id] += account.balance
            if not 0 <= account.balance < rules.DAYS_PAID:
                found.differs(_account(account), f"{account.balance} credit days are not made into licenses")
    for registered_id, type_id in given.keys() | compensated.keys() | credit.keys():
        key = (registered_id, type_id)
        if given[key] != rules.DAYS_PAID * compensated[key] + credit[key]:
            found.differs(
                f"products_registeredproduct {registered_id}, license type {type_id}",
                f"{given[key]} days were given back; {compensated[key]} licenses and {credit[key]} days of credit stand for them",
            )


def _check_compensation(
    books: _Books, found: Verification, allocation: Allocation, given: defaultdict[tuple[int, int], int]
) -> None:
    row = f"subscriptions_allocation {allocation.pk}"
    subscription = books.subscriptions.get(allocation.subscription_id)
    anchor = books.anchors.get(allocation.organization_id)
    if subscription is None or anchor is None:
        found.differs(row, "its subscription or the organization's period is missing")
        return
    on = allocation.allocated_on
    year = rules.current_year(anchor, on)
    registered = books.registered[subscription.registered_product_id]
    codes = {kind.code: kind.pk for kind in books.types.values() if kind.product_id == registered.product_id}
    expected: dict[int, int] = {}
    for code, quantity in allocation.plan.get(str(year.number), {}).items():
        days = rules.compensate(
            quantity=quantity, year=year, started_on=subscription.started_on, on=on, credit=0
        ).days_given
        if days:
            expected[codes[code]] = days
    moved: defaultdict[int, int] = defaultdict(int)
    for entry in books.entries_of.get(allocation.compensation_id or 0, ()):
        source = books.accounts.get(entry.from_account_id)
        if source is not None and source.category == AccountCategory.DAYS_GIVEN:
            moved[source.license_type_id] += entry.quantity
            given[registered.pk, source.license_type_id] += entry.quantity
    if dict(moved) != expected:
        found.differs(row, f"{dict(moved)} days were given back per license type, R19 gives {expected}")


def _facts(books: _Books, found: Verification) -> None:
    """What is written of a year follows from entries and devices: the day it was fully licensed, its allowance (R11, R12)."""
    held = _allocated_by_day(books)
    devices = _Devices(books)
    for year in books.years.values():
        subscription = books.subscriptions.get(year.subscription_id)
        anchor = books.anchors.get(year.organization_id)
        row = f"subscriptions_subscriptionyear {year.pk}"
        if subscription is None or anchor is None:
            found.differs(row, "its subscription or the organization's period is missing")
            continue
        dates = rules.year_at(anchor, year.number)
        settled = books.organizations[year.organization_id].settled_through
        last = min(dates.last, settled) if settled else dates.last
        first = rules.covered_from(dates, subscription.started_on)
        marked = year.fully_licensed_on
        if marked is not None:
            if not first <= marked <= last:
                found.differs(row, f"it was marked fully licensed on {marked}, outside of {first} to {last}")
            # Devices of that day's end may be more than at the moment at which it was marked: only allocated is compared.
            allowances = set(_totals_on(held.get(year.pk, []), marked))
            if year.allowance not in allowances:
                found.differs(
                    row, f"its allowance is {year.allowance}; {sorted(allowances)} were allocated on {marked}"
                )
        _check_day(row, year, subscription, devices, held.get(year.pk, []), first, last, found)
    for subscription in books.subscriptions.values():
        anchor = books.anchors.get(subscription.organization_id)
        if anchor is None or subscription.started_on < anchor:
            found.differs(
                f"subscriptions_subscription {subscription.pk}", "it started before the organization's anchor"
            )


Held = list[tuple[date, int, int]]  # date, license type, quantity


def _allocated_by_day(books: _Books) -> dict[int, Held]:
    """Per year: what was allocated to it, in the order in which it was."""
    held: defaultdict[int, Held] = defaultdict(list)
    for entry in sorted(books.entries.values(), key=lambda entry: (entry.transfer_id, entry.pk)):
        holding = books.holdings.get(entry.to_account_id)
        made = books.transfers.get(entry.transfer_id)
        if holding is not None and made is not None:
            held[holding.year_id].append((made.happened_on, holding.license_type_id, entry.quantity))
    return held


def _totals_on(held: Held, on: date) -> Iterator[int]:
    """The totals allocated at the moments of the day ``on``: as it began, and after each entry of it."""
    total = sum(quantity for day, _type, quantity in held if day < on)
    yield total
    for day, _type, quantity in held:
        if day == on:
            total += quantity
            yield total


def _check_day(
    row: str,
    year: SubscriptionYear,
    subscription: Subscription,
    devices: "_Devices",
    held: Held,
    first: date,
    last: date,
    found: Verification,
) -> None:
    """The year became fully licensed on the first day on whose end allocated ≥ devices, or earlier on a moment of a day."""
    registered_id = subscription.registered_product_id
    days = sorted({first, *(day for day, _type, _quantity in held), *devices.changes(registered_id)})
    for day in (day for day in days if first <= day <= last):
        allocated: defaultdict[int, int] = defaultdict(int)
        for when, type_id, quantity in held:
            if when <= day:
                allocated[type_id] += quantity
        if sum(allocated.values()) and all(allocated[kind] >= n for kind, n in devices.on(registered_id, day).items()):
            if year.fully_licensed_on is None:
                found.differs(row, f"on {day} it was fully licensed, and that is not written down")
            elif year.fully_licensed_on > day:
                found.differs(row, f"it is marked from {year.fully_licensed_on} on, and was fully licensed on {day}")
            return


class _Devices:
    """How many devices counted for a registered product at the end of a day."""

    def __init__(self, books: _Books) -> None:
        systems: dict[int, System] = books.table(System)
        self._counts: defaultdict[int, list[DeviceCount]] = defaultdict(list)
        for count in books.of(DeviceCount):
            system = systems.get(count.system_id)
            if system is not None and system.license_basis == LicenseBasis.SUBSCRIPTION:
                self._counts[system.registered_product_id].append(count)

    def changes(self, registered_id: int) -> set[date]:
        """The days on which a number changed."""
        counts = self._counts[registered_id]
        return {count.from_on for count in counts} | {count.until_on for count in counts if count.until_on}

    def on(self, registered_id: int, day: date) -> dict[int, int]:
        """The number per license type at the end of the day."""
        numbers: defaultdict[int, int] = defaultdict(int)
        for count in self._counts[registered_id]:
            if count.from_on <= day and (count.until_on is None or day < count.until_on):
                numbers[count.license_type_id] += count.quantity
        return numbers


def _settling(books: _Books, found: Verification) -> None:
    """Nothing is dated after the last day settled, nothing that was due by then is left undone (R1, R3)."""
    latest: dict[int, date] = {}
    for made in books.transfers.values():
        latest[made.organization_id] = max(latest.get(made.organization_id, made.happened_on), made.happened_on)
    for organization in books.organizations.values():
        row = f"organizations_organization {organization.pk} ({organization.slug})"
        settled = organization.settled_through
        newest = latest.get(organization.pk)
        if newest is not None and (settled is None or newest > settled):
            found.differs(row, f"it is settled up to {settled} and has transfers of {newest}")
        if settled is not None and organization.next_due_on is not None and organization.next_due_on <= settled:
            found.differs(row, f"something was due on {organization.next_due_on}, and it is settled up to {settled}")
        expected = _next_due(books, organization)
        due = organization.next_due_on
        if expected is not None and (due is None or due > expected):
            found.differs(row, f"the next thing is due on {expected}, next_due_on is {due}")


def _next_due(books: _Books, organization: Organization) -> date | None:
    """The next expiry or renewal; reminders of an exceeded allowance may come earlier."""
    dates = [
        lot.expires_on
        for lot in books.lots.values()
        if lot.organization_id == organization.pk
        and lot.account_id in books.accounts
        and books.accounts[lot.account_id].balance > 0
    ]
    anchor = books.anchors.get(organization.pk)
    if anchor is not None and organization.settled_through is not None:
        dates.append(anniversary(anchor, years_since(anchor, organization.settled_through) + 1))
    return min(dates, default=None)


def _sequences(books: _Books, found: Verification) -> None:
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
