"""`stores import stores.csv` and `stores export`: a chain's stores as a table."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from import_export.results import Result, RowResult

from cashier_web.resources import StoreResource, StoresCSV, cells, reasons


class Command(BaseCommand):
    help = "Brings a chain's stores in from a table, all or nothing, or writes that table."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        bring = actions.add_parser("import", help="add or change the stores of a CSV file")
        bring.add_argument("file", help="its path, or - for standard input")
        bring.add_argument("--dry-run", action="store_true", help="only say what would change")
        take = actions.add_parser("export", help="write all stores as CSV")
        take.add_argument("file", nargs="?", help="standard output without it")

    def handle(self, *args: Any, action: str, file: str | None, dry_run: bool = False, **options: Any) -> None:
        if action == "export":
            self.take(file)
        else:
            self.bring(file or "-", dry_run)

    def take(self, file: str | None) -> None:
        table = StoresCSV().export_data(StoreResource().export())
        if file is None:
            self.stdout.write(table, ending="")
        else:
            Path(file).write_text(table, encoding="utf-8", newline="")

    def bring(self, file: str, dry_run: bool) -> None:
        try:
            table = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
            dataset = StoresCSV().create_dataset(table.decode("utf-8-sig"))
        except (OSError, ValueError) as fault:  # UnicodeDecodeError is one
            raise CommandError(f"{file}: {fault}") from None
        result = StoreResource().import_data(dataset, dry_run=dry_run, rollback_on_validation_errors=True)
        for reason in reasons(result):
            self.stderr.write(reason)
        if result.has_errors() or result.has_validation_errors():
            raise CommandError("nothing was changed")
        for line in changes(result):
            self.stdout.write(line)
        totals = result.totals
        self.stdout.write(
            f"{totals[RowResult.IMPORT_TYPE_NEW]} new, {totals[RowResult.IMPORT_TYPE_UPDATE]} changed, "
            f"{totals[RowResult.IMPORT_TYPE_SKIP]} as they were" + (": this was a dry run" if dry_run else "")
        )


def changes(result: Result) -> Iterator[str]:
    """A line for each store that is new, and for each value that is another."""
    for row in result.rows:
        if row.import_type == RowResult.IMPORT_TYPE_NEW:
            yield f"{row.instance.slug}: new"
        elif row.import_type == RowResult.IMPORT_TYPE_UPDATE:
            before, now = cells(row.original), cells(row.instance)
            told = [f"{name} {before[name]!r} -> {now[name]!r}" for name in now if before[name] != now[name]]
            yield f"{row.instance.slug}: {', '.join(told)}"
