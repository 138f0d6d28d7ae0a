"""An administrator adds and changes stores in the admin.

A change is announced to the screens of the store. A change is not saved if Redis does not answer.
"""

import pytest
from django.contrib.auth.models import Permission, User

from cashier_local.ports import free_port
from cashier_web.models import Device, Membership, Screen, Store

pytestmark = pytest.mark.django_db
STORES = "/admin/cashier_web/store/"
FIELDS = {
    "slug": "north-7",
    "name": "North",
    "city": "Lyon",
    "time_zone": "Europe/Paris",
    "tills": 9,
    "labels": "4=Pharmacy; 5=128",
    "languages": ["en", "fr"],
    "language": "fr",
    "hold_seconds": 5,
    "policy": "queue",
    "is_open": "on",
    "closed_message": "",
    "also_waits_in": [],
    "arrows": "4=left; 9=ahead",
    "volume": 70,
    "alarm_minutes": 10,
    "ink": "#ffffff",
    "ground": "#102030",
}


@pytest.fixture
def run_action(admin_client):
    """Return a function that runs an action, for example `close_stores`, on all stores in the admin's list."""

    def run_action(action):
        chosen = Store.objects.values_list("pk", flat=True)
        return admin_client.post(STORES, {"action": action, "_selected_action": chosen}, follow=True)

    return run_action


@pytest.fixture
def no_redis(environment) -> None:
    environment(redis_url=f"redis://127.0.0.1:{free_port()}/0")


def test_a_store_can_be_added(admin_client, redis) -> None:
    assert admin_client.post(f"{STORES}add/", FIELDS).status_code == 302
    store = Store.objects.get(slug="north-7")

    assert (store.hold_ms, store.languages, store.time_zone) == (5000, ["en", "fr"], "Europe/Paris")
    assert store.labels == {"4": "Pharmacy", "5": "128"}
    assert store.arrows == {"4": "left", "9": "ahead"}
    assert redis.hget("cashier:{north-7}:store", "language") == b"fr"
    assert 'value="4=Pharmacy; 5=128"' in admin_client.get(f"{STORES}{store.pk}/change/").content.decode()


def test_every_kind_of_space_is_accepted_in_texts(admin_client) -> None:
    words = "Fermé\u00a0: à lundi\u202f!"
    admin_client.post(f"{STORES}add/", {**FIELDS, "closed_message": words, "labels": "4=Retrait\u00a0: 1"})
    store = Store.objects.get(slug="north-7")

    assert (store.closed_message, store.labels) == (words, {"4": "Retrait\u00a0: 1"})


def test_a_change_is_announced_to_the_screens(admin_client, store, redis) -> None:
    fields = {**FIELDS, "slug": "default", "closed_message": "Back on Monday"}
    del fields["is_open"]
    admin_client.post(f"{STORES}{store.pk}/change/", fields)

    assert redis.hmget("cashier:{default}:store", "language", "notice") == [b"fr", b"Back on Monday"]


BAD = {
    "tills": ["0", "100", "", "4.5", "three"],
    "hold_seconds": ["0", "61", "-1", "nan", "3.14"],
    "policy": ["x", ""],
    "slug": ["a b", "default", "", "x" * 51],
    "name": ["", "x" * 101],
    "volume": ["-1", "101", ""],
    "opening_hours": ["8-20", "Mo-Su closed", "Mo cloſed"],
    "special_days": ["25.12.2026 closed", "2026-12-25 closed"],
    "alarm_minutes": ["-1", "241", ""],
    "ink": ["", "white", "#fff"],
    "ground": ["", "black", "#8090a0"],
    "arrows": ["4=up", "10=left", "left", "4=left; 4=right"],
    "also_waits_in": [["en", "de", "nl"], ["xx"]],
    "time_zone": ["Paris", "", "../etc/passwd"],
    "languages": [[], ["xx"]],
    "language": ["xx", ""],
    "labels": [
        "Pharmacy",
        "10=Too far",
        "0=Zero",
        "4=",
        "4=A; 4=B",
        "4=5",
        "4=Same; 5=Same",
        "4=" + "x" * 21,
        "4=12345",
        "4=a\x00b",
    ],
    "closed_message": ["x" * 121],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in BAD.items() for value in values])
def test_a_bad_value_is_refused_with_a_reason(admin_client, field, value) -> None:
    response = admin_client.post(f"{STORES}add/", {**FIELDS, field: value})

    assert response.context["adminform"].form.errors.keys() == {field}
    assert Store.objects.count() == 1


def test_the_language_of_the_screens_must_be_one_that_the_store_offers(admin_client) -> None:
    response = admin_client.post(f"{STORES}add/", {**FIELDS, "languages": ["en"]})

    assert "store does not offer this language" in response.content.decode()
    assert Store.objects.count() == 1


def test_several_stores_can_be_closed_and_opened_at_once(run_action, redis) -> None:
    Store.objects.create(slug="north-7", name="North", closed_message="Back on Monday")
    assert "Stores changed: 2." in run_action("close_stores").content.decode()
    assert redis.hget("cashier:{north-7}:store", "notice") == b"Back on Monday"
    assert redis.hget("cashier:{default}:store", "notice") == b"We are closed"

    run_action("open_stores")
    assert list(Store.objects.values_list("is_open", flat=True)) == [True, True]
    assert redis.hget("cashier:{north-7}:store", "notice") == b""


@pytest.mark.django_db(transaction=True)
def test_without_redis_nothing_is_saved(admin_client, run_action, no_redis) -> None:
    store = Store.objects.get(slug="default")
    fields = {**FIELDS, "slug": "default"}
    changed = admin_client.post(f"{STORES}{store.pk}/change/", fields, follow=True)

    for response in (changed, run_action("close_stores")):
        assert "the screens cannot be reached" in response.content.decode().replace("&#x27;", "'")
    store.refresh_from_db()
    assert (store.name, store.language, store.is_open) == ("cashier_q", "en", True)


def test_a_slug_cannot_be_changed_and_the_default_store_cannot_be_deleted(admin_client, store) -> None:
    admin_client.post(f"{STORES}{store.pk}/change/", FIELDS)
    admin_client.post(f"{STORES}{store.pk}/delete/", {"post": "yes"})

    assert [(store.slug, store.name) for store in Store.objects.all()] == [("default", "North")]


def test_the_list_of_500_stores_takes_few_queries(admin_client, django_assert_max_num_queries) -> None:
    Store.objects.bulk_create([Store(slug=f"s-{n}", name=f"Store {n}", city="Lyon") for n in range(500)])
    with django_assert_max_num_queries(20):
        html = admin_client.get(f"{STORES}?q=lyon&is_open__exact=1").content.decode()

    assert "500 stores" in html


LISTS = ["auth/user", "cashier_web/membership", "cashier_web/device", "cashier_web/screen", "auditlog/logentry"]


@pytest.mark.parametrize("page", LISTS)
def test_every_other_list_takes_few_queries(admin_client, django_assert_max_num_queries, page) -> None:
    stores = Store.objects.bulk_create([Store(slug=f"s-{n}", name=f"Store {n}") for n in range(120)])
    for number, store in enumerate(stores):
        person = User.objects.create(username=f"person {number}", last_name="Martin")
        Membership.objects.create(person=person, store=store)
        Device.objects.create(store=store, name="Button", token_hash=f"{number}")
        Screen.objects.create(store=store, name="Entrance", secret_hash=f"{number}")
    with django_assert_max_num_queries(20):
        html = admin_client.get(f"/admin/{page}/").content.decode()

    assert html.count("<tr") >= 100


@pytest.mark.parametrize(
    ("permissions", "allowed"),
    [
        ([], []),
        (["view"], ["", "export/"]),
        (["view", "change"], ["", "export/"]),
        (["view", "add", "change"], ["", "export/", "import/"]),
    ],
)
def test_import_needs_permission_to_add_and_change_and_export_to_view(client, permissions, allowed) -> None:
    person = User.objects.create_user("anna", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=[f"{each}_store" for each in permissions]))
    client.force_login(person)

    assert [page for page in ("", "export/", "import/") if client.get(STORES + page).status_code == 200] == allowed


def test_staff_with_all_permissions_cannot_change_accounts_and_roles(client) -> None:
    person = User.objects.create_user("anna", is_staff=True)
    person.user_permissions.set(Permission.objects.all())
    client.force_login(person)
    pages = ["auth/user/", f"auth/user/{person.pk}/change/", "auth/user/add/", "cashier_web/membership/add/"]

    assert [client.get(f"/admin/{page}").status_code for page in pages] == [403] * 4
    assert client.get("/admin/auth/group/").status_code == 404
    assert client.get(STORES).status_code == 200
