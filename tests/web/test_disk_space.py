"""A file is refused, and nothing is changed, if there is no space for the file.

There is a limit for the files of one store and a limit for the files of all stores, and the disk must have free space.
"""

import errno
import os
import shutil
from io import BytesIO
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadhandler import FileUploadHandler
from PIL import Image

from cashier_web.infra import disk_space, media_storage
from cashier_web.infra.tasks_server import metrics_text
from cashier_web.models import Medium, Store
from cashier_web.periodic import TASKS

pytestmark = pytest.mark.django_db
MB = disk_space.MB


def noise(number: int = 0) -> bytes:
    """Return a picture of 0.5 to 0.9 MB, which is different for each number."""
    target = BytesIO()
    image = Image.effect_noise((600, 600), 100 + number).convert("RGB")
    image.save(target, "PNG")
    return target.getvalue()


def video(megabytes: int) -> bytes:
    """Return a WebM file, which is stored as it is."""
    return b"\x1a\x45\xdf\xa3\x8b\x42\x82\x84webm" + bytes(megabytes * MB)


@pytest.fixture
def upload(client, manager):
    def upload(content: bytes, page: str = "/media"):
        field = "logo" if page.endswith("logo") else "file"
        return client.post(page, {field: ContentFile(content, "file.bin")})

    return upload


@pytest.fixture
def free(monkeypatch):
    """Return a function that sets how many megabytes of the disk are free."""

    def free(megabytes: int) -> None:
        usage = shutil.disk_usage("/")
        monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage._replace(free=megabytes * MB))

    return free


def stored(settings) -> list[Path]:
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def test_a_store_may_fill_its_quota_and_not_exceed_it(upload, environment, settings, store) -> None:
    environment(cashier_store_media_mb=3)
    assert upload(video(1)).status_code == 302
    assert upload(noise()).status_code == 302
    answer = upload(video(2))

    assert answer.status_code == 400
    assert "may have 3 MB together" in answer.content.decode()
    assert store.media.count() == len(stored(settings)) == 2


def test_a_logo_counts_too(upload, environment, settings, store) -> None:
    environment(cashier_store_media_mb=1)
    assert upload(noise(), "/logo").status_code == 302
    assert upload(noise(1)).status_code == 400
    answer = upload(noise(2), "/logo")
    store.refresh_from_db()

    assert answer.status_code == 400
    assert "may have 1 MB together" in answer.content.decode()
    assert [str(path.relative_to(settings.MEDIA_ROOT)) for path in stored(settings)] == [store.logo.name]


def test_a_file_that_the_store_has_already_needs_no_space(upload, environment) -> None:
    upload(video(1))
    environment(cashier_store_media_mb=1)

    assert upload(video(1)).status_code == 302


def test_a_deleted_file_makes_space_for_another(upload, client, environment, store) -> None:
    environment(cashier_store_media_mb=3)
    upload(video(2))
    assert upload(noise()).status_code == 302
    assert upload(video(1)).status_code == 400
    assert client.post(f"/media/{store.media.first().pk}/delete").status_code == 302

    assert upload(video(1)).status_code == 302


def test_all_stores_together_have_a_quota(upload, environment, settings, log_lines) -> None:
    other = Path(settings.MEDIA_ROOT) / "4711"
    other.mkdir(parents=True)
    (other / "film.webm").write_bytes(bytes(2 * MB))
    environment(cashier_media_mb=3)
    answer = upload(video(1))

    assert answer.status_code == 400
    assert "all stores together may have 3 MB" in answer.content.decode()
    assert Medium.objects.count() == 0
    assert "all media together" in log_lines()[0]["event"]


@pytest.mark.parametrize("page", ["/media", "/logo"])
def test_no_file_is_stored_on_a_disk_that_is_almost_full(upload, environment, free, settings, log_lines, page) -> None:
    environment(cashier_free_disk_mb=100)
    free(100)
    answer = upload(noise(), page)

    assert answer.status_code == 507
    assert "too little disk space" in answer.content.decode()
    assert stored(settings) == []
    assert (Medium.objects.count(), Store.objects.get().logo.name, Store.objects.get().revision) == (0, "", 0)
    assert "100 MB of the disk are free" in log_lines()[0]["event"]
    free(102)
    assert upload(noise(), page).status_code == 302


@pytest.mark.parametrize("page", ["/media", "/logo"])
@pytest.mark.parametrize(
    ("error", "reason"),
    [(errno.ENOSPC, "too little disk space"), (errno.EROFS, "no storage for pictures and videos")],
)
def test_half_a_file_is_deleted_if_a_file_cannot_be_written(upload, settings, monkeypatch, page, error, reason) -> None:
    def fail(_file: int) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(media_storage.os, "fsync", fail)
    answer = upload(noise(), page)

    assert answer.status_code == 507
    assert reason in answer.content.decode()
    assert stored(settings) == []
    assert (Medium.objects.count(), Store.objects.get().logo.name) == (0, "")


class FullTemporaryFolder(FileUploadHandler):
    """An upload cannot be written into a temporary file."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def file_complete(self, file_size: int) -> None:
        """Never called."""


def test_an_upload_that_fits_into_no_temporary_file_gets_a_reason(upload, client, settings) -> None:
    settings.FILE_UPLOAD_HANDLERS = [f"{__name__}.FullTemporaryFolder"]
    client.raise_request_exception = False
    answer = upload(noise())

    assert answer.status_code == 507
    assert answer.content.decode() == "The server has no disk space. Nothing was changed.\n"


def figures(client) -> dict[str, float]:
    lines = [line.split() for line in metrics_text().decode().splitlines()]
    return {line[0]: float(line[1]) for line in lines if len(line) == 2}


def test_metrics_say_how_much_space_is_used_and_free(upload, client, settings) -> None:
    assert figures(client)["cashier_media_bytes"] == 0
    upload(video(2))
    size, _used, free = shutil.disk_usage(settings.MEDIA_ROOT)

    assert figures(client)["cashier_media_bytes"] == stored(settings)[0].stat().st_size > 2 * MB
    assert figures(client)["cashier_disk_bytes"] == size
    assert figures(client)["cashier_disk_free_bytes"] == pytest.approx(free, rel=0.1)


def test_a_warning_is_logged_and_shown_to_administrators_before_the_disk_is_full(
    free, environment, admin_client, log_lines
) -> None:
    (task,) = [task for task in TASKS if task.name == "disk"]
    environment(cashier_free_disk_mb=100)
    free(200)
    task.run()
    assert log_lines() == []
    assert "almost full" not in admin_client.get("/admin/").content.decode()
    free(199)
    task.run()

    assert "the disk is almost full: 199 MB are free" in log_lines()[0]["event"]
    page = admin_client.get("/admin/").content.decode()
    assert "The disk is almost full: 199 MB are free." in page
    assert "Pictures and videos: 0 of 20,000 MB" in page
