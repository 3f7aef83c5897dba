"""What was written down is never changed or deleted: both databases refuse it (R23, R32)."""

from datetime import date

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from history.models import Record
from licensemgr.core.triggers import is_append_only
from organizations.models import Organization
from products.models import System
from subscriptions.models import Allocation
from tests.factories import Books
from wallet.models import Entry, KeyBatchLine, LedgerAccount, Transfer

pytestmark = pytest.mark.django_db
TABLES: dict[str, type[Transfer] | type[Entry] | type[Record]] = {
    "wallet_transfer": Transfer,
    "wallet_entry": Entry,
    "history_record": Record,
}
DAY = date(2027, 3, 1)


@pytest.fixture
def written(books: Books) -> Books:
    """Books with an entry of each table."""
    books.report(DAY, core=1)
    books.redeem(DAY, core=2)
    return books


@pytest.mark.parametrize("table", TABLES)
def test_the_triggers_are_there(table: str) -> None:
    assert is_append_only(connection, table)


@pytest.mark.parametrize("table", TABLES)
def test_the_database_refuses_update_and_delete(written: Books, table: str) -> None:
    count = TABLES[table].objects.count()
    assert count
    for statement in (f"UPDATE {table} SET organization_id = organization_id", f"DELETE FROM {table}"):
        with (
            pytest.raises(DatabaseError, match="never changed or deleted"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
    assert TABLES[table].objects.count() == count


def test_also_through_the_models(written: Books) -> None:
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        Entry.objects.update(quantity=7)
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        Record.objects.first().save()  # type: ignore[union-attr]


def test_no_balance_falls_below_zero(written: Books) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        LedgerAccount.objects.filter(category="wallet").update(balance=-1)
    assert LedgerAccount.objects.get(category="entered").balance == -2


def test_a_confirmation_counts_once_and_a_system_is_in_one_organization(
    written: Books, other_organization: Organization
) -> None:
    written.start(DAY)
    first, second = written.allocate(DAY, {"core": 1}), written.allocate(DAY, {}, {"core": 1})
    with pytest.raises(IntegrityError), transaction.atomic():
        Allocation.objects.filter(pk=second.pk).update(nonce=first.nonce)
    system, elsewhere = System.objects.get(), Books(other_organization).report(DAY, system="Elsewhere", core=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        System.objects.filter(pk=elsewhere.pk).update(system_id=system.system_id)


def test_quantities_are_positive(written: Books) -> None:
    entry = Entry.objects.first()
    assert entry is not None
    for quantity in (0, -1):
        with pytest.raises(IntegrityError), transaction.atomic():
            Entry.objects.create(
                organization=entry.organization,
                transfer=entry.transfer,
                from_account=entry.from_account,
                to_account=entry.to_account,
                quantity=quantity,
            )
        with pytest.raises(IntegrityError), transaction.atomic():
            KeyBatchLine.objects.update(quantity=quantity)
    with pytest.raises(IntegrityError), transaction.atomic():
        Entry.objects.create(
            organization=entry.organization,
            transfer=entry.transfer,
            from_account=entry.to_account,
            to_account=entry.to_account,
            quantity=1,
        )
