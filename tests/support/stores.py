"""Changes stores as web does."""

from cashier_web.models import Store


def change_stores(**fields: object) -> None:
    """Change these columns of all stores.

    Unlike `Store.objects.update`, this function sends the signals that change the copies of the stores in Redis.
    """
    for store in Store.objects.all():
        for name, value in fields.items():
            setattr(store, name, value)
        store.save()
