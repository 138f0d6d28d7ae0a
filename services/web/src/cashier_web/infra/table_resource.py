"""Imports and exports the rows of a model as CSV, with django-import-export.

`TableFormat` reads and writes the file. `TableResource` checks the rows and saves them. The admin and the management
commands use both classes. The classes work for any model; their subclasses in `stores.resources` and
`accounts.people_csv` are for stores and people.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError
from django.db.models import Model
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
from cashier_web.infra.lookalikes import Lookalikes, is_damaged, repair_encoding
from cashier_web.infra.redis_unavailable import nothing_changed, redis_unavailable

LINE = "line of the file"
"""The name of a column that an import adds to each row. The column contains the number of the line of the file at which
the row begins. Error messages contain this number."""
YES_OR_NO = {True: "yes", False: "no"}
"""Maps True and False to the texts with which a cell expresses them."""

log = logging.getLogger(__name__)


class TableFormat(CSV):
    """The format of a CSV file. Subclasses set the following attributes.

    columns: the names of columns that the first line may contain.
    key: the name of the column that identifies a row. The first line must contain this name.
    most_rows: the maximum number of rows. It limits how long an import takes, because Nginx waits at most 60 s for the
    answer to an import in the admin.
    """

    columns: Sequence[str]
    key: str
    most_rows: int

    def is_binary(self) -> bool:
        """The content of a file is passed to this class as bytes, because this class checks their encoding."""
        return True

    def get_read_mode(self) -> str:
        return "rb"

    def export_data(self, dataset: Dataset, **kwargs: Any) -> bytes:
        """Return the content of a CSV file."""
        rows = [[row[name] for name in dataset.headers] for row in dataset.dict]
        return csv_table.write_for_excel(dataset.headers, rows).encode()

    def create_dataset(self, in_stream: bytes, **kwargs: Any) -> Dataset:
        """Read the content of a CSV file.

        Raises ValueError, with the reason, if the content is not text in UTF-8, or has wrong columns or too many rows.
        """
        names, rows = csv_table.read(csv_table.decode(in_stream), self.columns, [self.key])
        if len(rows) > self.most_rows:
            raise ValueError(
                _("the file has more than %(most)s rows; split it into several files") % {"most": self.most_rows}
            )
        return Dataset(*([*cells, line] for line, cells in rows), headers=[*names, LINE])


class Column(Field):
    """A column of the table.

    write: a function that returns the text of the column's cell for an instance of the model.
    read: a function that normalises the text of a cell. `read` is used only for the column that identifies a row.
    """

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
    """Shows the cells of a row before and after an import, as HTML for the admin.

    This class replaces a class of django-import-export, which colours the text with inline styles. The
    Content-Security-Policy of cashier_q forbids inline styles.
    """

    def as_html(self) -> list[str]:
        pairs = zip(self.left, self.right, strict=True)
        return [
            now if now == before or self.new else format_html("<del>{}</del> <ins>{}</ins>", before, now)
            for before, now in pairs
        ]


class TableResource(ModelResource):
    """Base class that imports and exports the rows of a model. Each instance is used for one import or one export.

    An import changes the rows whose key exists in the database already, and adds the other rows. Columns that the file
    does not contain are not changed. If one row is invalid, or an error occurs while saving, nothing is changed at all.

    Subclasses declare their columns as fields (`Column`), and implement `repeated`, `import_instance` and `finish`.
    """

    _writes = False

    class Meta:
        # The class Meta of each subclass also sets two attributes: `fields`, the names of the columns, and
        # `import_id_fields`, the column that identifies a row.
        instance_loader_class = CachedInstanceLoader
        use_transactions = skip_unchanged = report_skipped = store_instance = True

    @property
    def key(self) -> str:
        """The name of the column that identifies a row."""
        return str(self._meta.import_id_fields[0])

    def repeated(self) -> str:
        """Return the reason for refusing a row whose key occurs in an earlier row, too. Subclasses implement this."""
        raise NotImplementedError

    def finish(self, rows: list[RowResult], actor: Any) -> None:
        """Finish the import after all rows were found valid, for example by saving them in bulk.

        Subclasses implement this method. It runs in the transaction of the import. It may raise ValidationError, with
        the reason, to undo the import.

        rows: the rows that are new or changed. actor: the user who imports in the admin; None on the command line.
        """
        raise NotImplementedError

    def get_queryset(self) -> Any:
        """Return the rows of the table, in the order of their keys. An import that saves its changes locks the rows.

        Two imports lock the rows in the same order, so that they cannot deadlock.
        """
        rows = super().get_queryset().order_by(self.key)
        return rows.select_for_update(no_key=True) if self._writes else rows

    def import_data(self, dataset: Dataset, dry_run: bool = False, **options: Any) -> Result:
        self._writes = not dry_run
        return super().import_data(dataset, dry_run=dry_run, **options)

    def get_diff_class(self) -> type[Diff]:
        return CellDiff

    def before_import(self, dataset: Dataset, **kwargs: Any) -> None:
        self._seen_keys: set[str] = set()
        self._lookalikes = Lookalikes(self._meta.model.objects.values_list(self.key, flat=True))
        self._doubts: list[str] = []

    def before_import_row(self, row: dict[str, str], **kwargs: Any) -> None:
        row[self.key] = self.fields[self.key].clean(row)
        if row[self.key] in self._seen_keys:
            raise ValidationError({self.key: self.repeated()})
        self._seen_keys.add(row[self.key])

    def after_import_row(self, row: dict[str, str], row_result: RowResult, **kwargs: Any) -> None:
        """Note the doubts about a new or changed row."""
        if row_result.is_new():
            self._doubts += doubts_about_key(row[LINE], self._lookalikes, row[self.key])
        if row_result.is_new() or row_result.is_update():
            cells = (text for name, text in row.items() if name != LINE)
            self._doubts += doubts_about_cells(row[LINE], cells)

    def after_import(self, dataset: Dataset, result: Result, **kwargs: Any) -> None:
        # The admin asks the administrator to confirm these doubts, and commands print them.
        result.doubts = self._doubts
        faults = [error.error for row in result.error_rows for error in row.errors]
        if fault := next((each for each in faults if isinstance(each, RedisError)), None):
            # A row cannot be saved if Redis does not answer.
            raise ValidationError(redis_unavailable(nothing_changed(), fault).reason)
        for bad in [*result.invalid_rows, *result.error_rows]:
            bad.number = dataset[LINE][bad.number - 1]
        if kwargs.get("dry_run") or result.has_errors() or result.has_validation_errors():
            return
        if self._doubts and not kwargs.get("is_confirmed"):
            raise ValidationError([*self._doubts, _("Confirm that these lines are right.")])
        self.finish([row for row in result.rows if row.is_new() or row.is_update()], kwargs.get("user"))

    def cells(self, instance: Model) -> dict[str, str]:
        """Return the cells of an instance, as a dict from the name of a column to the text of its cell."""
        return {name: self.fields[name].get_value(instance) for name in self._meta.fields}

    def changes(self, row: RowResult) -> dict[str, tuple[str, str]]:
        """Return the changed columns of an imported row, each with the text of its cell before and after the import.

        For a new row, the text before the import is empty.
        """
        now = self.cells(row.instance)
        before = dict.fromkeys(now, "") if row.is_new() else self.cells(row.original)
        return {name: (before[name], now[name]) for name in now if before[name] != now[name]}

    def report(self, result: Result) -> Iterator[str]:
        """Yield one line of text for each row that an import has added or changed. Commands print these lines."""
        for row in result.rows:
            if row.is_new():
                yield f"{getattr(row.instance, self.key)}: new"
            elif row.is_update():
                changes = [f"{name} {before!r} -> {now!r}" for name, (before, now) in self.changes(row).items()]
                yield f"{getattr(row.instance, self.key)}: {', '.join(changes)}"


def doubts_about_key(line: int | str, known: Lookalikes, key: str) -> Iterator[str]:
    """Yield a doubt if a new key resembles a known key. Adds the new key to the known keys."""
    if found := known.find(key):
        params = {"line": line, "new": key, "old": found}
        yield _("line %(line)s: “%(new)s” is new, but it resembles “%(old)s”") % params
    known.add(key)


def doubts_about_cells(line: int | str, cells: Iterable[str]) -> Iterator[str]:
    """Yield a doubt for each cell that was probably read in a wrong encoding."""
    for text in cells:
        if is_damaged(text):
            params = {"line": line, "text": text, "repaired": repair_encoding(text)}
            yield _("line %(line)s: “%(text)s” has damaged letters; is it “%(repaired)s”?") % params


def reasons(result: Result) -> Iterator[str]:
    """Yield all reasons why nothing was imported, each as one line of text."""
    for error in result.base_errors:
        yield from _texts(error.error)
    for row in result.error_rows:
        for error in row.errors:
            for text in _texts(error.error):
                yield _("line %(line)s: %(fault)s") % {"line": row.number, "fault": text}
    for row in result.invalid_rows:
        for field, messages in row.error_dict.items():
            reason = " ".join(messages) if field == NON_FIELD_ERRORS else f"{field}: {' '.join(messages)}"
            yield _("line %(line)s: %(fault)s") % {"line": row.number, "fault": reason}


def _texts(error: Exception) -> list[str]:
    """Return the texts of an error for people. The text of an unexpected exception is logged and not shown."""
    if isinstance(error, ValidationError):
        return error.messages
    if isinstance(error, IntegrityError):
        return [changed_meanwhile()]
    log.error("an import has failed", exc_info=error)
    return [_("This cannot be imported, because something went wrong here.")]


def changed_meanwhile() -> str:
    """Return the reason for an import that the database has refused, although all rows were valid."""
    return _("Somebody else has changed the same data at the same time. Import the file again.")
