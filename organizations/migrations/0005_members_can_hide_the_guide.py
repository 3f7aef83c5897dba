from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("organizations", "0004_notices_have_their_days")]

    operations = [
        migrations.AddField(
            model_name="membership",
            name="hides_guide",
            field=models.BooleanField(default=False),
        ),
    ]
