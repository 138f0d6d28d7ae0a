"""Keeps spreadsheet programs from changing or executing the cells of an exported CSV file.

A spreadsheet program guesses what the cells of a CSV file mean. It turns `0042` into 42, turns `7-1` into a date, and
executes `=HYPERLINK(...)`. An apostrophe in front of such a cell prevents this. An import removes the apostrophe again.
"""

import re
from functools import cache

from django.utils import translation
from django.utils.dates import MONTHS, MONTHS_3, MONTHS_ALT, MONTHS_AP

from cashier_core.call import LANGUAGES

FORMULA = re.compile(r"[=+\-@\t\r＝＋－＠]")
"""Spreadsheet programs execute cells that begin with one of these characters. Some programs also accept the wide forms
of the characters, which are used in East Asian texts."""
SAFE_NUMBER = re.compile(r"0|[1-9][0-9]{0,10}")
"""Integers that no spreadsheet program changes. Excel changes longer integers to a form such as 1.23457E+11."""
NUMBER_OR_DATE = re.compile(r"(?=\D*\d)[\d\s.,:/+\-'%€$£()eE]+")
TIME = re.compile(r"\d[\d:]*\s*[ap]m?", re.IGNORECASE)
BOOLEANS = frozenset(
    [
        *("true", "false", "wahr", "falsch", "vrai", "faux", "verdadero", "falso", "vero"),  # codespell:ignore falso
        *("waar", "onwaar", "verdadeiro", "prawda", "fałsz"),
    ]
)
"""The words for true and false in English, German, French, Spanish, Italian, Dutch, Portuguese and Polish."""


@cache
def _month() -> re.Pattern[str]:
    """Return a pattern for texts such as "mar-1" and "1 Mars", which Excel takes for dates, in all languages."""
    names = set()
    for language in LANGUAGES:
        with translation.override(language):
            for months in (MONTHS, MONTHS_3, MONTHS_ALT, MONTHS_AP):
                names |= {str(name).rstrip(".").lower() for name in months.values()}
    month = rf"(?:{'|'.join(map(re.escape, sorted(names, key=len, reverse=True)))})\.?"
    return re.compile(rf"{month}[-/ .]*\d{{1,4}}|\d{{1,4}}[-/ .]*{month}(?:[-/ .]*\d{{1,4}})?", re.IGNORECASE)


def _is_changed(cell: str) -> bool:
    """Whether a spreadsheet program would change or execute the cell, or `unprotect` would remove its apostrophe."""
    cell = cell.lstrip("'")
    return bool(
        FORMULA.match(cell)
        or (NUMBER_OR_DATE.fullmatch(cell) and not SAFE_NUMBER.fullmatch(cell))
        or TIME.fullmatch(cell)
        or cell.lower() in BOOLEANS
        or _month().fullmatch(cell)
    )


def protect(cell: str) -> str:
    """Return the cell with an apostrophe in front if a spreadsheet program would change or execute the cell."""
    return f"'{cell}" if _is_changed(cell) else cell


def unprotect(cell: str) -> str:
    """Undo `protect`. An apostrophe that belongs to the text, as in "'s-Gravenhage", stays."""
    return cell[1:] if cell.startswith("'") and _is_changed(cell[1:]) else cell
