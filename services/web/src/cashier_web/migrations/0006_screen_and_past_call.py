"""Create the tables of paired screens and of past calls."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cashier_web", "0005_device"),
    ]

    operations = [
        migrations.CreateModel(
            name="PastCall",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("mark", models.CharField(editable=False, max_length=64)),
                ("seq", models.PositiveIntegerField(verbose_name="number")),
                ("till", models.PositiveSmallIntegerField(verbose_name="till")),
                ("label", models.CharField(blank=True, max_length=20, verbose_name="label")),
                ("language", models.CharField(max_length=8, verbose_name="language")),
                ("again", models.BooleanField(default=False, verbose_name="again")),
                (
                    "kind",
                    models.CharField(
                        blank=True,
                        choices=[("user", "person"), ("device", "device")],
                        max_length=6,
                        verbose_name="kind",
                    ),
                ),
                ("by", models.CharField(blank=True, max_length=150, verbose_name="by")),
                ("pressed_at", models.DateTimeField(verbose_name="pressed")),
                ("starts_at", models.DateTimeField(verbose_name="shown from")),
                ("ends_at", models.DateTimeField(verbose_name="until")),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("shown", "shown"),
                            ("replaced", "replaced"),
                            ("dropped", "dropped"),
                            ("cancelled", "taken back"),
                        ],
                        max_length=9,
                        verbose_name="outcome",
                    ),
                ),
                (
                    "store",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="calls",
                        to="cashier_web.store",
                        verbose_name="store",
                    ),
                ),
            ],
            options={
                "verbose_name": "call",
                "verbose_name_plural": "calls",
                "ordering": ["-pressed_at", "-seq"],
                "indexes": [models.Index(fields=["store", "-pressed_at"], name="calls_of_a_store")],
                "constraints": [models.UniqueConstraint(fields=("store", "mark"), name="each_call_once")],
            },
        ),
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
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
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
