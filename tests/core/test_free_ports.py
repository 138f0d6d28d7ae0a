"""Tests that run at the same time, and use ports of this machine, never get the same port."""

import socket
import sys

import pytest

from cashier_local.ports import free_port, is_free


@pytest.mark.skipif(sys.platform != "linux", reason="on other systems, a port cannot be reserved for another process")
def test_a_free_port_is_reserved_until_a_server_listens_on_it() -> None:
    port = free_port()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
    assert is_free(port)

    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)


def test_each_port_is_returned_only_once() -> None:
    ports = [free_port() for _ in range(200)]

    assert len(set(ports)) == len(ports)
