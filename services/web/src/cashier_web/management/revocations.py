"""Keeps revoked what was revoked after a backup, when `make restore` brings the backup back.

Before the backup replaces the database, `current_state` reads who and what may use cashier_q. Afterwards `keep_revoked`
compares the restored database with that state:

- What somebody revoked on purpose stays revoked: devices, operator tokens, screens, earlier tokens, earlier passwords,
  accounts, roles.
- What was deleted is restored, because a restore often follows an accidental deletion. It is only listed.
"""

from collections.abc import Iterator
from typing import Any

from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from cashier_web.models import Device, Membership, OperatorToken, Role, Screen, Store

State = dict[str, Any]
"""A part of the database that can be stored as JSON. The keys of its dicts are primary keys as texts."""
RIGHTS = {
    "is_active": "can no longer sign in",
    "is_staff": "may no longer use the admin",
    "is_superuser": "is no longer a superuser",
}


def current_state() -> State:
    """Read who and what may use cashier_q. The result contains hashes of passwords and tokens."""
    return {
        "stores": dict_of(Store, "slug"),
        "people": dict_of(User, "username", "password", *RIGHTS),
        "operator_tokens": dict_of(OperatorToken, "name", "token_hash", "revoked_at"),
        "devices": dict_of(Device, "name", "store_id", "token_hash", "made_at", "revoked_at"),
        "screens": dict_of(Screen, "name", "store_id", "secret_hash", "generation", "revoked_at"),
        "roles": {
            f"{person} {store}": role
            for person, store, role in Membership.objects.values_list("person_id", "store_id", "role")
        },
    }


def dict_of(model: Any, *fields: str) -> dict[str, dict[str, Any]]:
    return {str(row.pop("pk")): row for row in model.objects.values("pk", *fields)}


def keep_revoked(before: State) -> Iterator[str]:
    """Revoke again what was revoked after the backup. Yields lines of text for the operator. Must be in a transaction.

    before: the result of `current_state` before the restore.
    """
    # Without this line, the session of a person who has signed out after the backup would be valid again.
    Session.objects.all().delete()
    yield "Everybody must sign in again."
    if not any(before.get(table) for table in ("people", "devices", "screens")):
        yield "The database before the restore was empty or unreadable. What was revoked after the backup is not known."
        return
    for keep in (keep_people, keep_roles, keep_devices, keep_operator_tokens, keep_screens, list_stores):
        yield from keep(before)


def deleted(kind: str, name: str) -> str:
    return f"RESTORED  {kind} {name}: was deleted after the backup. Delete or revoke it again if this was on purpose."


def keep_people(before: State) -> Iterator[str]:
    for person in User.objects.order_by("username"):
        known = before["people"].get(str(person.pk))
        if known is None or known["username"] != person.username:
            yield deleted("person", person.username)
            continue
        if known["password"] != person.password:
            person.password = known["password"]
            yield f"KEPT      person {person.username}: only the newest password is valid"
        for right, text in RIGHTS.items():
            if getattr(person, right) and not known[right]:
                setattr(person, right, False)
                yield f"KEPT      person {person.username}: {text}"
        person.save(update_fields=["password", *RIGHTS])


def keep_roles(before: State) -> Iterator[str]:
    """Remove or reduce again the roles that were removed or reduced after the backup.

    If the person or the store was deleted after the backup, the role stays as it is in the backup.
    """
    for member in Membership.objects.select_related("person", "store").order_by("person__username", "store__slug"):
        person, store = before["people"].get(str(member.person_id)), before["stores"].get(str(member.store_id))
        if (
            not person
            or not store
            or (person["username"], store["slug"]) != (member.person.username, member.store.slug)
        ):
            continue
        role = before["roles"].get(f"{member.person_id} {member.store_id}", 0)
        if role < member.role:
            name = f"person {member.person.username}, store {member.store.slug}"
            if role:
                member.role = role
                member.save(update_fields=["role"])
                yield f"KEPT      {name}: only the role “{Role(role).label}”"
            else:
                member.delete()
                yield f"KEPT      {name}: no role"


def keep_devices(before: State) -> Iterator[str]:
    for device in Device.objects.select_related("store").order_by("store__slug", "name"):
        name = f"{device.name} (store {device.store.slug})"
        known = before["devices"].get(str(device.pk))
        if known is None or parse_datetime(str(known["made_at"])) != device.made_at:
            yield deleted("device", name)
            continue
        if known["token_hash"] != device.token_hash:
            device.token_hash = known["token_hash"]
            yield f"KEPT      device {name}: only the newest token is valid"
        if known["revoked_at"] and not device.revoked_at:
            device.revoked_at = parse_datetime(str(known["revoked_at"]))
            yield f"KEPT      device {name}: revoked"
        device.save(update_fields=["token_hash", "revoked_at"])


def keep_operator_tokens(before: State) -> Iterator[str]:
    for token in OperatorToken.objects.order_by("name"):
        # A version of cashier_q without operator tokens has written no such table.
        known = before.get("operator_tokens", {}).get(str(token.pk))
        if known is None or known["token_hash"] != token.token_hash:
            yield deleted("operator token", token.name)
        elif known["revoked_at"] and not token.revoked_at:
            token.revoked_at = parse_datetime(str(known["revoked_at"]))
            token.save(update_fields=["revoked_at"])
            yield f"KEPT      operator token {token.name}: revoked"


def keep_screens(before: State) -> Iterator[str]:
    for screen in Screen.objects.select_related("store").order_by("name"):
        name = f"{screen.name} (store {screen.store.slug if screen.store else 'deleted'})"
        known = before["screens"].get(str(screen.pk))
        if known is None or known["secret_hash"] != screen.secret_hash:
            if not screen.revoked_at:
                yield deleted("screen", name)
            continue
        if known["revoked_at"] and not screen.revoked_at:
            screen.revoked_at = parse_datetime(str(known["revoked_at"]))
            yield f"KEPT      screen {name}: revoked"
        elif known["store_id"] != screen.store_id and not screen.revoked_at:
            yield f"RESTORED  screen {name}: was moved to another store after the backup"
        # A ticket contains the generation of its screen, and ws refuses the tickets of all earlier generations. If the
        # restore returns a screen to its earlier store, the screen gets a new generation. Otherwise its tickets for the
        # other store would stay valid.
        generation = known["generation"] + (known["store_id"] != screen.store_id)
        if known["revoked_at"] or generation > screen.generation:
            screen.generation = max(generation, screen.generation)
            # web announces revocations to Redis only for screens that were changed recently.
            screen.changed_at = timezone.now()
            screen.save(update_fields=["revoked_at", "generation", "changed_at"])


def list_stores(before: State) -> Iterator[str]:
    for store in Store.objects.order_by("slug"):
        if before["stores"].get(str(store.pk), {}).get("slug") != store.slug:
            yield deleted("store", store.slug)
