import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('hardware', '0008_license_files_name_their_time_zone'),
        ('organizations', '0004_notices_have_their_days'),
        ('products', '0003_systems_in_detail'),
    ]

    operations = [
        migrations.AddField(
            model_name='hardwareunit',
            name='has_systems',
            field=models.BooleanField(default=False),
        ),
        migrations.AddIndex(
            model_name='hardwareunit',
            index=models.Index(condition=models.Q(('ended_on', None), ('has_systems', False)), fields=['organization', 'registered_product', 'serial'], name='unit_waiting_by_product'),
        ),
        migrations.AddIndex(
            model_name='hardwareunit',
            index=models.Index(condition=models.Q(('ended_on', None)), fields=['organization', 'registered_product', 'serial'], name='unit_active_by_product'),
        ),
        migrations.CreateModel(
            name='LackingUnit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('serial', models.CharField(max_length=64)),
                ('lacks', models.JSONField()),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='organizations.organization')),
                ('registered_product', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='products.registeredproduct')),
                ('unit', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='lacking', to='hardware.hardwareunit')),
            ],
            options={
                'indexes': [models.Index(fields=['organization', 'registered_product', 'serial'], name='lacking_by_product')],
            },
        ),
    ]
