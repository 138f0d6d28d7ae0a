"""Documents about a store, a person or a device. A document is a JSON text with everything that a press needs."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple, Self

from django.contrib.auth.models import User
from django.db.models import QuerySet

from cashier_web.models import Device, Membership, Role, Store

KINDS = ("stores", "people", "devices")
STORE_COLUMNS = ("pk", "slug", "name", "tills", "labels", "languages", "language", "policy", "is_open")
"""The columns of a store in its document. The document also contains `hold_seconds`, as a text."""
ABSENT = "null"
"""The document of a row that does not exist, of a person who may not sign in, and of a device that was revoked."""


class DocumentId(NamedTuple):
    """Identifies a document.

    kind: one of KINDS. key: the slug of the store, the primary key of the person, or the hash of the device's token.
    """

    kind: str
    key: str

    @classmethod
    def of_store(cls, slug: str) -> Self:
        return cls("stores", slug)

    @classmethod
    def of_person(cls, pk: int) -> Self:
        return cls("people", str(pk))

    @classmethod
    def of_device(cls, token_hash: str) -> Self:
        return cls("devices", token_hash)


@dataclass(frozen=True, slots=True)
class Person:
    """A person who may sign in.

    pk: the primary key in the database.
    session_hash: the text that a session of this person contains. It changes with the password.
    roles: the person's role in each store, by the primary key of the store.
    """

    pk: int
    username: str
    session_hash: str
    is_superuser: bool
    roles: Mapping[int, int]

    def role_in(self, store: Store) -> int:
        """Return the role of the person in this store; 0 means no role. A superuser is a manager in every store."""
        return Role.MANAGER if self.is_superuser else self.roles.get(store.pk, 0)

    @classmethod
    def parse(cls, document: str) -> Self:
        fields = json.loads(document)
        roles = {int(store): role for store, role in fields["roles"].items()}
        return cls(fields["pk"], fields["username"], fields["session_hash"], fields["is_superuser"], roles)


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """A device that may call. till: the only till for which it may call; None for all tills. store: a slug."""

    pk: int
    name: str
    till: int | None
    store: str

    @classmethod
    def parse(cls, document: str) -> Self:
        fields = json.loads(document)
        return cls(fields["pk"], fields["name"], fields["till"], fields["store"])


def parse_store(document: str) -> Store:
    """Return a store with the columns that its document contains. It must be neither changed nor saved.

    Fields that this version of cashier_q does not know are ignored, because a later version may have written them.
    """
    fields = json.loads(document)
    return Store(**{name: fields[name] for name in STORE_COLUMNS}, hold_seconds=Decimal(fields["hold_seconds"]))


def read_documents(ids: Iterable[DocumentId]) -> dict[DocumentId, str]:
    """Read the rows of these documents from the database, and return the documents."""
    keys: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for each in ids:
        keys[each.kind].append(each.key)
    found: dict[DocumentId, str] = {}
    if keys["stores"]:
        found |= _stores(Store.objects.filter(slug__in=keys["stores"]))
    if keys["people"]:
        found |= _people(User.objects.filter(pk__in=keys["people"]))
    if keys["devices"]:
        found |= _devices(Device.objects.filter(token_hash__in=keys["devices"]))
    return {each: found.get(each, ABSENT) for kind in KINDS for each in (DocumentId(kind, key) for key in keys[kind])}


def every_id() -> Iterator[DocumentId]:
    """Yield the ids of the documents of all stores, people and devices in the database."""
    for slug in Store.objects.values_list("slug", flat=True):
        yield DocumentId.of_store(slug)
    for pk in User.objects.filter(is_active=True).values_list("pk", flat=True):
        yield DocumentId.of_person(pk)
    for token_hash in Device.objects.filter(revoked_at=None).values_list("token_hash", flat=True):
        yield DocumentId.of_device(token_hash)


def _stores(stores: QuerySet[Store]) -> dict[DocumentId, str]:
    return {
        DocumentId.of_store(store.slug): _json(
            **{name: getattr(store, name) for name in STORE_COLUMNS}, hold_seconds=str(store.hold_seconds)
        )
        for store in stores
    }


def _people(people: QuerySet[User]) -> dict[DocumentId, str]:
    people = people.filter(is_active=True)
    roles: dict[int, dict[int, int]] = defaultdict(dict)
    for person, store, role in Membership.objects.filter(person__in=people).values_list("person", "store", "role"):
        roles[person][store] = role
    return {
        DocumentId.of_person(person.pk): _json(
            pk=person.pk,
            username=person.username,
            session_hash=person.get_session_auth_hash(),
            is_superuser=person.is_superuser,
            roles=roles[person.pk],
        )
        for person in people
    }


def _devices(devices: QuerySet[Device]) -> dict[DocumentId, str]:
    return {
        DocumentId.of_device(device.token_hash): _json(
            pk=device.pk, name=device.name, till=device.till, store=device.store.slug
        )
        for device in devices.filter(revoked_at=None).select_related("store")
    }


def _json(**fields: Any) -> str:
    # The keys are sorted, so that equal rows have equal documents.
    return json.dumps(fields, sort_keys=True)
