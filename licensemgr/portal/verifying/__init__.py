"""Recomputes the books from their entries and names every row that differs (R23). Reads only.

Everything is read in one pass per table, so that the number of queries does not grow with the books.
"""

from django.db import connection

from history.models import Record
from licensemgr.core.reading import one_reading
from licensemgr.core.triggers import is_append_only
from licensemgr.portal.verifying import hardware, ledger, settling, years
from licensemgr.portal.verifying.books import Books, Verification
from organizations.models import Organization

__all__ = ["Verification", "verify_books"]


APPEND_ONLY_TABLES = ("wallet_transfer", "wallet_entry", "history_record", "hardware_licensefile")


def verify_books(organization: Organization | None = None) -> Verification:
    """Recompute balances, lots, allocations, credit and facts from the entries, of one organization or of all (R23)."""
    with one_reading():
        books = Books(organization)
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
            ledger.check_entries,
            ledger.check_balances,
            ledger.check_conservation,
            ledger.check_lots,
            ledger.check_redemptions,
            ledger.check_corrections,
            ledger.check_sequences,
            years.check_allocations,
            years.check_releases,
            years.check_credit,
            years.check_facts,
            hardware.check_units,
            hardware.check_expansions,
            hardware.check_bases,
            hardware.check_kept,
            hardware.check_codes,
            settling.check_settling,
        ):
            check(books, found)
    return found
