"""`make restore` adds the pictures and videos of a backup with the command `restore_media`. No file is half written."""

import io
import sys
import tarfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from cashier_web.infra import disk_space

NAME = f"7/{'a' * 32}.jpg"
OTHER = f"8/{'b' * 32}.webm"


def archive(**files: bytes) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return target.getvalue()


@pytest.fixture
def restore(monkeypatch, settings):
    """Return a function that restores an archive, and returns the names of all stored files."""
    Path(settings.MEDIA_ROOT).mkdir()

    def restore(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        call_command("restore_media")

    return restore


def stored(settings) -> dict[str, bytes]:
    root = Path(settings.MEDIA_ROOT)
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_files_are_added_and_existing_files_stay(restore, settings) -> None:
    restore(archive(**{NAME: b"picture"}))
    restore(archive(**{NAME: b"PICTURE", OTHER: b"film"}))

    assert stored(settings) == {NAME: b"picture", OTHER: b"film"}


def test_a_file_of_which_only_a_half_is_stored_is_replaced(restore, settings) -> None:
    (Path(settings.MEDIA_ROOT) / "7").mkdir()
    (Path(settings.MEDIA_ROOT) / NAME).write_bytes(b"pict")
    restore(archive(**{NAME: b"picture"}))

    assert stored(settings) == {NAME: b"picture"}


def test_files_with_other_names_are_ignored(restore, settings) -> None:
    restore(archive(**{"../outside.jpg": b"x", "7/name.jpg": b"x", "restored.part": b"x", "/etc/file.jpg": b"x"}))

    assert stored(settings) == {}
    assert not (Path(settings.MEDIA_ROOT).parent / "outside.jpg").exists()


@pytest.mark.parametrize("length", [100, 700, 5000])
def test_of_an_incomplete_archive_no_half_file_is_stored(restore, settings, length) -> None:
    content = archive(**{NAME: bytes(4000), OTHER: bytes(4000)})[:length]

    with pytest.raises(CommandError, match="cannot be restored completely"):
        restore(content)
    assert set(stored(settings).values()) <= {bytes(4000)}


def test_the_space_that_must_stay_free_is_not_used(restore, settings, environment) -> None:
    environment(cashier_free_disk_mb=disk_space.disk_usage()[0] // disk_space.MB)

    with pytest.raises(CommandError, match="too little space"):
        restore(archive(**{NAME: b"picture"}))
    assert stored(settings) == {}
