"""People and devices can be imported from CSV files and exported to them.

If a line is bad, the import changes nothing and reports every bad line. New people get links with which they choose a
password, and new devices get tokens.
"""

import csv
import io

import pytest
from auditlog.models import LogEntry as AuditEntry
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from cashier_web.infra.csv_table import BYTE_ORDER_MARK
from cashier_web.models import Device, Membership, Role, Store
from tests.web.test_people import choose_password

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def stores(db) -> None:
    for slug in ("north", "south"):
        Store.objects.create(slug=slug, name=slug.title())


@pytest.fixture
def import_csv(tmp_path):
    """Return a function that runs `people import` or `devices import` with a file that contains the given text.

    The function returns the output of the command.
    """

    def import_csv(what: str, text: str, *options: str) -> str:
        file, out, err = tmp_path / "table.csv", io.StringIO(), io.StringIO()
        file.write_text(text)
        try:
            call_command(what, "import", str(file), *options, stdout=out, stderr=err)
        except CommandError as fault:
            raise CommandError(f"{err.getvalue()}{fault}") from None
        return out.getvalue()

    return import_csv


def run(what: str, *action: str) -> str:
    """Run the command `people` or `devices` with an action, by default `export`. Returns the output of the command."""
    out = io.StringIO()
    call_command(what, *(action or ("export",)), stdout=out)
    # Excel needs the byte order mark.
    assert out.getvalue().startswith(BYTE_ORDER_MARK)
    return out.getvalue().removeprefix(BYTE_ORDER_MARK)


PEOPLE = (
    "username,first_name,last_name,active,roles\r\nanna,Anna,Arnaud,yes,north=manager; south=cashier\r\nberta,,,no,\r\n"
)


def test_people_are_imported_with_their_roles_and_exported_in_the_same_way(import_csv) -> None:
    assert import_csv("people", PEOPLE) == "anna: new\nberta: new\n2 new, 0 changed, 0 unchanged\n"

    anna = User.objects.get(username="anna")
    roles = {(each.store.slug, each.role) for each in anna.memberships.all()}
    assert roles == {("north", Role.MANAGER), ("south", Role.CASHIER)}
    assert not anna.has_usable_password()
    assert run("people") == PEOPLE
    assert import_csv("people", PEOPLE) == "0 new, 0 changed, 2 unchanged\n"


def test_an_import_prints_each_change_and_a_dry_run_changes_nothing(import_csv) -> None:
    import_csv("people", PEOPLE)
    table = "username;roles\nanna;south=viewer\n"
    printed = "anna: roles 'north=manager; south=cashier' -> 'south=viewer'\n0 new, 1 changed, 0 unchanged"
    assert import_csv("people", table, "--dry-run") == f"{printed}: this was a dry run\n"
    assert run("people") == PEOPLE

    assert import_csv("people", table) == f"{printed}\n"
    (membership,) = Membership.objects.filter(person__username="anna")
    assert (membership.store.slug, membership.role) == ("south", Role.VIEWER)


def test_a_missing_column_changes_nothing(import_csv) -> None:
    import_csv("people", PEOPLE)
    import_csv("people", "username,first_name\nanna,Anne\n")

    assert run("people") == PEOPLE.replace("anna,Anna", "anna,Anne")


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


def test_every_bad_line_of_people_is_reported_and_nothing_is_changed(import_csv) -> None:
    User.objects.create_user("boss", is_superuser=True)
    with pytest.raises(CommandError) as refused:
        import_csv("people", BAD_PEOPLE)

    *reasons, last = str(refused.value).splitlines()
    assert [reason.split(":")[0] for reason in reasons] == [f"line {line}" for line in range(3, 10)]
    for reason, part in zip(
        reasons,
        [
            "in an earlier line",
            "valid username",
            "Write “yes” or “no”",
            "no store “west”",
            "not “boss”",
            "two roles",
            "in the admin",
        ],
        strict=True,
    ):
        assert part in reason
    assert last == "nothing was changed"
    assert User.objects.count() == 1


def test_people_without_a_password_get_links_with_which_they_choose_one(import_csv) -> None:
    import_csv("people", PEOPLE)
    User.objects.create_user("known", password="secret enough")
    rows = list(csv.DictReader(io.StringIO(run("people", "links", "https://queue.example.com/"))))
    assert [row["username"] for row in rows] == ["anna"]

    link = rows[0]["link"].removeprefix("https://queue.example.com")
    assert choose_password(link).context["user"].username == "anna"
    assert run("people", "links", "https://queue.example.com").splitlines() == ["username,link"]


def test_links_for_an_unknown_store_are_refused() -> None:
    with pytest.raises(CommandError, match="no store 'nrth'"):
        run("people", "links", "https://queue.example.com", "--store", "nrth")


def test_usernames_are_normalised_in_the_same_way_as_at_the_sign_in(import_csv) -> None:
    import_csv("people", "username\njohn\n")

    assert import_csv("people", "username,first_name\nｊohn,John\n").startswith("john: first_name")
    with pytest.raises(CommandError, match="in an earlier line"):
        import_csv("people", "username\nｊohn\njohn\n")


def test_a_device_of_a_removed_till_can_be_imported_again_and_a_revoked_device_cannot(import_csv) -> None:
    import_csv("devices", DEVICES)
    Store.objects.update(tills=2)
    assert import_csv("devices", run("devices")).splitlines() == ["store,name,till,token"]

    Device.objects.update(revoked_at=timezone.now())
    with pytest.raises(CommandError, match="line 2: this device was revoked"):
        import_csv("devices", DEVICES)


def test_links_can_be_limited_to_one_store(import_csv) -> None:
    import_csv("people", "username,roles\nanna,north=cashier\nberta,south=cashier\n")
    printed = run("people", "links", "https://queue.example.com", "--store", "south")

    assert [line.split(",")[0] for line in printed.splitlines()] == ["username", "berta"]


DEVICES = "store,name,till\r\nnorth,Button 3,3\r\nsouth,Keypad,\r\n"


def test_devices_are_imported_and_their_tokens_printed_once(import_csv, redis) -> None:
    rows = list(csv.DictReader(io.StringIO(import_csv("devices", DEVICES))))
    assert [(row["store"], row["name"], row["till"]) for row in rows] == [
        ("north", "Button 3", "3"),
        ("south", "Keypad", ""),
    ]

    pressed = Client().get(f"/api/v1/press?token={rows[0]['token']}")
    assert (pressed.status_code, pressed.json()["till"]) == (201, 3)
    assert run("devices") == DEVICES
    assert import_csv("devices", DEVICES).splitlines() == ["store,name,till,token"]
    assert Client().get(f"/api/v1/press?token={rows[0]['token']}").status_code == 201


def test_an_import_changes_the_till_of_a_device_and_a_dry_run_creates_no_device(import_csv) -> None:
    assert import_csv("devices", DEVICES, "--dry-run").splitlines()[1] == "north,Button 3,3,"
    assert Device.objects.count() == 0

    import_csv("devices", DEVICES)
    hashes = set(Device.objects.values_list("token_hash", flat=True))
    import_csv("devices", "store,name,till\nnorth,Button 3,\nsouth,Keypad,4\n")
    assert run("devices") == "store,name,till\r\nnorth,Button 3,\r\nsouth,Keypad,4\r\n"
    assert set(Device.objects.values_list("token_hash", flat=True)) == hashes


def test_every_bad_line_of_devices_is_reported_and_nothing_is_changed(import_csv) -> None:
    with pytest.raises(CommandError) as refused:
        import_csv("devices", "store,name,till\nwest,A,\nnorth,,\nnorth,B,5\nnorth,C,\nnorth,C,1\n")

    *reasons, last = str(refused.value).splitlines()
    assert [reason.split(":")[0] for reason in reasons] == ["line 2", "line 3", "line 4", "line 6"]
    assert last == "nothing was changed"
    assert Device.objects.count() == 0


@pytest.mark.parametrize("what", ["people", "devices"])
@pytest.mark.parametrize("text", ["", "x\n1\n", "username,store,name,x\n", '"'])
def test_a_file_that_is_not_a_table_of_people_or_devices_is_refused(import_csv, what, text) -> None:
    with pytest.raises(CommandError):
        import_csv(what, text)


def upload_people(client, text: str):
    """Upload a file to the admin's import page for people. Returns the next page, which shows the planned changes."""
    file = SimpleUploadedFile("people.csv", text.encode(), "text/csv")
    return client.post("/admin/auth/user/import/", {"import_file": file, "format": "0", "resource": "0"})


def confirm(client, preview):
    """Confirm the import on the page that `upload_people` has returned. Only then are the changes made."""
    fields = preview.context["confirm_form"].initial
    return client.post("/admin/auth/user/process_import/", fields, follow=True)


def test_the_admin_shows_what_an_import_of_people_changes_and_then_imports_them(admin_client, import_csv) -> None:
    import_csv("people", PEOPLE)
    preview = upload_people(admin_client, "username,roles\nanna,south=viewer\ncarla,north=cashier\n")
    assert "<del>north=manager; south=cashier</del> <ins>south=viewer</ins>" in preview.content.decode()
    assert run("people") == PEOPLE

    assert "1 new, 1 updated" in confirm(admin_client, preview).content.decode()
    assert "anna,Anna,Arnaud,yes,south=viewer\r\n" in run("people")
    carla = User.objects.get(username="carla")
    assert not carla.has_usable_password()
    assert [(each.store.slug, each.role) for each in carla.memberships.all()] == [("north", Role.CASHIER)]
    assert "already been imported" in confirm(admin_client, preview).content.decode()


def test_the_audit_log_names_the_administrator_who_imported_people(admin_client) -> None:
    confirm(admin_client, upload_people(admin_client, "username,roles\nanna,north=viewer\n"))
    entry = AuditEntry.objects.get(object_repr="anna")

    assert (str(entry.actor), entry.get_action_display()) == ("admin", "create")
    assert entry.changes["roles"] == ["", "north=viewer"]


def test_the_admin_gives_the_reason_for_every_bad_line_of_people_and_offers_no_import(admin_client) -> None:
    preview = upload_people(admin_client, "username,roles\nberta,\n\nanna,west=boss; north=boss\nadmin,\n")

    assert preview.context.get("confirm_form") is None
    assert "<li>line 4: roles: There is no store “west”. A role is one of viewer" in preview.content.decode()
    assert "<li>line 5: username: An administrator of the chain" in preview.content.decode()
    assert list(User.objects.values_list("username", flat=True)) == ["admin"]


def test_the_admin_imports_no_people_if_a_store_in_the_file_has_been_deleted(admin_client) -> None:
    preview = upload_people(admin_client, "username,roles\nanna,north=viewer\nberta,south=viewer\n")
    Store.objects.filter(slug="south").delete()
    answer = confirm(admin_client, preview).content.decode()

    assert "Nothing was changed. line 3: roles: There is no store “south”." in answer
    assert not User.objects.filter(username="anna").exists()


def test_the_admin_exports_the_people_of_the_list_without_administrators(admin_client, import_csv) -> None:
    import_csv("people", PEOPLE)
    table = admin_client.get("/admin/auth/user/export/").content.decode("utf-8-sig")
    found = admin_client.get("/admin/auth/user/export/?q=arnaud").content.decode("utf-8-sig")

    assert table == PEOPLE
    assert found.splitlines() == PEOPLE.splitlines()[:2]


@pytest.mark.parametrize("page", ["import/", "export/"])
def test_only_superusers_import_and_export_people(client, page) -> None:
    person = User.objects.create_user("anna", is_staff=True)
    person.user_permissions.set(Permission.objects.all())
    client.force_login(person)

    assert client.get(f"/admin/auth/user/{page}").status_code == 403


def test_an_import_of_people_takes_few_queries_per_person(import_csv, django_assert_max_num_queries) -> None:
    """Each row takes three queries.

    Two of them set and release a savepoint, and the third checks that the username is unique. In addition, the whole
    import takes at most 30 queries.
    """
    rows = "".join(f"person-{number},north=cashier\n" for number in range(100))
    with django_assert_max_num_queries(3 * 100 + 30):
        import_csv("people", f"username,roles\n{rows}")


def test_a_file_with_too_many_people_is_refused(import_csv) -> None:
    with pytest.raises(CommandError, match="more than 5000 rows"):
        import_csv("people", "username\n" + "".join(f"person-{number}\n" for number in range(5001)))
