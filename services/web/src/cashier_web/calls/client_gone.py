"""Whether the client of a request still waits for the answer."""

import socket

from django.http import HttpRequest


def is_client_gone(request: HttpRequest) -> bool:
    """Whether the request's connection was closed, by Nginx after its timeout or because the client left.

    A worker may stand still, or be busy with other requests, for so long that the client was told that its press had
    failed, and made the press again. Only Gunicorn passes its socket on; behind any other server this returns False.
    """
    connection: socket.socket | None = request.META.get("gunicorn.socket")
    if connection is None:
        return False
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False  # the connection is open, and the client has sent nothing more
    except OSError:
        return True
