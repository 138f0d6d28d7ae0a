"""The shelf: the files of a store's pictures and videos. Each is named by its content, so that browsers may keep it."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.shortcuts import get_object_or_404

from cashier_web.models import Store
from cashier_web.screens.announce import announce_look


@contextmanager
def changing(store: Store) -> Iterator[Store]:
    """Change what this store shows between calls; yields the store anew, and locked. Its screens are told at the end.

    All of it is done or nothing, and no file stays that nobody shows. Raises RedisError and Http404.
    """
    try:
        with transaction.atomic():
            locked = get_object_or_404(Store.objects.select_for_update(), pk=store.pk)
            sweep(locked.pk)  # what a worker that died may have left, before `put` takes it for whole
            yield locked
            announce_look(locked)
    finally:
        with transaction.atomic():
            sweep(store.pk)


def put(store: Store, content: IO[bytes], ending: str) -> str:
    """Keep a file, and return its name; one that is there already is the same."""
    content.seek(0)
    digest = hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]  # whatever it reads from
    name = f"{store.pk}/{digest[:32]}.{ending}"
    return name if default_storage.exists(name) else default_storage.save(name, File(content))


def sweep(pk: int) -> None:
    """Remove what no row of this store names; all, if the store is no more. Within a transaction.

    The lock is for others who put something on the shelf, of which the row may not be there yet.
    """
    store = Store.objects.select_for_update().filter(pk=pk).first()
    named = {*store.media.values_list("file", flat=True), str(store.logo)} if store else set()
    folder = str(pk)
    try:
        names = [f"{folder}/{name}" for name in default_storage.listdir(folder)[1]]
    except FileNotFoundError:
        return
    for name in set(names) - named:
        default_storage.delete(name)
    if store is None:
        default_storage.delete(folder)


def clear_of_store(instance: Store, **of_the_signal: object) -> None:
    """A store that is deleted takes its files with it, when it is really gone."""
    pk = instance.pk

    def clear() -> None:
        with transaction.atomic():
            sweep(pk)

    transaction.on_commit(clear)
