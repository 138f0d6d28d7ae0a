"""Patience: whether the one who asked still waits for the answer."""

import socket

from django.http import HttpRequest


def is_over(request: HttpRequest) -> bool:
    """Whether the connection that the request came over has been closed, by a Nginx that gave up or a client that left.

    A worker may have stood still, or have had others to answer first, for so long that the press was told to have
    failed and was made again. Only Gunicorn shows its socket; behind any other server nobody is taken to have left.
    """
    connection: socket.socket | None = request.META.get("gunicorn.socket")
    if connection is None:
        return False
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False  # open, and nothing more was sent
    except OSError:
        return True
