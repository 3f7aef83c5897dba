"""Tables that PostgreSQL keeps in hash partitions by organization. SQLite keeps them whole.

To Django such a table is one with the primary key ``id``. To PostgreSQL its primary key is the organization and the id, since
a key of a partitioned table begins with what it is partitioned by. Nothing points to such a table by a foreign key; what it
points to itself is checked as before. A partition is read through its table alone: no part of the portal has rights on one
(licensemgr.core.tenancy.applying), as the table's policies do not hold there.
"""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import migrations
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

# What an installation gathers most of. A query of one of them says of which organization, so that one partition is read.
PARTITIONED = ("history_record", "products_devicecount", "wallet_entry")

_CONSTRAINTS = """
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
 WHERE conrelid = %s::regclass AND contype IN ('c', 'f', 'u') ORDER BY contype, conname
"""
_INDEXES = """
SELECT pg_get_indexdef(indexrelid) FROM pg_index
 WHERE indrelid = %s::regclass AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
 ORDER BY indexrelid
"""
_TRIGGERS = "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal"
_POINTING = "SELECT conname FROM pg_constraint WHERE confrelid = %s::regclass AND contype = 'f'"


def partitioned(table: str) -> migrations.RunPython:
    """A migration operation: PostgreSQL keeps the table's rows in DATABASE_PARTITIONS partitions from now on.

    The table is made anew with its rows, constraints, indexes and triggers, within the migration's transaction; nobody reads or
    writes it meanwhile. It stands in the same migration as the last change of the table before it.
    """

    def forwards(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
        if schema_editor.connection.vendor == "postgresql":
            make_anew(schema_editor, table, settings.DATABASE_PARTITIONS)

    def backwards(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
        if schema_editor.connection.vendor == "postgresql":
            make_anew(schema_editor, table, 0)

    return migrations.RunPython(forwards, backwards)


def make_anew(schema_editor: BaseDatabaseSchemaEditor, table: str, partitions: int) -> None:
    """The table with so many partitions, or none, in the place of the one that there is.

    Raises ValueError where a foreign key points to it.
    """
    run = schema_editor.execute
    run(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE", None)
    with schema_editor.connection.cursor() as cursor:
        if pointing := _asked(cursor, _POINTING, table):
            raise ValueError(f"{table} can't be made anew: {pointing} points to it.")
        constraints = _asked(cursor, _CONSTRAINTS, table)
        indexes = [definition.replace(" ON ONLY ", " ON ") for (definition,) in _asked(cursor, _INDEXES, table)]
        triggers = [definition for (definition,) in _asked(cursor, _TRIGGERS, table)]
    former, of_ids = f"{table}_former", f"{table}_id_seq"
    run(f"ALTER TABLE {table} RENAME TO {former}", None)
    run(f"ALTER SEQUENCE {of_ids} RENAME TO {former}_id_seq", None)
    like = f"(LIKE {former} INCLUDING DEFAULTS INCLUDING IDENTITY INCLUDING STORAGE)"
    run(f"CREATE TABLE {table} {like}{' PARTITION BY HASH (organization_id)' if partitions else ''}", None)
    for number in range(partitions):
        modulus = f"(MODULUS {partitions}, REMAINDER {number})"
        run(f"CREATE TABLE {table}_{number:02} PARTITION OF {table} FOR VALUES WITH {modulus}", None)
    # Nothing in these statements comes from outside.
    run(f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM {former}", None)  # noqa: S608
    run(f"SELECT setval('{of_ids}', last_value, is_called) FROM {former}_id_seq", None)  # noqa: S608
    run(f"DROP TABLE {former}", None)
    run(f"ALTER TABLE {table} ADD PRIMARY KEY ({'organization_id, ' if partitions else ''}id)", None)
    if partitions:
        # The admin site looks at one row of all organizations, and at the newest of them.
        run(f"CREATE INDEX {table}_by_id ON {table} (id)", None)
    for name, definition in constraints:
        run(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}', None)
    for statement in (*indexes, *triggers):
        if f" {table}_by_id " not in statement:
            run(statement, None)


def _asked(cursor: Any, query: str, table: str) -> Sequence[Any]:
    cursor.execute(query, [table])
    found: Sequence[Any] = cursor.fetchall()
    return found


def partitions_of(connection: BaseDatabaseWrapper, table: str) -> list[str]:
    """The names of a table's partitions on PostgreSQL; none where it is kept whole."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = %s::regclass"
            " ORDER BY relname",
            [table],
        )
        return [name for (name,) in cursor.fetchall()]
