"""Add columns for chains: city and time zone of a store, labels of tills, languages, open or closed."""

from django.db import migrations, models

import cashier_web.models


class Migration(migrations.Migration):
    dependencies = [("cashier_web", "0002_default_store")]
    operations = [
        migrations.AlterModelOptions(
            name="store",
            options={"ordering": ["name", "slug"], "verbose_name": "store", "verbose_name_plural": "stores"},
        ),
        migrations.AddField("store", "city", models.CharField("city", max_length=100, blank=True)),
        migrations.AddField(
            "store",
            "time_zone",
            models.CharField(
                "time zone", max_length=50, default="UTC", validators=[cashier_web.models.check_time_zone]
            ),
        ),
        migrations.AddField("store", "labels", models.JSONField("labels of tills", default=dict, blank=True)),
        migrations.AddField(
            "store", "languages", models.JSONField("languages", default=cashier_web.models.usual_languages)
        ),
        migrations.AddField("store", "is_open", models.BooleanField("open", default=True)),
        migrations.AddField(
            "store", "closed_message", models.CharField("message when closed", max_length=120, blank=True)
        ),
    ]
