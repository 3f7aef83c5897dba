"""Every key of a tenant's table begins with the organization, so that it serves partitions and shards, too; or it says why not.

A primary key is the id alone, since Django's foreign keys point to it (on PostgreSQL that of a partitioned table is led by the
organization, which `tests/tenancy/test_partitions.py` looks at). A foreign key's own index, and the one of a relation one to
one, name a row that is one organization's already: the database looks there when a row that is pointed to goes away.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import models

from licensemgr.core.partitions import PARTITIONED
from licensemgr.core.tenancy.tables import tenant_tables

_ANYWHERE = "one in the whole portal, whoever has it"
_SECRET = "found by what somebody brings who has not said yet of which organization it is"
_FORM = "a form's token, made at random, counts once wherever it is sent"
_DUE = "jobs look here for what is due in all organizations"
EXCEPTIONS = {
    "organizations.Organization.slug": "the organization's own name in addresses",
    "organizations.Organization.next_due_on": _DUE,
    "organizations.WorkOrder.work_order_due": _DUE,
    "organizations.WorkPiece.work_piece_once": "has no organization of its own: a piece is its order's",
    "organizations.Invitation.digest": _SECRET,
    "products.System.system_id_in_one_organization": f"R5: {_ANYWHERE}",
    "wallet.Redemption.license_key_redeemed_once": f"R21: {_ANYWHERE}",
    "wallet.Correction.form_token": _FORM,
    "hardware.RegistrationCode.digest": _SECRET,
    "hardware.RegistrationCode.form_token": _FORM,
    "hardware.SystemIdentity.thumbprint": _SECRET,
    "hardware.StagedFile.expires_at": _DUE,
    "hardware.LicenseFile.file_id": "a license file is looked up by its id from the log outside of the database",
    "core.OutboxMessage.reason": "one mail for one reason, mails to people without an organization among them",
    "core.OutboxMessage.outbox_due": _DUE,
}


def _models() -> Iterator[type[models.Model]]:
    labels = {each.label for each in tenant_tables()}
    return (model for model in apps.get_models(include_auto_created=True) if model._meta.label in labels)


def _keys(model: type[models.Model]) -> Iterator[tuple[str, str]]:
    """Each constraint and index, but those that are explained above for all, with the column that it begins with."""
    meta = model._meta
    columns = {field.name: str(field.column) for field in meta.concrete_fields}
    for field in meta.concrete_fields:
        if not field.primary_key and not field.is_relation and (field.unique or _has_index(field)):
            yield field.name, columns[field.name]
    for constraint in meta.constraints:
        if isinstance(constraint, models.UniqueConstraint):
            yield constraint.name, columns[constraint.fields[0]]
    for index in meta.indexes:
        yield index.name, columns[index.fields[0].lstrip("-")]


def _has_index(field: Any) -> bool:
    """An index of its own, which the stubs do not know of."""
    return bool(field.db_index)


def test_every_key_begins_with_the_organization_or_says_why_not() -> None:
    others = {
        f"{model._meta.label}.{name}"
        for model in _models()
        for name, column in _keys(model)
        if column != "organization_id"
    }
    assert others == set(EXCEPTIONS)


@pytest.mark.parametrize("table", PARTITIONED)
def test_of_what_is_partitioned_no_foreign_key_has_an_index_of_its_own_and_none_points_to_it(table: str) -> None:
    [model] = [model for model in _models() if model._meta.db_table == table]
    assert [field.name for field in model._meta.concrete_fields if field.is_relation and _has_index(field)] == []
    assert [relation.name for relation in model._meta.related_objects] == []
