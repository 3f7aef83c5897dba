"""verify_books finds every row that was put wrong behind the services' back, and names it (R23)."""

from collections.abc import Callable
from datetime import date, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F

from history.models import HistoryHead
from licensemgr.portal.verifying import verify_books
from organizations.models import Organization
from subscriptions.models import Allocation, SubscriptionYear
from tests import factories
from tests.conftest import FrozenClock
from wallet.models import AccountCategory, KeyBatchLine, LedgerAccount, Lot

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(organization: Organization, frozen_clock: FrozenClock) -> Organization:
    """An organization with a redemption, an allocation after the grace period, and compensation."""
    books = factories.Books(organization)
    books.report(date(2027, 3, 1), core=10)
    books.redeem(date(2027, 3, 1), core=30)
    books.start(date(2027, 3, 1))
    books.allocate(date(2027, 9, 1), {"core": 10})
    return organization


def _output(*arguments: str) -> str:
    out = StringIO()
    call_command("verify_books", *arguments, stdout=out)
    return out.getvalue()


def test_sound_books_have_no_difference(told: Organization) -> None:
    printed = _output()
    assert "differences: 0" in printed
    assert "allocations: 1" in printed
    assert "differences: 0" in _output("--organization", told.slug)


def test_an_unknown_organization_is_a_sentence() -> None:
    with pytest.raises(CommandError, match="There is no organization"):
        _output("--organization", "nobody")


def _wallet_balance() -> str:
    account = LedgerAccount.objects.filter(category=AccountCategory.WALLET).earliest("pk")
    LedgerAccount.objects.filter(pk=account.pk).update(balance=F("balance") + 1)
    return f"wallet_ledgeraccount {account.pk}"


def _credit() -> str:
    account = LedgerAccount.objects.get(category=AccountCategory.DAYS_CREDIT)
    LedgerAccount.objects.filter(pk=account.pk).update(balance=F("balance") + 365)
    return f"wallet_ledgeraccount {account.pk}"


def _lot_expiry() -> str:
    lot = Lot.objects.earliest("pk")
    Lot.objects.filter(pk=lot.pk).update(expires_on=lot.expires_on + timedelta(days=1))
    return f"wallet_lot {lot.pk}"


def _lot_origin() -> str:
    lot = Lot.objects.earliest("pk")
    Lot.objects.filter(pk=lot.pk).update(origin="compensated")
    return f"wallet_lot {lot.pk}"


def _plan() -> str:
    allocation = Allocation.objects.get()
    Allocation.objects.filter(pk=allocation.pk).update(plan={"0": {"core-device": 9}})
    return f"subscriptions_allocation {allocation.pk}"


def _allowance() -> str:
    year = SubscriptionYear.objects.get()
    SubscriptionYear.objects.filter(pk=year.pk).update(allowance=11)
    return f"subscriptions_subscriptionyear {year.pk}"


def _not_marked() -> str:
    year = SubscriptionYear.objects.get()
    SubscriptionYear.objects.filter(pk=year.pk).update(allowance=None, fully_licensed_on=None)
    return f"subscriptions_subscriptionyear {year.pk}"


def _marked_later() -> str:
    year = SubscriptionYear.objects.get()
    SubscriptionYear.objects.filter(pk=year.pk).update(fully_licensed_on=date(2027, 9, 2))
    return f"subscriptions_subscriptionyear {year.pk}"


def _key_line() -> str:
    KeyBatchLine.objects.update(quantity=31)
    return "wallet_redemption"


def _next_due() -> str:
    Organization.objects.update(next_due_on=date(2040, 1, 1))
    return "organizations_organization"


def _settled_through() -> str:
    Organization.objects.update(settled_through=date(2027, 5, 1))
    return "organizations_organization"


def _history_head() -> str:
    HistoryHead.objects.update(last_sequence=F("last_sequence") + 1)
    return "history_record"


def _triggers() -> str:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("DROP TRIGGER wallet_entry_append_only ON wallet_entry")
        else:
            cursor.execute("DROP TRIGGER wallet_entry_append_only_DELETE")
    return "table wallet_entry"


TAMPERINGS: list[Callable[[], str]] = [
    _wallet_balance, _credit, _lot_expiry, _lot_origin, _plan, _allowance, _not_marked, _marked_later, _key_line, _next_due,
    _settled_through, _history_head, _triggers,
]  # fmt: skip


@pytest.mark.parametrize("tamper", TAMPERINGS)
def test_it_names_the_row_that_differs(told: Organization, tamper: Callable[[], str]) -> None:
    row = tamper()
    differences = verify_books().differences
    assert any(difference.startswith(row) for difference in differences), differences
    with pytest.raises(SystemExit) as stopped:
        _output()
    assert stopped.value.code == 1


def test_the_number_of_queries_does_not_grow_with_the_books(told: Organization) -> None:
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as before:
        verify_books()
    books = factories.Books(told)
    books.report(date(2027, 9, 2), product="audio-manager", system="Audio", audio=5)
    for day in range(3, 9):
        books.redeem(date(2027, 9, day), product="audio-manager", audio=2)
    with CaptureQueriesContext(connection) as after:
        assert verify_books().differences == []
    assert len(after) == len(before)
