"""A press makes no call if its client has closed the connection and no longer waits for the answer.

The cashier has seen that the press failed, and may press again. If web made a call for the first press later, there
would be one call too many.
"""

import socket

import pytest
from django.test import Client, RequestFactory

from cashier_web.calls.client_gone import is_client_gone

pytestmark = pytest.mark.django_db


@pytest.fixture
def connection():
    """A pair of connected sockets: the first is Nginx's end of the connection, the second is Gunicorn's end."""
    pair = socket.socketpair()
    yield pair
    for end in pair:
        end.close()


def test_the_client_is_gone_when_the_connection_is_closed(connection) -> None:
    nginx, gunicorn = connection
    request = RequestFactory().post("/", **{"gunicorn.socket": gunicorn})

    assert not is_client_gone(request)
    nginx.send(b"the next request")
    assert not is_client_gone(request)
    assert gunicorn.recv(16) == b"the next request", "the check must leave all bytes in the socket"
    nginx.close()
    assert is_client_gone(request)


def test_a_press_whose_client_is_gone_is_refused_and_makes_no_call(client: Client, store, redis, connection) -> None:
    nginx, gunicorn = connection
    nginx.close()
    answer = client.post("/cashier_action", {"cashier": "4", "language": "en"}, **{"gunicorn.socket": gunicorn})

    assert answer.status_code == 408
    assert redis.hget("cashier:{default}:store", "seq") is None
