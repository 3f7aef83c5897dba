from datetime import timedelta

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def look_again(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Let the next daily job look at every organization once: it waits for the days of notices from then on."""
    Organization = apps.get_model("organizations", "Organization")
    for organization in Organization.objects.exclude(settled_through=None).exclude(next_due_on=None).iterator():
        organization.next_due_on = organization.settled_through + timedelta(days=1)
        organization.save(update_fields=["next_due_on"])


class Migration(migrations.Migration):
    dependencies = [("organizations", "0003_vouch_for_people_made_so_far")]
    operations = [migrations.RunPython(look_again, migrations.RunPython.noop)]
