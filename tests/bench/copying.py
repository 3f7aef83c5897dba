"""Very many organizations like a few that were made through the services: the database copies their rows, with ids moved on.

What is copied agrees in itself as the model does, since every id within an organization moves by the same distance.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import models

from licensemgr.core.tenancy.tables import tenant_tables

# Not copied: a mail has one reason in the whole portal, and the others are no part of an organization's books.
_LEFT_OUT = {"core.OutboxMessage", "organizations.WorkOrder", "organizations.WorkPiece", "wallet.RefusedTries"}
# What is nobody's in itself: of which organization a row is.
_BESIDES = {
    "organizations.User": "(SELECT organization_id FROM organizations_membership WHERE user_id = own.id)",
    "account.EmailAddress": "(SELECT organization_id FROM organizations_membership WHERE user_id = own.user_id)",
    "wallet.LicenseKey": "(SELECT organization_id FROM wallet_redemption WHERE license_key_id = own.id)",
}
# One in the whole portal: worked out anew from the number of the copy, ``k``.
_ANEW = {
    "organizations.Organization.slug": "slug || '-' || k",
    "organizations.Organization.name": "name || ' ' || k",
    "organizations.User.email": "k || '-' || email",
    "account.EmailAddress.email": "k || '-' || email",
    "wallet.LicenseKey.digest": "encode(sha256(convert_to(digest || k, 'UTF8')), 'hex')",
    "products.System.system_id": "md5(system_id::text || k)::uuid",
}


@dataclass(frozen=True)
class Copies:
    """Copy number ``k``, of those from ``first`` to ``last``, is of one of ``models`` in turn; its ids are ``k * step`` further."""

    models: Sequence[int]
    first: int
    last: int
    step: int


def copied_models() -> list[type[models.Model]]:
    """What an organization consists of, for this."""
    labels = {each.label for each in tenant_tables()} - _LEFT_OUT | set(_BESIDES)
    return [model for model in apps.get_models() if model._meta.label in labels and not model._meta.proxy]


def copy_all(cursor: Any, copies: Copies) -> Iterator[tuple[str, int]]:
    """Write the copies, table by table; yields each table and how many rows came to it. Nothing is checked meanwhile."""
    cursor.execute("SET session_replication_role = replica")
    cursor.execute("SET synchronous_commit = off")
    cursor.execute("SET statement_timeout = 0")
    moved = {model: model._meta.label for model in copied_models()}
    for model, label in moved.items():
        meta = model._meta
        whose = _BESIDES.get(label, "own.id" if label == "organizations.Organization" else "own.organization_id")
        cursor.execute(
            f"CREATE TEMP TABLE model_rows AS SELECT own.*, array_position(%s::bigint[], {whose}) - 1 AS turn"
            f" FROM {meta.db_table} own WHERE {whose} = ANY (%s)",
            [list(copies.models), list(copies.models)],
        )
        columns = {
            f'"{each.column}"': _ANEW.get(f"{label}.{each.name}") or _moved(each, moved, copies.step)
            for each in meta.concrete_fields
        }
        cursor.execute(
            f"INSERT INTO {meta.db_table} ({', '.join(columns)}) SELECT {', '.join(columns.values())}"
            f" FROM generate_series({copies.first}::bigint, {copies.last}) AS k"
            f" JOIN model_rows ON turn = k % {len(copies.models)}"
        )
        rows = cursor.rowcount
        cursor.execute("DROP TABLE model_rows")
        if rows:
            yield meta.db_table, rows
    cursor.execute("RESET session_replication_role")


def count_on(cursor: Any) -> None:
    """The next ids are beyond all copies."""
    for model in copied_models():
        if model._meta.pk.column == "id":
            table = model._meta.db_table
            cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id) + 1) FROM {table}")


def _moved(each: "models.Field[Any, Any]", moved: Mapping[type[models.Model], str], step: int) -> str:
    """A column of a copy: ids of what is copied, too, move on, all else is as it is in the model."""
    is_id = each.related_model in moved if each.is_relation else each.primary_key
    return f'"{each.column}" + k * {step}' if is_id else f'"{each.column}"'
