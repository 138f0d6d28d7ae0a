"""The table that says which earlier versions of cashier_q work with the database."""

from django.db import models


class OldestVersion(models.Model):
    """The oldest version whose code works after a certain migration, such as "0.2.0".

    A migration that removes a table or a column inserts a row. `make rollback` does not return to an older version.
    """

    version = models.CharField(primary_key=True, max_length=20)

    def __str__(self) -> str:
        return self.version
