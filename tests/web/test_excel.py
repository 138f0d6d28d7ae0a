"""Exported CSV files survive a spreadsheet program, and damaged files are refused or must be confirmed."""

import io
import tempfile

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.utils import translation

from cashier_core.call import LANGUAGES
from cashier_web.infra import csv_table
from cashier_web.infra.lookalikes import Lookalikes, is_damaged, repair_encoding
from cashier_web.infra.spreadsheets import protect, unprotect
from cashier_web.models import Device, Membership, Role, Store
from tests.web.test_admin import FIELDS

pytestmark = pytest.mark.django_db


@pytest.fixture
def import_file(tmp_path, store):
    """Return a function that imports a file with the given content. Returns all that the command has printed."""

    def import_file(content: bytes | str, *options: str, what: str = "stores") -> str:
        file, out, err = tmp_path / "table.csv", io.StringIO(), io.StringIO()
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        try:
            call_command(what, "import", str(file), *options, stdout=out, stderr=err)
        except CommandError as fault:
            return f"{err.getvalue()}{str(fault).removeprefix(f'{file}: ')}"
        return out.getvalue()

    return import_file


def export(what: str) -> bytes:
    out = io.StringIO()
    call_command(what, "export", stdout=out)
    return out.getvalue().encode()


CHANGED_BY_EXCEL = [
    *(
        "0042",
        "007",
        "123456789012",
        "1234567890123456",
        "1e5",
        "12E3",
        "3.0",
        "2,5",
        "1-2",
        "3/4",
        "12:30",
        "5 pm",
        "5%",
    ),
    *("mar-1", "MARCH1", "1 mai", "12-dec", "Sept 4", "Oct2026", "TRUE", "Wahr", "€5", "(5)", "1 1/2"),
    *("=1+1", "+49", "-1", "@SUM(A1)", "\tx", "\rx", '=HYPERLINK("http://x")', "＝1", "'0042", "''=1", "'-"),
]
UNCHANGED_BY_EXCEL = [
    "0",
    "42",
    "60",
    "north-7",
    "marseille-7",
    "Zürich",
    "'s-Gravenhage",
    "a=b",
    "#ffffff",
    "",
    "'",
    "4=x",
]


@pytest.mark.parametrize("cell", CHANGED_BY_EXCEL)
def test_a_cell_that_a_spreadsheet_program_would_change_or_execute_gets_an_apostrophe(cell) -> None:
    assert protect(cell) == f"'{cell}"
    assert unprotect(protect(cell)) == cell


@pytest.mark.parametrize("cell", UNCHANGED_BY_EXCEL)
def test_other_cells_stay_as_they_are(cell) -> None:
    assert protect(cell) == cell == unprotect(cell)


def test_a_very_long_cell_is_checked_quickly() -> None:
    for cell in ("1" * 100_000 + "x", "'" * 100_000, "mar-" * 10_000):
        assert unprotect(protect(cell)) == cell


def test_an_export_begins_with_a_byte_order_mark_and_keeps_every_slug_as_text(admin_client, import_file) -> None:
    Store.objects.create(slug="0042", name="Zürich", hold_seconds="2.5", closed_message="+49 1234")
    pages = {"stores": "cashier_web/store", "people": "auth/user"}
    for what, page in pages.items():
        assert export(what).startswith(b"\xef\xbb\xbf")
        assert admin_client.get(f"/admin/{page}/export/").content == export(what)
    assert export("devices").startswith(b"\xef\xbb\xbf")
    table = export("stores").decode("utf-8-sig")
    assert "\r\n'0042,Zürich," in table
    assert ",'2.5," in table
    assert ",'+49 1234," in table
    assert import_file(export("stores")) == "0 new, 0 changed, 2 unchanged\n"


SAVED_AS = {
    "CSV UTF-8": lambda text: text.encode("utf-8-sig"),
    "with semicolons": lambda text: text.replace(",", ";").encode("utf-8-sig"),
    "with a first line that names the separator": lambda text: ("sep=;\n" + text.replace(",", ";")).encode(),
    "Unicode text": lambda text: text.replace(",", "\t").encode("utf-16"),
    "for old Macs": lambda text: text.replace("\n", "\r").encode(),
    "for Windows": lambda text: text.replace("\n", "\r\n").encode(),
    "with empty columns": lambda text: text.replace("\n", ",,\n").encode(),
    "with empty lines at the end": lambda text: f"{text}\n,,\n\n".encode(),
    "with apostrophes removed": lambda text: text.replace("'", "").encode(),
}


@pytest.mark.parametrize("program", SAVED_AS)
def test_a_file_that_a_spreadsheet_program_has_saved_is_imported(import_file, program) -> None:
    Store.objects.create(slug="0042", name="Zürich")
    text = "slug,name,city\n'0042,Zürich,Altstetten\nnorth-7,Nord,\n"

    assert import_file(SAVED_AS[program](text)).endswith("1 new, 1 changed, 0 unchanged\n")
    assert Store.objects.get(slug="0042").city == "Altstetten"


def test_a_hold_with_a_decimal_comma_is_imported(import_file) -> None:
    import_file("slug;hold_seconds\ndefault;2,5\n")

    assert Store.objects.get().hold_ms == 2500


ADVICE = {
    "Windows-1252": (
        "slug,name\nx,Zürich\n".encode("cp1252"),
        "line 2: The file is not in UTF-8. In Excel, save it as",
    ),
    "a workbook": (
        b"PK\x03\x04\x14\x00\x06\x00",
        "This is a workbook, not a CSV file. In Excel, save it as “CSV UTF-8",
    ),
    "an old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1", "This is a workbook"),
    "UTF-16 without a mark": ("slug,name\nx,y\n".encode("utf-16-le"), "line 1: The file contains NUL characters"),
    "half a UTF-16 file": (b"\xff\xfes", "line 1: The file is not in UTF-8"),
    "a NUL character": (b"slug,name\nx,a\0b\n", "line 2: The file contains NUL characters"),
    "a huge cell": (b"slug,name\nx," + b"y" * 20_000 + b"\n", "line 2: a cell has more than 10000 characters"),
    "a cell of 1 MB": (b"slug,name\nx," + b"y" * 1_000_000 + b"\n", "line 2: a cell has more than 10000 characters"),
    "a quotation mark that stays open": (
        b'slug,name\nx,"y\n',
        "line 2: A quotation mark is missing or in the wrong place",
    ),
    "text after a quotation mark": (b'slug,name\nx,"y"z\n', "line 2: A quotation mark is missing"),
    "too few cells": (b"slug,name,city\nx,y\n", "line 2 has 2 cells for 3 columns"),
    "too many cells": (b"slug,name\nx,y,,z\n", "line 2 has 4 cells for 2 columns"),
    "a column without a name": (b"slug,,name\nx,y,z\n", "column 2 has no name in the first line"),
    "an unknown column": (b"slug," + b"z" * 1000 + b"\n", "unknown column “" + "z" * 50 + "…”; the columns are slug"),
    "an unknown language": (b"slug,name,languages\nx,y,en xx\n", "line 2: languages: There is no language “xx”. The"),
    "an unknown policy": (b"slug,name,policy\nx,y,wait\n", "line 2: policy: Write “queue” or “replace”."),
    "too few tills": (b"slug,name,tills\nx,y,-1\n", "line 2: tills: Ensure this value is greater than or equal to 1."),
}


@pytest.mark.parametrize("fault", ADVICE)
def test_a_bad_file_is_refused_with_an_advice_and_without_pythons_own_texts(admin_client, import_file, fault) -> None:
    content, advice = ADVICE[fault]
    printed = import_file(content)
    assert printed.startswith(advice), printed
    assert not any(word in printed for word in ("codec", "field limit", "expected after", "new-line", "Traceback"))

    upload = {"import_file": SimpleUploadedFile("stores.csv", content, "text/csv"), "format": "0", "resource": "0"}
    page = admin_client.post("/admin/cashier_web/store/import/", upload)
    assert advice.replace("&", "&amp;") in page.content.decode()
    assert Store.objects.count() == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_reason_for_a_bad_slug_is_one_sentence_in_every_language(import_file, language) -> None:
    with translation.override(language):
        reason, last = import_file("slug,name\na b,x\n").splitlines()

    assert reason.count(":") <= 2
    assert last == "nothing was changed"
    assert not any(part in reason for part in ("msgid", "msgstr", "\\"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0042", "42"),
        ("42", "0042"),
        ("North-7", "north-7"),
        ("north_07", "North-7"),
        ("Zürich", "ZÃ¼rich"),
        ("ÁÍ", "Ã\x81Ã\x8d"),
        ("anna", "ａｎｎａ"),
    ],
)
def test_names_that_a_spreadsheet_program_makes_of_each_other_resemble_each_other(old, new) -> None:
    assert Lookalikes([old]).find(new) == old
    assert Lookalikes([old]).find(old) is None


@pytest.mark.parametrize(("one", "other"), [("42", "420"), ("0", "00x"), ("s-1-1", "s-11"), ("north", "south")])
def test_different_names_do_not_resemble_each_other(one, other) -> None:
    assert Lookalikes([one]).find(other) is None


def test_a_text_in_a_wrong_encoding_is_recognised() -> None:
    assert repair_encoding("ZÃ¼rich") == "Zürich"
    assert is_damaged("Z\ufffdrich")
    assert not any(is_damaged(text) for text in ("Zürich", "Café", "Łódź", "المتجر", "Ã", "50 €"))


def test_a_slug_that_lost_its_zeros_and_a_damaged_name_need_confirmation(import_file) -> None:
    Store.objects.create(slug="0042", name="Zürich")
    table = "slug,name\n42,ZÃ¼rich\n"
    assert import_file(table).splitlines() == [
        "line 2: “42” is new, but it resembles “0042”",
        "line 2: “ZÃ¼rich” has damaged letters; is it “Zürich”?",
        "If these lines are right, import the file with --confirm.",
        "nothing was changed",
    ]
    assert Store.objects.count() == 2
    assert "1 new" in import_file(table, "--confirm", "--dry-run")
    assert Store.objects.count() == 2

    assert import_file(table, "--confirm") == "42: new\n1 new, 0 changed, 0 unchanged\n"
    assert import_file(table) == "0 new, 0 changed, 1 unchanged\n"


def test_two_new_slugs_of_a_file_that_resemble_each_other_need_confirmation(import_file) -> None:
    assert "“7” is new, but it resembles “07”" in import_file("slug,name\n07,a\n7,b\n")


def test_people_and_devices_with_damaged_names_need_confirmation(import_file) -> None:
    User.objects.create_user("0042")
    Device.objects.create(store=Store.objects.get(), name="Kasse 07", token_hash="x")
    people, devices = "username\n42\n", "store,name\ndefault,kasse 7\n"

    assert "“42” is new, but it resembles “0042”" in import_file(people, what="people")
    assert "“kasse 7” is new, but it resembles “Kasse 07”" in import_file(devices, what="devices")
    assert (User.objects.count(), Device.objects.count()) == (1, 1)
    import_file(people, "--confirm", what="people")
    import_file(devices, "--confirm", what="devices")
    assert (User.objects.count(), Device.objects.count()) == (2, 2)


def test_the_admin_asks_before_it_imports_a_slug_that_resembles_another(admin_client, store) -> None:
    Store.objects.create(slug="0042", name="Zürich")
    upload = {"import_file": SimpleUploadedFile("x.csv", b"slug,name\n42,x\n"), "format": "0", "resource": "0"}

    def confirm(**more):
        preview = admin_client.post(
            "/admin/cashier_web/store/import/",
            {**upload, "import_file": SimpleUploadedFile("x.csv", b"slug,name\n42,x\n")},
        )
        page = preview.content.decode()
        assert "“42” is new, but it resembles “0042”" in page
        assert 'type="checkbox" name="is_confirmed" required' in page
        fields = preview.context["confirm_form"].initial
        return admin_client.post("/admin/cashier_web/store/process_import/", {**fields, **more}, follow=True)

    assert "Nothing was changed." in confirm().content.decode()
    assert not Store.objects.filter(slug="42").exists()
    confirm(is_confirmed="on")
    assert Store.objects.filter(slug="42").exists()


def test_the_admin_asks_before_it_adds_a_store_whose_slug_resembles_another(admin_client, store) -> None:
    Store.objects.create(slug="0042", name="Zürich")
    fields = {**FIELDS, "slug": "42"}
    page = admin_client.post("/admin/cashier_web/store/add/", fields).content.decode()
    assert "“42” is new, but it resembles “0042”." in page
    assert 'type="checkbox" name="is_confirmed"' in page
    assert 'type="hidden" name="is_confirmed"' in admin_client.get("/admin/cashier_web/store/add/").content.decode()

    assert admin_client.post("/admin/cashier_web/store/add/", {**fields, "is_confirmed": "on"}).status_code == 302
    assert Store.objects.filter(slug="42").exists()


def test_the_admin_asks_before_it_adds_an_account_whose_name_resembles_another(admin_client) -> None:
    User.objects.create_user("0042")
    fields = {"username": "42", "usable_password": "false"}
    page = admin_client.post("/admin/auth/user/add/", fields).content.decode()
    assert "“42” is new, but it resembles “0042”." in page
    assert 'type="checkbox" name="is_confirmed"' in page

    assert admin_client.post("/admin/auth/user/add/", {**fields, "is_confirmed": "on"}).status_code == 302
    assert User.objects.filter(username="42").exists()


def test_the_server_keeps_no_copy_of_a_file_that_cannot_be_imported(admin_client, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for content in (b"PK\x03\x04", b"slug,name\na b,x\n"):
        upload = {"import_file": SimpleUploadedFile("x.csv", content), "format": "0", "resource": "0"}
        assert admin_client.post("/admin/cashier_web/store/import/", upload).status_code == 200

    assert list(tmp_path.iterdir()) == []


def test_a_manager_is_asked_before_a_second_account_with_almost_the_same_name_is_created(
    client, manager, store
) -> None:
    fields = {"username": "Anna", "role": "2"}
    page = client.post("/people", fields)
    assert page.status_code == 400
    assert "“Anna” is new, but it resembles “anna”." in page.content.decode()
    assert not User.objects.filter(username="Anna").exists()

    client.post("/people", {**fields, "is_confirmed": "on"})
    assert User.objects.filter(username="Anna").exists()
    assert Membership.objects.get(person__username="Anna").role == Role.CASHIER


def test_a_row_that_somebody_else_adds_at_the_same_time_is_refused_without_a_text_of_the_database(
    import_file, monkeypatch
) -> None:
    def add_first(instance, *args, **options) -> None:
        Store.objects.bulk_create([Store(slug=instance.slug, name="first")])
        save(instance, *args, **options)

    save = Store.save
    monkeypatch.setattr(Store, "save", add_first)
    printed = import_file("slug,name\nnew,second\n")

    assert (
        printed.splitlines()[0]
        == "line 2: Somebody else has changed the same data at the same time. Import the file again."
    )
    assert not Store.objects.filter(slug="new").exists()


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_export_has_the_separator_that_excel_expects_in_the_readers_language(
    admin_client, import_file, language
) -> None:
    Store.objects.create(slug="0042", name="Zürich; Nord, 3", labels={"4": "Pharmacy", "2": "12"})
    page = admin_client.get("/admin/cashier_web/store/export/", headers={"Accept-Language": language})
    header = page.content.decode().partition("\r\n")[0].removeprefix("\ufeff")

    assert header.startswith("slug,name," if language == "en" else "slug;name;")
    assert import_file(page.content) == "0 new, 0 changed, 2 unchanged\n"


def test_a_table_for_programs_has_no_byte_order_mark() -> None:
    assert csv_table.write(["a"], [["0042"]]) == "a\r\n'0042\r\n"
