"""Keep the calls of deleted stores, and create the table of history entries that could not be stored."""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models


class AllowNull(migrations.AlterField):
    """Lets a foreign key be NULL.

    On PostgreSQL, Django would also remove the constraint of the foreign key and add it again. This would check all
    calls, and nobody could read the table of stores meanwhile, so that every press would wait.
    """

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute("ALTER TABLE cashier_web_pastcall ALTER COLUMN store_id DROP NOT NULL")
        else:
            super().database_forwards(app_label, schema_editor, from_state, to_state)


class Migration(migrations.Migration):
    dependencies = [("cashier_web", "0012_oldest_version")]
    operations = [
        migrations.CreateModel(
            name="UnstoredEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.CharField(editable=False, max_length=64, unique=True)),
                ("entry_id", models.CharField(editable=False, max_length=50, verbose_name="id in Redis")),
                ("content", models.BinaryField(verbose_name="content")),
                ("reason", models.TextField(editable=False, verbose_name="reason")),
                ("set_aside_at", models.DateTimeField(auto_now_add=True, verbose_name="set aside")),
            ],
            options={
                "verbose_name": "history entry that could not be stored",
                "verbose_name_plural": "history entries that could not be stored",
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="CallOfDeletedStore",
            fields=[],
            options={
                "verbose_name": "call of a deleted store",
                "verbose_name_plural": "calls of deleted stores",
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("cashier_web.pastcall",),
        ),
        # The column has a default in the database, because version 0.1 inserts calls without this column.
        migrations.AddField(
            model_name="pastcall",
            name="deleted_store",
            field=models.CharField(
                db_default="", default="", editable=False, max_length=50, verbose_name="deleted store"
            ),
        ),
        AllowNull(
            model_name="pastcall",
            name="store",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="calls",
                to="cashier_web.store",
                verbose_name="store",
            ),
        ),
        migrations.AddConstraint(
            model_name="pastcall",
            constraint=models.UniqueConstraint(
                condition=models.Q(("store", None)),
                fields=("deleted_store", "mark"),
                name="each_call_of_a_deleted_store_once",
            ),
        ),
    ]
