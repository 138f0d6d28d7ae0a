"""Reads and writes CSV files.

Depending on the country, spreadsheets separate cells by commas or by semicolons. Files of both kinds can be read.
"""

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Any

from django.utils.translation import gettext as _


def read(text: str, columns: Sequence[str], keys: Sequence[str]) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the names of the columns, and all rows that are not empty.

    Each row is a pair: the number of the line at which the row begins, and the cells of the row.
    columns: the names that the first line may contain. keys: the names that the first line must contain.
    Raises ValueError, with the reason, if the text is not a table with these columns.
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
    # The number of the line at which the next row begins. A cell may contain line breaks, so a row may have more than
    # one line.
    line = reader.line_num + 1
    for row in reader:
        if any(cell.strip() for cell in row):
            if len(row) != width:
                params = {"line": line, "cells": len(row), "columns": width}
                raise ValueError(_("line %(line)s has %(cells)s cells for %(columns)s columns") % params)
            yield line, [cell.strip() for cell in row]
        line = reader.line_num + 1


def write(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return the table as the text of a CSV file with commas."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
