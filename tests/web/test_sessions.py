"""Sessions are in Redis and in the database. They end at once, and nobody can forge them."""

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from cashier_local.ports import free_port
from cashier_web.accounts import sessions
from cashier_web.press_data import changes
from tests.support.presses import press

# The sessions and documents are written when a transaction has ended, so the tests need real transactions.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def signed_in_only(closed_screens) -> None:
    """Only people who have signed in may press."""


def redis_session(client, redis) -> tuple[str, bytes]:
    """Return the key and the value of the client's session in Redis."""
    key = f"{sessions.KEY_PREFIX}{client.cookies['sessionid'].value}"
    return key, redis.get(key)


def test_a_session_in_redis_is_signed_json_and_ends_with_the_sign_out(client, cashier, redis) -> None:
    key, value = redis_session(client, redis)
    assert sessions.SessionStore().decode(value.decode())["_auth_user_id"] == str(cashier.pk)
    assert 0 < redis.ttl(key) <= 12 * 3600
    cookie = client.cookies["sessionid"].value
    client.post("/sign_out")
    assert redis.get(key) == sessions.ENDED
    redis.delete(key)
    client.cookies["sessionid"] = cookie
    assert press(client) == 403


def test_a_session_that_somebody_has_forged_in_redis_is_no_session(client, cashier, redis) -> None:
    key, value = redis_session(client, redis)
    redis.set(key, value[:-1] + (b"A" if value[-1:] != b"A" else b"B"))

    assert press(client) == 403


def test_a_request_that_has_read_a_session_before_its_end_does_not_write_it_into_redis(client, cashier, redis) -> None:
    key, _value = redis_session(client, redis)
    session_key = key.removeprefix(sessions.KEY_PREFIX)
    other = sessions.SessionStore(session_key)
    redis.delete(key)
    load = other._load_from_database

    def sign_out_after_reading():
        data = load()
        client.post("/sign_out")
        return data

    other._load_from_database = sign_out_after_reading

    assert other.load() == {}
    assert redis.get(key) == sessions.ENDED


def test_a_session_that_only_redis_has_is_ended(client, cashier, redis) -> None:
    """Version 0.1.0, which may run during an update, signs people out only in the database."""
    assert sessions.delete_ended_sessions() == 0
    assert press(client) == 204
    Session.objects.all().delete()

    assert sessions.delete_ended_sessions() >= 1
    assert press(client) == 403
    assert sessions.delete_ended_sessions() == 0


@pytest.mark.parametrize("cookie", ["x" * 5000, "short", "A" * 32])
def test_a_cookie_that_is_no_session_key_does_not_reach_the_database(store, no_database, cookie) -> None:
    changes.restore_documents()
    stranger = Client()
    stranger.cookies["sessionid"] = cookie
    no_database()

    assert press(stranger) == 403


def test_nobody_is_signed_out_while_redis_does_not_answer(client, cashier, environment, valkey) -> None:
    """Otherwise the session in Redis would still be valid afterwards."""
    environment(redis_url=f"redis://127.0.0.1:{free_port()}/0")
    assert client.post("/sign_out").status_code == 503

    environment(redis_url=valkey.web_url)
    assert press(client) == 204
