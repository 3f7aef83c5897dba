"""Row level security by itself: what each part sees of two organizations (R30).

tests/matrix asks everything with the application's own filters taken out.
"""

from datetime import date
from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction
from django.db.models import QuerySet
from django.test import Client

from hardware.models import HardwareUnit
from licensemgr.core.tenancy import Part, acting, acting_for
from licensemgr.core.tenancy.tables import TenantTable, tenant_tables
from organizations.models import Membership, Organization, User
from products.models import System
from tests.architecture.urls import furnish
from tests.factories import Books

pytestmark = [
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite keeps no rows apart"),
    pytest.mark.django_db,
]
TABLES = list(tenant_tables())


@pytest.fixture
def furnished(books: Books, other_organization: Organization, today: date, staff: User) -> dict[str, object]:
    """Both organizations hold something in every table; returns the values of the first one's URLs."""
    values = furnish(books, today, staff)
    other = Books(other_organization)
    other.report(today, system="Foreign Tower", core=3)
    other.redeem(today, core=5)
    other.unit(today, "FOREIGN-1", core=1)
    return values


def _count(each: TenantTable, where: str = "true") -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {each.table} WHERE {where}")
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize("part", [Part.TENANT, Part.WEB])
def test_for_nobody_there_is_no_row_in_any_table(furnished: dict[str, object], part: Part) -> None:
    held = {each.label for each in TABLES if _count(each)}
    assert len(held) > len(TABLES) * 3 / 4, "furnish more tables, else this proves little"
    seen = {}
    for each in TABLES:
        with acting(part):
            if part is Part.WEB and each.label != "core.OutboxMessage":
                with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
                    _count(each)
            else:
                seen[each.label] = _count(each, "organization_id IS NOT NULL" if "Outbox" in each.label else "true")
    assert not any(seen.values())


def test_for_one_organization_there_are_its_rows_alone(
    furnished: dict[str, object], organization: Organization
) -> None:
    for each in TABLES:
        column = each.ours.split()[0]
        if column == "order_id":
            continue
        whole, own = _count(each), _count(each, f"{column} = {organization.pk}")
        with acting_for(organization.pk):
            assert (each.label, _count(each)) == (each.label, own)
            assert _count(each, f"{column} <> {organization.pk}") == 0
        # After it the owner sees all again: nothing was left behind.
        assert _count(each) == whole


def test_another_organizations_rows_can_be_neither_changed_nor_written(
    furnished: dict[str, object], organization: Organization, other_organization: Organization, today: date
) -> None:
    foreign = System.objects.get(organization=other_organization)
    with acting_for(organization.pk):
        assert System.objects.filter(pk=foreign.pk).update(name="Taken") == 0
        assert HardwareUnit.objects.filter(serial="FOREIGN-1").delete()[0] == 0
        with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
            Membership.objects.create(
                organization=other_organization,
                user=organization.memberships.get().user,
                role="administrator",
                since=today,
            )
    foreign.refresh_from_db()
    assert foreign.name == "Foreign Tower"


def test_a_person_sees_the_own_memberships_and_nothing_of_the_books(
    furnished: dict[str, object], organization: Organization, administrator: User, outsider: User
) -> None:
    with acting(Part.TENANT, person=administrator.pk):
        assert [each.organization_id for each in Membership.objects.all()] == [organization.pk]
        assert list(Organization.objects.all()) == [organization]
        assert not System.objects.exists()
        assert not Membership.objects.filter(user=administrator).update(role="viewer")
    with acting(Part.TENANT, person=outsider.pk):
        assert not Organization.objects.filter(pk=organization.pk).exists()


def test_who_acts_is_what_it_was_after_a_failure(furnished: dict[str, object], organization: Organization) -> None:
    def now() -> tuple[Any, ...]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user, current_setting('app.organization', true)")
            return tuple(cursor.fetchone())

    before = now()
    with pytest.raises(DatabaseError), transaction.atomic(), acting_for(organization.pk), connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")
    assert now() == (before[0], before[1] or "")
    with acting_for(organization.pk):
        assert now() == (Part.TENANT.role, f"{{{organization.pk}}}")
        with acting(Part.STAFF):
            assert now() == (Part.STAFF.role, "{}")
        assert now() == (Part.TENANT.role, f"{{{organization.pk}}}")
    assert now() == (before[0], "")


def test_a_stranger_is_told_nothing_where_the_doors_own_look_is_taken_out(
    furnished: dict[str, object], outsider_client: Client, organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = QuerySet._filter_or_exclude_inplace  # type: ignore[attr-defined]

    def whoever(self: Any, negate: bool, args: Any, kwargs: dict[str, Any]) -> None:
        original(self, negate, args, {name: value for name, value in kwargs.items() if name != "user"})

    with monkeypatch.context() as patch:
        patch.setattr(QuerySet, "_filter_or_exclude_inplace", whoever)
        assert outsider_client.get(f"/o/{organization.slug}/").status_code == 404


def test_a_model_that_nobody_explained_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from licensemgr.core.tenancy import tables

    monkeypatch.delitem(tables.NOT_A_TENANTS, "wallet.LicenseKey")
    assert tables.unexplained_models() == ["wallet.LicenseKey"]


def test_every_tenants_table_is_one_of_a_model() -> None:
    assert {each.table for each in TABLES} <= {
        model._meta.db_table for model in apps.get_models(include_auto_created=True)
    }
