"""Create the table of roles.

Before this migration, everybody who could sign in could call in every store. The migration makes these people cashiers
of every store.
"""

from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def keep_access(apps: Any, schema_editor: Any) -> None:
    people = apps.get_model(settings.AUTH_USER_MODEL).objects.filter(is_superuser=False, is_active=True)
    stores = apps.get_model("cashier_web", "Store").objects.all()
    membership = apps.get_model("cashier_web", "Membership")
    membership.objects.bulk_create(
        [membership(person=person, store=store, role=2) for person in people for store in stores], batch_size=1000
    )


class Migration(migrations.Migration):
    dependencies = [("cashier_web", "0003_chain"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]
    operations = [
        migrations.CreateModel(
            name="Membership",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "role",
                    models.PositiveSmallIntegerField(
                        choices=[(1, "viewer"), (2, "cashier"), (3, "manager")], default=2, verbose_name="role"
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="person",
                    ),
                ),
                (
                    "store",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to="cashier_web.store",
                        verbose_name="store",
                    ),
                ),
            ],
            options={"verbose_name": "role in a store", "verbose_name_plural": "roles in stores"},
        ),
        migrations.AddConstraint(
            model_name="membership",
            constraint=models.UniqueConstraint(fields=("person", "store"), name="one_role_of_a_person_in_a_store"),
        ),
        migrations.RunPython(keep_access, migrations.RunPython.noop),
    ]
