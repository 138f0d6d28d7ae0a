"""Update the wording of labels and choices. The database does not change."""

from django.db import migrations, models

import cashier_web.validators


class Migration(migrations.Migration):
    dependencies = [
        ("cashier_web", "0010_defaults"),
    ]

    operations = [
        migrations.AlterField(
            model_name="store",
            name="also_waits_in",
            field=models.JSONField(blank=True, default=list, verbose_name="further languages between calls"),
        ),
        migrations.AlterField(
            model_name="store",
            name="ground",
            field=models.CharField(
                default="#000000",
                max_length=7,
                validators=[cashier_web.validators.check_colour],
                verbose_name="background colour",
            ),
        ),
        migrations.AlterField(
            model_name="store",
            name="ink",
            field=models.CharField(
                default="#ffffff",
                max_length=7,
                validators=[cashier_web.validators.check_colour],
                verbose_name="text colour",
            ),
        ),
        migrations.AlterField(
            model_name="store",
            name="policy",
            field=models.CharField(
                choices=[
                    ("queue", "queue: a press waits until the number on the screen has been shown for its full time"),
                    ("replace", "replace: a press replaces the number on the screen at once"),
                ],
                default="queue",
                max_length=8,
                verbose_name="policy",
            ),
        ),
    ]
