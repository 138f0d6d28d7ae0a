"""The command that brings a table in, all or nothing, or writes it."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser


class Unfit(Exception):
    """Why a table can't be brought in: a line for each reason. Nothing was changed."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(*reasons)
        self.reasons = reasons


class TableCommand(BaseCommand, ABC):
    """`... import FILE [--dry-run]` and `... export [FILE]`."""

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        bring = actions.add_parser("import", help="add or change what a CSV file says")
        bring.add_argument("file", help="its path, or - for standard input")
        bring.add_argument("--dry-run", action="store_true", help="only say what would change")
        take = actions.add_parser("export", help="write all as CSV")
        take.add_argument("file", nargs="?", help="standard output without it")
        self.add_actions(actions)

    def add_actions(self, actions: Any) -> None:
        """More than these two."""

    def handle(self, *args: Any, action: str, file: str | None, dry_run: bool = False, **options: Any) -> None:
        if action == "export":
            if file is None:
                self.stdout.write(self.take(), ending="")
            else:
                Path(file).write_text(self.take(), encoding="utf-8", newline="")
            return
        try:
            table = sys.stdin.buffer.read() if file in (None, "-") else Path(file).read_bytes()
            for line in self.bring(table.decode("utf-8-sig"), dry_run):
                self.stdout.write(line)
        except (OSError, ValueError) as fault:  # UnicodeDecodeError is one
            raise CommandError(f"{file}: {fault}") from None
        except Unfit as fault:
            for reason in fault.reasons:
                self.stderr.write(reason)
            raise CommandError("nothing was changed") from None

    @abstractmethod
    def take(self) -> str:
        """The whole table."""

    @abstractmethod
    def bring(self, table: str, dry_run: bool) -> Iterator[str]:
        """What was changed, or would be, a line for each. Raises ValueError for what is no table, and Unfit."""


def total(new: int, changed: int, same: int, dry_run: bool) -> str:
    """The last line."""
    return f"{new} new, {changed} changed, {same} as they were" + (": this was a dry run" if dry_run else "")
