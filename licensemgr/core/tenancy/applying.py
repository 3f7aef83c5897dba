"""Writes roles, rights and policies into PostgreSQL, after each migration and as often as one likes (R30)."""

import hashlib
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from licensemgr.core.partitions import partitions_of
from licensemgr.core.tenancy import Part
from licensemgr.core.tenancy.grants import granted, sees_whole
from licensemgr.core.tenancy.tables import TenantTable, tenant_tables

_OUTBOX = "core.OutboxMessage"


def after_migrating(*, using: str, **kwargs: Any) -> None:
    """Receiver of post_migrate: every table that there is now has its policies. Emptying a database (flush) changes none."""
    connection = connections[using]
    if "plan" not in kwargs or connection.vendor != "postgresql":
        return
    # The database's cache is a table, too, and no model's.
    call_command("createcachetable", database=using, verbosity=0)
    with transaction.atomic(using=using):
        apply(connection)


def apply(connection: BaseDatabaseWrapper) -> None:
    """Roles, rights and policies as `tables` and `grants` say, in the caller's transaction.

    Raises ImproperlyConfigured with what to do, where the role that migrates may not make the roles that are missing.
    """
    with connection.cursor() as cursor:
        _make_roles(cursor)
        there = set(connection.introspection.table_names(cursor))
        roles = ", ".join(map(_quoted, _roles()))
        cursor.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {roles}")
        cursor.execute(f"GRANT USAGE ON SCHEMA public TO {roles}")
        for part in Part:
            for table, privileges in granted(part):
                if table in there:
                    cursor.execute(f"GRANT {privileges} ON {_quoted(table)} TO {_quoted(part.role)}")
        cursor.execute("SELECT current_user")
        owner = cursor.fetchone()[0]
        for each in tenant_tables():
            if each.table in there:
                _protect(cursor, each.table, _policies(each, owner))
                for partition in partitions_of(connection, each.table):
                    # Read by its own name it has rows for whoever migrates, and for nobody else whatever is granted.
                    _protect(cursor, partition, {"whole": f"TO {_quoted(owner)} USING (true)"})


def _roles() -> list[str]:
    return [part.role for part in Part]


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


def _make_roles(cursor: Any) -> None:
    """The roles, none of which signs in by itself; the web's may become the others for a transaction, and so may the owner's."""
    cursor.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", [_roles()])
    found = {name for (name,) in cursor.fetchall()}
    statements = [f"CREATE ROLE {_quoted(role)} NOLOGIN NOINHERIT" for role in _roles() if role not in found]
    cursor.execute(
        "SELECT current_user, rolsuper, rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
    )
    owner, is_superuser, may_make = cursor.fetchone()
    for part in Part:
        members = [Part.WEB.role] if part is not Part.WEB else []
        members += [] if is_superuser else [owner]
        for member in members:
            if member not in found | {owner} or part.role not in found or not _is_member(cursor, member, part.role):
                statements.append(f"GRANT {_quoted(part.role)} TO {_quoted(member)}")
    statements += _login(cursor)
    if statements and not may_make:
        raise ImproperlyConfigured(
            f"The database's role {owner} may not make the roles by which organizations are kept apart. Give it CREATEROLE, "
            f"or run this as a superuser: {'; '.join(statements)}."
        )
    for statement in statements:
        # Roles belong to the whole server: another database's migration may make them at this moment.
        cursor.execute(
            "DO $do$ BEGIN EXECUTE $make$" + statement + "$make$;"
            " EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $do$"
        )


def _is_member(cursor: Any, member: str, role: str) -> bool:
    cursor.execute("SELECT pg_has_role(%s, %s, 'MEMBER')", [member, role])
    return bool(cursor.fetchone()[0])


def _login(cursor: Any) -> list[str]:
    """What makes the role as which the web signs in (DATABASE_URL), where the owner migrates and there is none yet."""
    login = settings.DATABASE_LOGIN
    if not login:
        return []
    name, password = login
    cursor.execute("SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", [name])
    if cursor.fetchone() not in ([None, (False,)] if name == Part.WEB.role else [None]):
        return []
    # A digest of the password, so that the password itself is in no log of the server's.
    digest = cursor.connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
    role = _quoted(name)
    made = (
        f"ALTER ROLE {role} LOGIN PASSWORD '{digest}'"
        if name == Part.WEB.role
        else f"CREATE ROLE {role} LOGIN PASSWORD '{digest}' IN ROLE {_quoted(Part.WEB.role)}"
    )
    return [made]


def _policies(each: TenantTable, owner: str) -> dict[str, str]:
    """The policies of one table by their names, each as it stands behind the table's name."""
    whole = [_quoted(part.role) for part in Part if sees_whole(part, each.table)]
    policies = {
        "tenant_rows": f"TO {_quoted(Part.TENANT.role)} USING ({each.ours})",
        # Whoever migrates sees all, by name and by nothing else.
        "whole": f"TO {', '.join([*whole, _quoted(owner)])} USING (true)",
    }
    if each.mine:
        policies["own_rows"] = f"FOR SELECT TO {_quoted(Part.TENANT.role)} USING ({each.mine})"
    if each.label == _OUTBOX:
        policies["people"] = f"TO {_quoted(Part.WEB.role)}, {_quoted(Part.TENANT.role)} USING (organization_id IS NULL)"
    return policies


def _protect(cursor: Any, name_of_table: str, policies: Mapping[str, str]) -> None:
    """These policies, for the owner, too. Nothing where they stand as they should: each takes the table's lock."""
    table = _quoted(name_of_table)
    digest = hashlib.sha256(repr(sorted(policies.items())).encode()).hexdigest()
    cursor.execute(
        "SELECT polname, obj_description(pg_policy.oid, 'pg_policy'), relrowsecurity AND relforcerowsecurity"
        " FROM pg_policy JOIN pg_class ON pg_class.oid = polrelid WHERE polrelid = %s::regclass",
        [table],
    )
    standing = {name: (comment, is_forced) for name, comment, is_forced in cursor.fetchall()}
    if set(standing) == set(policies) and all(state == (digest, True) for state in standing.values()):
        return
    cursor.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    for name in standing:
        cursor.execute(f"DROP POLICY {_quoted(name)} ON {table}")
    for name, policy in policies.items():
        cursor.execute(f"CREATE POLICY {name} ON {table} {policy}")
        cursor.execute(f"COMMENT ON POLICY {name} ON {table} IS '{digest}'")
