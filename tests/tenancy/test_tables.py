"""Which tables are a tenant's: every model is one, or is explained; every one of them is kept apart (R30)."""

import pytest
from django.apps import apps
from django.db import connection

from licensemgr.core.tenancy import Part
from licensemgr.core.tenancy.tables import NOT_A_TENANTS, TenantTable, tenant_tables, unexplained_models

TABLES = list(tenant_tables())


def test_every_model_is_a_tenants_or_explained() -> None:
    assert unexplained_models() == []


def test_what_is_explained_exists_and_leads_to_no_tenant() -> None:
    models = {model._meta.label: model for model in apps.get_models(include_auto_created=True)}
    tenants = {each.label for each in TABLES}
    leading = {
        label: field.name
        for label in NOT_A_TENANTS
        for field in models[label]._meta.concrete_fields
        if field.related_model is not None and field.related_model._meta.label in tenants
    }
    assert leading == {}


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite keeps no rows apart")
@pytest.mark.django_db
@pytest.mark.parametrize("each", TABLES, ids=lambda each: each.label)
def test_it_is_kept_apart_for_its_owner_too_and_finds_its_rows_by_an_index(each: TenantTable) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = %s::regclass", [each.table]
        )
        assert cursor.fetchone() == (True,)
        cursor.execute("SELECT roles, qual FROM pg_policies WHERE tablename = %s", [each.table])
        of_tenants = [qual for roles, qual in cursor.fetchall() if Part.TENANT.role in roles]
        # The first column of each index: what the policy compares has to be one.
        cursor.execute(
            "SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]"
            " WHERE indrelid = %s::regclass AND indpred IS NULL",
            [each.table],
        )
        indexed = {name for (name,) in cursor.fetchall()}
    assert of_tenants and "true" not in of_tenants
    assert each.ours.split()[0] in indexed
