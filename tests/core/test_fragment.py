"""The HTML fragment of a screen contains the text to show.

The fragment also contains the data that the page needs to show the idle text again without the server.
"""

import pytest

from cashier_core import fragment
from cashier_core.call import LANGUAGES
from cashier_core.idle import Idle

CALLS = {
    "en": ("Cashier", "Nº4"),
    "fr": ("Caisse", "Nº4"),
    "de": ("Kasse", "4"),
    "es": ("Caja", "4"),
    "it": ("Cassa", "4"),
    "nl": ("Kassa", "4"),
    "pt": ("Caixa", "4"),
    "pl": ("Kasa", "4"),
    "ar": ("الصندوق", "4"),
}


def test_a_call_can_be_made_in_nine_languages() -> None:
    assert CALLS.keys() == LANGUAGES.keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_call_says_label_and_number_in_its_language(language: str) -> None:
    label, number = CALLS[language]
    html = fragment.render(fragment.context(Idle("en"), language=language, till=4, seq=17, hold_ms=1800))

    assert html.startswith('<div id="message" hx-swap-oob="true"')
    assert f'lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}" data-seq' in html
    assert f">{label}<" in html
    assert f">{number}<" in html


def test_a_call_contains_seq_hold_and_the_idle_text_for_afterwards() -> None:
    html = fragment.render(fragment.context(Idle("fr"), language="en", till=4, seq=17, hold_ms=1800))

    assert 'data-seq="17"' in html
    assert 'data-hold-ms="1800"' in html
    assert 'data-waiting="Veuillez patienter" data-waiting-lang="fr" data-waiting-dir="ltr"' in html


def test_the_idle_fragment_says_please_wait_and_has_no_number() -> None:
    html = fragment.render(fragment.context(Idle("en"), seq=17))

    assert ">Please wait<" in html
    assert "data-num-cashier" not in html


def test_numbers_of_a_thousand_and_more_have_no_separator() -> None:
    html = fragment.render(fragment.context(Idle("fr"), till=1234))

    assert 'data-num-cashier="1234"' in html
    assert ">Nº1234<" in html


def test_a_till_with_a_word_as_label_is_called_by_the_word_alone() -> None:
    html = fragment.render(fragment.context(Idle("en"), till=4, label="Pharmacy"))

    assert 'data-num-cashier="4"' in html
    assert '<span class="number letters-8">Pharmacy</span></div>' in html


@pytest.mark.parametrize(("label", "size"), [("Bakery", 6), ("Click & collect", 20), ("W" * 30, 20)])
def test_a_longer_label_has_a_smaller_font(label: str, size: int) -> None:
    assert f'"number letters-{size}"' in fragment.render(fragment.context(Idle("en"), till=4, label=label))


def test_a_till_with_a_number_as_label_is_called_by_that_number() -> None:
    html = fragment.render(fragment.context(Idle("en"), till=4, label="128"))

    assert 'data-num-cashier="4"' in html
    assert '<span class="number digits-3">Nº128</span>' in html


def test_a_notice_replaces_please_wait_before_and_after_a_call() -> None:
    closed = Idle("fr", "Fermé <b>")
    idle, call = (fragment.render(fragment.context(closed, till=number)) for number in (0, 4))

    assert '<span class="waiting">Fermé &lt;b&gt;</span>' in idle
    for html in (idle, call):
        assert 'data-waiting="Fermé &lt;b&gt;" data-waiting-lang="fr" data-waiting-dir="auto" data-notice' in html


def test_a_call_and_the_idle_text_each_have_their_own_direction() -> None:
    html = fragment.render(fragment.context(Idle("ar"), language="de", till=4))

    assert 'lang="de" dir="ltr" data-seq' in html
    assert 'data-waiting="يرجى الانتظار" data-waiting-lang="ar" data-waiting-dir="rtl"' in html


@pytest.mark.parametrize(
    ("idle", "call"),
    [(Idle("ar", "Back on Monday"), {}), (Idle("en"), {"language": "ar", "till": 4, "label": "Pharmacy"})],
    ids=["notice", "name of a till"],
)
def test_notices_and_labels_take_their_direction_from_their_letters(idle, call) -> None:
    assert 'lang="ar" dir="auto"' in fragment.render(fragment.context(idle, **call))
