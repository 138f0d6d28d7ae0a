"""Reads what a package has to be translated, without asking the machine for gettext."""

from io import BytesIO
from pathlib import Path

from babel.messages.extract import extract
from django.utils.translation.template import templatize

ROOT = Path(__file__).parents[2] / "services"
PACKAGES = [ROOT / "core/src/cashier_core", ROOT / "web/src/cashier_web"]
# `_noop` and `_` are also what templatize turns tags into.
KEYWORDS = {"_": None, "gettext": None, "gettext_lazy": None, "_noop": None}


def strings(package: Path) -> set[str]:
    """Every string in the package's templates and modules that is marked for translation."""
    sources = {path: path.read_text() for path in package.rglob("*.py")}
    sources |= {path: templatize(path.read_text()) for path in package.rglob("*.html")}
    return {
        message
        for text in sources.values()
        for _line, message, _comments, _context in extract("python", BytesIO(text.encode()), KEYWORDS)
        if isinstance(message, str)
    }
