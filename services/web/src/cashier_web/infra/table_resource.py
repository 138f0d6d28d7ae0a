"""Importing and exporting the rows of a model as CSV, with django-import-export.

`TableFormat` reads and writes the file, `TableResource` judges the rows and saves them. The admin and the commands of
the command line use both. Nothing here knows a particular model: see `stores.resources` and `accounts.people_csv`.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import Model
from django.utils.html import format_html
from django.utils.translation import gettext as _
from import_export.fields import Field
from import_export.formats.base_formats import CSV
from import_export.instance_loaders import CachedInstanceLoader
from import_export.resources import Diff, ModelResource
from import_export.results import Result, RowResult
from import_export.widgets import Widget
from tablib import Dataset

from cashier_web.infra import csv_table

LINE = "line of the file"
"""Header of an additional column, which contains the line at which each row begins in the file."""
YES_OR_NO = {True: "yes", False: "no"}
"""How a boolean is written in a cell."""


class TableFormat(CSV):
    """A CSV file with known columns. The subclasses say which ones, and how long the file may be.

    columns: the names that may occur in the first line. key: the column that must occur, which identifies a row.
    most_rows: more rows would take longer to import than Nginx waits for the admin (60 s).
    """

    columns: Sequence[str]
    key: str
    most_rows: int

    def create_dataset(self, in_stream: str, **kwargs: Any) -> Dataset:
        """Read the file. Raises ValueError, with the reason, if the text is not such a table."""
        names, rows = csv_table.read(in_stream, self.columns, [self.key])
        if len(rows) > self.most_rows:
            raise ValueError(
                _("the file has more than %(most)s rows; split it into several files") % {"most": self.most_rows}
            )
        return Dataset(*([*cells, line] for line, cells in rows), headers=[*names, LINE])


class Column(Field):
    """A column of the table. write: returns the cell of an instance. read: normalises a cell of the key column."""

    def __init__(self, name: str, write: Callable[[Any], str], read: Callable[[str], str] = str) -> None:
        super().__init__(attribute=name, column_name=name, widget=Widget())
        self._write, self._read = write, read

    def get_value(self, instance: Model) -> str:
        return self._write(instance)

    def export(self, instance: Model, **kwargs: Any) -> str:
        return self._write(instance)

    def clean(self, row: dict[str, str], **kwargs: Any) -> str:
        return self._read(row[self.column_name])


class CellDiff(Diff):
    """The cells of a row before and after an import, as HTML for the admin.

    The library's own diff colours its text with inline styles, which our Content-Security-Policy forbids.
    """

    def as_html(self) -> list[str]:
        pairs = zip(self.left, self.right, strict=True)
        return [
            now if now == before or self.new else format_html("<del>{}</del> <ins>{}</ins>", before, now)
            for before, now in pairs
        ]


class TableResource(ModelResource):
    """Changes the rows whose key is known, adds the others, and leaves columns alone that the file does not contain.

    An import is all or nothing: a single bad row, or an error while saving, and everything stays as it was. One
    instance serves one import or one export.

    Subclasses declare their columns as fields (`Column`), set `Meta.fields` to their names and `Meta.import_id_fields`
    to the key, and implement `import_instance` and `finish`.
    """

    _writes = False

    class Meta:
        instance_loader_class = CachedInstanceLoader
        use_transactions = skip_unchanged = report_skipped = store_instance = True

    @property
    def key(self) -> str:
        """The name of the column that identifies a row."""
        return str(self._meta.import_id_fields[0])

    def repeated(self) -> str:
        """The reason for refusing a row whose key occurred in an earlier row."""
        raise NotImplementedError

    def finish(self, rows: list[RowResult], actor: Any) -> None:
        """Do what remains when all rows are valid: `rows` are the new and changed ones.

        Runs in the transaction of the import. Raises ValidationError, with the reason, to undo the import.

        actor: the user who imports in the admin, or None on the command line.
        """
        raise NotImplementedError

    def get_queryset(self) -> Any:
        """The rows to read. An import that writes locks them, in the same order as any other import."""
        rows = super().get_queryset().order_by(self.key)
        return rows.select_for_update(no_key=True) if self._writes else rows

    def import_data(self, dataset: Dataset, dry_run: bool = False, **options: Any) -> Result:
        self._writes = not dry_run
        return super().import_data(dataset, dry_run=dry_run, **options)

    def get_diff_class(self) -> type[Diff]:
        return CellDiff

    def before_import(self, dataset: Dataset, **kwargs: Any) -> None:
        self._seen: set[str] = set()

    def before_import_row(self, row: dict[str, str], **kwargs: Any) -> None:
        row[self.key] = self.fields[self.key].clean(row)
        if row[self.key] in self._seen:
            raise ValidationError({self.key: self.repeated()})
        self._seen.add(row[self.key])

    def after_import(self, dataset: Dataset, result: Result, **kwargs: Any) -> None:
        for bad in [*result.invalid_rows, *result.error_rows]:
            bad.number = dataset[LINE][bad.number - 1]
        if kwargs.get("dry_run") or result.has_errors() or result.has_validation_errors():
            return
        self.finish([row for row in result.rows if row.is_new() or row.is_update()], kwargs.get("user"))

    def cells(self, instance: Model) -> dict[str, str]:
        """The instance as a row of the table."""
        return {name: self.fields[name].get_value(instance) for name in self._meta.fields}

    def changes(self, row: RowResult) -> dict[str, tuple[str, str]]:
        """The changed columns of an imported row, each with its cell before and after. New rows were empty before."""
        now = self.cells(row.instance)
        before = dict.fromkeys(now, "") if row.is_new() else self.cells(row.original)
        return {name: (before[name], now[name]) for name in now if before[name] != now[name]}

    def report(self, result: Result) -> Iterator[str]:
        """A line for each row that an import added or changed, for the command line."""
        for row in result.rows:
            if row.is_new():
                yield f"{getattr(row.instance, self.key)}: new"
            elif row.is_update():
                changes = [f"{name} {before!r} -> {now!r}" for name, (before, now) in self.changes(row).items()]
                yield f"{getattr(row.instance, self.key)}: {', '.join(changes)}"


def reasons(result: Result) -> Iterator[str]:
    """Why nothing was imported: a line for each reason."""
    for error in result.base_errors:
        yield " ".join(getattr(error.error, "messages", [str(error.error)]))
    for row in result.error_rows:
        for error in row.errors:
            yield _("line %(line)s: %(fault)s") % {"line": row.number, "fault": error.error}
    for row in result.invalid_rows:
        for field, messages in row.error_dict.items():
            reason = " ".join(messages) if field == NON_FIELD_ERRORS else f"{field}: {' '.join(messages)}"
            yield _("line %(line)s: %(fault)s") % {"line": row.number, "fault": reason}
