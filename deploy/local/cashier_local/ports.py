"""Finds free ports of this machine, and checks whether a process answers on a port."""

import random
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable

# Free ports are chosen from this range, which is below the ports that Linux uses for outgoing connections. Otherwise an
# outgoing connection could take the port of a process that is being restarted. This is likely with the connections of
# thousands of screens.
LOWEST, HIGHEST = 15_000, 32_000


def try_port(port: int, host: str = "127.0.0.1") -> None:
    """Check that a process can listen on the port. Raises OSError otherwise.

    If only root may listen on the port, the error is a PermissionError.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Return whether a process can listen on port `port` of `host`."""
    try:
        try_port(port, host)
    except OSError:
        return False
    return True


_returned: set[int] = set()


def free_port() -> int:
    """Return a free port that this function has not returned before, in this process or, on Linux, in another one.

    Raises OSError if no free port is found.
    """
    for port in random.sample(range(LOWEST, HIGHEST), 200):
        if port in _returned:
            continue
        reservation = socket.socket()
        try:
            # Without SO_REUSEADDR, the call fails if another process listens on the port, or has reserved the port.
            reservation.bind(("127.0.0.1", port))
        except OSError:
            reservation.close()
            continue
        if sys.platform == "linux":
            # The open socket reserves the port. A server sets SO_REUSEADDR, too, and can therefore listen on the port.
            # `detach` keeps the socket open until this process ends.
            reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            reservation.detach()
        else:  # macOS would not let the server listen on a reserved port.
            reservation.close()
        _returned.add(port)
        return port
    raise OSError(f"no free port found between {LOWEST} and {HIGHEST}")


def answers(port: int, host: str = "127.0.0.1") -> bool:
    """Return whether a process accepts connections on port `port` of `host`."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def responds(url: str) -> bool:
    """Return whether a GET request for the URL succeeds."""
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until `condition()` is true.

    Raises TimeoutError if `condition()` is still false after `seconds`. The message of the error contains `what`, which
    describes the condition.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.02)  # A loop without a pause would use a whole CPU core.
