"""Reads and writes CSV files.

Depending on the program and the country, cells are separated by commas, semicolons or tabs. All of these can be read.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Any

from django.utils.formats import get_format
from django.utils.translation import gettext as _

from cashier_web.infra.spreadsheets import protect, unprotect

BYTE_ORDER_MARK = "\ufeff"
"""Excel reads a CSV file as UTF-8 only if the file begins with this character."""
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""The first bytes of the files .xlsx, .ods and .xls, which people take for CSV files."""
SEPARATORS = ",;\t"
LONGEST_CELL = 10_000
"""How many characters a cell may have. The longest useful cell lists the roles of a person in hundreds of stores."""


def decode(content: bytes) -> str:
    """Return the text of a CSV file. Raises ValueError, and says what to do, if the file is not text in UTF-8.

    UTF-16 is accepted, too, because it can be recognised: Excel's format "Unicode Text" uses it.
    """
    if content.startswith(WORKBOOKS):
        raise ValueError(_("This is a workbook, not a CSV file. In Excel, save it as “CSV UTF-8 (comma delimited)”."))
    try:
        text = content.decode("utf-16" if content.startswith(UTF_16) else "utf-8-sig")
    except UnicodeDecodeError as fault:
        line = content[: fault.start].count(b"\n") + 1
        raise ValueError(
            _(
                "line %(line)s: The file is not in UTF-8. In Excel, save it as “CSV UTF-8 (comma delimited)”; "
                "in LibreOffice, choose the character set “Unicode (UTF-8)”."
            )
            % {"line": line}
        ) from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise ValueError(
            _("line %(line)s: The file contains NUL characters, so it is not a CSV file in UTF-8.") % {"line": line}
        )
    return text


def read(text: str, columns: Sequence[str], keys: Sequence[str]) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the names of the columns, and all rows that are not empty.

    Each row is a pair: the number of the line at which the row begins, and the cells of the row.
    columns: the names that the first line may contain. keys: the names that the first line must contain.
    Raises ValueError, with the reason, if the text is not a table with these columns.
    """
    # Old programs end lines with carriage returns only.
    text = text.removeprefix(BYTE_ORDER_MARK).replace("\r\n", "\n").replace("\r", "\n")
    header, _newline, rest = text.partition("\n")
    # Excel writes and reads a first line such as `sep=;`, which names the separator.
    if chosen := re.fullmatch(r'"?sep=([,;\t])"?[,;\t]*', header, re.IGNORECASE):
        separator, lines_before, text = chosen[1], 1, rest
    else:
        separator, lines_before = max(SEPARATORS, key=header.count), 0
    reader = csv.reader(StringIO(text, newline="\n"), delimiter=separator, strict=True)
    try:
        names = _without_empty_end([name.strip() for name in next(reader, [])])
        check_columns(names, columns, keys)
        return names, list(_rows(reader, len(names), lines_before))
    except csv.Error as fault:
        line = reader.line_num + lines_before
        if "field limit" in str(fault):  # Python's own limit is 131,072 characters.
            raise ValueError(_cell_too_long(line)) from None
        raise ValueError(
            _(
                "line %(line)s: A quotation mark is missing or in the wrong place. "
                "Double each quotation mark within a cell, and put quotation marks around the cell."
            )
            % {"line": line}
        ) from None


def check_columns(names: list[str], columns: Sequence[str], keys: Sequence[str]) -> None:
    """Raise ValueError, with the reason, if a column is missing, unknown or occurs twice."""
    for key in keys:
        if key not in names:
            raise ValueError(_("the column “%(name)s” is missing") % {"name": key})
    if "" in names:
        raise ValueError(_("column %(number)s has no name in the first line") % {"number": names.index("") + 1})
    if unknown := [name for name in names if name not in columns]:
        raise ValueError(
            _("unknown column “%(name)s”; the columns are %(names)s")
            % {"name": _shortened(unknown[0]), "names": ", ".join(columns)}
        )
    if len(set(names)) < len(names):
        raise ValueError(_("a column appears twice"))


def _rows(reader: Any, width: int, lines_before: int) -> Iterator[tuple[int, list[str]]]:
    # The number of the line at which the next row begins. A cell may contain line breaks, so a row may have more than
    # one line.
    line = reader.line_num + 1 + lines_before
    for row in reader:
        if any(cell.strip() for cell in row):
            # Spreadsheet programs may write more cells than the table has columns. If these cells are empty, they are
            # removed.
            cells = row[:width] + _without_empty_end(row[width:])
            if len(cells) != width:
                params = {"line": line, "cells": len(cells), "columns": width}
                raise ValueError(_("line %(line)s has %(cells)s cells for %(columns)s columns") % params)
            if any(len(cell) > LONGEST_CELL for cell in cells):
                raise ValueError(_cell_too_long(line))
            yield line, [unprotect(cell.strip()) for cell in cells]
        line = reader.line_num + 1 + lines_before


def _without_empty_end(cells: list[str]) -> list[str]:
    """Return the cells without the empty cells at the end."""
    while cells and not cells[-1].strip():
        cells = cells[:-1]
    return cells


def _cell_too_long(line: int) -> str:
    params = {"line": line, "most": LONGEST_CELL}
    return _("line %(line)s: a cell has more than %(most)s characters; is a quotation mark missing?") % params


def _shortened(text: str) -> str:
    return text if len(text) <= 50 else f"{text[:50]}…"


def write(columns: Sequence[str], rows: Sequence[Sequence[object]], separator: str = ",") -> str:
    """Return the table as the text of a CSV file.

    A cell that a spreadsheet program would change or execute gets an apostrophe, which `read` removes again.
    """
    text = StringIO()
    writer = csv.writer(text, delimiter=separator)
    writer.writerow(columns)
    writer.writerows([protect(str(cell)) for cell in row] for row in rows)
    return text.getvalue()


def write_for_excel(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a text that Excel opens correctly if Excel is set to the language of the reader.

    Excel needs the byte order mark to read the text as UTF-8. It expects semicolons between the cells in the countries
    in which people write decimal numbers with a comma.
    """
    separator = ";" if get_format("DECIMAL_SEPARATOR") == "," else ","
    return BYTE_ORDER_MARK + write(columns, rows, separator)
