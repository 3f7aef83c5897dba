"""Database triggers that make a table append-only, on PostgreSQL and on SQLite."""

from django.db import migrations
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

_POSTGRESQL = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'rows of %% are never changed or deleted', TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""
_SQLITE = """
CREATE TRIGGER {table}_append_only_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, 'rows of {table} are never changed or deleted'); END;
"""


def append_only(table: str) -> migrations.RunPython:
    """A migration operation: from now on the database refuses UPDATE and DELETE on ``table`` (R23, R32)."""

    def forwards(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(_POSTGRESQL.format(table=table), [])
        else:
            _refuse_on_sqlite(schema_editor, table)

    def backwards(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP TRIGGER {table}_append_only ON {table}")
        else:
            for verb in ("UPDATE", "DELETE"):
                schema_editor.execute(f"DROP TRIGGER {table}_append_only_{verb}")

    return migrations.RunPython(forwards, backwards)


def _refuse_on_sqlite(schema_editor: BaseDatabaseSchemaEditor, table: str) -> None:
    for verb in ("UPDATE", "DELETE"):
        schema_editor.execute(_SQLITE.format(table=table, verb=verb))


def append_only_again(table: str) -> migrations.RunPython:
    """A migration operation for after a change for which Django made the table anew on SQLite, which forgets its triggers."""

    def forwards(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
        if schema_editor.connection.vendor == "sqlite" and not is_append_only(schema_editor.connection, table):
            _refuse_on_sqlite(schema_editor, table)

    return migrations.RunPython(forwards, migrations.RunPython.noop)


def is_append_only(connection: BaseDatabaseWrapper, table: str) -> bool:
    """Whether the triggers of ``table`` are in place."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Of a table with partitions each of them, too: a row can be reached through either.
            cursor.execute(
                "SELECT bool_and(EXISTS (SELECT FROM pg_trigger WHERE tgrelid = relid AND tgenabled = 'O' AND tgname = %s))"
                " FROM (SELECT %s::regclass AS relid UNION"
                " SELECT inhrelid FROM pg_inherits WHERE inhparent = %s::regclass) AS looked_at",
                [f"{table}_append_only", table, table],
            )
            return bool(cursor.fetchone()[0])
        cursor.execute(
            "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s AND name IN (%s, %s)",
            [table, f"{table}_append_only_UPDATE", f"{table}_append_only_DELETE"],
        )
        return bool(cursor.fetchone()[0] == 2)
