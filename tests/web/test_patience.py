"""A press is not called when the one who asked has been told that it failed."""

import socket

import pytest
from django.test import Client, RequestFactory

from cashier_web.calls import client_gone

pytestmark = pytest.mark.django_db


@pytest.fixture
def ends():
    """Both ends of a connection: Nginx's and Gunicorn's."""
    pair = socket.socketpair()
    yield pair
    for each in pair:
        each.close()


def test_it_lasts_as_long_as_the_connection_is_open(ends) -> None:
    nginx, gunicorn = ends
    request = RequestFactory().post("/", **{"gunicorn.socket": gunicorn})

    assert not client_gone.is_over(request)
    nginx.send(b"the next request")
    assert not client_gone.is_over(request)
    assert gunicorn.recv(16) == b"the next request", "nothing is taken away"
    nginx.close()
    assert client_gone.is_over(request)


def test_a_press_that_nobody_waits_for_is_refused_and_not_called(client: Client, store, redis, ends) -> None:
    nginx, gunicorn = ends
    nginx.close()
    answer = client.post("/cashier_action", {"cashier": "4", "language": "en"}, **{"gunicorn.socket": gunicorn})

    assert answer.status_code == 408
    assert redis.hget("cashier:{default}:store", "seq") is None
