"""If Redis does not answer, web refuses the request with a reason, changes nothing, and counts one error.

Each kind of client gets the reason in its own form: text for a press, JSON for the API, a message for a form.
"""

from collections.abc import Iterator

import pytest
from django.core.files.base import ContentFile

from cashier_core import redis_clock
from cashier_local.ports import free_port
from cashier_web.api import auth
from cashier_web.infra.redis_clients import the_timeline
from cashier_web.infra.tokens import new_token
from cashier_web.models import Medium, Screen, Store
from cashier_web.press_data import lookup
from cashier_web.screens import identity
from tests.web.test_media import picture

pytestmark = pytest.mark.django_db
UNREACHABLE = "the screens cannot be reached at the moment"
NOTHING_CHANGED = "Nothing was changed, because the screens can"


@pytest.fixture
def errors(client, environment):
    """Give web an address at which no Redis answers.

    Returns a function that returns how many errors web has counted since then.
    """

    def counted() -> float:
        lines = client.get("/metrics").content.decode().splitlines()
        return sum(float(line.split()[1]) for line in lines if line.startswith("cashier_web_redis_errors_total"))

    environment(redis_url=f"redis://127.0.0.1:{free_port()}/0")
    before = counted()
    return lambda: counted() - before


@pytest.mark.parametrize("headers", [{}, {"hx-request": "true"}], ids=["form", "htmx"])
@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/cashier_action", {"cashier": "4", "language": "en"}),
        ("/cashier_buttons", {"language": "fr"}),
    ],
)
def test_buttons_get_the_reason_as_text(client, store, errors, path, fields, headers) -> None:
    response = client.post(path, fields, headers=headers)

    assert (response.status_code, response["Content-Type"]) == (503, "text/plain; charset=utf-8")
    assert UNREACHABLE in response.content.decode()
    assert errors() == 1
    assert Store.objects.get().language == "en"


@pytest.fixture
def button(make_button):
    """A device that has just sent a request."""
    button = make_button()
    button.look()
    return button


def test_devices_get_the_reason_as_json(button, errors) -> None:
    for response in (button.press(till=4), button.press(till=4, key="a"), button.look(), button.cancel(1)):
        assert response.status_code == 503
        assert UNREACHABLE in response.json()["detail"].lower()
    assert errors() == 4


@pytest.fixture
def silent_redis(redis, monkeypatch) -> Iterator[None]:
    """Let Redis accept scripts, but not answer them. web is connected to Redis, and has read the clock of Redis."""
    # Without this line, web would read the clock again if the test takes longer than a second until its request.
    monkeypatch.setattr(redis_clock, "STALE_SECONDS", 60)
    the_timeline().snapshot("default")
    redis.client_pause(60_000, all=False)
    yield
    redis.client_unpause()


def test_a_cashier_is_told_that_a_press_without_an_answer_was_possibly_made(client, store, silent_redis) -> None:
    response = client.post("/cashier_action", {"cashier": "4", "language": "en"})

    assert (response.status_code, response["Content-Type"]) == (504, "text/plain; charset=utf-8")
    assert response.content.decode() == "Nº4 was possibly not called: look at the screen.\n"


@pytest.mark.parametrize(
    ("request_", "detail"),
    [
        (lambda button: button.press(till=4), "Nº4 was possibly not called: look at the screen."),
        (lambda button: button.press(till=4, key="a"), "Nº4 was possibly not called: look at the screen."),
        (
            lambda button: button.cancel(1),
            "Possibly not cancelled: look at the screen, or cancel the call again.",
        ),
    ],
    ids=["press", "press with a key", "cancel"],
)
def test_a_device_is_told_that_a_request_without_an_answer_was_possibly_executed(
    button, monkeypatch, request, request_, detail
) -> None:
    button.press(till=2)
    # The limit of a device's requests needs Redis, too, and would refuse the request before a script is sent.
    monkeypatch.setattr(auth, "seconds_until_allowed", lambda *actor, **limit: 0)
    request.getfixturevalue("silent_redis")
    response = request_(button)

    assert (response.status_code, response.json()) == (504, {"detail": detail})


@pytest.mark.parametrize("headers", [{}, {"hx-request": "true"}], ids=["page", "htmx"])
def test_a_television_without_a_code_keeps_asking(client, errors, headers) -> None:
    client.cookies[identity.COOKIE] = new_token()
    response = client.get("/pair", headers=headers)

    assert response.status_code == (200 if headers else 503)
    assert 'hx-trigger="every 3s"' in response.content.decode()
    assert errors() == 1


def test_a_manager_who_enters_a_code_gets_the_form_again(client, manager, errors) -> None:
    response = client.post("/claim", {"code": "ABCDEF", "store": "default", "name": "Entrance"})

    assert response.status_code == 503
    assert "The screens can" in response.content.decode()
    assert errors() == 1


def test_a_managers_forms_lead_back_to_the_page_with_a_message(client, manager, store, errors) -> None:
    screen = Screen.objects.create(store=store, name="Entrance", secret_hash="a")
    medium = Medium.objects.create(store=store, kind="picture", file="1.png", position=1)
    requests = (
        (f"/screens/{screen.pk}/revoke", {}, "/screens"),
        (f"/screens/{screen.pk}/change", {"name": "Window", "store": "default", "volume": "9"}, "/screens"),
        (f"/media/{medium.pk}/delete", {}, "/media"),
        ("/media", {"file": ContentFile(picture(), "a.png")}, "/media"),
        ("/logo", {"logo": ContentFile(picture(), "a.png")}, "/media"),
    )
    for path, fields, page in requests:
        assert client.post(path, fields)["Location"] == page
        assert NOTHING_CHANGED in client.get(page).content.decode(), path

    assert errors() == len(requests)
    assert Screen.objects.filter(name="Entrance", revoked_at=None).exists()
    assert list(store.media.all()) == [medium]


@pytest.mark.parametrize("model", ["store", "screen"])
def test_the_admin_shows_a_message(admin_client, store, errors, model) -> None:
    Screen.objects.create(store=store, name="Entrance", secret_hash="a")
    action = {"store": "close_stores", "screen": "revoke"}[model]
    fields = {"action": action, "_selected_action": [store.pk if model == "store" else Screen.objects.get().pk]}
    response = admin_client.post(f"/admin/cashier_web/{model}/", fields, follow=True)

    assert NOTHING_CHANGED in response.content.decode()
    assert errors() == 1
    assert Store.objects.get().is_open
    assert Screen.objects.get().revoked_at is None


def test_an_import_of_stores_is_refused(db, errors) -> None:
    from cashier_web.stores.resources import StoreResource, StoresCSV  # noqa: PLC0415

    table = StoresCSV().create_dataset(b"slug,name\nnorth,North\n")
    result = StoreResource().import_data(table, rollback_on_validation_errors=True)

    assert result.has_errors() or result.has_validation_errors()
    assert errors() == 1
    assert not Store.objects.filter(slug="north").exists()


@pytest.fixture
def full_redis(client, redis):
    """Let Redis refuse to store anything, as if its data needed more than `maxmemory`. Redis still answers."""
    redis.config_set("maxmemory", "1")
    yield
    redis.config_set("maxmemory", "512mb")


def test_a_press_that_redis_has_no_memory_for_is_503_with_the_reason(
    client, store, manager, make_button, full_redis, redis, records
) -> None:
    redis.config_set("maxmemory", "512mb")
    button = make_button()
    button.press(till=1)
    redis.config_set("maxmemory", "1")
    answer = client.post("/cashier_action", {"cashier": "4", "language": "en"})

    assert (answer.status_code, answer.content.decode()) == (
        503,
        "Nº4 was not called: the server has no room for more calls.\n",
    )
    assert any("the memory in Redis is full" in record.getMessage() for record in records())


@pytest.mark.parametrize("cashier", ["9" * 5000, "", "٤", "-1"])
def test_a_press_whose_till_is_no_number_is_503_too(client, store, errors, cashier, monkeypatch) -> None:
    monkeypatch.setattr(lookup, "_remembered", {})
    response = client.post("/cashier_action", {"cashier": cashier, "language": "en"})

    assert (response.status_code, response.content) == (503, b"The screens cannot be reached at the moment.\n")


def test_every_write_to_a_full_redis_is_refused_and_nothing_is_a_server_error(
    client, store, manager, button, full_redis, television
) -> None:
    answers = {
        "press of a device": button.press(till=4, key="a"),
        "code": television.get("/pair"),
        "claim": client.post("/claim", {"code": "ABCDEF", "store": "default", "name": "Entrance"}),
        "language": client.post("/cashier_buttons", {"language": "fr"}),
    }

    assert {what: answer.status_code for what, answer in answers.items()} == dict.fromkeys(answers, 503)
    Screen.objects.create(store=store, name="Entrance", secret_hash="a")
    assert client.post(f"/screens/{Screen.objects.get().pk}/revoke")["Location"] == "/screens"
    assert NOTHING_CHANGED in client.get("/screens").content.decode()
