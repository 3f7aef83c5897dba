"""Operations of migrations that lock no table with rows for long on PostgreSQL. SQLite, which one process uses, needs no such care.

What is added or removed concurrently stands alone in a migration with ``atomic = False``. A constraint is added not valid in one
migration, so that new rows keep it, and validated in a later one, when rows of before do, too.
"""

from typing import Any

from django.contrib.postgres import operations as careful
from django.db import migrations


def _is_postgresql(schema_editor: Any) -> bool:
    return bool(schema_editor.connection.vendor == "postgresql")


class AddIndexConcurrently(careful.AddIndexConcurrently):
    """Adds an index while rows are written."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Make it."""
        how = careful.AddIndexConcurrently if _is_postgresql(schema_editor) else migrations.AddIndex
        how.database_forwards(self, app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Drop it."""
        how = careful.AddIndexConcurrently if _is_postgresql(schema_editor) else migrations.AddIndex
        how.database_backwards(self, app_label, schema_editor, from_state, to_state)


class RemoveIndexConcurrently(careful.RemoveIndexConcurrently):
    """Removes an index while rows are written."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Drop it."""
        how = careful.RemoveIndexConcurrently if _is_postgresql(schema_editor) else migrations.RemoveIndex
        how.database_forwards(self, app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Make it again."""
        how = careful.RemoveIndexConcurrently if _is_postgresql(schema_editor) else migrations.RemoveIndex
        how.database_backwards(self, app_label, schema_editor, from_state, to_state)


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
