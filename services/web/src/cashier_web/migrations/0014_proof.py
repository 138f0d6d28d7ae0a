"""Add the proof of each call. Earlier versions do not use the column, and leave it NULL."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("cashier_web", "0013_history")]
    operations = [
        migrations.AddField(
            model_name="pastcall",
            name="proof",
            field=models.JSONField(editable=False, null=True, verbose_name="proof"),
        ),
    ]
