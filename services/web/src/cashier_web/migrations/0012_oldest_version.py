"""Create the table that says which earlier versions of cashier_q work with the database."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("cashier_web", "0011_texts")]
    operations = [
        migrations.CreateModel(
            name="OldestVersion",
            fields=[("version", models.CharField(max_length=20, primary_key=True, serialize=False))],
        ),
    ]
