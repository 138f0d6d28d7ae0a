"""The one fragment: what it says, and what the page needs to know to fall back by itself."""

import pytest

from cashier_core import message
from cashier_core.waiting import Waiting


@pytest.mark.parametrize(("language", "label"), [("en", "Cashier"), ("fr", "Caisse")])
def test_a_call_says_label_and_number_in_its_language(language: str, label: str) -> None:
    html = message.render(message.context(Waiting("en"), language=language, num_cashier=4, seq=17, hold_ms=1800))

    assert html.startswith('<div id="message" hx-swap-oob="true"')
    assert f'lang="{language}"' in html
    assert f">{label}<" in html
    assert ">Nº4<" in html


def test_a_call_carries_seq_hold_and_what_to_fall_back_to() -> None:
    html = message.render(message.context(Waiting("fr"), language="en", num_cashier=4, seq=17, hold_ms=1800))

    assert 'data-seq="17"' in html
    assert 'data-hold-ms="1800"' in html
    assert 'data-waiting="Veuillez patienter" data-waiting-lang="fr"' in html


def test_waiting_says_so_and_has_no_number() -> None:
    html = message.render(message.context(Waiting("en"), seq=17))

    assert ">Please wait<" in html
    assert "data-num-cashier" not in html


def test_numbers_of_a_thousand_and_more_have_no_separator() -> None:
    html = message.render(message.context(Waiting("fr"), num_cashier=1234))

    assert 'data-num-cashier="1234"' in html
    assert ">Nº1234<" in html


def test_a_till_with_a_name_is_called_by_it_alone() -> None:
    html = message.render(message.context(Waiting("en"), num_cashier=4, label="Pharmacy"))

    assert 'data-num-cashier="4"' in html
    assert '<span class="number letters-8">Pharmacy</span></div>' in html


@pytest.mark.parametrize(("label", "size"), [("Bakery", 6), ("Click & collect", 20), ("W" * 30, 20)])
def test_a_longer_name_is_smaller(label: str, size: int) -> None:
    assert f'"number letters-{size}"' in message.render(message.context(Waiting("en"), num_cashier=4, label=label))


def test_a_till_with_another_number_is_called_by_that() -> None:
    html = message.render(message.context(Waiting("en"), num_cashier=4, label="128"))

    assert 'data-num-cashier="4"' in html
    assert '<span class="number digits-3">Nº128</span>' in html


def test_a_notice_stands_in_for_please_wait_also_after_a_call() -> None:
    closed = Waiting("fr", "Fermé <b>")
    waiting, call = (message.render(message.context(closed, num_cashier=number)) for number in (0, 4))

    assert '<span class="waiting">Fermé &lt;b&gt;</span>' in waiting
    for html in (waiting, call):
        assert 'data-waiting="Fermé &lt;b&gt;" data-waiting-lang="fr" data-notice' in html
