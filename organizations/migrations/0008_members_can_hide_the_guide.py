from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("organizations", "0007_languages_of_people")]

    operations = [
        migrations.AddField(
            model_name="membership",
            name="hides_guide",
            field=models.BooleanField(default=False),
        ),
    ]
