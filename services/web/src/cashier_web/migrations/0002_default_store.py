"""Create the default store, whose pages are at `/`."""

from typing import Any

from django.db import migrations


def make_default_store(apps: Any, schema_editor: Any) -> None:
    store = apps.get_model("cashier_web", "Store")
    store.objects.get_or_create(slug="default", defaults={"name": "cashier_q"})


class Migration(migrations.Migration):
    dependencies = [("cashier_web", "0001_initial")]
    operations = [migrations.RunPython(make_default_store, migrations.RunPython.noop)]
