"""Finds out whether the client of a request still waits for the answer."""

import socket

from django.http import HttpRequest


def is_client_gone(request: HttpRequest) -> bool:
    """Return whether the connection of the request was closed, by Nginx after a timeout or by the client.

    A worker process may be stopped or busy for so long that the client is told that its press has failed. The client
    may then press again, so the first press must not make a call any more. Only Gunicorn gives Django access to the
    socket. Behind any other server, the result is always False.
    """
    connection: socket.socket | None = request.META.get("gunicorn.socket")
    if connection is None:
        return False
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False  # the client has sent nothing more, and has not closed the connection
    except OSError:
        return True
