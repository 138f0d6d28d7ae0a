"""The table: a CSV file's rows, each with its line, as spreadsheets of different countries write it."""

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Any

from django.utils.translation import gettext as _


def read(text: str, columns: Sequence[str], keys: Sequence[str]) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Names of the columns that are there, and of each row its line and cells. Commas or semicolons separate.

    columns: that may be there. keys: that must be. Raises ValueError, with a reason, for what is no such table.
    """
    header, _rest = f"{text}\n".split("\n", 1)
    reader = csv.reader(StringIO(text), delimiter=";" if header.count(";") > header.count(",") else ",", strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
        check_columns(names, columns, keys)
        return names, list(_rows(reader, len(names)))
    except csv.Error as fault:
        raise ValueError(_("line %(line)s: %(fault)s") % {"line": reader.line_num, "fault": fault}) from None


def check_columns(names: list[str], columns: Sequence[str], keys: Sequence[str]) -> None:
    """Raise ValueError if these can't be the names of the columns."""
    for key in keys:
        if key not in names:
            raise ValueError(_("there is no column “%(name)s”") % {"name": key})
    if unknown := [name for name in names if name not in columns]:
        raise ValueError(
            _("there is no such column as “%(name)s”, only %(names)s")
            % {"name": unknown[0], "names": ", ".join(columns)}
        )
    if len(set(names)) < len(names):
        raise ValueError(_("a column comes twice"))


def _rows(reader: Any, width: int) -> Iterator[tuple[int, list[str]]]:
    line = reader.line_num + 1  # where a row begins; it may have lines in its cells
    for row in reader:
        if any(cell.strip() for cell in row):
            if len(row) != width:
                told = {"line": line, "cells": len(row), "columns": width}
                raise ValueError(_("line %(line)s has %(cells)s cells for %(columns)s columns") % told)
            yield line, [cell.strip() for cell in row]
        line = reader.line_num + 1


def write(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """The same as text."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
