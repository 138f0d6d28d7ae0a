"""Screens that were paired."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cashier_web", "0005_device"),
    ]

    operations = [
        migrations.CreateModel(
            name="Screen",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                (
                    "secret_hash",
                    models.CharField(editable=False, max_length=64, unique=True, verbose_name="hash of the cookie"),
                ),
                ("generation", models.PositiveIntegerField(default=1, editable=False, verbose_name="generation")),
                (
                    "changed_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, editable=False, verbose_name="paired or moved"
                    ),
                ),
                ("seen_at", models.DateTimeField(editable=False, null=True, verbose_name="last seen")),
                ("revoked_at", models.DateTimeField(editable=False, null=True, verbose_name="revoked")),
                (
                    "store",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="screens",
                        to="cashier_web.store",
                        verbose_name="store",
                    ),
                ),
            ],
            options={
                "verbose_name": "screen",
                "verbose_name_plural": "screens",
                "ordering": ["name"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("revoked_at", None)),
                        fields=("store", "name"),
                        name="one_name_of_a_screen_in_a_store",
                    )
                ],
            },
        ),
    ]
