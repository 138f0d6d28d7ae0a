"""The stored files of a store's pictures, videos and logo.

The name of a file is a hash of its content. Therefore the content of a file never changes, and browsers may keep the
file forever.
"""

import errno
import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import IO

from django.core.files import File
from django.db import transaction
from django.shortcuts import get_object_or_404

from cashier_web.infra import disk_space
from cashier_web.infra.media_storage import MediaUnavailable, stored_media
from cashier_web.media.quota import DiskFull, NoStorage, check_space
from cashier_web.models import Store
from cashier_web.screens.announce import announce_appearance

log = logging.getLogger(__name__)


@contextmanager
def changing_media(store: Store) -> Iterator[Store]:
    """Lock the store while its media or its logo are changed. Yields the store as it is in the database now.

    At the end of the block, the store's screens are told to load their new appearance. After an exception, the database
    is unchanged and new files are deleted. Raises Http404 if the store was deleted, RedisError if Redis does not
    answer, and MediaUnavailable if the object store does not answer.
    """
    try:
        with transaction.atomic():
            locked = get_object_or_404(Store.objects.select_for_update(), pk=store.pk)
            # A worker process that died while it stored a file may have left an incomplete file. The incomplete file
            # must be deleted before another file is stored, because `store_file` would take the incomplete file for a
            # complete file.
            delete_unused_files(locked.pk)
            yield locked
            announce_appearance(locked)
    finally:
        try_to_delete_unused_files(store.pk)


def store_file(store: Store, content: IO[bytes], extension: str) -> str:
    """Save a file of this store and return the file's name. After a power cut, the file is still there.

    If the store has a file with the same content already, no file is saved. Raises ValidationError if there is no space
    for the file.
    """
    content.seek(0)
    digest = hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]  # it accepts any binary file
    name = f"{store.pk}/{digest[:32]}.{extension}"
    if stored_media.exists(name):
        return name
    check_space(str(store.pk), content.seek(0, os.SEEK_END))
    content.seek(0)
    try:
        stored_media.save(name, File(content))
    except OSError as error:
        if disk_space.is_disk_full(error):
            raise DiskFull from error
        if error.errno == errno.EROFS:
            raise NoStorage from error
        raise
    return name


def delete_unused_files(pk: int) -> None:
    """Delete the files of this store to which no row in the database refers. A deleted store keeps no files.

    This function locks the store's row, so it must be called within a transaction. Another request that stores a file
    holds the same lock until its transaction ends. Therefore this function never deletes a file whose row is not saved
    yet.
    """
    store = Store.objects.select_for_update().filter(pk=pk).first()
    used = {*store.media.values_list("file", flat=True), str(store.logo)} if store else set()
    folder = str(pk)
    try:
        names = [f"{folder}/{name}" for name in stored_media.listdir(folder)[1]]
    except FileNotFoundError:
        return
    for name in set(names) - used:
        stored_media.delete(name)
    if store is None:
        stored_media.delete(folder)


def try_to_delete_unused_files(pk: int) -> None:
    """Call `delete_unused_files`. If the object store does not answer, the files stay there and the log names them.

    The next change of the store's media deletes them.
    """
    try:
        with transaction.atomic():
            delete_unused_files(pk)
    except MediaUnavailable as fault:
        log.warning("unused files stay in the folder %d of the object store, which does not answer: %s", pk, fault)


def delete_files_of_store(instance: Store, **signal: object) -> None:
    """Delete the files of a store as soon as the transaction that deletes the store is committed.

    Django calls this function before it deletes a store (signal `pre_delete`).
    """
    transaction.on_commit(partial(try_to_delete_unused_files, instance.pk))
