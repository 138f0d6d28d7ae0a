"""Reads what a package has to be translated, without asking the machine for gettext."""

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
# What Django's templatize makes of a tag; the rest of a template it crosses out.
TEXT = r"""u?("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
TAG = re.compile(rf"\b(?:(?:_|gettext)\(|pgettext\({TEXT}, ){TEXT}\)")
FOR_MANAGERS = [
    *("admin", "devices", "history", "media", "models", "stores", "validators.py"),
    *("accounts/people.py", "infra/csv_table.py"),
    *(f"templates/cashier_web/{name}.html" for name in ("_manage", "_reasons", "devices", "history", "import")),
    *(f"templates/cashier_web/{name}.html" for name in ("media", "people", "screens")),
]
"""Modules and templates of which only managers and administrators read anything."""

String = str | tuple[str, str]
"""What is translated; after its context, if it has one."""


def strings(package: Path) -> set[String]:
    """Every string in the package's templates and modules that is marked for translation."""
    return {string for path in files(package) for string in strings_of(path)}


def seen_by_all(package: Path) -> set[String]:
    """Those that a customer, a cashier or whoever signs in may see: of every file that isn't named as another's."""
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
    if path.suffix == ".html":
        for context, text in TAG.findall(templatize(path.read_text())):
            string = ast.literal_eval(text)
            yield (ast.literal_eval(context), string) if context else string
        return
    for _line, string, _comments, context in extract("python", BytesIO(path.read_bytes()), KEYWORDS):
        assert isinstance(string, str)
        yield (context, string) if context else string
