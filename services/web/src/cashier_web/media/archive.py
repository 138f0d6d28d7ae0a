"""Reads the media of a backup, which is a tar archive of the folder with all media."""

import re
import shutil
import tarfile
from tempfile import TemporaryFile
from typing import IO, cast

from django.core.files import File

from cashier_web.infra import disk_space
from cashier_web.infra.media_storage import stored_media

NAME = re.compile(r"\d+/[0-9a-f]{32}\.[a-z0-9]+")


END = bytes(1024)
"""The last bytes of a complete tar archive. tarfile does not notice that an archive was cut before a file's header."""


class Remembering:
    """Reads from a file, and remembers the last bytes that were read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.last = file, b""

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self.last = (self.last + data)[-len(END) :]
        return data


def restore_files(archive: IO[bytes]) -> int:
    """Add the files of a tar archive to the media. Returns the number of new files. The archive is read as a stream.

    A file that exists already is not replaced, because its name is a hash of its content. A new file appears only when
    it is complete. Raises OSError if the disk is full, MediaUnavailable if the object store does not answer, and
    tarfile.TarError if the archive is incomplete.
    """
    new = 0
    source = Remembering(archive)
    with tarfile.open(fileobj=cast("IO[bytes]", source), mode="r|") as members:
        for member in members:
            name = member.name.removeprefix("./")
            if not (member.isfile() and NAME.fullmatch(name)):
                continue
            if stored_media.exists(name) and stored_media.size(name) == member.size:
                continue
            free = stored_media.free_bytes()
            if free is not None and free - member.size < disk_space.bytes_to_keep_free():
                raise OSError(f"the disk has too little space for {name}")
            with TemporaryFile() as file:  # The storage needs a file that is complete and can be read twice.
                shutil.copyfileobj(cast("IO[bytes]", members.extractfile(member)), file)
                stored_media.save(name, File(file))
            new += 1
    while source.read(1 << 16):
        pass
    if source.last != END:
        raise tarfile.ReadError("the end of the archive is missing")
    return new
