"""The rows that are verified, and what is found."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from django.db.models import QuerySet

from organizations.models import Organization
from products.models import LicenseType, RegisteredProduct
from subscriptions.models import Allocation, Subscription, SubscriptionPeriod, SubscriptionYear, YearHolding
from wallet.models import Entry, LedgerAccount, Lot, Transfer


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


class Books:
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


def account_row(account: LedgerAccount) -> str:
    return f"wallet_ledgeraccount {account.pk} ({account.category})"


def moved_by(entries: Iterable[Entry]) -> dict[int, int]:
    """By how much the entries move each account's balance."""
    moved: defaultdict[int, int] = defaultdict(int)
    for entry in entries:
        moved[entry.from_account_id] -= entry.quantity
        moved[entry.to_account_id] += entry.quantity
    return moved
