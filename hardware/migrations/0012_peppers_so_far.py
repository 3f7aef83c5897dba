from django.db import migrations

from licensemgr.core.peppers import known_peppers, pepper_id


def name_the_pepper(apps, schema_editor):
    """Up to here a pepper could not be changed: what is stored was made under the oldest one that is known."""
    oldest = pepper_id(known_peppers()[-1])
    apps.get_model("hardware", "ManufacturedUnit").objects.filter(pepper_id="").update(pepper_id=oldest)


class Migration(migrations.Migration):
    # In a transaction of its own: the one that adds the column locks the whole table.
    dependencies = [
        ("hardware", "0011_keys_know_their_pepper"),
    ]

    operations = [
        migrations.RunPython(name_the_pepper, migrations.RunPython.noop),
    ]
