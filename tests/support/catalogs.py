"""Finds the texts of a package that must be translated, without using gettext."""

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
# Django's templatize turns a tag into such a call, and replaces the rest of a template by the letter X.
TEXT = r"""u?("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
TAG = re.compile(rf"\b(?:(?:_|gettext)\(|pgettext\({TEXT}, ){TEXT}\)")
FOR_MANAGERS = [
    *("admin", "devices", "history", "media", "models", "stores", "validators.py"),
    *("accounts/people.py", "accounts/people_csv.py", "infra/csv_table.py", "infra/table_resource.py"),
    *(f"templates/cashier_web/{name}.html" for name in ("_store_nav", "_import_errors", "devices")),
    *(f"templates/cashier_web/{name}.html" for name in ("history", "import", "media", "people", "screens")),
]
"""Packages, modules and templates whose texts only managers and administrators read."""

String = str | tuple[str, str]
"""A text, or a pair of a context and a text."""


def strings(package: Path) -> set[String]:
    """Every text in the package's templates and modules that is marked for translation."""
    return {string for path in files(package) for string in strings_of(path)}


def seen_by_all(package: Path) -> set[String]:
    """The texts that customers, cashiers and people who sign in may see: those of all files outside FOR_MANAGERS."""
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
    """The texts of one module or template."""
    if path.suffix == ".html":
        for context, text in TAG.findall(templatize(path.read_text())):
            string = ast.literal_eval(text)
            yield (ast.literal_eval(context), string) if context else string
        return
    for _line, string, _comments, context in extract("python", BytesIO(path.read_bytes()), KEYWORDS):
        assert isinstance(string, str)
        yield (context, string) if context else string
