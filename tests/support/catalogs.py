"""Finds all texts of a package that are marked for translation, without using gettext.

Tests use these texts to check that the catalogs are complete.
"""

import ast
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.extract import extract
from django.utils.translation.template import templatize

ROOT = Path(__file__).parents[2] / "services"
CORE, WEB = PACKAGES = [ROOT / "core/src/cashier_core", ROOT / "web/src/cashier_web"]
KEYWORDS = {"_": None, "gettext": None, "gettext_lazy": None, "pgettext": ((1, "c"), 2)}
# Django's templatize() turns each translation tag of a template into a call of gettext() or pgettext(), and the rest of
# the template into the letter X. TAG finds these calls, and TEXT finds their arguments.
TEXT = r"""u?("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
TAG = re.compile(rf"\b(?:(?:_|gettext)\(|pgettext\({TEXT}, ){TEXT}\)")
FOR_MANAGERS = [
    *(
        "admin",
        "alarms",
        "devices",
        "fleet",
        "history",
        "media",
        "models",
        "opening_hours.py",
        "stores",
        "validators.py",
    ),
    *("accounts/people.py", "accounts/people_csv.py"),
    *("infra/csv_table.py", "infra/lookalikes.py", "infra/media_storage.py", "infra/table_resource.py"),
    *(f"templates/cashier_web/{name}.html" for name in ("_store_nav", "_import_errors", "_proof", "_screen_state")),
    *(
        f"templates/cashier_web/{name}.html"
        for name in ("_fleet_link", "_stale", "_not_renewed", "admin_index", "hours")
    ),
    *(f"templates/cashier_web/{name}.html" for name in ("fleet", "fleet_screen", "fleet_proof", "devices", "history")),
    *(f"templates/cashier_web/{name}.html" for name in ("alarms", "_alarm_subject", "_lasting_alarms")),
    *(f"templates/cashier_web/{name}.html" for name in ("import", "media", "people", "screens", "_screen_form")),
]
"""Only managers and administrators read the texts in these packages, modules and templates."""

String = str | tuple[str, str]
"""A text for translation. A text with a context is the pair (context, text), as in pgettext(context, text)."""


def strings(package: Path) -> set[String]:
    """Return every text in the package's templates and modules that is marked for translation."""
    return {string for path in files(package) for string in strings_of(path)}


def seen_by_all(package: Path) -> set[String]:
    """Return the texts that customers, cashiers and people who sign in may see.

    These are the texts of all files that FOR_MANAGERS does not list.
    """
    others = [package / name for name in FOR_MANAGERS]
    return {
        string
        for path in files(package)
        if not any(path.is_relative_to(other) for other in others)
        for string in strings_of(path)
    }


def files(package: Path) -> list[Path]:
    return [*package.rglob("*.py"), *package.rglob("*.html")]


def strings_of(path: Path) -> Iterator[String]:
    """Yield the texts of one module or template that are marked for translation."""
    if path.suffix == ".html":
        for context, text in TAG.findall(templatize(path.read_text())):
            string = ast.literal_eval(text)
            yield (ast.literal_eval(context), string) if context else string
        return
    for _line, string, _comments, context in extract("python", BytesIO(path.read_bytes()), KEYWORDS):
        assert isinstance(string, str)
        yield (context, string) if context else string
