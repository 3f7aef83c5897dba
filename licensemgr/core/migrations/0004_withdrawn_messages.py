from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0003_confidential_messages'),
    ]

    operations = [
        migrations.AddField(
            model_name='outboxmessage',
            name='withdrawn_at',
            field=models.DateTimeField(null=True),
        ),
    ]
