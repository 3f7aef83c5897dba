import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('wallet', '0003_taking_back'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='entry',
            options={'verbose_name_plural': 'entries'},
        ),
        migrations.AlterModelOptions(
            name='keybatch',
            options={'verbose_name': 'key batch', 'verbose_name_plural': 'key batches'},
        ),
        migrations.AddField(
            model_name='keybatch',
            name='form_token',
            field=models.UUIDField(null=True, unique=True),
        ),
        migrations.AddField(
            model_name='licensekey',
            name='revoked_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
    ]
