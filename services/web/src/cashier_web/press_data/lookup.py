"""Finds the store, the person or the device of a press. Each worker process remembers the documents it has used."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.db import DatabaseError
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from redis.exceptions import RedisError

from cashier_core.timeline import StaleDocument
from cashier_web.infra.database_gate import one_at_a_time
from cashier_web.infra.errors import Refused
from cashier_web.models import Store
from cashier_web.press_data import redis_documents
from cashier_web.press_data.documents import ABSENT, DeviceRecord, DocumentId, Person, parse_store, read_documents

T = TypeVar("T")
MAX_ATTEMPTS = 5
"""The number of attempts with fresh documents, if documents change between the lookup and the press."""

_remembered: dict[DocumentId, tuple[str, Any]] = {}
"""The version and the row of each document that this worker process remembers. The rows are never changed."""


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """A device that may call, and its store.

    till: the only till for which the device may call; None for all tills. token_hash: the hash of the device's token.
    """

    pk: int
    name: str
    till: int | None
    token_hash: str
    store: Store


class Lookup:
    """Finds rows for one request.

    If Redis has no document of a row, the row is read from the database, and its document is written into Redis. The
    methods raise RedisError if Redis does not answer, and DatabaseError if the database is needed and does not answer.
    They raise StaleDocument if a document has changed at this moment.
    """

    def __init__(self, *, may_remember: bool = True) -> None:
        """may_remember: whether remembered documents may be used. `press.lua` must then check `versions`."""
        self._may_remember = may_remember
        self._versions: dict[DocumentId, str] = {}
        self.needs_check = False
        """Whether a remembered document was used whose version `press.lua` will not check."""

    @property
    def versions(self) -> list[tuple[str, str, str]]:
        """The documents that were used: for each its Redis hash, its field in this hash, and its version."""
        return [(redis_documents.hash_of(each), each.key, version) for each, version in self._versions.items()]

    def leave_check_to_press_lua(self) -> None:
        """Say that `press.lua` will check `versions`. Must be called before `press.lua` is called."""
        self.needs_check = False

    def store(self, slug: str) -> Store | None:
        """Return the store with this slug; None if there is none."""
        return self._find(DocumentId.of_store(slug), parse_store)

    def person(self, pk: int) -> Person | None:
        """Return the person with this primary key; None if there is none, or if the person may not sign in."""
        return self._find(DocumentId.of_person(pk), Person.parse)

    def person_of(self, request: HttpRequest) -> Person | None:
        """Return the person who is signed in in the session of the request; None if nobody is signed in.

        The hash in the session is compared with the person's hash, as in `django.contrib.auth.get_user`, so that a
        changed password ends the session.
        """
        pk = request.session.get(SESSION_KEY)
        person = self.person(int(pk)) if pk else None
        if person and constant_time_compare(request.session.get(HASH_SESSION_KEY, ""), person.session_hash):
            return person
        return None

    def device(self, token_hash: str) -> KnownDevice | None:
        """Return the device whose token has this hash; None if the token is unknown or was revoked."""
        record = self._find(DocumentId.of_device(token_hash), DeviceRecord.parse)
        store = self.store(record.store) if record else None
        return KnownDevice(record.pk, record.name, record.till, token_hash, store) if record and store else None

    def _find(self, document_id: DocumentId, parse: Callable[[str], T]) -> T | None:
        if self._may_remember and (known := _remembered.get(document_id)):
            version, remembered = known
            self._versions[document_id] = version
            self.needs_check = True
            return cast(T, remembered)
        entry = redis_documents.read(document_id)
        document = entry.document or self._read_row(document_id, entry)
        if document == ABSENT:
            return None
        row, version = parse(document), self._versions.setdefault(document_id, entry.version)
        if not entry.is_open:
            _remembered[document_id] = version, row
        return row

    def _read_row(self, document_id: DocumentId, entry: redis_documents.Entry) -> str:
        """Read a row from the database, and return its document.

        Also writes the document into Redis, unless the row is being changed. Redis gets no entry for a row that does
        not exist, because strangers can ask for any number of such rows.
        """
        with one_at_a_time():
            document = read_documents([document_id])[document_id]
            if not entry.version and document != ABSENT:
                entry = redis_documents.create(document_id)
                # The row is read once more, because it may have changed before the entry was created.
                document = read_documents([document_id])[document_id]
        if entry.is_open:
            self._versions[document_id] = entry.version
        elif entry.version:
            stored = redis_documents.store({document_id: document}, {document_id: entry.version})
            if not stored:
                raise StaleDocument  # Another process has just stored the document, or has begun to change the row.
            self._versions[document_id] = stored[document_id]
        return document


def with_lookup(press: Callable[[Lookup], T]) -> T:
    """Call `press` with a lookup, and return its result.

    At first, `press` gets a lookup that uses remembered documents. `press.lua` checks their versions. If a version has
    changed, or if `press` ends without asking `press.lua`, `press` is called again with a lookup that reads all
    documents from Redis. `press` may end in this way because it refuses, or because it returns a stored receipt. Until
    `press` asks `press.lua`, it must change nothing. Raises Refused as `with_fresh_lookup` does.
    """
    lookup = Lookup()
    # There are three reasons for a second attempt: `press.lua` has found another version, or nobody has checked the
    # documents behind the result or behind a refusal. If Redis or the database does not answer, there is no second
    # attempt, because it would wait for a second timeout.
    try:
        result = press(lookup)
        if not lookup.needs_check:
            return result
    except (RedisError, DatabaseError):
        raise
    except StaleDocument:
        pass
    except Exception:
        if not lookup.needs_check:
            raise
    return with_fresh_lookup(press)


def with_fresh_lookup(act: Callable[[Lookup], T]) -> T:
    """Call `act` with a lookup that reads all documents from Redis, and return its result.

    If `act` raises StaleDocument, `act` is called again. Raises Refused if documents change again and again.
    """
    for _attempt in range(MAX_ATTEMPTS):
        with contextlib.suppress(StaleDocument):
            return act(Lookup(may_remember=False))
    raise Refused(503, _("The settings are being changed at the moment. Try again."), 1)
