"""People and devices as tables: all or nothing, every bad line named, and links and tokens for those who are new."""

import csv
import io

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from cashier_web.models import Device, Membership, Role, Store
from tests.web.test_people import choose_password

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def stores(db) -> None:
    for slug in ("north", "south"):
        Store.objects.create(slug=slug, name=slug.title())


@pytest.fixture
def bring(tmp_path):
    """`people import` or `devices import` of a text; what it printed."""

    def bring(what: str, text: str, *options: str) -> str:
        file, out, err = tmp_path / "table.csv", io.StringIO(), io.StringIO()
        file.write_text(text)
        try:
            call_command(what, "import", str(file), *options, stdout=out, stderr=err)
        except CommandError as fault:
            raise CommandError(f"{err.getvalue()}{fault}") from None
        return out.getvalue()

    return bring


def take(what: str, *action: str) -> str:
    out = io.StringIO()
    call_command(what, *(action or ("export",)), stdout=out)
    return out.getvalue()


PEOPLE = (
    "username,first_name,last_name,active,roles\r\nanna,Anna,Arnaud,yes,north=manager; south=cashier\r\nberta,,,no,\r\n"
)


def test_people_come_in_with_their_roles_and_go_out_as_they_came(bring) -> None:
    assert bring("people", PEOPLE) == "anna: new\nberta: new\n2 new, 0 changed, 0 as they were\n"

    anna = User.objects.get(username="anna")
    roles = {(each.store.slug, each.role) for each in anna.memberships.all()}
    assert roles == {("north", Role.MANAGER), ("south", Role.CASHIER)}
    assert not anna.has_usable_password()
    assert take("people") == PEOPLE
    assert bring("people", PEOPLE) == "0 new, 0 changed, 2 as they were\n"


def test_a_change_is_told_and_a_dry_run_changes_nothing(bring) -> None:
    bring("people", PEOPLE)
    table = "username;roles\nanna;south=viewer\n"
    told = "anna: roles 'north=manager; south=cashier' -> 'south=viewer'\n0 new, 1 changed, 0 as they were"
    assert bring("people", table, "--dry-run") == f"{told}: this was a dry run\n"
    assert take("people") == PEOPLE

    assert bring("people", table) == f"{told}\n"
    (membership,) = Membership.objects.filter(person__username="anna")
    assert (membership.store.slug, membership.role) == ("south", Role.VIEWER)


def test_a_column_that_is_missing_changes_nothing(bring) -> None:
    bring("people", PEOPLE)
    bring("people", "username,first_name\nanna,Anne\n")

    assert take("people") == PEOPLE.replace("anna,Anna", "anna,Anne")


BAD_PEOPLE = """username,active,roles
anna,yes,north=manager
anna,yes,
b erta,yes,
carla,maybe,
dora,yes,west=cashier
eva,yes,north=boss
fay,yes,north=viewer; north=cashier
boss,yes,
"""


def test_every_bad_line_of_people_is_named_and_nothing_is_changed(bring) -> None:
    User.objects.create_user("boss", is_superuser=True)
    with pytest.raises(CommandError) as refused:
        bring("people", BAD_PEOPLE)

    *reasons, last = str(refused.value).splitlines()
    assert [reason.split(":")[0] for reason in reasons] == [f"line {line}" for line in range(3, 10)]
    for reason, part in zip(
        reasons,
        [
            "in a line before",
            "valid username",
            "only “yes” or “no”",
            "no store 'west'",
            "not 'boss'",
            "two of them",
            "in the admin",
        ],
        strict=True,
    ):
        assert part in reason
    assert last == "nothing was changed"
    assert User.objects.count() == 1


def test_links_are_for_those_without_a_password_and_let_them_in(bring) -> None:
    bring("people", PEOPLE)
    User.objects.create_user("known", password="secret enough")
    rows = list(csv.DictReader(io.StringIO(take("people", "links", "https://queue.example.com/"))))
    assert [row["username"] for row in rows] == ["anna"]

    link = rows[0]["link"].removeprefix("https://queue.example.com")
    assert choose_password(link).context["user"].username == "anna"
    assert take("people", "links", "https://queue.example.com").splitlines() == ["username,link"]


def test_links_of_a_store_that_is_not_there_are_refused() -> None:
    with pytest.raises(CommandError, match="no store 'nrth'"):
        take("people", "links", "https://queue.example.com", "--store", "nrth")


def test_usernames_are_read_as_the_sign_in_reads_them(bring) -> None:
    bring("people", "username\njohn\n")

    assert bring("people", "username,first_name\nｊohn,John\n").startswith("john: first_name")
    with pytest.raises(CommandError, match="in a line before"):
        bring("people", "username\nｊohn\njohn\n")


def test_a_device_whose_till_is_gone_comes_back_as_it_went_and_a_revoked_one_is_told(bring) -> None:
    bring("devices", DEVICES)
    Store.objects.update(tills=2)
    assert bring("devices", take("devices")).splitlines() == ["store,name,till,token"]

    Device.objects.update(revoked_at=timezone.now())
    with pytest.raises(CommandError, match="line 2: this device was revoked"):
        bring("devices", DEVICES)


def test_links_of_one_store(bring) -> None:
    bring("people", "username,roles\nanna,north=cashier\nberta,south=cashier\n")
    told = take("people", "links", "https://queue.example.com", "--store", "south")

    assert [line.split(",")[0] for line in told.splitlines()] == ["username", "berta"]


DEVICES = "store,name,till\r\nnorth,Button 3,3\r\nsouth,Keypad,\r\n"


def test_devices_come_in_and_their_tokens_are_printed_once(bring, redis) -> None:
    rows = list(csv.DictReader(io.StringIO(bring("devices", DEVICES))))
    assert [(row["store"], row["name"], row["till"]) for row in rows] == [
        ("north", "Button 3", "3"),
        ("south", "Keypad", ""),
    ]

    pressed = Client().get(f"/api/v1/press?token={rows[0]['token']}")
    assert (pressed.status_code, pressed.json()["till"]) == (201, 3)
    assert take("devices") == DEVICES
    assert bring("devices", DEVICES).splitlines() == ["store,name,till,token"]
    assert Client().get(f"/api/v1/press?token={rows[0]['token']}").status_code == 201


def test_a_devices_till_can_be_changed_and_a_dry_run_makes_none(bring) -> None:
    assert bring("devices", DEVICES, "--dry-run").splitlines()[1] == "north,Button 3,3,"
    assert Device.objects.count() == 0

    bring("devices", DEVICES)
    hashes = set(Device.objects.values_list("token_hash", flat=True))
    bring("devices", "store,name,till\nnorth,Button 3,\nsouth,Keypad,4\n")
    assert take("devices") == "store,name,till\r\nnorth,Button 3,\r\nsouth,Keypad,4\r\n"
    assert set(Device.objects.values_list("token_hash", flat=True)) == hashes


def test_every_bad_line_of_devices_is_named_and_nothing_is_changed(bring) -> None:
    with pytest.raises(CommandError) as refused:
        bring("devices", "store,name,till\nwest,A,\nnorth,,\nnorth,B,5\nnorth,C,\nnorth,C,1\n")

    *reasons, last = str(refused.value).splitlines()
    assert [reason.split(":")[0] for reason in reasons] == ["line 2", "line 3", "line 4", "line 6"]
    assert last == "nothing was changed"
    assert Device.objects.count() == 0


@pytest.mark.parametrize("what", ["people", "devices"])
@pytest.mark.parametrize("text", ["", "x\n1\n", "username,store,name,x\n", '"'])
def test_what_is_no_such_table_is_refused(bring, what, text) -> None:
    with pytest.raises(CommandError):
        bring(what, text)
