"""Reads what a package has to be translated, without asking the machine for gettext."""

import ast
import re
from io import BytesIO
from pathlib import Path

from babel.messages.extract import extract
from django.utils.translation.template import templatize

ROOT = Path(__file__).parents[2] / "services"
PACKAGES = [ROOT / "core/src/cashier_core", ROOT / "web/src/cashier_web"]
KEYWORDS = {"_": None, "gettext": None, "gettext_lazy": None}
# What Django's templatize makes of a tag; the rest of a template it crosses out.
TAG = re.compile(r"""\b(?:_|gettext)\(u?("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\)""")


def strings(package: Path) -> set[str]:
    """Every string in the package's templates and modules that is marked for translation."""
    found = set()
    for path in package.rglob("*.py"):
        for _line, message, *_rest in extract("python", BytesIO(path.read_bytes()), KEYWORDS):
            found.add(message)
    for path in package.rglob("*.html"):
        found.update(ast.literal_eval(text) for text in TAG.findall(templatize(path.read_text())))
    return found
