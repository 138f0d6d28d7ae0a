"""Runs an object store with the protocol S3 for tests: the program rclone, which keeps the objects in a folder."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from cashier_local.ports import answers, free_port, wait_until
from cashier_local.process import Process
from cashier_local.topology import VENVS
from tests.support.topologies import Log

BUCKET = "media"


class ObjectStoreServer(Process):
    """An object store with one bucket, which a test may stop and start.

    url: the value of CASHIER_MEDIA_URL. objects: the folder with the objects of the bucket.
    """

    def __init__(self, folder: Path, log: Log, address: str = "127.0.0.1") -> None:
        self.port = free_port()
        self.url = f"s3://key:secret@{address}:{self.port}/{BUCKET}?region=test&tls=False"
        self.objects = folder / "objects" / BUCKET
        self.objects.mkdir(parents=True)
        argv = [
            *(str(VENVS / "dev/bin/rclone"), "serve", "s3", "--addr", f"{address}:{self.port}"),
            *("--auth-key", "key,secret", "--vfs-cache-mode", "off", "--config", "", str(self.objects.parent)),
        ]
        self.address = address
        super().__init__("object store", argv, {}, folder, log)

    def start(self) -> None:
        super().start()
        wait_until(lambda: answers(self.port, self.address), 20, "the object store answers")

    def names(self) -> list[str]:
        """Return the names of all objects."""
        return sorted(str(path.relative_to(self.objects)) for path in self.objects.rglob("*") if path.is_file())


@contextlib.contextmanager
def run_object_store(folder: Path, address: str = "127.0.0.1") -> Iterator[ObjectStoreServer]:
    """Start an object store, and stop it when the block ends."""
    server = ObjectStoreServer(folder, Log(), address)
    server.start()
    try:
        yield server
    finally:
        server.stop()
