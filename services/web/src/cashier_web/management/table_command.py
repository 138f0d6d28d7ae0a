"""Base classes of the management commands that import and export a table as CSV.

If one row of a file cannot be imported, nothing is imported.
"""

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError
from import_export.results import RowResult

from cashier_web.infra.table_resource import TableFormat, TableResource, changed_meanwhile, reasons

CONFIRM = "If these lines are right, import the file with --confirm."


class BadTable(Exception):
    """Says why no row of a table was imported. reasons: all reasons, each as one line of text."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(*reasons)
        self.reasons = reasons


class TableCommand(BaseCommand, ABC):
    """Base class of a command with the two actions `import FILE [--dry-run]` and `export [FILE]`."""

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        importing = actions.add_parser("import", help="add and change the rows of a CSV file")
        importing.add_argument("file", help="the path of the file, or - for standard input")
        importing.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
        importing.add_argument("--confirm", action="store_true", help="import lines although they look damaged")
        exporting = actions.add_parser("export", help="write everything as CSV")
        exporting.add_argument("file", nargs="?", help="the path of the file; without a path, standard output")
        self.add_actions(actions)

    def add_actions(self, actions: Any) -> None:
        """Add more actions to the command. Subclasses override this method, which does nothing by default."""

    def handle(
        self,
        *args: Any,
        action: str,
        file: str | None,
        dry_run: bool = False,
        confirm: bool = False,
        **options: Any,
    ) -> None:
        if action == "export":
            if file is None:
                self.stdout.write(self.export_table(), ending="")
            else:
                Path(file).write_text(self.export_table(), encoding="utf-8", newline="")
            return
        try:
            table = sys.stdin.buffer.read() if file in (None, "-") else Path(file).read_bytes()
            for line in self.import_table(table, dry_run, confirm):
                self.stdout.write(line)
        except OSError as fault:
            raise CommandError(f"{file}: {fault.strerror}") from None
        except ValueError as fault:
            raise CommandError(f"{file}: {fault}") from None
        except IntegrityError:
            self.stderr.write(changed_meanwhile())
            raise CommandError("nothing was changed") from None
        except BadTable as fault:
            for reason in fault.reasons:
                self.stderr.write(reason)
            raise CommandError("nothing was changed") from None

    @abstractmethod
    def export_table(self) -> str:
        """Return the whole table as the text of a CSV file."""

    @abstractmethod
    def import_table(self, table: bytes, dry_run: bool, is_confirmed: bool) -> Iterator[str]:
        """Import the content of a CSV file, and yield the lines that the command prints. A dry run changes nothing.

        is_confirmed: whether doubtful rows are imported, too.
        Raises ValueError if the content is not a table with the right columns, and BadTable if rows are refused.
        """


class ResourceCommand(TableCommand):
    """Base class of a command that imports and exports a table with the `TableResource` that the admin uses, too."""

    resource: type[TableResource]
    format: type[TableFormat]

    def export_table(self) -> str:
        return self.format().export_data(self.resource().export()).decode()

    def import_table(self, table: bytes, dry_run: bool, is_confirmed: bool) -> Iterator[str]:
        """Import the content of a CSV file.

        Yields one line for each row that is new or changed, and a last line with the numbers of new, changed and
        unchanged rows.
        """
        resource = self.resource()
        dataset = self.format().create_dataset(table)
        result = resource.import_data(
            dataset, dry_run=dry_run, rollback_on_validation_errors=True, is_confirmed=is_confirmed
        )
        # Rows are doubtful only if they are valid. An import that is not a dry run reports doubts as errors, too.
        doubts = [] if is_confirmed else result.doubts
        if result.has_errors() or result.has_validation_errors() or doubts:
            raise BadTable([*(doubts or reasons(result)), *([CONFIRM] if doubts else [])])
        yield from resource.report(result)
        new, changed, same = (
            result.totals[kind]
            for kind in (RowResult.IMPORT_TYPE_NEW, RowResult.IMPORT_TYPE_UPDATE, RowResult.IMPORT_TYPE_SKIP)
        )
        yield f"{new} new, {changed} changed, {same} unchanged" + (": this was a dry run" if dry_run else "")
