"""The resource: stores as a table, by which a chain's stores are brought in and taken out as CSV."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.utils.html import format_html
from django.utils.translation import gettext as _
from import_export.fields import Field
from import_export.formats.base_formats import CSV
from import_export.instance_loaders import CachedInstanceLoader
from import_export.resources import Diff, ModelResource
from import_export.results import Result, RowResult
from import_export.widgets import Widget
from redis.exceptions import RedisError
from tablib import Dataset

from cashier_web.infra import csv_table
from cashier_web.models import Store
from cashier_web.screens.announce import announce
from cashier_web.stores import labels
from cashier_web.stores.forms import StoreForm

COLUMNS: Sequence[str] = StoreForm.Meta.fields
YES_OR_NO = {True: "yes", False: "no"}
SWITCHES = ("is_open", "shows_recent", "is_muted")
LISTS = ("languages", "also_waits_in")
CELLS: dict[str, Callable[[Any], str]] = {
    "languages": " ".join,
    "also_waits_in": " ".join,
    "labels": labels.text,
    "arrows": labels.text,
    **dict.fromkeys(SWITCHES, YES_OR_NO.__getitem__),
}
"""How a value is written where that isn't just its text."""
LINE = "line of the file"
MOST_STORES = 3000
"""At some 5 ms each, this is done before Nginx gives the admin's import up."""


class StoresCSV(CSV):
    """Each row knows its line in the file."""

    def create_dataset(self, in_stream: str, **kwargs: Any) -> Dataset:
        """Raises ValueError with a reason for what is no table of stores."""
        names, rows = csv_table.read(in_stream, COLUMNS, ["slug"])
        if len(rows) > MOST_STORES:
            raise ValueError(_("more than %(most)s stores; divide the file") % {"most": MOST_STORES})
        return Dataset(*([*cells, line] for line, cells in rows), headers=[*names, LINE])


class Cell(Widget):
    """A value as it stands in the file."""

    def __init__(self, column: str) -> None:
        super().__init__()
        self._written = CELLS.get(column, str)

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return self._written(value)


class Change(Diff):
    """What the admin shows of each value before an import; the library's own colours are inline styles."""

    def as_html(self) -> list[str]:
        pairs = zip(self.left, self.right, strict=True)
        return [
            now if now == before or self.new else format_html("<del>{}</del> <ins>{}</ins>", before, now)
            for before, now in pairs
        ]


def cells(store: Store) -> dict[str, str]:
    """The store as a row of the file."""
    return {column: CELLS.get(column, str)(getattr(store, column)) for column in COLUMNS}


def reasons(result: Result) -> Iterator[str]:
    """Why nothing was imported, a line for each."""
    for error in result.base_errors:
        yield " ".join(getattr(error.error, "messages", [str(error.error)]))
    for row in result.error_rows:
        for error in row.errors:
            yield _("line %(line)s: %(fault)s") % {"line": row.number, "fault": error.error}
    for row in result.invalid_rows:
        for field, messages in row.error_dict.items():
            told = " ".join(messages) if field == NON_FIELD_ERRORS else f"{field}: {' '.join(messages)}"
            yield _("line %(line)s: %(fault)s") % {"line": row.number, "fault": told}


class StoreResource(ModelResource):
    """Known stores are found by slug and changed, others are added; a column that is missing changes nothing.

    All or nothing, screens included: one bad line, or a Redis that doesn't answer, and everything is as it was.
    """

    _writes = False

    class Meta:
        model = Store
        fields = export_order = COLUMNS
        import_id_fields = ["slug"]
        instance_loader_class = CachedInstanceLoader
        use_transactions = skip_unchanged = report_skipped = store_instance = True

    def get_queryset(self) -> Any:
        """What an import reads stays as it is until it is written; in one order, so that two wait for each other."""
        stores = super().get_queryset().order_by("slug")
        return stores.select_for_update(no_key=True) if self._writes else stores

    @classmethod
    def field_from_django_field(cls, field_name: str, django_field: Any, readonly: bool) -> Field:
        return Field(attribute=field_name, column_name=field_name, widget=Cell(field_name), readonly=readonly)

    def import_data(self, dataset: Dataset, dry_run: bool = False, **options: Any) -> Result:
        self._writes = not dry_run
        return super().import_data(dataset, dry_run=dry_run, **options)

    def get_diff_class(self) -> type[Diff]:
        return Change

    def before_import(self, dataset: Dataset, **kwargs: Any) -> None:
        self._seen: set[str] = set()

    def before_import_row(self, row: dict[str, str], **kwargs: Any) -> None:
        if row["slug"] in self._seen:
            raise ValidationError({"slug": _("This store was in a line before.")})
        self._seen.add(row["slug"])

    def import_instance(self, instance: Store, row: dict[str, str], **kwargs: Any) -> None:
        """Judged by the admin's own form; the library's widgets read 4.5 tills as 4, and "open" as no."""
        typed = {**cells(instance), **{column: row[column] for column in COLUMNS if column in row}}
        if wrong := [column for column in SWITCHES if typed[column] not in YES_OR_NO.values()]:
            raise ValidationError(dict.fromkeys(wrong, _("Only “yes” or “no”.")))
        switches = {column: typed[column] == YES_OR_NO[True] for column in SWITCHES}
        form = StoreForm(
            {**typed, **{column: typed[column].split() for column in LISTS}, **switches}, instance=instance
        )
        if not form.is_valid():
            raise ValidationError(form.errors.as_data())

    def after_import(self, dataset: Dataset, result: Result, **kwargs: Any) -> None:
        for bad in [*result.invalid_rows, *result.error_rows]:
            bad.number = dataset[LINE][bad.number - 1]
        if kwargs.get("dry_run") or result.has_errors() or result.has_validation_errors():
            return
        kinds = (RowResult.IMPORT_TYPE_NEW, RowResult.IMPORT_TYPE_UPDATE)
        changed = [row.instance for row in result.rows if row.import_type in kinds]
        try:
            announce(changed)
        except RedisError:
            raise ValidationError(_("Nothing was changed: the screens can't be reached just now.")) from None
