"""Operations of migrations that lock no table with rows for long on PostgreSQL. SQLite, which one process uses, needs no such care.

What is added or removed concurrently stands alone in a migration with ``atomic = False``; a table in partitions is indexed one
partition after the other. A constraint is added not valid in one migration, so that new rows keep it, and validated in a later one,
when rows of before do, too.
"""

from typing import Any

from django.contrib.postgres import operations as careful
from django.db import migrations, models


class AddIndexConcurrently(careful.AddIndexConcurrently):
    """Adds an index while rows are written."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Make it."""
        _add(self, schema_editor, to_state.apps.get_model(app_label, self.model_name), self.index)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Drop it."""
        _remove(self, schema_editor, from_state.apps.get_model(app_label, self.model_name), self.index)


class RemoveIndexConcurrently(careful.RemoveIndexConcurrently):
    """Removes an index while rows are written."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Drop it."""
        index = from_state.models[app_label, self.model_name_lower].get_index_by_name(self.name)
        _remove(self, schema_editor, from_state.apps.get_model(app_label, self.model_name), index)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Make it again."""
        index = to_state.models[app_label, self.model_name_lower].get_index_by_name(self.name)
        _add(self, schema_editor, to_state.apps.get_model(app_label, self.model_name), index)


class AddConstraintNotValid(careful.AddConstraintNotValid):
    """Adds a check that holds for rows from now on."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Make it."""
        how = careful.AddConstraintNotValid if _is_postgresql(schema_editor) else migrations.AddConstraint
        how.database_forwards(self, app_label, schema_editor, from_state, to_state)


class ValidateConstraint(careful.ValidateConstraint):
    """Lets a check that was added so hold for all rows."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Look at the rows; SQLite did that when it was added."""
        if _is_postgresql(schema_editor):
            super().database_forwards(app_label, schema_editor, from_state, to_state)


def _is_postgresql(schema_editor: Any) -> bool:
    return bool(schema_editor.connection.vendor == "postgresql")


def _add(operation: Any, schema_editor: Any, model: type[models.Model], index: models.Index) -> None:
    if not _is_postgresql(schema_editor):
        schema_editor.add_index(model, index)
        return
    operation._ensure_not_in_transaction(schema_editor)
    partitions = _partitions(schema_editor, model)
    if not partitions:
        schema_editor.add_index(model, index, concurrently=True)
        return
    # An index that is invalid until each partition has one of its own: only then is a table with rows looked through, unlocked.
    whole: Any = index.create_sql(model, schema_editor)
    whole.parts["table"] = f"ONLY {whole.parts['table']}"
    schema_editor.execute(whole, params=None)
    for number, partition in enumerate(partitions):
        name = schema_editor.quote_name(f"{index.name}_{number}")
        part: Any = index.create_sql(model, schema_editor, concurrently=True)
        part.parts |= {"table": partition, "name": name}
        schema_editor.execute(part, params=None)
        schema_editor.execute(f"ALTER INDEX {schema_editor.quote_name(index.name)} ATTACH PARTITION {name}")


def _remove(operation: Any, schema_editor: Any, model: type[models.Model], index: models.Index) -> None:
    if not _is_postgresql(schema_editor):
        schema_editor.remove_index(model, index)
        return
    operation._ensure_not_in_transaction(schema_editor)
    # The index of a table in partitions can't go concurrently; it is gone in a moment all the same.
    schema_editor.remove_index(model, index, concurrently=not _partitions(schema_editor, model))


def _partitions(schema_editor: Any, model: type[models.Model]) -> list[str]:
    """The partitions of the model's table, as SQL names them; none where it is an ordinary one."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass ORDER BY 1",
            [schema_editor.quote_name(model._meta.db_table)],
        )
        return [name for (name,) in cursor.fetchall()]
