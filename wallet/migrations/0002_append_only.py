from django.db import migrations

from licensemgr.core.triggers import append_only


class Migration(migrations.Migration):
    dependencies = [("wallet", "0001_initial")]

    operations = [
        append_only("wallet_transfer"),
        append_only("wallet_entry"),
    ]
