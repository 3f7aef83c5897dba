"""On PostgreSQL, serial numbers of units that were made are compared by code points, as SQLite always does.

By the order of a language no index serves both a search by how a serial number begins and the order of the list. Django can
name only one collation for all databases, so the column is altered here.
"""

from django.db import migrations


def compare_by_code_points(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute('ALTER TABLE hardware_manufacturedunit ALTER COLUMN serial TYPE varchar(64) COLLATE "C"')


def compare_by_language(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            'ALTER TABLE hardware_manufacturedunit ALTER COLUMN serial TYPE varchar(64) COLLATE "default"'
        )


class Migration(migrations.Migration):
    dependencies = [("hardware", "0005_staged_files_know_their_outcome")]
    operations = [migrations.RunPython(compare_by_code_points, compare_by_language)]
