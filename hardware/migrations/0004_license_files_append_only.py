from django.db import migrations

from licensemgr.core.triggers import append_only


class Migration(migrations.Migration):
    dependencies = [("hardware", "0003_files")]

    operations = [
        append_only("hardware_licensefile"),
    ]
