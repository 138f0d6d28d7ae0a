"""Every text is translated, and each compiled translation catalog (`django.mo`) agrees with its source (`django.po`).

English has no catalog, because the texts in the code are English.
"""

import re
from io import BytesIO

import pytest
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils import translation

from cashier_core.call import LANGUAGES
from tests.support.catalogs import CORE, FOR_MANAGERS, PACKAGES, WEB, seen_by_all, strings

TRANSLATED = sorted(LANGUAGES.keys() - {"en"})
COMPLETE = ["fr"]
"""The languages into which everything is translated. In all other languages of the project, the managers' pages and the
admin are in English."""


def source(package, language):
    return read_po(BytesIO((package / f"locale/{language}/LC_MESSAGES/django.po").read_bytes()))


def key(message):
    return (message.context, message.id) if message.context else message.id


def translated(package, language):
    """Return the translations of one catalog: a dictionary from each text to its translation."""
    return {key(message): message.string for message in source(package, language) if message.id and message.string}


PO_SYNTAX = re.compile(r'msg(id|str|ctxt)|["\\\n]')
"""Finds syntax of a catalog file in a text: keywords such as `msgid`, straight quotes, backslashes and line breaks.

Our texts contain none of these. For example, they use typographic quotes. So a text with such syntax proves that Babel
has misread the file."""


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
@pytest.mark.parametrize("language", TRANSLATED)
def test_no_text_contains_syntax_of_the_catalog(package, language) -> None:
    """This test finds a missing line break in a catalog, such as in `msgstr "a"msgid "b"`.

    Babel reports no error there. It takes everything after the first quote for the text, so the text contains the word
    `msgid`.
    """
    texts = [text for message in source(package, language) if message.id for text in (message.id, message.string)]

    assert texts
    assert [text for text in texts if PO_SYNTAX.search(text)] == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_no_english_text_contains_syntax_of_the_catalog(package) -> None:
    texts = [string if isinstance(string, str) else string[1] for string in strings(package)]

    assert texts
    assert [text for text in texts if PO_SYNTAX.search(text)] == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
@pytest.mark.parametrize("language", TRANSLATED)
def test_no_entry_of_a_catalog_is_repeated_fuzzy_or_obsolete(package, language) -> None:
    """Babel reads the last one of repeated entries, and skips obsolete and fuzzy entries, without any error."""
    text = (package / f"locale/{language}/LC_MESSAGES/django.po").read_text()
    entries = [key(message) for message in source(package, language)]
    contexts_and_texts = re.findall(r'^(?:msgctxt "(.*)"\n)?msgid "(.+)"$', text, re.MULTILINE)

    assert [line for line in text.splitlines() if line.startswith(("#~", "#, fuzzy"))] == []
    assert len(contexts_and_texts) == len(set(contexts_and_texts)) == len(entries) - 1, "the header is one more entry"


def placeholders(text: str) -> list[str]:
    """The placeholders in the text, such as `%(till)s`, in alphabetical order."""
    return sorted(re.findall(r"%\(\w+\)s", text))


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
@pytest.mark.parametrize("language", COMPLETE)
def test_no_translation_is_missing_in_a_complete_language(package, language) -> None:
    assert strings(package) - translated(package, language).keys() == set()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
@pytest.mark.parametrize("language", TRANSLATED)
def test_everything_that_customers_and_cashiers_see_is_translated_into_every_language(package, language) -> None:
    assert seen_by_all(package) - translated(package, language).keys() == set()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
@pytest.mark.parametrize("language", TRANSLATED)
def test_no_catalog_translates_a_text_that_no_longer_exists(package, language) -> None:
    assert translated(package, language).keys() - strings(package) == set()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_has_the_placeholders_of_its_text(package, language) -> None:
    for string, translation_ in translated(package, language).items():
        text = string if isinstance(string, str) else string[1]
        assert placeholders(translation_) == placeholders(text), translation_


@pytest.mark.parametrize("language", TRANSLATED)
def test_both_packages_translate_a_common_text_in_the_same_way(language) -> None:
    core, web = translated(CORE, language), translated(WEB, language)

    assert [string for string in core.keys() & web if core[string] != web[string]] == []


def test_every_file_that_only_managers_read_exists() -> None:
    assert [name for name in FOR_MANAGERS if not (WEB / name).exists()] == []


def test_every_language_but_english_has_a_catalog_in_both_packages() -> None:
    for package in PACKAGES:
        assert sorted(path.name for path in (package / "locale").iterdir()) == TRANSLATED


def test_english_texts_need_no_catalog_even_after_another_language_was_active() -> None:
    """English needs no catalog, because Django shows a text of the code as it is if the language is English.

    This is true only while LANGUAGE_CODE is "en". Otherwise, Django would look for a translation into that language.
    """
    assert settings.LANGUAGE_CODE == "en"
    assert translation.check_for_language("en")
    for language, text in [("fr", "Veuillez patienter"), ("en", "Please wait"), ("de", "Bitte warten")]:
        with translation.override(language):
            assert translation.gettext("Please wait") == text
    with translation.override("en"):
        assert translation.pgettext("in a sentence", "Nº%(digits)s") == "Nº%(digits)s"


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
@pytest.mark.parametrize("language", TRANSLATED)
def test_the_compiled_catalog_is_up_to_date(package, language) -> None:
    folder = package / f"locale/{language}/LC_MESSAGES"
    fresh = BytesIO()
    write_mo(fresh, source(package, language))
    fresh.seek(0)

    def messages(file):
        return {key(message): message.string for message in read_mo(file) if message.id}

    assert messages(BytesIO((folder / "django.mo").read_bytes())) == messages(fresh), "run `make messages`"
