"""A press needs no database, and sees each change of a store, a person, a role or a device."""

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client
from django.utils import timezone
from redis.exceptions import RedisError

from cashier_local.ports import free_port
from cashier_web.devices import last_used
from cashier_web.infra import database_gate
from cashier_web.infra.tokens import new_token, token_hash
from cashier_web.models import Device, Membership, Role
from cashier_web.press_data import changes, lookup, redis_documents
from cashier_web.press_data.documents import ABSENT, DocumentId
from tests.support.presses import press

# The documents are written when a transaction has ended, so the tests need real transactions.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def signed_in_only(closed_screens) -> None:
    """Only people who have signed in may press."""


def test_a_signed_in_cashier_presses_without_the_database(client, cashier, no_database) -> None:
    changes.restore_documents()
    no_database()

    assert press(client) == 204
    assert press(client, 2) == 204
    assert client.post("/cashier_buttons", {"language": "fr"}).status_code == 503


def test_a_device_presses_looks_and_cancels_without_the_database(store, make_button, no_database) -> None:
    button = make_button()
    changes.restore_documents()
    no_database()

    assert button.press(till=4).status_code == 201
    queued = button.press(till=2, key="a")
    assert button.look().json()["waiting"][0]["till"] == 2
    assert button.cancel(queued.json()["id"]).status_code == 204


def test_a_worker_process_without_memory_needs_no_database(client, cashier, no_database, monkeypatch) -> None:
    changes.restore_documents()
    monkeypatch.setattr(lookup, "_remembered", {})
    no_database()

    assert press(client) == 204


def test_a_press_of_somebody_unknown_needs_the_database_and_is_503_without_it(store, no_database) -> None:
    stranger = Client()
    stranger.cookies["sessionid"] = "a" * 32
    no_database()

    assert press(stranger) == 503


FORBIDDING_CHANGES = {
    "role removed": (lambda anna, store: Membership.objects.all().delete(), 403),
    "role lowered": (lambda anna, store: set_role(anna, Role.VIEWER), 403),
    "account deactivated": (lambda anna, store: save(anna, is_active=False), 403),
    "account deleted": (lambda anna, store: anna.delete(), 403),
    "password changed": (lambda anna, store: set_password(anna), 403),
    "store closed": (lambda anna, store: save(store, is_open=False), 409),
    "fewer tills": (lambda anna, store: save(store, tills=3), 400),
    "another language": (lambda anna, store: save(store, languages=["fr"], language="fr"), 400),
}


def save(row, **fields: object) -> None:
    for name, value in fields.items():
        setattr(row, name, value)
    row.save(update_fields=list(fields))


def set_role(person: User, role: Role) -> None:
    save(Membership.objects.get(person=person), role=role)


def set_password(person: User) -> None:
    person.set_password("another secret")
    person.save()


@pytest.mark.parametrize(("change", "status"), FORBIDDING_CHANGES.values(), ids=FORBIDDING_CHANGES)
def test_the_next_press_sees_a_change_that_forbids_it(client, cashier, store, change, status) -> None:
    assert press(client) == 204
    change(cashier, store)

    assert press(client) == status


@pytest.mark.parametrize("what", ["role added", "more tills", "store opened"])
def test_the_next_press_sees_a_change_that_allows_it(client, cashier, store, what) -> None:
    if what == "role added":
        set_role(cashier, Role.VIEWER)
    elif what == "store opened":
        save(store, is_open=False)
    till = 9 if what == "more tills" else 4
    assert press(client, till) >= 400
    if what == "role added":
        set_role(cashier, Role.CASHIER)
    elif what == "store opened":
        save(store, is_open=True)
    else:
        save(store, tills=9)

    assert press(client, till) == 204


def test_a_deleted_store_is_unknown_at_once(client, cashier, stores) -> None:
    Membership.objects.create(person=cashier, store=stores[0], role=Role.CASHIER)
    path, fields = "/s/north/cashier_action", {"cashier": "4", "language": "en"}
    assert client.post(path, fields).status_code == 204
    stores[0].delete()

    assert client.post(path, fields).status_code == 404


def test_the_next_press_of_a_device_sees_that_it_was_revoked_renewed_or_changed(store, make_button) -> None:
    button = make_button()
    assert button.press(till=4).status_code == 201
    save(button.device, till=2)
    assert button.press(till=4).status_code == 403

    token = new_token()
    save(button.device, token_hash=token_hash(token))
    assert button.press(till=2).status_code == 401
    button.token = token
    assert button.press(till=2).status_code == 201

    Device.objects.get().delete()
    assert button.press(till=2).status_code == 401


def test_an_import_of_people_changes_what_the_next_press_may_do(client, cashier, tmp_path) -> None:
    assert press(client) == 204
    table = tmp_path / "people.csv"
    table.write_text("username,active,roles\nanna,yes,default=viewer\n")
    call_command("people", "import", str(table))

    assert press(client) == 403


def entry_of(person: User) -> redis_documents.Entry:
    return redis_documents.read(DocumentId.of_person(person.pk))


def test_while_a_role_changes_a_press_reads_the_database_and_nobody_remembers_the_old_role(client, cashier) -> None:
    assert press(client) == 204
    with transaction.atomic():
        Membership.objects.all().delete()
        assert (entry_of(cashier).is_open, entry_of(cashier).document) == (True, "")
        assert press(client) == 403
        transaction.set_rollback(True)

    # The rollback has restored the role, and has left the change open.
    assert entry_of(cashier).is_open
    assert press(client) == 204
    Membership.objects.all().delete()
    assert press(client) == 403


def test_a_change_whose_process_has_died_ends_by_itself(client, cashier, monkeypatch) -> None:
    monkeypatch.setattr(redis_documents, "OPEN_SECONDS", 0)
    redis_documents.begin_change([DocumentId.of_person(cashier.pk)])
    assert press(client) == 204
    assert entry_of(cashier).document == ""
    changes.restore_documents()

    assert press(client) == 204
    assert entry_of(cashier).document


def test_of_two_changes_at_the_same_time_none_is_lost(client, cashier, store) -> None:
    """The first change is saved last, and the second one ends in between."""
    name = DocumentId.of_person(cashier.pk)
    first = redis_documents.begin_change([name])
    save(cashier, first_name="Anna")
    assert press(client) == 204
    Membership.objects.bulk_update(
        [Membership(pk=each.pk, role=Role.VIEWER) for each in Membership.objects.all()], ["role"]
    )
    redis_documents.end_change([name], first)

    assert press(client) == 403


def test_a_change_that_takes_longer_than_it_stays_open_is_not_lost(client, cashier, monkeypatch) -> None:
    monkeypatch.setattr(redis_documents, "OPEN_SECONDS", 0)
    change = redis_documents.begin_change([DocumentId.of_person(cashier.pk)])
    changes.restore_documents()
    assert press(client) == 204, "the old role was read, and its document was written"
    Membership.objects.update(role=Role.VIEWER)
    redis_documents.end_change([DocumentId.of_person(cashier.pk)], change)

    assert press(client) == 403


def test_a_row_that_was_read_before_it_changed_does_not_become_a_document(store, make_button, monkeypatch) -> None:
    """A device is revoked after a press has read its row, and before the press writes the document."""
    button = make_button()
    redis_documents.delete_all()
    create = redis_documents.create

    def revoke_first(document_id):
        entry = create(document_id)
        if document_id.kind == "devices":
            monkeypatch.undo()
            save(button.device, revoked_at=timezone.now())
        return entry

    monkeypatch.setattr(redis_documents, "create", revoke_first)

    assert button.press(till=4).status_code == 401
    assert button.press(till=4).status_code == 401


def test_a_role_that_moves_to_another_person_is_taken_from_the_first(client, cashier) -> None:
    assert press(client) == 204
    save(Membership.objects.get(), person=User.objects.create_user("berta"))

    assert press(client) == 403


def test_a_press_that_was_checked_with_an_old_document_is_checked_again(client, cashier, store, monkeypatch) -> None:
    """The store is closed after the press was checked, and before Redis makes the call."""
    assert press(client) == 204
    versions = lookup.Lookup.versions.fget

    def close_store_first(self):
        monkeypatch.undo()
        save(store, is_open=False)
        return versions(self)

    monkeypatch.setattr(lookup.Lookup, "versions", property(close_store_first))

    assert press(client, 2) == 409


def test_if_redis_does_not_answer_no_role_changes(cashier, environment) -> None:
    environment(redis_url=f"redis://127.0.0.1:{free_port()}/0")
    with pytest.raises(RedisError):
        Membership.objects.all().delete()

    assert Membership.objects.count() == 1


def test_documents_that_differ_from_the_database_are_corrected(client, cashier, store, redis) -> None:
    changes.restore_documents()
    assert changes.restore_documents() == 0
    # These two changes send no signals.
    Membership.objects.update(role=Role.VIEWER)
    redis_documents.create(DocumentId.of_device("unknown"))
    assert press(client) == 204, "the press still uses the old document"

    assert changes.restore_documents() == 2
    assert press(client) == 403
    assert changes.restore_documents() == 0


def test_a_document_that_is_being_changed_is_not_corrected(cashier) -> None:
    redis_documents.begin_change([DocumentId.of_person(cashier.pk)])
    changes.restore_documents()

    assert entry_of(cashier).document == ""


def test_the_entry_of_a_row_that_is_gone_is_deleted(client, cashier) -> None:
    assert press(client) == 204
    name = DocumentId.of_person(cashier.pk)
    cashier.delete()
    assert redis_documents.read(name).document == ABSENT
    changes.restore_documents()

    assert redis_documents.read(name).version == ""


def test_unknown_tokens_and_slugs_leave_nothing_in_redis(client, cashier, make_button, redis) -> None:
    button = make_button()
    changes.restore_documents()
    before = redis.dbsize(), redis.hlen("cashier:access:devices"), redis.hlen("cashier:access:stores")
    button.token = new_token()
    assert button.press(till=4).status_code == 401
    assert client.post("/s/nowhere/cashier_action", {"cashier": "4", "language": "en"}).status_code == 404

    assert (redis.hlen("cashier:access:devices"), redis.hlen("cashier:access:stores")) == before[1:]


def test_after_a_loss_of_data_a_press_reads_the_database_and_writes_the_documents_again(client, cashier, redis) -> None:
    assert press(client) == 204
    redis.flushall()

    assert press(client) == 204
    assert redis.hlen("cashier:access:people") == redis.hlen("cashier:access:stores") == 1


def test_while_a_request_waits_for_the_database_cashiers_can_press(client, cashier, monkeypatch) -> None:
    monkeypatch.setattr(database_gate, "WAIT_SECONDS", 0.05)
    changes.restore_documents()
    with database_gate.one_at_a_time():
        stranger = Client()
        stranger.cookies["sessionid"] = "a" * 32
        assert press(stranger) == 503
        assert press(client) == 204


@pytest.mark.parametrize("kind", ["stores", "people", "devices"])
def test_fields_that_a_later_version_has_added_to_a_document_are_ignored(
    client, cashier, make_button, redis, kind
) -> None:
    button = make_button()
    changes.restore_documents()
    for field, value in redis.hgetall(f"cashier:access:{kind}").items():
        redis.hset(f"cashier:access:{kind}", field, value.replace(rb'"document":"{', rb'"document":"{\"later\": 1, '))

    assert press(client) == 204
    assert button.press(till=2).status_code == 201


def test_the_last_use_of_a_device_changes_no_document(make_button) -> None:
    button = make_button()
    button.press(till=4)
    changes.restore_documents()
    last_used.save_used()

    assert changes.restore_documents() == 0


def test_without_redis_an_import_of_people_is_refused_with_the_reason(cashier, environment, tmp_path, capsys) -> None:
    table = tmp_path / "people.csv"
    table.write_text("username,active,roles\nanna,yes,default=viewer\n")
    environment(redis_url=f"redis://127.0.0.1:{free_port()}/0")
    with pytest.raises(CommandError, match="nothing was changed"):
        call_command("people", "import", str(table))

    assert "the screens cannot be reached" in capsys.readouterr().err
    assert Membership.objects.get().role == Role.CASHIER
