"""The page of a screen shows the idle text at first, and contains a ticket with which it opens its websocket."""

import re

import pytest

from cashier_core.tickets import Ticket
from cashier_web.models import Store
from cashier_web.screens.appearance import idle_of

pytestmark = pytest.mark.django_db


def websocket_of(response) -> str:
    return re.search(r'data-websocket="([^"]+)"', response.content.decode())[1]


def test_the_default_store_is_at_the_root_and_says_please_wait(client) -> None:
    response = client.get("/")

    assert response.status_code == 200
    assert '<span class="waiting">Please wait</span>' in response.content.decode()


def test_the_page_contains_a_ticket_for_its_store(client, settings) -> None:
    Store.objects.create(slug="north-7", name="North", language="fr")
    path, _, ticket = websocket_of(client.get("/s/north-7/")).partition("?ticket=")

    assert path == "/ws/cashier_q/north-7"
    assert Ticket.read(ticket, settings.ENVIRONMENT.cashier_ticket_key) == Ticket(
        "north-7", idle_of(Store.objects.get(slug="north-7"))
    )


def test_the_page_is_in_the_stores_language(client) -> None:
    Store.objects.create(slug="north-7", name="North", language="fr")
    html = client.get("/s/north-7/").content.decode()

    assert '<html lang="fr" dir="ltr">' in html
    assert "Veuillez patienter" in html


@pytest.mark.parametrize(("page", "language"), [("/", "store"), ("/cashier_buttons", "store"), ("/sign_in", "browser")])
def test_a_page_in_arabic_is_written_from_right_to_left(client, page, language) -> None:
    Store.objects.update(language="ar" if language == "store" else "en")
    html = client.get(page, headers={"accept-language": "ar" if language == "browser" else "en"}).content.decode()

    assert '<html lang="ar" dir="rtl"' in html


def test_the_page_of_an_unknown_store_is_404_with_a_reason(client) -> None:
    response = client.get("/s/nowhere/")

    assert response.status_code == 404
    assert "no such page or store" in response.content.decode()


def test_the_page_is_never_cached_and_may_open_only_its_own_websocket(client) -> None:
    response = client.get("/", headers={"host": "localhost:8000"})
    policy = dict(part.split(" ", 1) for part in response["Content-Security-Policy"].split("; "))

    assert "no-store" in response["Cache-Control"]
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["connect-src"].split() == ["'self'", "ws://localhost:8000"]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    assert response["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("page", ["/", "/cashier_buttons", "/sign_in"])
def test_no_page_has_inline_script_or_style(client, page) -> None:
    html = client.get(page).content.decode()

    assert re.findall(r"<script(?![^>]*\bsrc=)", html) == []
    assert "<style" not in html
    assert re.findall(r"\s(?:style|on[a-z]+)=", html) == []


def test_behind_tls_the_websocket_is_secure(client) -> None:
    response = client.get("/", headers={"host": "localhost", "x-forwarded-proto": "https"})

    assert "wss://localhost" in response["Content-Security-Policy"]


def test_an_unknown_host_is_refused(client) -> None:
    assert client.get("/", headers={"host": "evil.example"}).status_code == 400


def test_the_page_of_a_closed_store_shows_the_stores_message_or_a_default_in_its_language(client, settings) -> None:
    store = Store.objects.create(slug="north-7", name="North", language="fr", is_open=False)
    assert ">Nous sommes fermés<" in client.get("/s/north-7/").content.decode()

    store.closed_message = "Back on Monday"
    store.save()
    response = client.get("/s/north-7/")
    ticket = Ticket.read(websocket_of(response).partition("?ticket=")[2], settings.ENVIRONMENT.cashier_ticket_key)
    assert ">Back on Monday<" in response.content.decode()
    assert (ticket.idle.language, ticket.idle.notice) == ("fr", "Back on Monday")


def test_the_page_knows_after_how_much_silence_its_connection_is_dead(client) -> None:
    assert 'data-silence="40"' in client.get("/").content.decode()
