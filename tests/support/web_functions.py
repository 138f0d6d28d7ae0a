"""Functions that tests run in web's Python, on the database of a topology.

Tests call a function by its name, for example `topology.shell.call("add_store")`. Arguments and results are sent as
JSON. This module can import only packages that are installed for web.
"""

from datetime import timedelta
from pathlib import Path

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from cashier_core.call import Policy
from cashier_web.infra import tokens
from cashier_web.infra.redis_clients import the_timeline
from cashier_web.media import files, uploads, views
from cashier_web.models import Device, Membership, OperatorToken, PastCall, Role, Screen, ScreenState, Store
from cashier_web.screens import commands
from cashier_web.screens.announce import announce
from cashier_web.stores.automatic_opening import reschedule


def add_store(slug: str, **fields: object) -> None:
    Store.objects.create(**{"slug": slug, "name": slug, **fields})


def set_asleep(slug: str, *, is_asleep: bool) -> None:
    """Give a store opening hours that have ended or that last, and announce this, as the hours page does."""
    store = Store.objects.get(slug=slug)
    today = timezone.now().date()
    special_days = f"{today} to {today + timedelta(days=1)} closed" if is_asleep else ""
    store.opening_hours, store.special_days = "24/7", special_days
    reschedule(store, ["opening_hours", "special_days"])
    with transaction.atomic():
        store.save()
        announce([store])


def change_store(slug: str, **fields: object) -> None:
    """Change fields of a store and announce the change to its screens, as the admin does."""
    store = Store.objects.get(slug=slug)
    for name, value in fields.items():
        setattr(store, name, value)
    with transaction.atomic():
        store.save()
        announce([store])


def close_store_silently(slug: str) -> None:
    """Close a store in the database without announcing it, as if Redis had lost the announcement."""
    Store.objects.filter(slug=slug).update(is_open=False)


def add_administrator(username: str, password: str) -> None:
    User.objects.create_superuser(username, password=password)


def add_member(username: str, store: str, role: str, password: str | None = None) -> None:
    """Give a person a role in a store: "viewer", "cashier" or "manager". The person is created if necessary."""
    person = User.objects.filter(username=username).first() or User.objects.create_user(username, password=password)
    Membership.objects.create(person=person, store=Store.objects.get(slug=store), role=Role[role.upper()])


def add_devices(store: str, count: int = 1, till: int | None = None) -> list[str]:
    """Create devices and return their tokens."""
    new_tokens = [tokens.new_token() for _ in range(count)]
    for token in new_tokens:
        Device.objects.create(
            store=Store.objects.get(slug=store), name=token[-8:], till=till, token_hash=tokens.token_hash(token)
        )
    return new_tokens


def add_operator_token(name: str) -> str:
    """Create an operator token and return it."""
    token = tokens.new_token()
    OperatorToken.objects.create(name=name, token_hash=tokens.token_hash(token))
    return token


def add_screen(store: str, name: str) -> None:
    """Create a paired screen. No browser can use it, because nobody knows its secret."""
    Screen.objects.create(store=Store.objects.get(slug=store), name=name, secret_hash=name)


def pair_screen(store: str, name: str, *, is_muted: bool = False) -> str:
    """Create a paired screen, and return the secret for its cookie."""
    secret = tokens.new_token()
    Screen.objects.create(
        store=Store.objects.get(slug=store), name=name, secret_hash=tokens.token_hash(secret), is_muted=is_muted
    )
    return secret


def command_screen(name: str, command: str) -> None:
    """Send a command to the screen with this name: "identify", "reload" or "test"."""
    screen = Screen.objects.select_related("store").get(name=name)
    if command == "test":
        commands.make_test_call(screen)
    else:
        {"identify": commands.identify, "reload": commands.reload}[command](screen)


def state_of_screen(store: str, name: str) -> list[str]:
    """Return the state of a screen, and the cause of its outage; an empty list if its state is not known."""
    row = ScreenState.objects.filter(screen__store__slug=store, screen__name=name).first()
    return [row.state, row.cause] if row else []


def revoke_screen_silently(name: str) -> None:
    """Revoke a screen in the database without announcing it, as if Redis had lost the announcement."""
    Screen.objects.filter(name=name).update(revoked_at=timezone.now(), changed_at=timezone.now())


def press(store: str, till: int) -> None:
    """Schedule a call, as the service `press` does."""
    the_timeline().press(store, till, "en", idle_language="en", hold_ms=3000, policy=Policy.QUEUE)


def count_past_calls(store: str = "") -> int:
    """Return how many calls of a store are in the database. store: the slug; "" for all stores."""
    return (PastCall.objects.filter(store__slug=store) if store else PastCall.objects).count()


def add_picture(store: str, path: str) -> None:
    """Add the picture in the file `path` to the pictures that a store shows between calls."""
    with files.changing_media(Store.objects.get(slug=store)) as locked, Path(path).open("rb") as file:
        views.add_medium(locked, *uploads.clean_medium(file))
