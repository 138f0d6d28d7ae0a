"""Every string is translated in every language, and the compiled catalogs are those of the sources."""

from io import BytesIO

import pytest
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po

from cashier_core.call import LANGUAGES
from tests.core.catalogs import PACKAGES, strings


def source(package, language):
    return read_po(BytesIO((package / f"locale/{language}/LC_MESSAGES/django.po").read_bytes()))


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_string_is_missing_and_none_is_left_over(package, language) -> None:
    catalog = source(package, language)
    translated = {message.id for message in catalog if message.id and message.string}

    assert translated == strings(package)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
@pytest.mark.parametrize("language", LANGUAGES)
def test_compiled_catalog_is_up_to_date(package, language) -> None:
    folder = package / f"locale/{language}/LC_MESSAGES"
    fresh = BytesIO()
    write_mo(fresh, source(package, language))
    fresh.seek(0)

    def messages(file):
        return {message.id: message.string for message in read_mo(file) if message.id}

    assert messages(BytesIO((folder / "django.mo").read_bytes())) == messages(fresh), "run `make messages`"
