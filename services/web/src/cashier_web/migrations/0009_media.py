"""Create the table of pictures and videos that screens show between calls, and add the logo of a store."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cashier_web", "0008_languages"),
    ]

    operations = [
        migrations.AddField(
            model_name="store",
            name="logo",
            field=models.FileField(blank=True, editable=False, upload_to="", verbose_name="logo"),
        ),
        migrations.CreateModel(
            name="Medium",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("file", models.FileField(editable=False, upload_to="", verbose_name="file")),
                (
                    "kind",
                    models.CharField(
                        choices=[("picture", "picture"), ("video", "video")],
                        editable=False,
                        max_length=7,
                        verbose_name="kind",
                    ),
                ),
                ("position", models.PositiveSmallIntegerField(editable=False, verbose_name="position")),
                (
                    "seconds",
                    models.PositiveSmallIntegerField(
                        default=10,
                        validators=[
                            django.core.validators.MinValueValidator(3),
                            django.core.validators.MaxValueValidator(120),
                        ],
                        verbose_name="seconds",
                    ),
                ),
                ("made_at", models.DateTimeField(auto_now_add=True, verbose_name="made")),
                (
                    "store",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="media",
                        to="cashier_web.store",
                        verbose_name="store",
                    ),
                ),
            ],
            options={"verbose_name": "medium", "verbose_name_plural": "media", "ordering": ["position", "pk"]},
        ),
    ]
