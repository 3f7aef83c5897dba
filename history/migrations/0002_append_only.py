from django.db import migrations

from licensemgr.core.triggers import append_only


class Migration(migrations.Migration):
    dependencies = [("history", "0001_initial")]

    operations = [
        append_only("history_record"),
    ]
