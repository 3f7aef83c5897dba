from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def vouch(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Nobody could sign up before: the operator made everybody, and vouches for the address that has not been proved."""
    User = apps.get_model("organizations", "User")
    EmailAddress = apps.get_model("account", "EmailAddress")
    for user in User.objects.filter(closed_at=None).iterator():
        EmailAddress.objects.filter(user_id=user.pk).exclude(email=user.email).delete()
        EmailAddress.objects.update_or_create(
            user_id=user.pk, email=user.email, defaults={"verified": True, "primary": True}
        )


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0002_people_and_support"),
        ("account", "0009_emailaddress_unique_primary_email"),
    ]
    operations = [migrations.RunPython(vouch, migrations.RunPython.noop)]
