"""If Redis does not answer, web refuses the request with a reason, changes nothing, and counts one error.

Each kind of client gets the reason in its own form: text for a press, JSON for the API, a message for a form.
"""

import pytest
from django.core.files.base import ContentFile

from cashier_local.ports import free_port
from cashier_web.models import Medium, Screen, Store
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


def test_devices_get_the_reason_as_json(make_button, errors) -> None:
    button = make_button()

    for response in (button.press(till=4), button.press(till=4, key="a"), button.look(), button.cancel(1)):
        assert response.status_code == 503
        assert UNREACHABLE in response.json()["detail"].lower()
    assert errors() == 4


@pytest.mark.parametrize("headers", [{}, {"hx-request": "true"}], ids=["page", "htmx"])
def test_a_television_without_a_code_keeps_asking(client, errors, headers) -> None:
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

    table = StoresCSV().create_dataset("slug,name\nnorth,North\n")
    result = StoreResource().import_data(table, rollback_on_validation_errors=True)

    assert result.has_errors() or result.has_validation_errors()
    assert errors() == 1
    assert not Store.objects.filter(slug="north").exists()
