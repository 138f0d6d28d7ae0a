"""The roster: a chain's people and their roles as a table."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from auditlog.models import LogEntry
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.forms import modelform_factory

from cashier_web.audit import note
from cashier_web.models import Membership, Role, Store
from cashier_web.validators import check_name

NAMES = ["username", "first_name", "last_name"]
COLUMNS = [*NAMES, "active", "roles"]
ROLES = {role.name.lower(): role for role in Role}
YES_OR_NO = {"yes": True, "no": False}
AccountForm = modelform_factory(User, fields=NAMES)
"""Judges names as the admin does."""


class BadRow(Exception):
    """Why a row can't be somebody's: a reason for each argument."""


@dataclass
class Entry:
    """A person, as it was and as it shall be."""

    person: User
    before: dict[str, str]
    roles: dict[int, int]  # of the store's key to the role in it

    @property
    def is_new(self) -> bool:
        return not self.before

    def changes(self, now: Mapping[str, str]) -> dict[str, tuple[str, str]]:
        """Of each value that is another, what it was and is."""
        before = {name: self.before.get(name, "") for name in now}
        return {name: (before[name], now[name]) for name in now if before[name] != now[name]}

    def told(self, changes: Mapping[str, tuple[str, str]]) -> str:
        """The same as a line."""
        if self.is_new:
            return "new"
        return ", ".join(f"{name} {before!r} -> {now!r}" for name, (before, now) in changes.items())


class Roster:
    """All people of the chain but its administrators. Read within the transaction in which it is saved."""

    def __init__(self) -> None:
        self._stores = {store.slug: store.pk for store in Store.objects.only("slug")}
        self._slugs = {key: slug for slug, key in self._stores.items()}
        self._roles: dict[int, dict[int, int]] = {}
        for person, store, role in Membership.objects.values_list("person_id", "store_id", "role"):
            self._roles.setdefault(person, {})[store] = role

    def row(self, person: User, roles: Mapping[int, int] | None = None) -> dict[str, str]:
        """A person as a row of the table."""
        roles = self._roles.get(person.pk, {}) if roles is None else roles
        told = sorted((self._slugs[store], Role(role).name.lower()) for store, role in roles.items())
        return {
            **{name: getattr(person, name) for name in NAMES},
            "active": "yes" if person.is_active else "no",
            "roles": "; ".join("=".join(pair) for pair in told),
        }

    def entry(self, row: Mapping[str, str], person: User | None) -> Entry:
        """What a row makes of a person; of a column that is missing nothing is changed. Raises BadRow."""
        if person and person.is_superuser:
            raise BadRow("username: an administrator of the chain is changed in the admin")
        before = self.row(person) if person else {}
        asked = {"active": "yes", "roles": "", **before, **row}
        for name in NAMES[1:]:
            try:
                check_name(asked.get(name, ""))
            except ValidationError as fault:
                raise BadRow(f"{name}: {fault.message}") from None
        form = AccountForm(asked, instance=person or User(password=make_password(None)))
        reasons = [f"{field}: {' '.join(map(str, messages))}" for field, messages in form.errors.items()]
        if asked["active"] not in YES_OR_NO:
            reasons.append("active: only “yes” or “no”")
        try:
            roles = self._parse(asked["roles"])
        except BadRow as fault:
            reasons += fault.args
        if reasons:
            raise BadRow(*reasons)
        form.instance.is_active = YES_OR_NO[asked["active"]]
        return Entry(form.instance, before, roles)

    def _parse(self, text: str) -> dict[int, int]:
        roles: dict[int, int] = {}
        reasons: list[str] = []
        for pair in filter(None, (part.strip() for part in text.split(";"))):
            slug, _equals, role = (part.strip() for part in pair.partition("="))
            if slug not in self._stores:
                reasons.append(f"roles: there is no store {slug!r}")
            elif role not in ROLES:
                reasons.append(f"roles: only {', '.join(ROLES)}, not {role!r}, as in “north-7=cashier; south=manager”")
            elif self._stores[slug] in roles:
                reasons.append(f"roles: two of them in {slug!r}")
            else:
                roles[self._stores[slug]] = ROLES[role]
        if reasons:
            raise BadRow(*reasons)
        return roles

    def save(self, entries: Iterable[Entry]) -> list[str]:
        """Make and change the people, and note it; a line for each of them that is new or another."""
        entries = list(entries)
        new = [entry for entry in entries if entry.is_new]
        User.objects.bulk_create([entry.person for entry in new], batch_size=500)
        changes = [(entry, entry.changes(self.row(entry.person, entry.roles))) for entry in entries]
        changed = [(entry.person, values) for entry, values in changes if values and not entry.is_new]
        User.objects.bulk_update([person for person, _values in changed], [*NAMES[1:], "is_active"], batch_size=500)
        self._save_roles(entries)
        note(LogEntry.Action.CREATE, [(entry.person, values) for entry, values in changes if entry.is_new])
        note(LogEntry.Action.UPDATE, changed)
        return [f"{entry.person.username}: {entry.told(values)}" for entry, values in changes if values]

    def _save_roles(self, entries: list[Entry]) -> None:
        """All that are new at once, for there are as many as people."""
        given = []
        for entry in entries:
            known = self._roles.get(entry.person.pk, {})
            if gone := known.keys() - entry.roles.keys():
                Membership.objects.filter(person=entry.person, store__in=gone).delete()
            new = {store: role for store, role in entry.roles.items() if known.get(store) != role}
            given += [Membership(person=entry.person, store_id=store, role=role) for store, role in new.items()]
        Membership.objects.bulk_create(
            given, batch_size=500, update_conflicts=True, unique_fields=["person", "store"], update_fields=["role"]
        )
