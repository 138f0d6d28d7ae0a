"""What happens before a store is deleted: the default store is refused, and the store's calls are kept.

`screens.manage` revokes the screens of a deleted store, and `media.files` deletes its files. Its devices and roles are
deleted with it, and are in the audit log.
"""

from typing import Any

from cashier_core.call import DEFAULT_STORE
from cashier_web.models import PastCall, Store
from cashier_web.models.stores import DefaultStoreError


def refuse_default_store(instance: Store, **signal: Any) -> None:
    """Raise DefaultStoreError if the store is the default store.

    Django calls this function before it deletes a store in any way, for example together with other objects (signal
    `pre_delete`).
    """
    # The slug is read from the database, because somebody may have changed the slug of `instance` without saving it.
    if Store.objects.filter(pk=instance.pk, slug=DEFAULT_STORE).exists():
        raise DefaultStoreError(instance)


def keep_calls(instance: Store, **signal: Any) -> None:
    """Write the slug of the store into the store's past calls, which stay in the database.

    Django calls this function before it deletes a store, within the same transaction (signal `pre_delete`).
    """
    # Another process may be storing calls of this store at this moment. The lock makes that process wait until the
    # store is deleted. Then the transaction of that process fails, because its calls refer to a deleted store. The next
    # run of the task "record" stores these calls with the slug of the store.
    Store.objects.select_for_update().filter(pk=instance.pk).first()
    PastCall.objects.filter(store=instance.pk).update(deleted_store=instance.slug)
