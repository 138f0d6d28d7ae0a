"""Screens show pictures and videos between calls, and the logo of their store. Managers upload these files.

The tests check who may upload files, which files are accepted and stored, and when a file is deleted.
"""

import json
import re
from io import BytesIO
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image

from cashier_core.idle import Idle
from cashier_local.ports import free_port
from cashier_web.infra.redis_clients import the_timeline
from cashier_web.media import files, uploads, views
from cashier_web.models import Medium, Store
from cashier_web.screens import announce, appearance

pytestmark = pytest.mark.django_db
GPS, ORIENTATION, MAKE = 0x8825, 0x0112, 0x010F


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 20), colour: str = "red", **options) -> bytes:
    target = BytesIO()
    Image.new("RGB", size, colour).save(target, kind, **options)
    return target.getvalue()


def box(kind: bytes, *content: bytes) -> bytes:
    inside = b"".join(content)
    return (8 + len(inside)).to_bytes(4, "big") + kind + inside


def mp4(codec: bytes = b"avc1", brand: bytes = b"isom") -> bytes:
    """Return the parts ("boxes") of an MP4 file as a telephone writes them. Two boxes say where the film was made."""
    entry = box(b"stsd", bytes(8), box(codec, bytes(8)))
    track = box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", entry))), box(b"meta", b"+45.76+004.83/"))
    place = box(b"udta", box(b"\xa9xyz", b"+45.7640+004.8357/"))
    return box(b"ftyp", brand + bytes(4)) + box(b"moov", track, place) + box(b"mdat", b"frames")


WEBM = b"\x1a\x45\xdf\xa3\x8b\x42\x82\x84webm" + bytes(40)


@pytest.fixture
def add(client, manager):
    """Return a function that uploads a file, by default to the media page of the default store."""

    def add(content: bytes, name: str = "file.bin", page: str = "/media"):
        field = "logo" if page.endswith("logo") else "file"
        return client.post(page, {field: ContentFile(content, name)})

    return add


@pytest.fixture
def three_pictures(add) -> list[Medium]:
    for colour in ("red", "green", "blue"):
        assert add(picture(colour=colour)).status_code == 302
    return list(Medium.objects.all())


def stored_files(settings) -> list[str]:
    """The paths of all media files of all stores, relative to MEDIA_ROOT."""
    root = Path(settings.MEDIA_ROOT)
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def content_of(medium: Medium) -> bytes:
    return (Path(default_storage.location) / medium.file.name).read_bytes()


def shown(medium: Medium) -> Image.Image:
    return Image.open(BytesIO(content_of(medium)))


def appearance_of(client, path: str = "/") -> dict:
    html = client.get(path).content.decode()
    found = re.search(r'data-look="([^"]*)"', html.partition("<body")[2])
    return json.loads(found[1].replace("&quot;", '"'))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_recognised_by_its_content_whatever_its_file_name_is(add, client, store, settings, kind) -> None:
    assert add(picture(kind), "holiday.exe").status_code == 302
    (medium,) = store.media.all()

    ending = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}[kind]
    assert re.fullmatch(rf"{store.pk}/[0-9a-f]{{32}}\.{ending}", medium.file.name)
    assert stored_files(settings) == [medium.file.name]
    assert appearance_of(client)["media"] == [{"url": f"/media/{medium.file.name}", "kind": "picture", "seconds": 10}]
    assert f'src="/media/{medium.file.name}"' in client.get("/media").content.decode()


@pytest.mark.parametrize(("content", "ending"), [(mp4(), "mp4"), (mp4(b"av01", b"mp42"), "mp4"), (WEBM, "webm")])
def test_a_video_is_recognised_by_its_content(add, store, content, ending) -> None:
    assert add(content, "film.txt").status_code == 302
    (medium,) = store.media.all()

    assert (medium.kind, medium.file.name.rsplit(".")[-1]) == ("video", ending)


def nested(depth: int) -> bytes:
    content = b""
    for _ in range(depth):
        content = box(b"moov", content)
    return content


PNG_BOMB = picture(size=(8000, 5001), colour="black")
REFUSED = {
    "svg": (
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        "must be a JPEG, PNG or WebP picture, or",
    ),
    "html": (b"<!doctype html><script>alert(1)</script>", "must be a JPEG, PNG or WebP picture, or"),
    "gif": (picture("GIF"), "must be a JPEG, PNG or WebP picture, or"),
    "nothing": (b"", "empty"),
    "half a picture": (picture("JPEG", (400, 400), quality=95)[:1500], "not a readable"),
    "a picture in name only": (b"\x89PNG\r\n\x1a\n<script>", "not a readable"),
    "a bomb": (PNG_BOMB, "at most 40 million pixels"),
    "a large picture": (picture() + bytes(8 * uploads.MB), "at most 8 MB"),
    "a large video": (mp4() + box(b"free", bytes(64 * uploads.MB)), "at most 64 MB"),
    "half a video": (mp4()[:-3], "is incomplete"),
    "a video without an end": (mp4() + b"\x00\x00\x00\x02free", "is incomplete"),
    "no frames": (mp4().partition(b"mdat")[0][:-4], "is incomplete"),
    "h.265": (mp4(b"hvc1"), "MP4 with H.264, or WebM"),
    "millions of boxes": (mp4() + box(b"free", b"") * 10_000, "MP4 with H.264, or WebM"),
    "boxes without an end": (mp4().partition(b"moov")[0][:-4] + nested(3_000), "is incomplete"),
    "quicktime": (mp4(brand=b"qt  "), "must be a JPEG, PNG or WebP picture, or"),
    "matroska": (WEBM.replace(b"\x84webm", b"\x88matroska"), "MP4 with H.264, or WebM"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_file_gets_a_reason_and_is_not_stored(add, store, settings, name) -> None:
    content, reason = REFUSED[name]
    response = add(content)

    assert response.status_code == 400
    assert reason in response.content.decode()
    assert (store.media.count(), stored_files(settings), Store.objects.get().revision) == (0, [], 0)


def test_a_small_file_with_too_many_pixels_is_refused_and_the_largest_accepted_picture_is_scaled_down(
    add, store
) -> None:
    assert len(PNG_BOMB) < 200_000
    assert add(picture(size=(8000, 5000), colour="black")).status_code == 302
    (medium,) = store.media.all()

    assert shown(medium).size == (3840, 2400)


def test_a_photo_is_upright_and_contains_no_metadata(add, store) -> None:
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKE] = 6, "Telephone"  # a picture with the orientation 6 is shown rotated by 90 degrees
    exif.get_ifd(GPS)[1] = "N"
    content = picture("JPEG", (40, 20), exif=exif, comment=b"at home")
    assert b"Telephone" in content
    add(content)
    (medium,) = store.media.all()
    found = shown(medium)

    assert found.size == (20, 40)
    assert (dict(found.getexif()), found.info.get("comment")) == ({}, None)
    assert b"Telephone" not in content_of(medium)


def test_only_the_first_photo_of_a_file_with_two_photos_is_stored(add, store) -> None:
    target = BytesIO()
    first, second = (Image.new("RGB", (40, 20), colour) for colour in ("red", "blue"))
    first.save(target, "MPO", save_all=True, append_images=[second])
    assert add(target.getvalue()).status_code == 302
    (medium,) = store.media.all()

    assert (shown(medium).format, medium.file.name[-4:]) == ("JPEG", ".jpg")
    assert shown(medium).getpixel((0, 0))[0] > 200


def test_the_metadata_of_a_video_is_erased_and_the_rest_is_unchanged(add, store) -> None:
    content = mp4()
    assert content.count(b"+45.7") == 2
    add(content)
    stored = content_of(store.media.get())

    assert b"+45.7" not in stored
    assert len(stored) == len(content)
    assert stored.count(b"free") == 2
    assert (stored[:60], stored[-14:]) == (content[:60], content[-14:])


def test_transparent_pictures_are_stored_as_rgba_and_all_other_pictures_as_rgb(add, store) -> None:
    for mode, stored_mode in (("RGBA", "RGBA"), ("LA", "RGBA"), ("L", "RGB"), ("1", "RGB"), ("P", "RGB")):
        target = BytesIO()
        Image.new(mode, (4, 4)).save(target, "PNG")
        assert add(target.getvalue()).status_code == 302, mode
        assert shown(store.media.last()).mode == stored_mode


def test_a_store_has_at_most_thirty_pictures_and_videos(add, store, settings) -> None:
    Medium.objects.bulk_create(
        Medium(store=store, kind="picture", file=f"{store.pk}/{number}.jpg", position=number)
        for number in range(1, views.MOST_MEDIA + 1)
    )
    response = add(picture())

    assert response.status_code == 400
    assert "at most 30" in response.content.decode()
    assert (store.media.count(), stored_files(settings)) == (30, [])


def test_pictures_are_moved_up_and_down(client, store, three_pictures) -> None:
    red, green, blue = (each.pk for each in three_pictures)

    def order(number: int, action: str) -> list[int]:
        assert client.post(f"/media/{number}/{action}").status_code == 302
        return [each.pk for each in store.media.all()]

    assert order(blue, "up") == [red, blue, green]
    assert order(red, "down") == [blue, red, green]
    assert order(blue, "up") == [blue, red, green], "moving the first picture up must change nothing"
    assert order(green, "down") == [blue, red, green]
    assert order(red, "delete") == [blue, green]
    assert order(green, "up") == [green, blue]
    assert [each["url"] for each in appearance_of(client)["media"]] == [
        f"/media/{each.file.name}" for each in store.media.all()
    ]


@pytest.mark.parametrize("left", [1, 2, 3])
@pytest.mark.parametrize("action", ["up", "down", "delete", "change"])
def test_changing_a_picture_that_was_just_deleted_is_404_and_changes_no_other_picture(
    client, store, three_pictures, monkeypatch, left, action
) -> None:
    deleted = Medium.objects.create(store=store, kind="picture", file=three_pictures[0].file.name, position=4)
    Medium.objects.filter(pk__in=[each.pk for each in three_pictures[left:]]).delete()
    before = list(store.media.exclude(pk=deleted.pk).values_list("pk", "position", "seconds"))
    # The next line simulates another request that deletes the picture. This other request runs just before the tested
    # request locks the store.
    monkeypatch.setattr(files, "delete_unused_files", lambda pk: Medium.objects.filter(pk=deleted.pk).delete())

    assert client.post(f"/media/{deleted.pk}/{action}", {"seconds": "20"}).status_code == 404
    assert list(store.media.exclude(pk=deleted.pk).values_list("pk", "position", "seconds")) == before
    assert len(before) == left


@pytest.mark.parametrize(
    ("seconds", "stored_seconds"), [("3", 3), ("120", 120), ("2", 10), ("121", 10), ("", 10), ("x", 10)]
)
def test_a_picture_is_shown_for_3_to_120_seconds(client, three_pictures, seconds, stored_seconds) -> None:
    client.post(f"/media/{three_pictures[0].pk}/change", {"seconds": seconds})

    assert appearance_of(client)["media"][0]["seconds"] == stored_seconds


def test_a_file_is_deleted_with_the_last_row_that_refers_to_it(add, client, store, settings) -> None:
    for _ in range(2):
        add(picture())
    add(picture("JPEG"))
    first, second, _third = store.media.all()
    assert (first.file.name, len(stored_files(settings))) == (second.file.name, 2)

    client.post(f"/media/{first.pk}/delete")
    assert second.file.name in stored_files(settings)
    client.post(f"/media/{second.pk}/delete")
    assert stored_files(settings) == [store.media.get().file.name]


def test_a_logo_is_shown_replaced_and_removed(add, client, store, settings) -> None:
    assert appearance_of(client)["logo"] == ""
    for colour in ("red", "blue"):
        assert add(picture(colour=colour), page="/logo").status_code == 302
    store.refresh_from_db()
    assert stored_files(settings) == [store.logo.name]
    assert appearance_of(client)["logo"] == f"/media/{store.logo.name}"

    client.post("/logo/remove")
    assert (appearance_of(client)["logo"], stored_files(settings)) == ("", [])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (WEBM, "must be a JPEG, PNG or WebP picture"),
        (picture() + bytes(2 * uploads.MB), "at most 2 MB"),
        (b"", "empty"),
    ],
)
def test_a_logo_that_is_no_small_picture_is_refused(add, settings, content, reason) -> None:
    response = add(content, page="/logo")

    assert (response.status_code, stored_files(settings)) == (400, [])
    assert reason in response.content.decode()


def test_each_change_of_media_gives_the_screens_a_new_appearance_id(add, client, store, redis) -> None:
    announce.announce_differences()

    def id_and_revision() -> tuple[str, int]:
        (idle,) = the_timeline().idle(["default"])
        revision = Store.objects.get().revision
        assert idle == Idle("en", appearance_id=appearance.appearance_id(Store.objects.get()))
        return idle.appearance_id, revision

    states = [id_and_revision()]
    for number in range(2):
        add(picture(colour=("red", "blue")[number]))
        states.append(id_and_revision())
    first, second = store.media.all()
    for path, fields in (
        (f"/media/{first.pk}/down", {}),
        (f"/media/{first.pk}/change", {"seconds": "20"}),
        (f"/media/{second.pk}/delete", {}),
        ("/logo", {"logo": ContentFile(picture(), "logo.png")}),
        ("/logo/remove", {}),
    ):
        client.post(path, fields)
        states.append(id_and_revision())

    assert [revision for _appearance_id, revision in states] == list(range(8))
    assert len({appearance_id for appearance_id, _revision in states}) == 8


def test_without_redis_nothing_is_changed_and_no_file_is_stored(
    add, client, three_pictures, store, settings, environment
) -> None:
    before = stored_files(settings)
    environment(redis_url=f"redis://127.0.0.1:{free_port()}/0")
    add(picture(colour="white"))
    add(picture(colour="white"), page="/logo")
    response = client.post(f"/media/{three_pictures[0].pk}/delete", follow=True)

    assert "Nothing was changed" in response.content.decode()
    assert list(store.media.all()) == three_pictures
    store.refresh_from_db()
    assert (store.logo.name, store.revision, stored_files(settings)) == ("", 3, before)


def test_an_incomplete_file_of_a_worker_that_died_is_replaced(add, store, settings) -> None:
    add(picture())
    name = store.media.get().file.name
    Medium.objects.all().delete()
    with default_storage.open(name, "wb") as file:
        file.write(b"half of it")
    default_storage.save(f"{store.pk}/0123.jpg", ContentFile(b"no row refers to this file"))
    add(picture())

    assert stored_files(settings) == [name]
    assert shown(store.media.get()).size == (40, 20)


def test_a_manager_changes_nothing_in_another_store(add, client, store, settings) -> None:
    north = Store.objects.create(slug="north", name="North")
    picture_of_north = Medium.objects.create(store=north, kind="picture", file=f"{north.pk}/a.jpg", position=1)

    assert add(picture(), page="/s/north/media").status_code == 403
    assert add(picture(), page="/s/north/logo").status_code == 403
    assert client.post(f"/s/north/media/{picture_of_north.pk}/delete").status_code == 403
    assert client.post(f"/media/{picture_of_north.pk}/delete").status_code == 404
    assert (list(north.media.all()), stored_files(settings)) == ([picture_of_north], [])


def test_only_the_files_of_a_deleted_store_are_deleted(
    add, admin_client, client, store, settings, django_capture_on_commit_callbacks
) -> None:
    north = Store.objects.create(slug="north", name="North")
    add(picture())
    name = files.store_file(north, BytesIO(picture("JPEG")), "jpg")
    Medium.objects.create(store=north, kind="picture", file=name, position=1)
    assert len(stored_files(settings)) == 2
    page = f"/admin/cashier_web/store/{north.pk}/delete/"
    assert "Media: 1" in admin_client.get(page).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        admin_client.post(page, {"post": "yes"})

    assert stored_files(settings) == [store.media.get().file.name]
    assert not (Path(settings.MEDIA_ROOT) / str(north.pk)).exists()


def test_the_appearance_id_needs_no_database_query(store, three_pictures, django_assert_num_queries) -> None:
    store.refresh_from_db()
    with django_assert_num_queries(0):
        appearance.appearance_id(store)
    with django_assert_num_queries(1):
        appearance.appearance_json(store, None)


def test_the_admin_shows_the_number_of_media_and_the_logo(add, admin_client, three_pictures, store) -> None:
    add(picture(), page="/logo")
    store.refresh_from_db()
    html = admin_client.get(f"/admin/cashier_web/store/{store.pk}/change/").content.decode()

    assert store.logo.name in html
    assert re.search(r'<div class="readonly">3</div>', html)
