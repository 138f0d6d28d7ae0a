"""Reads the media of a backup, which is a tar archive of the folder with all media."""

import os
import re
import shutil
import tarfile
from typing import IO, cast

from cashier_web.infra import disk_space

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
    it is complete. Raises OSError if the disk is full, and tarfile.TarError if the archive is incomplete.
    """
    root, new = disk_space.media_root(), 0
    temporary = root / "restored.part"
    source = Remembering(archive)
    try:
        with tarfile.open(fileobj=cast("IO[bytes]", source), mode="r|") as members:
            for member in members:
                name = member.name.removeprefix("./")
                target = root / name
                if not (member.isfile() and NAME.fullmatch(name)):
                    continue
                if target.exists() and target.stat().st_size == member.size:
                    continue
                if disk_space.disk_usage()[1] - member.size < disk_space.bytes_to_keep_free():
                    raise OSError(f"the disk has too little space for {name}")
                target.parent.mkdir(exist_ok=True)
                with temporary.open("wb") as file:
                    shutil.copyfileobj(cast("IO[bytes]", members.extractfile(member)), file)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.chmod(0o644)
                temporary.replace(target)
                new += 1
        while source.read(1 << 16):
            pass
        if source.last != END:
            raise tarfile.ReadError("the end of the archive is missing")
    finally:
        temporary.unlink(missing_ok=True)
    return new
