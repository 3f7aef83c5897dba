import uuid

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('shop', '0002_tokens_orders'),
    ]

    operations = [
        migrations.AddField(
            model_name='webhookdelivery',
            name='claimed_until',
            field=models.DateTimeField(editable=False, null=True),
        ),
        # No page made a webhook before this one, so no two rows could be given the same default.
        migrations.AddField(
            model_name='webhookendpoint',
            name='form_token',
            field=models.UUIDField(default=uuid.uuid4, editable=False, unique=True),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='webhookendpoint',
            name='off_because',
            field=models.CharField(blank=True, max_length=300, verbose_name='turned off because'),
        ),
        migrations.AlterField(
            model_name='webhookevent',
            name='kind',
            field=models.CharField(choices=[('keys.redeemed', 'License key redeemed'), ('keys.undone', 'Redemption undone'), ('keys.revoked', 'License keys revoked'), ('webhook.test', 'Test')], max_length=40, verbose_name='event'),
        ),
        migrations.AlterField(
            model_name='webhookdelivery',
            name='endpoint',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='shop.webhookendpoint', verbose_name='webhook'),
        ),
    ]
