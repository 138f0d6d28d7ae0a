"""Every string is translated, and the compiled catalogs are those of the sources."""

import re
from io import BytesIO

import pytest
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po

from cashier_core.call import LANGUAGES
from tests.core.catalogs import CORE, FOR_MANAGERS, PACKAGES, WEB, seen_by_all, strings

COMPLETE = ("en", "fr")
"""Languages in which managers' pages and the admin are, too; in the others these are in English."""


def source(package, language):
    return read_po(BytesIO((package / f"locale/{language}/LC_MESSAGES/django.po").read_bytes()))


def key(message):
    return (message.context, message.id) if message.context else message.id


def translated(package, language):
    """String to its translation."""
    return {key(message): message.string for message in source(package, language) if message.id and message.string}


PO_SYNTAX = re.compile(r'msg(id|str|ctxt)|["\\\n]')
"""What only the syntax of a catalog contains. Texts for people use “typographic” quotes."""


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_contains_syntax_of_the_catalog(package, language) -> None:
    """Babel reads `msgstr "a"msgid "b"` without complaint, and everything after the first quote becomes the text."""
    texts = [text for message in source(package, language) if message.id for text in (message.id, message.string)]

    assert texts
    assert [text for text in texts if PO_SYNTAX.search(text)] == []


def names(text: str) -> list[str]:
    """What is filled in."""
    return sorted(re.findall(r"%\(\w+\)s", text))


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
@pytest.mark.parametrize("language", COMPLETE)
def test_no_string_is_missing(package, language) -> None:
    assert strings(package) - translated(package, language).keys() == set()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_that_customers_and_cashiers_see_is_missing_in_any_language(package, language) -> None:
    assert seen_by_all(package) - translated(package, language).keys() == set()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_string_is_left_over(package, language) -> None:
    assert translated(package, language).keys() - strings(package) == set()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_same_to_be_filled_in(package, language) -> None:
    for string, translation in translated(package, language).items():
        assert names(translation) == names(string if isinstance(string, str) else string[1]), translation


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_both_packages_say_they_say_with_the_same_words(language) -> None:
    core, web = translated(CORE, language), translated(WEB, language)

    assert [string for string in core.keys() & web if core[string] != web[string]] == []


def test_what_only_managers_see_is_where_it_is_said_to_be() -> None:
    assert [name for name in FOR_MANAGERS if not (WEB / name).exists()] == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
@pytest.mark.parametrize("language", LANGUAGES)
def test_compiled_catalog_is_up_to_date(package, language) -> None:
    folder = package / f"locale/{language}/LC_MESSAGES"
    fresh = BytesIO()
    write_mo(fresh, source(package, language))
    fresh.seek(0)

    def messages(file):
        return {key(message): message.string for message in read_mo(file) if message.id}

    assert messages(BytesIO((folder / "django.mo").read_bytes())) == messages(fresh), "run `make messages`"
