"""Finds out whether the client of a request still waits for the answer."""

import socket

from django.http import HttpRequest


def is_client_gone(request: HttpRequest) -> bool:
    """Return whether the client of the request, or Nginx after a timeout, has closed the connection.

    A worker process may be busy or stopped for so long that the client gets an error before the worker process handles
    the press. The client may then press again, so the first press must not make a call any more. Only Gunicorn gives
    Django access to the socket of a connection. With any other server, the result is always False.
    """
    connection: socket.socket | None = request.META.get("gunicorn.socket")
    if connection is None:
        return False
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False  # the connection is open, and the client has sent no more data
    except OSError:
        return True
