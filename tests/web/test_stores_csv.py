"""Stores can be imported from a CSV file and exported to it, on the command line and in the admin.

If a line is bad, the import changes nothing and reports every bad line.
"""

import io
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command

from cashier_local.ports import free_port
from cashier_web.models import Store
from tests.support.redis_keys import changed_keys

pytestmark = pytest.mark.django_db
HEADER = "slug,name,city,time_zone,tills,labels,languages,language,hold_seconds,policy,is_open,closed_message"
HOURS = "opening_hours,special_days,follows_hours,alarm_minutes"
MORE = f"{HOURS},also_waits_in,arrows,shows_recent,volume,is_muted,ink,ground"
NORTH = 'north-7,North,Lyon,Europe/Paris,9,4=Pharmacy; 5=12,en fr,fr,5,queue,yes,"Closed, sorry"'


@pytest.fixture
def import_stores(tmp_path: Path):
    """Return a function that runs `stores import` with a file that contains the given text.

    The function returns the output of the command.
    """

    def import_stores(text: str | bytes, *options: str) -> str:
        file, out, err = tmp_path / "stores.csv", io.StringIO(), io.StringIO()
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        try:
            call_command("stores", "import", str(file), *options, stdout=out, stderr=err)
        except CommandError as fault:
            raise CommandError(f"{err.getvalue()}{fault}") from None
        return out.getvalue()

    return import_stores


def export_stores(tmp_path: Path) -> str:
    file = tmp_path / "out.csv"
    call_command("stores", "export", str(file))
    return file.read_text("utf-8")


def test_new_stores_are_imported_and_announced_to_their_screens(import_stores, redis) -> None:
    printed = import_stores(f"{HEADER}\n{NORTH}\n")
    store = Store.objects.get(slug="north-7")

    assert printed == "north-7: new\n1 new, 0 changed, 0 unchanged\n"
    assert (store.labels, store.languages, store.hold_ms) == ({"4": "Pharmacy", "5": "12"}, ["en", "fr"], 5000)
    assert (store.is_open, store.closed_message) == (True, "Closed, sorry")
    assert redis.hget("cashier:{north-7}:store", "language") == b"fr"


def test_importing_an_export_changes_nothing(import_stores, tmp_path, redis) -> None:
    import_stores(f"{HEADER}\n{NORTH}\n")
    before = redis.hget("cashier:{north-7}:store", "rev")

    assert import_stores(export_stores(tmp_path)) == "0 new, 0 changed, 2 unchanged\n"
    assert redis.hget("cashier:{north-7}:store", "rev") == before


def test_a_missing_column_changes_nothing(import_stores) -> None:
    import_stores(f"{HEADER}\n{NORTH}\n")
    printed = import_stores("is_open,slug\nno,north-7\n")

    assert printed.splitlines()[0] == "north-7: is_open 'yes' -> 'no'"
    assert Store.objects.get(slug="north-7").tills == 9


def test_opening_hours_are_imported_and_take_effect(import_stores, tmp_path) -> None:
    columns = "slug,opening_hours,special_days,follows_hours,alarm_minutes"
    import_stores(f"{HEADER}\n{NORTH}\n")
    import_stores(f'{columns}\nnorth-7,mo-su 00:00-0:01,"2030-12-25 closed",yes,5\n')
    store = Store.objects.get(slug="north-7")

    assert (store.opening_hours, store.special_days) == ("Mo-Su 00:00-00:01", "2030-12-25 closed")
    assert (store.follows_hours, store.alarm_minutes) == (True, 5)
    assert store.changes_at is not None
    assert import_stores(export_stores(tmp_path)) == "0 new, 0 changed, 2 unchanged\n"


def test_an_old_file_neither_opens_nor_closes_a_store_that_follows_its_hours(import_stores, tmp_path) -> None:
    import_stores(f"{HEADER},{HOURS}\n{NORTH},Mo-Su 00:00-24:00,,yes,10\n")
    table = export_stores(tmp_path)
    assert ',queue,,"Closed, sorry"' in table

    Store.objects.filter(slug="north-7").update(is_open=False)
    assert import_stores(table) == "0 new, 0 changed, 2 unchanged\n"
    assert not Store.objects.get(slug="north-7").is_open
    with pytest.raises(CommandError, match="is_open: Write “yes” or “no”"):
        import_stores("slug,is_open,follows_hours\nnorth-7,,no\n")


def test_bad_opening_hours_are_refused_with_the_line(import_stores) -> None:
    with pytest.raises(CommandError, match="line 2: opening_hours: “8-20” cannot be understood"):
        import_stores(f"{HEADER},opening_hours\n{NORTH},8-20\n")

    assert not Store.objects.filter(slug="north-7").exists()


def test_a_dry_run_prints_the_changes_and_makes_none(import_stores, redis) -> None:
    printed = import_stores(f"{HEADER}\n{NORTH}\n{NORTH.replace('north-7', 'default')}\n", "--dry-run")

    assert printed.splitlines()[0] == "north-7: new"
    assert "default: name 'cashier_q' -> 'North', city '' -> 'Lyon'" in printed
    assert printed.endswith("1 new, 1 changed, 0 unchanged: this was a dry run\n")
    assert list(Store.objects.values_list("name", flat=True)) == ["cashier_q"]
    assert changed_keys(redis) == []


@pytest.mark.parametrize(
    "encode", [str.encode, lambda text: text.replace(",", ";").encode("utf-8-sig")], ids=["commas", "Excel"]
)
def test_semicolons_a_byte_order_mark_and_empty_lines_are_accepted(import_stores, encode) -> None:
    import_stores(encode("slug,name,is_open\r\n\r\n,,\r\nnorth-7,Nord é,no\r\n"))

    assert Store.objects.get(slug="north-7").name == "Nord é"


def test_every_bad_line_is_reported_and_nothing_is_changed(import_stores, redis) -> None:
    lines = [
        HEADER,
        NORTH,
        NORTH,
        "",
        NORTH.replace("north-7", "a b"),
        NORTH.replace("north-7", "s-1").replace(",9,", ",4.5,"),
        NORTH.replace("north-7", "s-2").replace(",yes,", ",open,"),
        NORTH.replace("north-7", "s-3").replace("en fr,fr", "en,fr"),
        NORTH.replace("north-7", "s-4").replace("4=Pharmacy", "10=Pharmacy"),
        NORTH.replace("north-7", ""),
        NORTH.replace("north-7", "s-5").replace("Europe/Paris", "Paris"),
    ]
    with pytest.raises(CommandError) as caught:
        import_stores("\n".join(lines))
    printed = str(caught.value)

    assert [line.split(":")[:2] for line in printed.splitlines()] == [
        ["line 3", " slug"],
        ["line 5", " slug"],
        ["line 6", " tills"],
        ["line 7", " is_open"],
        ["line 8", " language"],
        ["line 9", " labels"],
        ["line 10", " slug"],
        ["line 11", " time_zone"],
        ["nothing was changed"],
    ]
    assert Store.objects.count() == 1
    assert changed_keys(redis) == []


def test_a_row_is_reported_with_the_line_where_it_begins(import_stores) -> None:
    with pytest.raises(CommandError) as caught:
        import_stores('slug,closed_message\na,fine\nb,"two\nlines"\na b,\n')

    lines = [line.split(":")[:2] for line in str(caught.value).splitlines()]
    assert ["line 3", " closed_message"] in lines
    assert ["line 5", " slug"] in lines


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "column “slug” is missing"),
        ("name\nNorth\n", "column “slug” is missing"),
        ("slug,nmae\nnorth-7,North\n", "unknown column “nmae”"),
        ("slug,name,name\nn,a,b\n", "a column appears twice"),
        ("slug,name\nnorth-7,North,Lyon\n", "line 2 has 3 cells for 2 columns"),
        ('slug,name\nnorth-7,"North\n', "line 2"),
        (b"slug,name\nn,\xff\xfe\n", "line 2: The file is not in UTF-8"),
        ("slug\n" + "".join(f"s-{n}\n" for n in range(3001)), "more than 3000 rows"),
    ],
)
def test_a_file_that_is_not_a_table_of_stores_is_refused_with_a_reason(import_stores, text, reason) -> None:
    with pytest.raises(CommandError, match=reason):
        import_stores(text)


@pytest.mark.django_db(transaction=True)
def test_nothing_is_imported_without_redis(import_stores, environment) -> None:
    environment(redis_url=f"redis://127.0.0.1:{free_port()}/0")
    with pytest.raises(CommandError, match="screens cannot be reached"):
        import_stores(f"{HEADER}\n{NORTH}\n")

    assert not Store.objects.filter(slug="north-7").exists()


def upload(admin_client, text: str):
    file = SimpleUploadedFile("stores.csv", text.encode(), "text/csv")
    return admin_client.post("/admin/cashier_web/store/import/", {"import_file": file, "format": "0", "resource": "0"})


def confirm(admin_client, preview):
    fields = preview.context["confirm_form"].initial
    return admin_client.post("/admin/cashier_web/store/process_import/", fields, follow=True)


def test_the_admin_shows_the_changes_of_an_import_and_then_makes_them_once(admin_client, redis) -> None:
    preview = upload(admin_client, f"{HEADER}\n{NORTH}\n")
    assert "north-7" in preview.content.decode()
    assert Store.objects.count() == 1

    assert "1 new, 0 updated" in confirm(admin_client, preview).content.decode()
    assert Store.objects.get(slug="north-7").labels == {"4": "Pharmacy", "5": "12"}
    assert redis.hget("cashier:{north-7}:store", "language") == b"fr"
    assert "already been imported" in confirm(admin_client, preview).content.decode()


def test_the_admin_reports_bad_lines_and_offers_no_import(admin_client) -> None:
    preview = upload(admin_client, f"{HEADER}\n{NORTH}\n\n{NORTH.replace('north-7', 'a b')}\n")

    assert "confirm_form" not in preview.context or preview.context["confirm_form"] is None
    assert [row.number for row in preview.context["result"].invalid_rows] == [4]
    assert "<li>line 4: slug: Enter a valid “slug”" in preview.content.decode()


def test_the_admin_says_why_a_file_is_not_a_table_of_stores(admin_client) -> None:
    assert (
        "unknown column “nmae”; the columns are slug, name"
        in upload(admin_client, "slug,nmae\nn,North\n").content.decode()
    )


def test_the_admin_imports_nothing_if_a_row_has_become_invalid(admin_client) -> None:
    preview = upload(admin_client, "slug,name\nnorth-7,North\n")
    Store.objects.create(slug="north-7", name="x", tills=2, labels={"9": "Gone"})
    page = confirm(admin_client, preview).content.decode()

    assert "Nothing was changed." in page
    assert "line 2" in page
    assert Store.objects.get(slug="north-7").name == "x"


def test_the_admin_exports_what_the_list_shows(admin_client) -> None:
    Store.objects.create(slug="north-7", name="North", city="Lyon")
    table = admin_client.get("/admin/cashier_web/store/export/?q=lyon").content.decode("utf-8-sig")

    assert table.splitlines()[0] == f"{HEADER},{MORE}"
    assert [line.split(",")[0] for line in table.splitlines()[1:]] == ["north-7"]
