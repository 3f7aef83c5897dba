"""Allocations, releases, compensation and what is written of years follow from entries and devices (R11-R20, R34)."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date

from licensemgr.portal.verifying.books import Books, Verification, account_row
from products.models import DeviceCount, LicenseBasis, LicenseKind, System
from subscriptions import rules
from subscriptions.models import Allocation, Release, Subscription, SubscriptionYear
from wallet.models import AccountCategory, LotOrigin, TransferReason


def check_allocations(books: Books, found: Verification) -> None:
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
                found.differs(account_row(account), "it is held for no subscription year, or for another license type")


def check_releases(books: Books, found: Verification) -> None:
    """Every release emptied a coming year, back to the lots from which it was filled, before the year began (R34)."""
    seen: set[int] = set()
    # What each year's account got from each lot's, as the entries are walked in their order.
    held: defaultdict[tuple[int, int], int] = defaultdict(int)
    releases = {release.transfer_id: release for release in books.of(Release)}
    for made in sorted(books.transfers.values(), key=lambda made: (made.organization_id, made.sequence)):
        for entry in books.entries_of.get(made.pk, ()):
            if made.reason == TransferReason.ALLOCATED:
                held[entry.to_account_id, entry.from_account_id] += entry.quantity
            elif made.reason == TransferReason.RELEASED:
                held[entry.from_account_id, entry.to_account_id] -= entry.quantity
        if made.reason != TransferReason.RELEASED:
            continue
        release = releases.get(made.pk)
        year = books.years.get(release.year_id) if release else None
        if release is None or year is None:
            found.differs(f"wallet_transfer {made.pk}", "licenses were returned without a release")
            continue
        seen.add(release.pk)
        row = f"subscriptions_release {release.pk}"
        accounts = {account_id for account_id, holding in books.holdings.items() if holding.year_id == year.pk}
        if any(quantity for (account_id, _lot), quantity in held.items() if account_id in accounts):
            found.differs(row, "it did not return the whole year to the lots that it came from")
        anchor = books.anchors.get(release.organization_id)
        if made.happened_on != release.released_on or (
            anchor is not None and release.released_on >= rules.year_at(anchor, year.number).first
        ):
            found.differs(row, f"it is of {release.released_on}, which is another day or after the year began")
    for release in releases.values():
        if release.pk not in seen:
            found.differs(f"subscriptions_release {release.pk}", "its transfer is missing or of another reason")


def check_credit(books: Books, found: Verification) -> None:
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
                found.differs(account_row(account), f"{account.balance} credit days are not made into licenses")
    for registered_id, type_id in given.keys() | compensated.keys() | credit.keys():
        key = (registered_id, type_id)
        if given[key] != rules.DAYS_PAID * compensated[key] + credit[key]:
            found.differs(
                f"products_registeredproduct {registered_id}, license type {type_id}",
                f"{given[key]} days were given back; {compensated[key]} licenses and {credit[key]} days of credit stand for them",
            )


def _check_compensation(
    books: Books, found: Verification, allocation: Allocation, given: defaultdict[tuple[int, int], int]
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


def check_facts(books: Books, found: Verification) -> None:
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


def _allocated_by_day(books: Books) -> dict[int, Held]:
    """Per year: what was allocated to it, in the order in which it was."""
    held: defaultdict[int, Held] = defaultdict(list)
    for entry in sorted(books.entries.values(), key=lambda entry: (entry.transfer_id, entry.pk)):
        made = books.transfers.get(entry.transfer_id)
        for account_id, quantity in ((entry.to_account_id, entry.quantity), (entry.from_account_id, -entry.quantity)):
            holding = books.holdings.get(account_id)
            if holding is not None and made is not None:
                held[holding.year_id].append((made.happened_on, holding.license_type_id, quantity))
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
    """How many devices counted for the subscription of a registered product at the end of a day (R25)."""

    def __init__(self, books: Books) -> None:
        systems: dict[int, System] = books.table(System)
        self._counts: defaultdict[int, list[DeviceCount]] = defaultdict(list)
        for count in books.of(DeviceCount):
            system = systems.get(count.system_id)
            if system is not None and count.license_basis == LicenseBasis.SUBSCRIPTION:
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
