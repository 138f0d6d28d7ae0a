"""Each page is open only to people with the right role, and only in their own stores.

The tests request every URL that people use, as a person of each role. (test_access_of_devices.py tests the API.)
"""

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.urls import URLPattern, get_resolver
from django.utils import timezone

from cashier_web.models import Alarm, AlarmContact, AlarmMute, Device, Medium, Membership, Role, Screen, Store
from cashier_web.press_data.changes import restore_documents
from tests.support.redis_keys import changed_keys

pytestmark = pytest.mark.django_db
HERE, ELSEWHERE = "/s/here/", "/s/elsewhere/"
SIGN_IN = "to sign-in"
# TABLE contains the expected status of each request: one status for each person in WHO, in the same order. "nobody" has
# not signed in, and "stranger" has an account without a role. The viewer, the cashier and the manager have their role
# only in the store "here".
WHO = ("nobody", "stranger", "viewer", "cashier", "manager", "administrator")
TABLE = {
    ("GET", HERE): (200, 200, 200, 200, 200, 200),
    ("GET", ELSEWHERE): (200, 200, 200, 200, 200, 200),
    ("GET", f"{HERE}manifest.json"): (200, 200, 200, 200, 200, 200),
    ("GET", "/manifest.json"): (200, 200, 200, 200, 200, 200),
    ("GET", "/s/nowhere/manifest.json"): (404, 404, 404, 404, 404, 404),
    ("GET", "/worker.js"): (200, 200, 200, 200, 200, 200),
    ("GET", f"{HERE}cashier_buttons"): (SIGN_IN, 403, 403, 302, 200, 200),  # status 302 redirects to the till page
    ("POST", f"{HERE}cashier_buttons"): (403, 403, 403, 403, 302, 302),
    ("GET", f"{HERE}till"): (SIGN_IN, 403, 403, 200, 200, 200),
    ("POST", f"{HERE}till"): (403, 403, 403, 302, 302, 302),
    ("POST", f"{HERE}cashier_action"): (403, 403, 403, 204, 204, 204),
    ("GET", f"{ELSEWHERE}cashier_buttons"): (SIGN_IN, 403, 403, 403, 403, 200),
    ("POST", f"{ELSEWHERE}cashier_buttons"): (403, 403, 403, 403, 403, 302),
    ("POST", f"{ELSEWHERE}cashier_action"): (403, 403, 403, 403, 403, 204),
    ("GET", f"{ELSEWHERE}till"): (SIGN_IN, 403, 403, 403, 403, 200),
    ("POST", f"{ELSEWHERE}till"): (403, 403, 403, 403, 403, 302),
    ("GET", f"{HERE}devices"): (SIGN_IN, 403, 403, 403, 200, 200),
    ("POST", f"{HERE}devices"): (403, 403, 403, 403, 200, 200),
    ("POST", f"{HERE}devices/1"): (403, 403, 403, 403, 302, 302),
    # The status is 404 for a manager and an administrator, because device 2 belongs to the store "elsewhere".
    ("POST", f"{HERE}devices/2"): (403, 403, 403, 403, 404, 404),
    ("GET", f"{HERE}people"): (SIGN_IN, 403, 403, 403, 200, 200),
    ("POST", f"{HERE}people"): (403, 403, 403, 403, 200, 200),
    ("POST", f"{HERE}people/1"): (403, 403, 403, 403, 302, 302),
    ("POST", f"{HERE}people/2"): (403, 403, 403, 403, 404, 404),
    ("GET", f"{HERE}history"): (SIGN_IN, 403, 403, 403, 200, 200),
    ("GET", f"{ELSEWHERE}history"): (SIGN_IN, 403, 403, 403, 403, 200),
    ("GET", "/history"): (SIGN_IN, 403, 403, 403, 403, 200),
    ("GET", f"{HERE}screens"): (SIGN_IN, 403, 403, 403, 200, 200),
    ("POST", f"{HERE}screens/1"): (403, 403, 403, 403, 302, 302),
    ("POST", f"{HERE}screens/2"): (403, 403, 403, 403, 404, 404),
    ("GET", f"{ELSEWHERE}screens"): (SIGN_IN, 403, 403, 403, 403, 200),
    ("POST", f"{ELSEWHERE}screens/2"): (403, 403, 403, 403, 403, 302),
    ("GET", "/screens"): (SIGN_IN, 403, 403, 403, 403, 200),
    ("GET", f"{HERE}hours"): (SIGN_IN, 403, 403, 403, 200, 200),
    ("POST", f"{HERE}hours"): (403, 403, 403, 403, 400, 400),  # the status is 400 because the request has no values
    ("POST", f"{HERE}hours/open"): (403, 403, 403, 403, 302, 302),
    ("POST", f"{HERE}hours/close"): (403, 403, 403, 403, 302, 302),
    ("GET", f"{ELSEWHERE}hours"): (SIGN_IN, 403, 403, 403, 403, 200),
    ("POST", f"{ELSEWHERE}hours"): (403, 403, 403, 403, 403, 400),
    ("POST", f"{ELSEWHERE}hours/open"): (403, 403, 403, 403, 403, 302),
    ("POST", f"{ELSEWHERE}hours/close"): (403, 403, 403, 403, 403, 302),
    ("GET", "/hours"): (SIGN_IN, 403, 403, 403, 403, 200),
    ("GET", "/fleet"): (SIGN_IN, 403, 403, 403, 200, 200),
    ("GET", "/fleet/alarms"): (SIGN_IN, 403, 403, 403, 200, 200),
    ("POST", "/fleet/alarms/contacts"): (403, 403, 403, 403, 400, 400),  # the request has no values
    ("POST", "/fleet/alarms/contacts/1/remove"): (403, 403, 403, 403, 302, 302),
    ("POST", "/fleet/alarms/contacts/2/remove"): (403, 403, 403, 403, 404, 302),
    ("POST", "/fleet/alarms/1/acknowledge"): (403, 403, 403, 403, 302, 302),
    ("POST", "/fleet/alarms/2/acknowledge"): (403, 403, 403, 403, 404, 302),
    ("POST", "/fleet/alarms/1/mute"): (403, 403, 403, 403, 302, 302),
    ("POST", "/fleet/alarms/2/mute"): (403, 403, 403, 403, 404, 302),
    ("POST", "/fleet/alarms/mutes/1/end"): (403, 403, 403, 403, 302, 302),
    ("POST", "/fleet/alarms/mutes/2/end"): (403, 403, 403, 403, 404, 302),
    ("GET", "/fleet/proof"): (SIGN_IN, 403, 403, 403, 200, 200),
    ("GET", "/fleet/proof.csv"): (SIGN_IN, 403, 403, 403, 200, 200),
    ("GET", "/fleet/screens/1"): (SIGN_IN, 403, 403, 403, 200, 200),
    ("GET", "/fleet/screens/2"): (SIGN_IN, 403, 403, 403, 404, 200),
    ("POST", "/fleet/screens/1/identify"): (403, 403, 403, 403, 302, 302),
    ("POST", "/fleet/screens/2/identify"): (403, 403, 403, 403, 404, 302),
    ("POST", "/fleet/screens/1/reload"): (403, 403, 403, 403, 302, 302),
    ("POST", "/fleet/screens/2/reload"): (403, 403, 403, 403, 404, 302),
    ("POST", "/fleet/screens/1/test"): (403, 403, 403, 403, 302, 302),
    ("POST", "/fleet/screens/2/test"): (403, 403, 403, 403, 404, 302),
    ("GET", f"{HERE}media"): (SIGN_IN, 403, 403, 403, 200, 200),
    ("POST", f"{HERE}media"): (403, 403, 403, 403, 400, 400),  # the status is 400 because the request contains no file
    ("POST", f"{HERE}media/1"): (403, 403, 403, 403, 302, 302),
    ("POST", f"{HERE}media/2"): (403, 403, 403, 403, 404, 404),
    ("POST", f"{HERE}logo"): (403, 403, 403, 403, 302, 302),
    ("GET", f"{ELSEWHERE}media"): (SIGN_IN, 403, 403, 403, 403, 200),
    ("POST", f"{ELSEWHERE}media"): (403, 403, 403, 403, 403, 400),
    ("POST", f"{ELSEWHERE}media/2"): (403, 403, 403, 403, 403, 302),
    ("POST", f"{ELSEWHERE}logo"): (403, 403, 403, 403, 403, 302),
    ("GET", "/media"): (SIGN_IN, 403, 403, 403, 403, 200),
    ("POST", "/logo"): (403, 403, 403, 403, 403, 302),
    ("GET", "/pair"): (200, 200, 200, 200, 200, 200),
    ("GET", "/claim"): (SIGN_IN, 403, 403, 403, 200, 200),
    ("POST", "/claim"): (403, 403, 403, 403, 400, 400),  # the status is 400 because no screen shows this pairing code
    ("GET", f"{ELSEWHERE}devices"): (SIGN_IN, 403, 403, 403, 403, 200),
    ("POST", f"{ELSEWHERE}devices"): (403, 403, 403, 403, 403, 200),
    ("POST", f"{ELSEWHERE}devices/2"): (403, 403, 403, 403, 403, 302),
    ("GET", f"{ELSEWHERE}people"): (SIGN_IN, 403, 403, 403, 403, 200),
    ("POST", f"{ELSEWHERE}people"): (403, 403, 403, 403, 403, 302),
    ("POST", f"{ELSEWHERE}people/2"): (403, 403, 403, 403, 403, 302),
    ("GET", "/devices"): (SIGN_IN, 403, 403, 403, 403, 200),
    ("POST", "/devices"): (403, 403, 403, 403, 403, 200),
    ("GET", "/people"): (SIGN_IN, 403, 403, 403, 403, 200),
    ("POST", "/people"): (403, 403, 403, 403, 403, 302),
    ("GET", "/till"): (SIGN_IN, 403, 403, 403, 403, 200),
    ("POST", "/till"): (403, 403, 403, 403, 403, 302),
    ("GET", "/"): (200, 200, 200, 200, 200, 200),
    ("GET", "/cashier_buttons"): (SIGN_IN, 403, 403, 403, 403, 200),
    ("POST", "/cashier_buttons"): (403, 403, 403, 403, 403, 302),
    ("POST", "/cashier_action"): (403, 403, 403, 403, 403, 204),
    ("GET", "/stores"): (SIGN_IN, 200, 200, 302, 302, 200),
    ("GET", "/password"): (SIGN_IN, 200, 200, 200, 200, 200),
    ("GET", "/sign_in"): (200, 302, 302, 302, 302, 302),
    # Nginx asks this address whether the person may upload a file.
    ("GET", "/media/1/nowhere.png"): (404, 404, 404, 404, 404, 404),
    ("GET", "/may_upload?method=POST"): (403, 403, 403, 403, 204, 204),
    ("GET", "/may_upload?method=GET"): (204, 204, 204, 204, 204, 204),
    ("POST", "/sign_out"): (302, 302, 302, 302, 302, 302),
    ("GET", "/admin/"): (SIGN_IN, SIGN_IN, SIGN_IN, SIGN_IN, SIGN_IN, 200),
    ("GET", "/admin/cashier_web/store/"): (SIGN_IN, SIGN_IN, SIGN_IN, SIGN_IN, SIGN_IN, 200),
    ("GET", "/admin/cashier_web/store/export/"): (SIGN_IN, SIGN_IN, SIGN_IN, SIGN_IN, SIGN_IN, 200),
    ("GET", "/admin/cashier_web/store/import/"): (SIGN_IN, SIGN_IN, SIGN_IN, SIGN_IN, SIGN_IN, 200),
    ("GET", "/s/nowhere/cashier_buttons"): (SIGN_IN, 404, 404, 404, 404, 404),
    ("POST", "/s/nowhere/cashier_action"): (403, 404, 404, 404, 404, 404),
    ("POST", f"{HERE}logo/remove"): (403, 403, 403, 403, 302, 302),
    ("POST", f"{ELSEWHERE}logo/remove"): (403, 403, 403, 403, 403, 302),
}
ACTIONS = {
    "devices/{}/renew": 200,
    "devices/{}/revoke": 302,
    "screens/{}/change": 302,
    "screens/{}/revoke": 302,
    "media/{}/change": 302,
    "media/{}/up": 302,
    "media/{}/down": 302,
    "media/{}/delete": 302,
    "people/{}/change": 302,
    "people/{}/link": 200,
    "people/{}/remove": 302,
}
"""The status that a manager gets for each action on an object of the manager's own store.

`{}` in a path is the number of the object: 1 in the store "here", and 2 in the store "elsewhere"."""
for path, status in ACTIONS.items():
    TABLE["POST", HERE + path.format(1)] = (403, 403, 403, 403, status, status)
    TABLE["POST", HERE + path.format(2)] = (403, 403, 403, 403, 404, 404)
    TABLE["POST", ELSEWHERE + path.format(2)] = (403, 403, 403, 403, 403, status)


def add_alarm(number: int, store: Store) -> None:
    """Add an alarm, a contact and a mute, each with this primary key."""
    now = timezone.now()
    Alarm.objects.create(pk=number, store=store, kind="offline", begins_at=now, raised_at=now)
    AlarmContact.objects.create(pk=number, store=store, kind="mail", address="anna@example.com")
    AlarmMute.objects.create(pk=number, store=store, until=now + timedelta(hours=1), by="anna")


@pytest.fixture
def sign_in(client, environment):
    """Create two stores. Returns a function that creates a person with the given role and signs the person in."""
    environment(cashier_open_buttons=False)
    here, elsewhere = (Store.objects.create(slug=slug, name=slug.title()) for slug in ("here", "elsewhere"))
    for number, store in ((1, here), (2, elsewhere)):
        Screen.objects.create(pk=number, store=store, name="first", secret_hash=str(number))
        Medium.objects.create(pk=number, store=store, kind="picture", file=f"{store.pk}/first.jpg", position=1)
        Device.objects.create(pk=number, store=store, name="first", token_hash=str(number))
        add_alarm(number, store)
        Membership.objects.create(person=User.objects.create_user(f"person {number}", pk=number), store=store)

    def sign_in(who: str) -> None:
        if who == "nobody":
            return
        person = User.objects.create_user("anna", is_superuser=who == "administrator", is_staff=who == "administrator")
        if role := {role.label: role for role in Role}.get(who):
            Membership.objects.create(person=person, store=here, role=role)
        client.force_login(person)

    return sign_in


def status_of(client, method: str, path: str) -> int | str:
    page = path.removeprefix(HERE).removeprefix(ELSEWHERE).strip("/")
    fields = FIELDS.get(page, FIELDS["any"]) if method == "POST" else {}
    response = client.generic(method, path, urlencode(fields), FORM)
    redirected = response.status_code == 302 and (
        "/sign_in" in response["Location"] or "/admin/login/" in response["Location"]
    )
    return SIGN_IN if redirected and path != "/sign_out" else response.status_code


FORM = "application/x-www-form-urlencoded"
FIELDS = {
    "any": {"cashier": "4", "language": "fr"},
    "devices": {"name": "another"},
    "people": {"username": "berta", "role": "2"},
    **{f"devices/{number}": {"action": "revoke"} for number in (1, 2)},
    **{f"screens/{number}": {"action": "change", "name": "second", "store": "here"} for number in (1, 2)},
    **{f"media/{number}": {"action": "change", "seconds": "20"} for number in (1, 2)},
    "logo": {"action": "remove"},
    "claim": {"code": "ABCDEF", "store": "here", "name": "Entrance"},
    **{f"people/{number}": {"action": "change", "role": "2"} for number in (1, 2)},
    **{f"screens/{number}/change": {"name": "second", "store": "here"} for number in (1, 2)},
    **{f"media/{number}/change": {"seconds": "20"} for number in (1, 2)},
    **{f"people/{number}/change": {"role": "2"} for number in (1, 2)},
}


@pytest.mark.parametrize("who", WHO)
def test_every_page_answers_every_role_as_the_table_says(client, sign_in, who) -> None:
    sign_in(who)
    last = ("POST", "/sign_out")
    order = [key for key in TABLE if key != last] + [last]
    answers = {key: status_of(client, *key) for key in order}

    assert answers == {key: TABLE[key][WHO.index(who)] for key in order}


@pytest.mark.parametrize("who", ["stranger", "viewer", "cashier", "manager"])
def test_a_refused_request_changes_nothing_in_the_other_store(client, sign_in, redis, who) -> None:
    sign_in(who)
    for page in ("cashier_buttons", "cashier_action"):
        response = client.post(f"{ELSEWHERE}{page}", {"cashier": "4", "language": "fr"})
        assert "You are not allowed to do this in the store “Elsewhere”." in response.content.decode()

    assert Store.objects.get(slug="elsewhere").language == "en"
    assert changed_keys(redis) == []


def test_every_page_is_in_the_table() -> None:
    names = {pattern.name for pattern in get_resolver().url_patterns if isinstance(pattern, URLPattern)}

    screens = {"screens", "pair", "claim", "history", "manifest", "worker", "media", "media_file", "logo"}
    hours = {"hours", "open_store", "close_store"}
    fleet = {"fleet", "fleet_screen", "fleet_proof", "fleet_proof_csv"}
    alarms = {"alarms", "acknowledge_alarm", "mute_alarm", "end_mute", "add_contact", "remove_contact"}
    actions = {"identify_screen", "reload_screen", "test_screen"}
    actions |= {"renew_device", "revoke_device", "change_screen", "revoke_screen", "change_medium", "move_medium_up"}
    actions |= {"move_medium_down", "delete_medium", "remove_logo", "change_role", "link_person", "remove_person"}
    old = {"old_device", "old_screen", "old_medium", "old_person"}
    # The page "welcome" is not in the table, because it needs an invitation and no role. test_people.py tests it.
    # The page "admin_password" only redirects everybody to the page "password".
    account = {"may_upload", "stores", "password", "admin_password", "sign_in", "sign_out", "welcome"}
    pages = {"screen", "buttons", "press", "till", "devices", "people"}
    assert names == pages | screens | hours | fleet | alarms | actions | old | account


def test_everybody_is_a_cashier_if_buttons_are_open(client, store) -> None:
    stranger = User.objects.create_user("anna")
    for known in (False, True):
        if known:
            client.force_login(stranger)
        assert client.get("/cashier_buttons").status_code == 200
        assert client.post("/cashier_action", {"cashier": "4", "language": "en"}).status_code == 204


def test_a_person_whose_role_was_removed_cannot_press(client, sign_in) -> None:
    sign_in("cashier")
    assert status_of(client, "POST", f"{HERE}cashier_action") == 204

    Membership.objects.all().delete()
    assert status_of(client, "POST", f"{HERE}cashier_action") == 403


def test_an_inactive_account_has_no_access(client, sign_in) -> None:
    sign_in("manager")
    User.objects.update(is_active=False)

    assert status_of(client, "POST", f"{HERE}cashier_action") == 403
    assert status_of(client, "GET", f"{HERE}cashier_buttons") == SIGN_IN
    assert status_of(client, "GET", f"{HERE}till") == SIGN_IN


@pytest.mark.parametrize(("who", "page"), [("cashier", "till"), ("manager", "cashier_buttons")])
def test_a_person_with_one_store_is_redirected_there_and_with_two_may_choose(client, sign_in, who, page) -> None:
    sign_in(who)
    assert client.get("/stores")["Location"] == f"{HERE}{page}"

    other = Store.objects.get(slug="elsewhere")
    Membership.objects.create(person=User.objects.get(username="anna"), store=other, role=Role.VIEWER)
    html = client.get("/stores").content.decode()
    assert [f'href="{path}"' in html for path in (f"{HERE}{page}", ELSEWHERE, "/")] == [True, True, False]


@pytest.mark.django_db(transaction=True)
def test_a_press_of_a_cashier_takes_no_query(client, sign_in, django_assert_num_queries) -> None:
    sign_in("cashier")
    restore_documents()
    with django_assert_num_queries(0):
        assert status_of(client, "POST", f"{HERE}cashier_action") == 204
