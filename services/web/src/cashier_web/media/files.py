"""The stored files of a store's pictures, videos and logo.

Each file is named by a hash of its content, so that browsers may keep it for ever.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.shortcuts import get_object_or_404

from cashier_web.models import Store
from cashier_web.screens.announce import announce_appearance


@contextmanager
def changing_media(store: Store) -> Iterator[Store]:
    """Lock the store while its media or its logo are changed. Yields the store as it is in the database now.

    At the end of the block the store's screens are told. If anything raises an exception, nothing is changed and no new
    file stays. Raises Http404 if the store was deleted, and RedisError.
    """
    try:
        with transaction.atomic():
            locked = get_object_or_404(Store.objects.select_for_update(), pk=store.pk)
            # A worker that died may have left half a file, which `store_file` would take for a complete one.
            delete_unused_files(locked.pk)
            yield locked
            announce_appearance(locked)
    finally:
        with transaction.atomic():
            delete_unused_files(store.pk)


def store_file(store: Store, content: IO[bytes], extension: str) -> str:
    """Store a file and return its name. A file with the same content is stored only once."""
    content.seek(0)
    digest = hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]  # it accepts any binary file
    name = f"{store.pk}/{digest[:32]}.{extension}"
    return name if default_storage.exists(name) else default_storage.save(name, File(content))


def delete_unused_files(pk: int) -> None:
    """Delete the files that no row of this store refers to. If the store was deleted, delete all its files.

    Must be called within a transaction: the lock on the store protects files of other requests whose rows are not
    saved yet.
    """
    store = Store.objects.select_for_update().filter(pk=pk).first()
    used = {*store.media.values_list("file", flat=True), str(store.logo)} if store else set()
    folder = str(pk)
    try:
        names = [f"{folder}/{name}" for name in default_storage.listdir(folder)[1]]
    except FileNotFoundError:
        return
    for name in set(names) - used:
        default_storage.delete(name)
    if store is None:
        default_storage.delete(folder)


def delete_files_of_store(instance: Store, **signal: object) -> None:
    """Django sends this signal before a store is deleted. Its files are deleted when the deletion is committed."""
    pk = instance.pk

    def delete_files() -> None:
        with transaction.atomic():
            delete_unused_files(pk)

    transaction.on_commit(delete_files)
