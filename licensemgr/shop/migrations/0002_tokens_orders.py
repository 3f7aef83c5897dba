import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('shop', '0001_shop'),
        ('wallet', '0005_reasons_of_hardware'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='orderlinebatch',
            options={'ordering': ['order_line', 'number'], 'verbose_name': 'batch of an order line', 'verbose_name_plural': 'batches of order lines'},
        ),
        # There are no rows yet: nothing issued keys for an order line before.
        migrations.AddField(
            model_name='orderlinebatch',
            name='number',
            field=models.PositiveIntegerField(default=1, verbose_name='number'),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='shoptoken',
            name='calls',
            field=models.PositiveIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name='shoptoken',
            name='calls_from',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AlterField(
            model_name='orderlinebatch',
            name='issued_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='shop.shoptoken', verbose_name='issued by'),
        ),
        migrations.AddConstraint(
            model_name='orderlinebatch',
            constraint=models.UniqueConstraint(fields=('order_line', 'number'), name='order_line_batch_once'),
        ),
    ]
