"""Add the settings of a store for the appearance and the sound of its screens."""

import django.core.validators
from django.db import migrations, models

import cashier_web.validators


class Migration(migrations.Migration):
    dependencies = [
        ("cashier_web", "0006_screen_and_past_call"),
    ]

    operations = [
        migrations.AddField(
            model_name="screen",
            name="is_muted",
            field=models.BooleanField(default=False, verbose_name="muted"),
        ),
        migrations.AddField(
            model_name="screen",
            name="volume",
            field=models.PositiveSmallIntegerField(
                blank=True,
                null=True,
                validators=[django.core.validators.MaxValueValidator(100)],
                verbose_name="volume in percent",
            ),
        ),
        migrations.AddField(
            model_name="store",
            name="also_waits_in",
            field=models.JSONField(blank=True, default=list, verbose_name="also waits in"),
        ),
        migrations.AddField(
            model_name="store",
            name="arrows",
            field=models.JSONField(blank=True, default=dict, verbose_name="arrows"),
        ),
        migrations.AddField(
            model_name="store",
            name="ground",
            field=models.CharField(
                default="#000000",
                max_length=7,
                validators=[cashier_web.validators.check_colour],
                verbose_name="colour of the ground",
            ),
        ),
        migrations.AddField(
            model_name="store",
            name="ink",
            field=models.CharField(
                default="#ffffff",
                max_length=7,
                validators=[cashier_web.validators.check_colour],
                verbose_name="colour of letters",
            ),
        ),
        migrations.AddField(
            model_name="store",
            name="is_muted",
            field=models.BooleanField(default=False, verbose_name="muted"),
        ),
        migrations.AddField(
            model_name="store",
            name="revision",
            field=models.PositiveIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name="store",
            name="shows_recent",
            field=models.BooleanField(default=False, verbose_name="shows the last three calls"),
        ),
        migrations.AddField(
            model_name="store",
            name="volume",
            field=models.PositiveSmallIntegerField(
                default=70, validators=[django.core.validators.MaxValueValidator(100)], verbose_name="volume in percent"
            ),
        ),
    ]
