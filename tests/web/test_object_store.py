"""The media are in an object store if CASHIER_MEDIA_URL is set. Web reads them from there, and Nginx caches them."""

import io
import sys
from io import BytesIO

import httpx
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.core.management import CommandError, call_command
from PIL import Image

from cashier_local.ports import answers, wait_until
from cashier_web.infra import tasks_server
from cashier_web.infra.media_storage import media_storage
from cashier_web.media import archive
from cashier_web.media.files import store_file
from cashier_web.models import Medium, Store
from tests.support.object_store import run_object_store
from tests.support.topologies import add_store
from tests.web.test_disk_space import noise, video
from tests.web.test_restore_media import NAME
from tests.web.test_restore_media import archive as tar_archive

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory):
    with run_object_store(tmp_path_factory.mktemp("objects")) as server:
        yield server


@pytest.fixture
def server(shared_server, environment, settings):
    """An object store in which this test's web stores the media."""
    environment(cashier_media_url=shared_server.url)
    settings.STORAGES = {**settings.STORAGES, "default": media_storage(shared_server.url)}
    yield shared_server
    if not shared_server.alive:
        shared_server.start()
    storage = storages.create_storage(media_storage(shared_server.url))
    for name in shared_server.names():
        storage.delete(name)


@pytest.fixture
def stop(server):
    """Return a function that stops the object store."""

    def stop() -> None:
        server.stop()
        wait_until(lambda: not answers(server.port), 5, "the object store is away")

    return stop


@pytest.fixture
def add(client, manager, server):
    """Return a function that uploads a file to the media page of the default store."""

    def add(content: bytes, page: str = "/media"):
        return client.post(page, {"logo" if page == "/logo" else "file": ContentFile(content, "file.bin")})

    return add


def test_a_picture_is_stored_shown_and_deleted(add, client, server, store) -> None:
    assert add(noise()).status_code == 302
    medium = store.media.get()
    answer = client.get(medium.file.url)

    assert server.names() == [medium.file.name]
    assert medium.file.url == f"/media/{medium.file.name}"
    assert answer["Content-Type"] == "image/png"
    content = answer.getvalue()
    assert content == (server.objects / medium.file.name).read_bytes()
    assert int(answer["Content-Length"]) == len(content)
    assert Image.open(BytesIO(content)).size == (600, 600)
    assert client.post(f"/media/{medium.pk}/delete").status_code == 302
    assert server.names() == []
    assert client.get(medium.file.url).status_code == 404


def test_a_logo_is_replaced(add, client, server, store) -> None:
    assert add(noise(1), "/logo").status_code == 302
    assert add(noise(2), "/logo").status_code == 302
    store.refresh_from_db()

    assert server.names() == [store.logo.name]
    assert client.get(store.logo.url).status_code == 200


def test_the_files_of_a_deleted_store_are_deleted(add, server, store, django_capture_on_commit_callbacks) -> None:
    add(noise())
    north = Store.objects.create(slug="north", name="North")
    name = store_file(north, BytesIO(noise()), "png")
    Medium.objects.create(store=north, kind="picture", file=name, position=1)
    with django_capture_on_commit_callbacks(execute=True):
        north.delete()

    assert server.names() == [store.media.get().file.name]


def test_an_object_to_which_no_row_refers_is_not_sent_and_is_deleted_later(add, client, server, store) -> None:
    name = f"{store.pk}/{'0' * 32}.png"
    default_storage.save(name, ContentFile(b"stored by a process that died"))

    assert client.get(f"/media/{name}").status_code == 404
    assert add(noise()).status_code == 302
    assert server.names() == [store.media.get().file.name]


def test_the_media_of_a_store_and_of_all_stores_have_a_limit(add, environment, server) -> None:
    environment(cashier_store_media_mb=3)
    assert add(video(2)).status_code == 302
    assert "may have 3 MB together" in add(video(1)).content.decode()
    environment(cashier_store_media_mb=100, cashier_media_mb=3)
    default_storage.save("4711/film.webm", ContentFile(bytes(100)))
    assert "all stores together may have 3 MB" in add(video(1)).content.decode()
    assert len(server.names()) == 2


def test_a_full_disk_does_not_matter(add, environment) -> None:
    environment(cashier_free_disk_mb=1_000_000)

    assert add(noise()).status_code == 302


@pytest.mark.parametrize("page", ["/media", "/logo"])
def test_without_the_object_store_nothing_is_changed(add, client, server, stop, store, log_lines, page) -> None:
    add(noise(1))
    medium = store.media.get()
    before = server.names()
    stop()
    answer = add(noise(2), page)

    assert answer.status_code == 503
    assert "the storage of the pictures and videos cannot be reached" in answer.content.decode()
    assert client.post(f"/media/{medium.pk}/delete").status_code == 503
    assert client.get(medium.file.url).status_code == 503
    assert any("the object store does not answer" in line["event"] for line in log_lines())
    store.refresh_from_db()
    assert (list(store.media.all()), store.logo.name, store.revision) == ([medium], "", 1)
    assert server.names() == before
    assert client.get("/media").status_code == 200
    server.start()
    assert add(noise(2), page).status_code == 302


def test_the_files_of_a_store_that_is_deleted_without_the_object_store_are_in_the_log(
    server, stop, log_lines, django_capture_on_commit_callbacks
) -> None:
    north = Store.objects.create(slug="north", name="North")
    pk = north.pk
    name = store_file(north, BytesIO(noise()), "png")
    stop()
    with django_capture_on_commit_callbacks(execute=True):
        north.delete()

    assert not Store.objects.filter(slug="north").exists()
    assert f"unused files stay in the folder {pk} of the object store" in log_lines()[-1]["event"]
    assert server.names() == [name]


def test_the_metrics_and_the_admin_need_no_object_store(add, stop, admin_client) -> None:
    add(noise())
    stop()

    assert "cashier_media_bytes" not in tasks_server.metrics_text().decode()
    page = admin_client.get("/admin/").content.decode()
    assert "MB are free." in page
    assert "Pictures and videos:" not in page


def test_the_media_of_a_backup_move_into_the_object_store(server, monkeypatch) -> None:
    content = tar_archive(**{NAME: b"picture"})
    assert archive.restore_files(io.BytesIO(content)) == 1
    assert archive.restore_files(io.BytesIO(content)) == 0

    assert (server.objects / NAME).read_bytes() == b"picture"
    server.stop()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    with pytest.raises(CommandError, match="cannot be restored completely"):
        call_command("restore_media")


def test_a_refused_key_is_reported(add, environment, server, settings) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "default": media_storage(server.url.replace("key:secret", "key:another")),
    }

    assert add(noise()).status_code == 503
    assert server.names() == []


def test_nginx_keeps_a_file_while_the_object_store_is_away(run_topology, tmp_path) -> None:
    with (
        run_object_store(tmp_path / "objects") as server,
        run_topology(tmp_path / "topology", CASHIER_MEDIA_URL=server.url) as topology,
    ):
        slug = add_store(topology)
        (tmp_path / "picture").write_bytes(noise())
        topology.shell.call("add_picture", store=slug, path=str(tmp_path / "picture"))
        name = server.names()[0]
        content, path = (server.objects / name).read_bytes(), f"/media/{name}"
        with httpx.Client(base_url=topology.url, timeout=20) as client:
            first = client.get(path)
            server.stop()
            second = client.get(path)
            part = client.get(path, headers={"Range": "bytes=10-19"})
            unknown = client.get(f"/media/1/{'0' * 32}.png")

    assert first.content == second.content == content
    for answer in (first, second):
        assert answer.headers.get_list("Cache-Control") == ["public, max-age=31536000, immutable"]
        assert answer.headers.get_list("Content-Security-Policy") == ["default-src 'none'; sandbox"]
        assert answer.headers.get_list("X-Content-Type-Options") == ["nosniff"]
        assert answer.headers["Content-Type"] == "image/png"
        assert "Set-Cookie" not in answer.headers
    assert (part.status_code, part.content) == (206, content[10:20])
    assert unknown.status_code == 404
