"""Of which organization rows are; the same code without what keeps them apart: the portal's filters, the database's policies."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from django.db import connection
from django.db.models import Model, QuerySet

from licensemgr.core.tenancy.tables import TenantTable, tenant_tables
from organizations.models import Organization

_NARROWING = re.compile(r"organization(_id)?(__in|__exact)?$")


def owner_column(each: TenantTable) -> str | None:
    """The column that says of which organization a row is; None where only another table does."""
    column = each.ours.split()[0]
    return None if column == "order_id" else column


@contextmanager
def filters_taken_out() -> Iterator[None]:
    """No query is narrowed to an organization any more: not by name, and not through the organization's own relations."""
    original = QuerySet._filter_or_exclude_inplace  # type: ignore[attr-defined]

    def narrowed_to_none(self: Any, negate: bool, args: Any, kwargs: dict[str, Any]) -> None:
        original(self, negate, args, {name: value for name, value in kwargs.items() if not _NARROWING.match(name)})

    with patch.object(QuerySet, "_filter_or_exclude_inplace", narrowed_to_none):
        yield


@contextmanager
def loaded_rows_of(organization: Organization) -> Iterator[set[str]]:
    """The models of which rows of the organization are read from the database."""
    found: set[str] = set()
    original = Model.from_db.__func__  # type: ignore[attr-defined]

    def from_db(cls: type[Model], db: str, names: Any, values: Any) -> Model:
        row: Model = original(cls, db, names, values)
        if row.__dict__.get("organization_id") == organization.pk or row == organization:
            found.add(cls._meta.label)
        return row

    with patch.object(Model, "from_db", classmethod(from_db)):
        yield found


def let_everybody_see_all() -> None:
    """The database keeps nothing apart any more, until the test's transaction is rolled back. On SQLite it never did."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        # What was written in this transaction is checked now: a table with checks to come can't be altered.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for each in tenant_tables():
            cursor.execute(f"ALTER TABLE {each.table} DISABLE ROW LEVEL SECURITY")
