"""The storage of the media: a folder of this host or, if CASHIER_MEDIA_URL is set, an object store.

Several hosts can share an object store.
"""

import contextlib
import mimetypes
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Protocol, cast
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.files import File
from django.core.files.storage import FileSystemStorage, default_storage
from django.utils.translation import gettext_lazy as _

UNAVAILABLE = _("Nothing was changed, because the storage of the pictures and videos cannot be reached at the moment.")


CHUNK = 64 * 1024
"""The size in bytes of the pieces in which a file is read."""


class MediaUnavailable(Exception):
    """Raised if the object store does not answer or refuses a request."""


class MediaStorage(Protocol):
    """What the storage of the media can do. With an object store, each method may raise MediaUnavailable."""

    def exists(self, name: str) -> bool: ...

    def size(self, name: str) -> int: ...

    def save(self, name: str, content: "File[bytes]") -> str: ...

    def read(self, name: str) -> tuple[int, str, Iterator[bytes]]:
        """Return the size of a file in bytes, its media type, and its content piece by piece.

        Raises FileNotFoundError if there is no such file.
        """

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """Return the names of the folders and of the files in a folder. May raise FileNotFoundError."""

    def delete(self, name: str) -> None: ...

    def bytes_in(self, folder: str = "") -> int:
        """Return the size of the files in a folder, or of all files, in bytes."""

    def free_bytes(self) -> int | None:
        """Return how many bytes of the disk are free, or None if the storage has no limit."""


stored_media = cast("MediaStorage", default_storage)
"""The storage that CASHIER_MEDIA_URL chooses."""


def media_storage(url: str) -> dict[str, Any]:
    """Return the element of Django's STORAGES for the media. url: the value of CASHIER_MEDIA_URL, or ""."""
    if not url:
        # The name of a file is a hash of its content. So if a file exists already, it is incomplete or the same.
        return {
            "BACKEND": "cashier_web.infra.media_storage.MediaFolder",
            "OPTIONS": {"allow_overwrite": True},
        }
    parts = urlsplit(url)
    options = {name: values[0] for name, values in parse_qs(parts.query).items()}
    scheme = "http" if options.get("tls") == "False" else "https"
    return {
        "BACKEND": "cashier_web.infra.object_store.ObjectStore",
        "OPTIONS": {
            "endpoint_url": f"{scheme}://{parts.netloc.rpartition('@')[2]}",
            "access_key": unquote(parts.username or ""),
            "secret_key": unquote(parts.password or ""),
            "bucket_name": parts.path.strip("/"),
            "region_name": options.get("region"),
        },
    }


class MediaFolder(FileSystemStorage):
    """A folder of this host. After `save`, the file is complete and on the disk, also after a power cut."""

    def _save(self, name: str, content: "File[bytes]") -> str:
        path = Path(self.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.new")
        try:
            with temporary.open("wb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return name

    def read(self, name: str) -> tuple[int, str, Iterator[bytes]]:
        file = Path(self.path(name)).open("rb")  # noqa: SIM115  # The iterator closes the file.
        size = os.fstat(file.fileno()).st_size
        return size, mimetypes.guess_type(name)[0] or "application/octet-stream", _pieces(file)

    def bytes_in(self, folder: str = "") -> int:
        return sum(_file_sizes(Path(self.location) / folder))

    def free_bytes(self) -> int:
        return disk_usage(Path(self.location))[1]


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(CHUNK):
            yield piece


def _file_sizes(folder: Path) -> Iterator[int]:
    # Another request may delete a file or a folder at any moment. os.walk leaves out folders that no longer exist.
    for parent, _folders, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                yield Path(parent, name).lstat().st_size


def disk_usage(folder: Path) -> tuple[int, int]:
    """Return the size of the disk that contains the folder, and how much of it is free, in bytes."""
    while not folder.exists():  # The folder is created with the first upload.
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    return usage.total, usage.free
