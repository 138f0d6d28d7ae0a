"""Keep the defaults of new columns in the database.

During an update, web containers of the previous version still insert rows, and do not know these columns.
"""

from typing import Any

from django.db import migrations

DEFAULTS = {
    "cashier_web_screen": {"is_muted": "FALSE"},
    "cashier_web_store": {
        "also_waits_in": "'[]'::jsonb",
        "arrows": "'{}'::jsonb",
        "shows_recent": "FALSE",
        "volume": "70",
        "is_muted": "FALSE",
        "ink": "'#ffffff'",
        "ground": "'#000000'",
        "revision": "0",
        "logo": "''",
    },
}


def keep_defaults(apps: Any, schema_editor: Any) -> None:
    """Set the defaults, only in PostgreSQL.

    With SQLite there is only one web container, so no container of the previous version runs during an update.
    """
    if schema_editor.connection.vendor != "postgresql":
        return
    for table, columns in DEFAULTS.items():
        for column, value in columns.items():
            schema_editor.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {value}")


class Migration(migrations.Migration):
    dependencies = [
        ("cashier_web", "0009_media"),
    ]

    operations = [
        migrations.RunPython(keep_defaults, migrations.RunPython.noop),
    ]
