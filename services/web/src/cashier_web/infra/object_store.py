"""Stores media in an object store with the protocol S3, for example MinIO, Ceph or Amazon S3."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.client import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.files import File
from storages.backends.s3 import S3Storage

from cashier_web.infra.media_storage import CHUNK, MediaUnavailable

CLIENT = Config(
    signature_version="s3v4",
    s3={"addressing_style": "path"},
    connect_timeout=3,
    read_timeout=10,
    retries={"total_max_attempts": 2},
    # Only Amazon S3 knows all of the checksums that boto3 would add by default.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)


@contextmanager
def reported_faults() -> Iterator[None]:
    """Raise MediaUnavailable instead of the exceptions of boto3, which have no common base class."""
    try:
        yield
    except (Boto3Error, BotoCoreError, ClientError) as fault:
        raise MediaUnavailable(" ".join(str(fault).split())) from fault


class ObjectStore(S3Storage):
    """A bucket of an object store, as MediaStorage. All methods raise MediaUnavailable if it does not answer."""

    def __init__(self, **options: Any) -> None:
        super().__init__(client_config=CLIENT, querystring_auth=False, **options)

    def exists(self, name: str) -> bool:
        with reported_faults():
            return bool(super().exists(name))

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        with reported_faults():
            folders, names = super().listdir(path)
        return folders, names

    def delete(self, name: str) -> None:
        with reported_faults():
            super().delete(name)

    def size(self, name: str) -> int:
        with reported_faults():
            return int(super().size(name))

    def _save(self, name: str, content: "File[bytes]") -> str:
        with reported_faults():
            return str(super()._save(name, content))

    def bytes_in(self, folder: str = "") -> int:
        with reported_faults():
            return sum(each.size for each in self.bucket.objects.filter(Prefix=f"{folder}/" if folder else ""))

    def free_bytes(self) -> None:
        """Return None, because an object store does not say how much space is free."""

    def url(self, name: str, *_arguments: Any, **_options: Any) -> str:
        """Return the path at which web and Nginx serve the file. Browsers do not need to reach the object store."""
        return f"{settings.MEDIA_URL}{name}"

    def read(self, name: str) -> tuple[int, str, Iterator[bytes]]:
        client = self.connection.meta.client
        with reported_faults():
            try:
                answer = client.get_object(Bucket=self.bucket_name, Key=name)
            except client.exceptions.NoSuchKey:
                raise FileNotFoundError(name) from None
        return answer["ContentLength"], answer["ContentType"], answer["Body"].iter_chunks(CHUNK)
