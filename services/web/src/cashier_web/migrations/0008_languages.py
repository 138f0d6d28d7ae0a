"""Add seven languages."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cashier_web", "0007_seen_and_heard"),
    ]

    operations = [
        migrations.AlterField(
            model_name="store",
            name="language",
            field=models.CharField(
                choices=[
                    ("en", "English"),
                    ("fr", "Français"),
                    ("de", "Deutsch"),
                    ("es", "Español"),
                    ("it", "Italiano"),
                    ("nl", "Nederlands"),
                    ("pt", "Português"),
                    ("pl", "Polski"),
                    ("ar", "العربية"),
                ],
                default="en",
                max_length=8,
                verbose_name="language",
            ),
        ),
    ]
