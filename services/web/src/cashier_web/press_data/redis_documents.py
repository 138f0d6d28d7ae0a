"""Reads and writes the documents in Redis. Functions that use Redis raise RedisError if Redis does not answer.

Redis contains a hash for each kind of document. An entry has a version, a document, and the changes that are open. A
change is open while somebody changes the row in the database.

- When a change begins or ends, the entry gets a new version and loses its document.
- A document is stored only if no change is open, and only if the entry still has the version that it had before the row
  was read. So an old row never becomes a document, however the steps of several processes are mixed. The entry gets a
  new version.
- A change ends by itself after `OPEN_SECONDS`, in case its process has died or its transaction was rolled back. The
  periodic task "documents" then stores the document again. A change that takes longer does no harm, because its end
  removes the document again.
"""

import json
import secrets
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, cast

from redis.commands.core import Script

from cashier_core.timeline import VERSION_LENGTH
from cashier_web.infra.redis_clients import the_redis
from cashier_web.press_data.documents import KINDS, DocumentId

OPEN_SECONDS = 60
"""The number of seconds after which a change ends by itself. Requests end after 30 s (Gunicorn's timeout)."""

SCRIPT = (files("cashier_web.press_data") / "documents.lua").read_text()


@dataclass(frozen=True, slots=True)
class Entry:
    """What Redis contains about a row.

    version: "" if Redis contains nothing about the row. is_open: whether the row is being changed. document: "" if
    there is none.
    """

    version: str
    is_open: bool
    document: str


def read(document_id: DocumentId) -> Entry:
    """Read the entry of this document. A change that should have ended by itself still counts as open."""
    value = cast(bytes | None, the_redis().hget(hash_of(document_id), document_id.key))
    if value is None:
        return Entry("", False, "")
    version, _space, text = value.decode().partition(" ")
    fields = json.loads(text)
    return Entry(version, bool(fields["open"]), fields["document"])


def read_many(ids: Collection[DocumentId]) -> dict[DocumentId, Entry]:
    """Read the entries of these documents. Changes that are too old do not count as open."""
    return dict(zip(ids, map(_entry, _run("read", ids)), strict=True))


def create(document_id: DocumentId) -> Entry:
    """Create an entry without a document, if there is no entry. Returns the entry."""
    return _entry(_run("create", [document_id], [_new_version()])[0])


def begin_change(ids: Collection[DocumentId]) -> str:
    """Open a change of these rows. Returns the id of the change, for `end_change`."""
    change = secrets.token_hex(8)
    _run("begin", ids, [_new_version() for _ in ids], change=change)
    return change


def end_change(ids: Collection[DocumentId], change: str) -> None:
    """End a change that `begin_change` has opened. It may have ended by itself before."""
    _run("end", ids, [_new_version() for _ in ids], change=change)


def store(documents: Mapping[DocumentId, str], versions: Mapping[DocumentId, str]) -> dict[DocumentId, str]:
    """Store documents whose rows are not being changed. Returns the new versions of the documents that were stored.

    versions: the version that each entry had before its row was read from the database.
    """
    ids = list(documents)
    seen, new = [versions[each] for each in ids], [_new_version() for _ in ids]
    stored = _run("store", ids, seen, new, [documents[each] for each in ids])
    return {each: version.decode() for each, version in zip(ids, stored, strict=True) if version}


def delete(versions: Mapping[DocumentId, str]) -> int:
    """Delete the entries of rows that do not exist. Returns how many entries were deleted. versions: as for `store`."""
    return sum(map(bool, _run("delete", list(versions), list(versions.values()))))


def known_ids() -> Iterator[DocumentId]:
    """Yield the ids of all documents of which Redis has an entry. An id may come twice."""
    for kind in KINDS:
        for key, _value in the_redis().hscan_iter(hash_of(DocumentId(kind, "")), count=1000):
            yield DocumentId(kind, key.decode())


def delete_all() -> None:
    """Delete all entries, because another database has taken the place of the old one."""
    the_redis().delete(*(hash_of(DocumentId(kind, "")) for kind in KINDS))


def hash_of(document_id: DocumentId) -> str:
    """Return the key of the Redis hash that contains this document."""
    return f"cashier:access:{document_id.kind}"


def _run(action: str, ids: Collection[DocumentId], *columns: list[str], change: str = "") -> list[Any]:
    """Run the script. columns: the further arguments of the action; each column has one value for each document."""
    if not ids:
        return []
    script: Script = the_redis().register_script(SCRIPT)
    arguments = {
        "version_length": VERSION_LENGTH,
        "open_seconds": OPEN_SECONDS,
        "change": change,
        "entries": list(zip((each.key for each in ids), *columns, strict=True)),
    }
    return cast(list[Any], script(keys=[hash_of(each) for each in ids], args=[action, json.dumps(arguments)]))


def _entry(reply: list[Any]) -> Entry:
    version, is_open, document = reply
    return Entry(version.decode(), bool(is_open), document.decode())


def _new_version() -> str:
    return secrets.token_hex(VERSION_LENGTH // 2)
