"""The one fragment: what it says, and what the page needs to know to fall back by itself."""

import pytest

from cashier_core import message


@pytest.mark.parametrize(("language", "label"), [("en", "Cashier"), ("fr", "Caisse")])
def test_a_call_says_label_and_number_in_its_language(language: str, label: str) -> None:
    html = message.render(message.context("en", language=language, num_cashier=4, seq=17, hold_ms=1800))

    assert html.startswith('<div id="message" hx-swap-oob="true"')
    assert f'lang="{language}"' in html
    assert f">{label}<" in html
    assert ">Nº4<" in html


def test_a_call_carries_seq_hold_and_what_to_fall_back_to() -> None:
    html = message.render(message.context("fr", language="en", num_cashier=4, seq=17, hold_ms=1800))

    assert 'data-seq="17"' in html
    assert 'data-hold-ms="1800"' in html
    assert 'data-waiting="Veuillez patienter" data-waiting-lang="fr"' in html


def test_waiting_says_so_and_has_no_number() -> None:
    html = message.render(message.context("en", seq=17))

    assert ">Please wait<" in html
    assert "data-num-cashier" not in html


def test_numbers_of_a_thousand_and_more_have_no_separator() -> None:
    html = message.render(message.context("fr", num_cashier=1234))

    assert 'data-num-cashier="1234"' in html
    assert ">Nº1234<" in html
