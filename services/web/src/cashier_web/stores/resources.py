"""Importing and exporting a chain's stores as CSV."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from import_export.results import RowResult

from cashier_web.infra.errors import Refused
from cashier_web.infra.redis_unavailable import nothing_changed, refuse_without_redis
from cashier_web.infra.table_resource import YES_OR_NO, Column, TableFormat, TableResource
from cashier_web.models import Store
from cashier_web.screens.announce import announce
from cashier_web.stores import labels
from cashier_web.stores.automatic_opening import reschedule
from cashier_web.stores.forms import StoreForm

COLUMNS: Sequence[str] = StoreForm.Meta.fields
SWITCHES = ("is_open", "follows_hours", "shows_recent", "is_muted")
LISTS = ("languages", "also_waits_in")
FORMATS: dict[str, Callable[[Any], str]] = {
    **dict.fromkeys(LISTS, " ".join),
    **dict.fromkeys(("labels", "arrows"), labels.write_pairs),
    **dict.fromkeys(SWITCHES, YES_OR_NO.__getitem__),
    "hold_seconds": lambda seconds: f"{Decimal(seconds).normalize():f}",
}
"""Maps a column to the function that writes its values as text. `str` writes the values of columns that are not
listed."""


class StoresCSV(TableFormat):
    """The format of stores.csv, which contains one row for each store."""

    columns = COLUMNS
    key = "slug"
    # An import takes about 5 ms per row, so an import of the maximum of 3,000 rows takes about 15 s.
    most_rows = 3000


class StoreResource(TableResource):
    """Imports and exports stores. The slug identifies a store.

    An import also tells the screens about the changes. If Redis does not answer, the import fails.
    """

    class Meta(TableResource.Meta):
        model = Store
        fields = export_order = COLUMNS
        import_id_fields = ["slug"]

    @classmethod
    def field_from_django_field(cls, field_name: str, django_field: Any, readonly: bool) -> Column:
        if field_name == "is_open":
            # Whether such a store is open depends on the time. The import of an old file must not open it at night.
            return Column(field_name, lambda store: "" if store.follows_hours else YES_OR_NO[store.is_open])
        write = FORMATS.get(field_name, str)
        return Column(field_name, lambda store: write(getattr(store, field_name)))

    def repeated(self) -> str:
        return _("This store already appears in an earlier line.")

    def import_instance(self, instance: Store, row: dict[str, str], **kwargs: Any) -> None:
        """Check the row with the form of the admin.

        The widgets of django-import-export are not used, because they accept wrong values. For example, they read 4.5
        as 4, and any unknown word as "no".
        """
        typed = {**self.cells(instance), **{column: row[column] for column in COLUMNS if column in row}}
        if typed["is_open"] == "" and typed["follows_hours"] == YES_OR_NO[True]:
            typed["is_open"] = YES_OR_NO[instance.is_open]
        if wrong := [column for column in SWITCHES if typed[column] not in YES_OR_NO.values()]:
            raise ValidationError(dict.fromkeys(wrong, _("Write “yes” or “no”.")))
        switches = {column: typed[column] == YES_OR_NO[True] for column in SWITCHES}
        lists = {column: typed[column].split() for column in LISTS}
        # In many countries, spreadsheet programs write 2,5 instead of 2.5.
        typed["hold_seconds"] = typed["hold_seconds"].replace(",", ".")
        form = StoreForm({**typed, **lists, **switches}, instance=instance)
        if not form.is_valid():
            raise ValidationError(form.errors.as_data())
        reschedule(instance, form.changed_data)

    def finish(self, rows: list[RowResult], actor: Any) -> None:
        try:
            with refuse_without_redis(nothing_changed()):
                announce([row.instance for row in rows])
        except Refused as refused:
            raise ValidationError(refused.reason) from None
