"""Reading and writing CSV files.

Spreadsheets separate cells by commas or by semicolons, depending on the country; both are read.
"""

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Any

from django.utils.translation import gettext as _


def read(text: str, columns: Sequence[str], keys: Sequence[str]) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the names of the columns, and each row that is not empty: the line where it begins, and its cells.

    columns: the names that may occur. keys: the names that must occur. Raises ValueError, with the reason, if the text
    is not such a table.
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
    """Raise ValueError, with the reason, if a column is missing, unknown or occurs twice."""
    for key in keys:
        if key not in names:
            raise ValueError(_("the column “%(name)s” is missing") % {"name": key})
    if unknown := [name for name in names if name not in columns]:
        raise ValueError(
            _("unknown column “%(name)s”; the columns are %(names)s")
            % {"name": unknown[0], "names": ", ".join(columns)}
        )
    if len(set(names)) < len(names):
        raise ValueError(_("a column appears twice"))


def _rows(reader: Any, width: int) -> Iterator[tuple[int, list[str]]]:
    line = reader.line_num + 1  # where the row begins; a cell may contain line breaks
    for row in reader:
        if any(cell.strip() for cell in row):
            if len(row) != width:
                params = {"line": line, "cells": len(row), "columns": width}
                raise ValueError(_("line %(line)s has %(cells)s cells for %(columns)s columns") % params)
            yield line, [cell.strip() for cell in row]
        line = reader.line_num + 1


def write(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """The table as the text of a CSV file, with commas."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
